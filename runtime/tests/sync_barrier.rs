//! Promises of `Barrier`.

mod sync_by_hand;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;

use raddle::{Barrier, BarrierTurn, BarrierWait, BrokenBarrier, create_task};
use sync_by_hand::{Bomb, Hand, block_on, hand, waiting};

/// The index of a waiter that has passed.
#[track_caller]
fn index(waiter: Hand<BarrierWait<'_>>) -> usize {
    let turn = waiter.ready().unwrap();
    assert_eq!(turn.is_leader, turn.index == 0);
    turn.index
}

#[test]
fn all_pass_together_with_indices_by_arrival() {
    let barrier = Barrier::new(3);
    for generation in 1..=3 {
        let (first, second) = (waiting(barrier.wait()), waiting(barrier.wait()));
        assert_eq!(barrier.n_waiting(), 2);
        assert_eq!((first.wakes(), second.wakes()), (0, 0));
        assert_eq!(index(hand(barrier.wait())), 2, "generation {generation}");
        assert_eq!((first.wakes(), second.wakes()), (1, 1));
        assert_eq!(barrier.n_waiting(), 0);
        assert_eq!((index(second), index(first)), (1, 0));
    }
}

/// CPython (still in 3.13) gives one index twice: three of four arrive, one of them is cancelled, two more arrive.
#[test]
fn a_cancelled_waiter_leaves_no_gap_and_no_double() {
    for cancelled in 0..3 {
        let barrier = Barrier::new(4);
        let mut waiters: Vec<_> = (0..3).map(|_| waiting(barrier.wait())).collect();
        drop(waiters.remove(cancelled));
        assert_eq!(barrier.n_waiting(), 2);
        waiters.push(waiting(barrier.wait()));
        waiters.push(hand(barrier.wait()));
        let last = index(waiters.pop().unwrap());
        let mut indices: Vec<_> = waiters.into_iter().map(index).collect();
        indices.push(last);
        assert_eq!(indices, [0, 1, 2, 3], "the {cancelled}. was cancelled");
    }
}

#[test]
fn a_waiter_cancelled_after_all_arrived_holds_nobody_up() {
    let barrier = Barrier::new(3);
    let (first, second) = (waiting(barrier.wait()), waiting(barrier.wait()));
    assert_eq!(index(hand(barrier.wait())), 2);
    drop(first);
    assert_eq!(index(second), 1);
    let next = waiting(barrier.wait());
    assert_eq!(barrier.n_waiting(), 1, "the next generation begins empty");
    drop(next);
}

#[test]
fn who_arrives_before_the_last_generation_has_run_is_of_the_next() {
    let barrier = Barrier::new(2);
    let first = waiting(barrier.wait());
    assert_eq!(index(hand(barrier.wait())), 1);
    let mut next = waiting(barrier.wait());
    assert_eq!(index(first), 0);
    assert!(next.poll().is_pending());
    assert_eq!(index(hand(barrier.wait())), 1);
    assert_eq!(index(next), 0);
}

#[test]
fn abort_breaks_it_for_all_until_reset() {
    let barrier = Barrier::new(3);
    let (first, second) = (waiting(barrier.wait()), waiting(barrier.wait()));
    barrier.abort();
    assert!(barrier.is_broken());
    assert_eq!((first.wakes(), second.wakes(), barrier.n_waiting()), (1, 1, 0));
    assert_eq!((first.ready(), second.ready()), (Err(BrokenBarrier), Err(BrokenBarrier)));
    assert_eq!(hand(barrier.wait()).ready(), Err(BrokenBarrier));
    barrier.reset();
    assert!(!barrier.is_broken());
    let (first, second) = (waiting(barrier.wait()), waiting(barrier.wait()));
    assert_eq!(index(hand(barrier.wait())), 2);
    assert_eq!((index(first), index(second)), (0, 1));
}

#[test]
fn reset_sends_away_who_waits() {
    let barrier = Barrier::new(2);
    let first = waiting(barrier.wait());
    barrier.reset();
    assert_eq!(first.wakes(), 1);
    let next = waiting(barrier.wait());
    assert_eq!(first.ready(), Err(BrokenBarrier));
    assert_eq!(index(hand(barrier.wait())), 1);
    assert_eq!(index(next), 0);
}

#[test]
fn who_has_passed_is_not_broken_by_an_abort() {
    let barrier = Barrier::new(2);
    let first = waiting(barrier.wait());
    assert_eq!(index(hand(barrier.wait())), 1);
    barrier.abort();
    assert_eq!(index(first), 0);
}

#[test]
fn a_barrier_for_one_never_waits() {
    let barrier = Barrier::new(1);
    for _ in 0..3 {
        assert_eq!(hand(barrier.wait()).ready(), Ok(BarrierTurn { index: 0, is_leader: true }));
    }
}

#[test]
#[should_panic(expected = "Barrier::new(0)")]
fn a_barrier_for_nobody_panics_with_a_text() {
    let _ = Barrier::new(0);
}

/// While `reset` wakes a crowd, batch by batch, others arrive: the crowd, which has left, is not counted with them.
#[test]
fn who_arrives_during_reset_does_not_pass_with_those_who_were_sent_away() {
    struct Late(Arc<Barrier>);
    impl Wake for Late {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.n_waiting(), 0);
            assert!(hand(self.0.wait()).poll().is_pending());
        }
    }
    let barrier = Arc::new(Barrier::new(100));
    let waker = Waker::from(Arc::new(Late(barrier.clone())));
    let mut first = Box::pin(barrier.wait());
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let crowd: Vec<_> = (0..98).map(|_| waiting(barrier.wait())).collect();
    barrier.reset();
    for waiter in crowd {
        assert_eq!(waiter.ready(), Err(BrokenBarrier));
    }
}

#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_woken() {
    let barrier = Barrier::new(72);
    let mut bomb = Box::pin(barrier.wait());
    let waker = Waker::from(Arc::new(Bomb));
    assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let crowd: Vec<_> = (0..70).map(|_| waiting(barrier.wait())).collect();
    assert!(catch_unwind(AssertUnwindSafe(|| hand(barrier.wait()).ready())).is_err());
    for (n, waiter) in crowd.into_iter().enumerate() {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(index(waiter), n + 1);
    }
}

#[test]
fn debug_and_errors_say_what_is() {
    let barrier = Barrier::new(2);
    let _waiter = waiting(barrier.wait());
    assert_eq!(format!("{barrier:?}"), "Barrier { parties: 2, broken: false, waiters: 1 }");
    assert!(format!("{:?}", barrier.wait()).starts_with("<Barrier::wait at "));
    let error: Box<dyn Error + Send + Sync> = BrokenBarrier.into();
    assert!(error.to_string().contains("abort()"), "{error}");
}

#[raddle::test]
async fn tasks_pass_together() {
    static READY: Barrier = Barrier::new(5);
    let tasks: Vec<_> = (0..25).map(|_| create_task(async { READY.wait().await.unwrap().index })).collect();
    let mut counts = [0; 5];
    for task in tasks {
        counts[task.await.unwrap()] += 1;
    }
    assert_eq!(counts, [5; 5], "each index once per generation");
}

/// Threads meet again and again: each meeting has one leader.
#[test]
fn threads_meet() {
    const MEETINGS: usize = 2_000;
    static BARRIER: Barrier = Barrier::new(3);
    let meet = || (0..MEETINGS).filter(|_| block_on(BARRIER.wait()).unwrap().is_leader).count();
    let threads = [0; 3].map(|_| thread::spawn(meet));
    let led: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(led, MEETINGS);
}

/// Threads meet, and now and then one gives up half-way, perhaps after it has passed: nobody is held up by that. The
/// first to have met often enough breaks the barrier for the others.
#[test]
fn threads_meet_and_give_up() {
    static BARRIER: Barrier = Barrier::new(2);
    let threads = [0, 1, 2].map(|n| {
        thread::spawn(move || {
            for meeting in 0..2_000 {
                if meeting % 3 == n {
                    let _half_way = hand(BARRIER.wait()).poll();
                }
                if block_on(BARRIER.wait()).is_err() {
                    return;
                }
            }
            BARRIER.abort();
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(format!("{BARRIER:?}"), "Barrier { parties: 2, broken: true, waiters: 0 }");
}
