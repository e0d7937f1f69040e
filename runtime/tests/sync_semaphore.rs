//! Promises of `Semaphore` and `BoundedSemaphore`.

mod sync_by_hand;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;

use raddle::{BoundedSemaphore, OwnedPermit, Permit, Semaphore};
use sync_by_hand::{Bomb, block_on, hand, waiting};

#[test]
fn permits_are_handed_over_in_order() {
    let semaphore = Semaphore::new(2);
    let (held, other) = (hand(semaphore.acquire()).ready(), hand(semaphore.acquire()).ready());
    let (first, second) = (waiting(semaphore.acquire()), waiting(semaphore.acquire()));
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(semaphore.available_permits(), 0, "handed over, never free in between");
    drop(other);
    assert_eq!(second.wakes(), 1);
    drop((second.ready(), first.ready()));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn nobody_barges_in_front_of_a_waiter() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let first = waiting(semaphore.acquire());
    drop(permit);
    assert!(semaphore.try_acquire().is_none());
    let again = waiting(semaphore.acquire());
    drop(first.ready());
    drop(again.ready());
    assert!(semaphore.try_acquire().is_some());
}

/// A large demand is first: small ones wait behind it although they could go, newcomers too, and it is served as soon
/// as everything is there.
#[test]
fn small_demands_do_not_starve_a_large_one() {
    let semaphore = Semaphore::new(3);
    let held = hand(semaphore.acquire_many(2)).ready();
    let large = waiting(semaphore.acquire_many(3));
    let small = waiting(semaphore.acquire());
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.is_locked());
    assert!(semaphore.try_acquire().is_none(), "the free one is not for newcomers");
    drop(held);
    assert_eq!((large.wakes(), small.wakes()), (1, 0));
    let permits = large.ready();
    assert_eq!(permits.count(), 3);
    drop(permits);
    assert_eq!(small.wakes(), 1);
    drop(small.ready());
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_large_demand_that_gives_up_lets_those_behind_it_go() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire();
    let large = waiting(semaphore.acquire_many(2));
    let (small, next) = (waiting(semaphore.acquire()), waiting(semaphore.acquire()));
    drop(large);
    assert_eq!((small.wakes(), next.wakes()), (1, 0));
    drop(small.ready());
    assert_eq!(next.wakes(), 1);
    drop((next.ready(), held));
    assert_eq!(semaphore.available_permits(), 2);
}

/// Two compete; the first or the second is dropped, before or after the release: the permit always ends up free.
#[test]
fn a_cancelled_waiter_passes_its_permits_on() {
    for count in [1, 2] {
        for drop_first in [true, false] {
            for release_before in [true, false] {
                let semaphore = Semaphore::new(2);
                let mut permits = semaphore.try_acquire_many(2);
                let (first, second) = (waiting(semaphore.acquire_many(count)), waiting(semaphore.acquire_many(2)));
                if release_before {
                    permits.take();
                }
                let (gone, stays) = if drop_first { (first, second) } else { (second, first) };
                drop(gone);
                permits.take();
                assert_eq!(stays.wakes(), 1, "{count}, drop_first {drop_first}, release_before {release_before}");
                drop(stays.ready());
                assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 2, waiters: 0 }");
            }
        }
    }
}

#[test]
fn all_waiters_may_leave() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire();
    let (a, b, c) = (waiting(semaphore.acquire()), waiting(semaphore.acquire_many(5)), waiting(semaphore.acquire()));
    drop((b, c, a));
    drop(permit);
    assert!(!semaphore.is_locked());
}

/// More waiters than fit into one batch of wake-ups, and one of the wakers panics.
#[test]
fn many_permits_serve_a_crowd_even_if_a_waker_panics() {
    let semaphore = Semaphore::new(0);
    let before = waiting(semaphore.acquire());
    let mut bomb = Box::pin(semaphore.acquire());
    let waker = Waker::from(Arc::new(Bomb));
    assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let crowd: Vec<_> = (0..100).map(|_| waiting(semaphore.acquire())).collect();
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(92))).is_err());
    assert_eq!(before.wakes(), 1);
    assert_eq!(crowd.iter().map(|waiter| waiter.wakes()).collect::<Vec<_>>(), [[1; 90].as_slice(), &[0; 10]].concat());
    drop((before, bomb, crowd));
    assert_eq!(semaphore.available_permits(), 92);
}

#[test]
fn a_waker_may_use_the_semaphore_it_is_woken_by() {
    struct Again(Arc<Semaphore>);
    impl std::task::Wake for Again {
        fn wake(self: Arc<Self>) {
            self.0.add_permits(1);
        }
    }
    let semaphore = Arc::new(Semaphore::new(0));
    let waker = Waker::from(Arc::new(Again(semaphore.clone())));
    let mut wait = pin!(semaphore.acquire());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let next = waiting(semaphore.acquire());
    semaphore.add_permits(1);
    assert_eq!(next.wakes(), 1);
}

#[test]
fn no_permits_at_all_only_wait_for_their_turn() {
    let semaphore = Semaphore::new(0);
    assert_eq!(hand(semaphore.acquire_many(0)).ready().count(), 0);
    let first = waiting(semaphore.acquire());
    let second = waiting(semaphore.acquire_many(0));
    semaphore.add_permits(1);
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    drop(second.ready());
    first.ready().forget();
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let semaphore = Semaphore::new(0);
    let mut waiter = waiting(semaphore.acquire());
    assert!(waiter.poll().is_pending());
    assert_eq!(waiter.wakers(), 1, "the same waker is kept once");
    assert!(waiter.poll_elsewhere().is_pending());
    semaphore.add_permits(1);
    assert_eq!(waiter.wakes(), 1);
    drop(waiter.ready());
}

#[test]
fn a_forgotten_permit_is_gone_until_one_is_added() {
    let semaphore = Arc::new(Semaphore::new(2));
    hand(semaphore.acquire()).ready().forget();
    hand(semaphore.clone().acquire_owned()).ready().forget();
    let waiter = waiting(semaphore.acquire());
    semaphore.add_permits(2);
    assert_eq!(waiter.wakes(), 1);
    drop(waiter.ready());
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn an_owned_permit_keeps_the_semaphore_alive() {
    let semaphore = Arc::new(Semaphore::new(3));
    let permits = hand(semaphore.clone().acquire_many_owned(3)).ready();
    assert_eq!(permits.count(), 3);
    let (first, second) = (waiting(semaphore.clone().acquire_owned()), waiting(semaphore.clone().acquire_owned()));
    assert!(semaphore.clone().try_acquire_owned().is_none());
    let weak = Arc::downgrade(&semaphore);
    drop(semaphore);
    drop(permits);
    drop(first);
    let permit = second.ready();
    assert_eq!(weak.upgrade().unwrap().available_permits(), 2);
    drop(permit);
    assert!(weak.upgrade().is_none());
}

#[test]
fn more_permits_than_there_can_be_panic_with_a_text() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let panic = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("Semaphore::add_permits(1): "), "{text}");
    assert!(catch_unwind(|| Semaphore::new(usize::MAX)).is_err());
    let permit = semaphore.try_acquire();
    semaphore.add_permits(1);
    drop(permit);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS, "a count that is full stays full");
}

#[test]
fn a_bounded_semaphore_notices_a_release_too_many() {
    let semaphore = BoundedSemaphore::new(2);
    let permit = hand(semaphore.acquire()).ready();
    let panic = catch_unwind(AssertUnwindSafe(|| semaphore.release())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("called more often than permits were forgotten (1 of 2 are free"), "{text}");
    semaphore.try_acquire().unwrap().forget();
    let (first, second) = (waiting(semaphore.acquire()), waiting(semaphore.acquire()));
    semaphore.release();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop((second.ready(), permit));
    assert_eq!(format!("{semaphore:?}"), "BoundedSemaphore { permits: 2, waiters: 0 }");
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.release())).is_err());
    assert_eq!(semaphore.available_permits(), 2, "a refused release changes nothing");
}

#[test]
fn debug_shows_state_and_waiters() {
    let semaphore = Semaphore::new(1);
    let _large = waiting(semaphore.acquire_many(2));
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 1, waiters: 1 }");
    let wait = format!("{:?}", semaphore.acquire_many(2));
    assert!(wait.starts_with("<Semaphore::acquire of 2 at ") && wait.contains("sync_semaphore.rs"), "{wait}");
}

#[test]
fn permits_go_from_thread_to_thread() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<(Semaphore, Permit<'_>, OwnedPermit, BoundedSemaphore)>();
}

#[raddle::test]
async fn a_static_semaphore_limits_tasks() {
    static LIMIT: Semaphore = Semaphore::new(3);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            raddle::create_task(async {
                let _permit = LIMIT.acquire().await;
                let inside = INSIDE.fetch_add(1, Ordering::SeqCst) + 1;
                raddle::yield_now().await;
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                inside
            })
        })
        .collect();
    let most = raddle::gather(tasks).await.into_iter().map(Result::unwrap).max();
    assert!(most <= Some(3), "{most:?} tasks were inside");
    assert_eq!(LIMIT.available_permits(), 3);
}

/// Threads acquire different numbers and now and then give up a wait half-way: never more permits are out than there
/// are, and all of them come back.
#[test]
fn threads_never_hold_more_than_there_is() {
    const ROUNDS: usize = 4_000;
    let (semaphore, held) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let count = 1 + (round + n) % 3;
                    if round % 3 == n % 3 {
                        let _half_way = hand(semaphore.acquire_many(count)).poll();
                    }
                    let permits = block_on(semaphore.acquire_many(count));
                    assert!(held.fetch_add(count, Ordering::SeqCst) + count <= 3);
                    if round % 64 == 0 {
                        thread::yield_now();
                    }
                    held.fetch_sub(count, Ordering::SeqCst);
                    drop(permits);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 3, waiters: 0 }");
}
