//! What the executor promises, on one thread each.

use std::cell::RefCell;
use std::future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use super::Bare;
use crate::engine::Engine;

fn in_task<F>(task: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    Bare::build(()).in_task(task)
}

/// Its waker, for whoever wants to wake it from elsewhere.
async fn waker() -> Waker {
    future::poll_fn(|context| Poll::Ready(context.waker().clone())).await
}

/// What a test's tasks did, in the order in which they did it.
type Told = Arc<Mutex<Vec<usize>>>;

fn tell(told: &Told, what: usize) {
    told.lock().unwrap().push(what);
}

fn all(told: &Told) -> Vec<usize> {
    told.lock().unwrap().clone()
}

#[test]
fn a_task_that_wakes_itself_goes_to_the_end_of_the_queue() {
    let told = Told::default();
    let tasks = told.clone();
    in_task(async move {
        let ones = [1, 2].map(|number| {
            let told = tasks.clone();
            Bare::spawn(async move {
                for round in 0..3 {
                    tell(&told, 10 * round + number);
                    Bare::yield_now().await;
                }
            })
        });
        for one in ones {
            one.await;
        }
    });
    assert_eq!(all(&told), [1, 2, 11, 12, 21, 22]);
}

#[test]
fn several_wakes_during_a_poll_are_one_more_poll() {
    let polls = in_task(async {
        let mut polls = 0;
        future::poll_fn(|context| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(polls);
            }
            let waker = context.waker().clone();
            waker.wake_by_ref();
            waker.wake();
            Poll::Pending
        })
        .await
    });
    assert_eq!(polls, 2);
}

#[test]
fn a_oneshot_brings_its_value_before_and_after_somebody_waits() {
    let sum = in_task(async {
        let (early, first) = Bare::oneshot();
        Bare::fulfil(early, 1);
        let (late, second) = Bare::oneshot();
        let waiting = Bare::spawn(second);
        Bare::yield_now().await;
        Bare::fulfil(late, 2);
        first.await + waiting.await
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_full_channel_makes_its_senders_wait() {
    in_task(async {
        let (sender, mut receiver) = Bare::channel(2);
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let sending = Bare::spawn(async move {
            for message in 0..10 {
                assert!(Bare::send(&sender, message).await.is_ok());
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        for message in 0..10 {
            for _ in 0..5 {
                Bare::yield_now().await;
            }
            assert_eq!(sent.load(Ordering::Relaxed), (message + 2).min(10), "two places, both filled");
            assert_eq!(Bare::receive(&mut receiver).await, Some(message));
        }
        sending.await;
    });
}

#[test]
fn a_mutex_goes_from_hand_to_hand_in_the_order_of_coming() {
    let told = Told::default();
    let tasks = told.clone();
    in_task(async move {
        let mutex = Arc::new(Bare::mutex(0));
        let lockers: Vec<_> = (0..3)
            .map(|number| {
                let (mutex, told) = (mutex.clone(), tasks.clone());
                Bare::spawn(async move {
                    for _ in 0..2 {
                        let mut held = Bare::lock(&mutex).await;
                        Bare::yield_now().await;
                        *held += 1;
                        tell(&told, number);
                    }
                })
            })
            .collect();
        for locker in lockers {
            locker.await;
        }
        assert_eq!(*Bare::lock(&mutex).await, 6);
    });
    assert_eq!(all(&told), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn no_more_hold_a_permit_than_there_are() {
    let most = in_task(async {
        let semaphore = Arc::new(Bare::semaphore(2));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let (semaphore, inside, most) = (semaphore.clone(), inside.clone(), most.clone());
                Bare::spawn(async move {
                    let _permit = Bare::acquire(&semaphore).await;
                    most.fetch_max(inside.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    Bare::yield_now().await;
                    inside.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        most.load(Ordering::Relaxed)
    });
    assert_eq!(most, 2);
}

#[test]
fn sleeps_end_by_their_deadlines() {
    let told = Told::default();
    let tasks = told.clone();
    in_task(async move {
        let sleepers = [30, 10, 20].map(|millis| {
            let told = tasks.clone();
            Bare::spawn(async move {
                Bare::sleep(Duration::from_millis(millis)).await;
                tell(&told, millis as usize);
            })
        });
        let outer = Bare::timeout(Duration::from_secs(3600), Bare::sleep(Duration::from_millis(1)));
        assert!(outer.await.is_ok());
        assert!(Bare::timeout(Duration::from_millis(1), future::pending::<()>()).await.is_err());
        for sleeper in sleepers {
            sleeper.await;
        }
    });
    assert_eq!(all(&told), [10, 20, 30]);
}

/// More than are worth a walk are registered and dropped, and one that stays is found where it was.
#[test]
fn cancelled_timers_leave_the_others_alone() {
    in_task(async {
        let sleeper = Bare::spawn(Bare::sleep(Duration::from_millis(1)));
        for _ in 0..1000 {
            let mut sleep = std::pin::pin!(Bare::sleep(Duration::from_secs(3600)));
            let polled = future::poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context))).await;
            assert!(polled.is_pending());
            Bare::yield_now().await;
        }
        sleeper.await;
    });
}

#[test]
fn a_waker_that_outlives_its_task_is_harmless() {
    let held = Arc::new(());
    let inside = held.clone();
    let mut bare = Bare::build(());
    let late = bare.in_task(async move {
        let task = Bare::spawn(async move {
            let waker = waker().await;
            drop(inside);
            waker
        });
        let late = task.await;
        late.wake_by_ref();
        late
    });
    assert_eq!(Arc::strong_count(&held), 1);
    late.wake_by_ref();
    drop(bare);
    thread::spawn(move || {
        let later = late.clone();
        late.wake();
        drop(later);
    })
    .join()
    .unwrap();
}

/// The same of the main future, which the task only borrows.
#[test]
fn a_waker_that_outlives_main_is_harmless() {
    let mut bare = Bare::build(());
    let value = RefCell::new(7);
    let late = bare.in_main(async {
        *value.borrow_mut() += 1;
        waker().await
    });
    late.wake_by_ref();
    assert_eq!(bare.in_main(async { value.take() }), 8);
    late.wake();
}

#[test]
fn what_nobody_can_wake_is_dropped() {
    let held = Arc::new(());
    let inside = held.clone();
    in_task(async move {
        drop(Bare::spawn(async move {
            future::pending::<()>().await;
            drop(inside);
        }));
        Bare::yield_now().await;
    });
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn an_executor_drops_what_is_ready_or_asleep_when_it_ends() {
    let held = Arc::new(());
    let (ready, asleep) = (held.clone(), held.clone());
    in_task(async move {
        drop(Bare::spawn(async move {
            Bare::sleep(Duration::from_secs(3600)).await;
            drop(asleep);
        }));
        Bare::yield_now().await;
        drop(Bare::spawn(async move { drop(ready) }));
    });
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_main_that_panics_is_not_polled_again() {
    let mut bare = Bare::build(());
    let waiting = Arc::new(Mutex::new(None));
    let main = async {
        *waiting.lock().unwrap() = Some(waker().await);
        drop(Bare::spawn(async { panic!("on purpose") }));
        future::pending::<()>().await;
    };
    let mut main = Box::pin(main);
    let run = std::panic::AssertUnwindSafe(|| bare.in_main(main.as_mut()));
    assert!(std::panic::catch_unwind(run).is_err());
    drop(main);
    let waker = waiting.lock().unwrap().take().unwrap();
    waker.wake();
    assert_eq!(bare.in_main(async { Bare::spawn(async { 1 }).await }), 1);
}

#[test]
fn tasks_come_from_another_thread() {
    let done = Bare::build(()).in_main(async {
        let (promise, pending) = Bare::oneshot();
        let remote = Bare::remote();
        let thread = thread::spawn(move || {
            Bare::spawn_remote(&remote, async move { Bare::fulfil(promise, thread::current().id()) });
        });
        let ran_on = pending.await;
        thread.join().unwrap();
        ran_on
    });
    assert_eq!(done, thread::current().id());
}

#[test]
#[should_panic(expected = "woken where that does not run")]
fn a_wake_from_another_executor_is_refused() {
    let mut bare = Bare::build(());
    let waiting = Arc::new(Mutex::new(None));
    let inside = waiting.clone();
    bare.in_main(async move {
        drop(Bare::spawn(async move {
            *inside.lock().unwrap() = Some(waker().await);
            future::pending::<()>().await;
        }));
        Bare::yield_now().await;
    });
    let waker = waiting.lock().unwrap().take().unwrap();
    in_task(async move { waker.wake() });
}

#[test]
fn each_reader_gets_each_value_and_each_watcher_the_newest() {
    in_task(async {
        let news = Bare::broadcast(4);
        let mut readers = [Bare::subscribe(&news), Bare::subscribe(&news)];
        for round in 0..10 {
            Bare::publish(&news, round);
            for reader in &mut readers {
                assert_eq!(Bare::next(reader).await, round);
            }
        }
        let (changer, mut watcher) = Bare::watch(0);
        Bare::change(&changer, 1);
        Bare::change(&changer, 2);
        assert_eq!(Bare::changed(&mut watcher).await, 2);
        let watching = Bare::spawn(async move { Bare::changed(&mut watcher).await });
        Bare::yield_now().await;
        Bare::change(&changer, 3);
        assert_eq!(watching.await, 3);
    });
}

#[test]
fn heirs_have_the_value_and_others_have_not() {
    in_task(Bare::with_value(7, async {
        let heir = Bare::spawn_heir(async {
            Bare::yield_now().await;
            Bare::value()
        });
        let stranger = Bare::spawn(async { Bare::value() });
        assert_eq!((heir.await, stranger.await, Bare::value()), (7, 0, 7));
    }));
}
