//! Where CPython's asyncio was wrong for years: each of these hangs, or fails, if the same mistake is made here.
//!
//! With one worker the two events that meet do so in one turn. With two they meet on two threads, round after round, so
//! that either may be first; what must hold then is that nothing is swallowed, lost or given twice.

mod common;

use std::future::{Future, pending};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{Count, Reports, runner, scaled, virtual_runner, watch};
use raddle::{
    Barrier, BoxError, Condition, Event, Mutex, Queue, StreamReader, StreamWriter, Task, TaskError, TaskGroup,
    create_task, open_connection, start_server, task_group, wait_for, yield_now,
};

const LONG: Duration = Duration::from_secs(3600);

const ROUNDS: usize = scaled(2000);

/// Runs it in virtual time, and often with two workers.
fn on_one_and_on_two_workers<F: Future<Output = ()>>(program: impl Fn(Meeting) -> F) {
    let _watch = watch();
    virtual_runner().run(program(Meeting::InOneTurn));
    let mut two = runner(2);
    for round in 0..ROUNDS {
        two.run(program(Meeting::OnTwoThreads { round }));
    }
}

/// How two things happen together.
#[derive(Clone, Copy)]
enum Meeting {
    /// One after the other, before anybody else has a turn.
    InOneTurn,
    /// Beside each other; the round decides who is a little later, and how much.
    OnTwoThreads { round: usize },
}

impl Meeting {
    async fn of(self, first: impl FnOnce() + Send + 'static, second: impl FnOnce() + Send + 'static) {
        let here = Arc::new(AtomicUsize::new(0));
        let there = here.clone();
        let first = create_task(async move {
            self.wait_for_the_other(&here, 0);
            first();
        });
        let second = create_task(async move {
            self.wait_for_the_other(&there, 1);
            second();
        });
        // Only now, as it suspends, does this worker call for help.
        first.await.unwrap();
        second.await.unwrap();
    }

    /// Spins: both are to go on within nanoseconds.
    fn wait_for_the_other(self, here: &AtomicUsize, side: usize) {
        let Meeting::OnTwoThreads { round } = self else { return };
        here.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0;
        while here.load(Ordering::Acquire) < 2 {
            spins += 1;
            if spins % 10_000 == 0 { thread::yield_now() } else { spin_loop() }
        }
        if round % 2 == side {
            (0..round % 64 * 16).for_each(|_| spin_loop());
        }
    }
}

fn cancel<T>(task: &Task<T>) -> impl FnOnce() + Send + 'static + use<T> {
    let canceller = task.canceller();
    move || {
        canceller.cancel();
    }
}

#[track_caller]
fn assert_cancelled<T>(ended: Result<T, TaskError>) {
    assert!(matches!(ended, Err(TaskError::Cancelled)), "the cancellation was swallowed");
}

/// `wait_for`, in 3.11: the result comes and the task is cancelled in the same turn. It returned the result, and the
/// task went on as if nobody had asked it to end.
#[test]
fn wait_for_does_not_swallow_a_cancel_that_comes_with_the_result() {
    on_one_and_on_two_workers(async |meeting: Meeting| {
        for cancel_first in [false, true] {
            let (queue, taken) = (Queue::unbounded(), Count::default());
            let (items, count) = (queue.clone(), taken.clone());
            let task = create_task(async move {
                wait_for(items.get(), LONG).await.unwrap().unwrap();
                count.add();
                pending::<()>().await;
            });
            yield_now().await;
            let (puts, cancel) = (queue.clone(), cancel(&task));
            let put = move || puts.try_put("item").unwrap();
            if cancel_first {
                meeting.of(cancel, put).await
            } else {
                meeting.of(put, cancel).await
            }
            assert_cancelled(task.await);
            assert_eq!(taken.get() + queue.len(), 1, "the item was taken, or it is still there");
        }
    });
}

/// `Condition`, up to 3.12.0: a waiter that was notified and then cancelled kept the notification, and the next one
/// slept on beside work to do.
#[test]
fn a_condition_does_not_lose_the_notification_of_a_cancelled_waiter() {
    on_one_and_on_two_workers(async |meeting| {
        let state = Arc::new((Mutex::new(0), Condition::new()));
        let waiter = |state: Arc<(Mutex<u32>, Condition)>| async move {
            let mut waiting = state.0.lock().await;
            *waiting += 1;
            drop(state.1.wait(waiting).await);
        };
        let w1 = create_task(waiter(state.clone()));
        until(&state.0, 1).await;
        let w2 = create_task(waiter(state.clone()));
        until(&state.0, 2).await;
        let notifier = state.clone();
        meeting.of(move || notifier.1.notify(1), cancel(&w1)).await;
        if w1.await.is_ok() {
            // It was faster than the cancellation: the notification was its own.
            state.1.notify(1);
        }
        w2.await.unwrap();
    });
}

/// Waits until so many have written themselves down; they stand in the line when they let go of the lock.
async fn until(waiting: &Mutex<u32>, count: u32) {
    while *waiting.lock().await < count {
        yield_now().await;
    }
}

/// `TaskGroup`, up to 3.12: a child failed and the group's owner was cancelled. The owner got the group's error, and
/// the cancellation was forgotten.
#[test]
fn a_group_does_not_forget_a_cancel_for_a_failure() {
    let (reports, failed, handled) = (Reports::default(), Count::default(), Count::default());
    let program = async |meeting: Meeting| {
        for cancel_first in [false, true] {
            let failing = Arc::new(Event::new());
            let (fail, fails, handles) = (failing.clone(), failed.clone(), handled.clone());
            let parent: Task<()> = create_task(async move {
                let ended = task_group(async |g: TaskGroup| {
                    g.create_task(async move {
                        fail.wait().await;
                        fails.add();
                        Err::<(), BoxError>("failed".into())
                    });
                    Ok::<(), BoxError>(())
                });
                if ended.await.is_err_and(|error| error.first().is_some()) {
                    handles.add();
                }
                pending::<()>().await;
            });
            yield_now().await;
            yield_now().await;
            let (fail, cancel) = (move || failing.set(), cancel(&parent));
            if cancel_first {
                meeting.of(cancel, fail).await
            } else {
                meeting.of(fail, cancel).await
            }
            assert_cancelled(parent.await);
        }
    };
    let _watch = watch();
    reports.of(virtual_runner()).run(program(Meeting::InOneTurn));
    assert_eq!((failed.get(), reports.len()), (1, 1), "there is nobody else to be told");
    let mut two = reports.of(runner(2));
    for round in 0..ROUNDS {
        two.run(program(Meeting::OnTwoThreads { round }));
    }
    assert_eq!(handled.get() + reports.len(), failed.get(), "each failure was told once");
}

/// `Barrier`, still in 3.13: indices are given on arrival and taken back by counting down, so that after a waiter was
/// cancelled, the next to arrive gets the index of one who is there.
#[test]
fn a_barrier_gives_each_index_once_after_a_cancelled_waiter() {
    on_one_and_on_two_workers(async |_| {
        for cancelled in 0..3 {
            let barrier = Arc::new(Barrier::new(4));
            let arrive = || {
                let barrier = barrier.clone();
                create_task(async move { barrier.wait().await.unwrap().index })
            };
            let mut waiters = vec![arrive(), arrive(), arrive()];
            while barrier.n_waiting() < 3 {
                yield_now().await;
            }
            let gone = waiters.remove(cancelled);
            gone.cancel();
            assert_cancelled(gone.await);
            waiters.extend([arrive(), arrive()]);
            let mut indices = Vec::new();
            for waiter in waiters {
                indices.push(waiter.await.unwrap());
            }
            indices.sort();
            assert_eq!(indices, [0, 1, 2, 3]);
        }
    });
}

/// `Server.wait_closed`, up to 3.11: it returned at once, although connections were open and their handlers at work.
#[test]
fn wait_closed_waits_for_the_last_connection() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let greet = async |mut r: StreamReader, mut w: StreamWriter| {
                w.write(b"hello\n");
                r.read_line().await.map(drop)
            };
            let server = start_server("127.0.0.1:0", greet).await.unwrap();
            let (mut r, w) = open_connection(server.local_addrs()[0]).await.unwrap();
            assert_eq!(r.read_line().await.unwrap(), "hello\n");
            server.close();
            for _ in 0..100 {
                assert!(wait_for(server.wait_closed(), Duration::ZERO).await.is_err(), "a connection is open");
                yield_now().await;
            }
            drop((r, w));
            server.wait_closed().await;
        });
    }
}
