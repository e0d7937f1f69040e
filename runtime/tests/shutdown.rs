//! Promises about the end of a runtime: nothing is left over, nothing hangs, and nobody waits longer than the grace.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use common::{Count, Log, OnDrop, Reports, eventually, hold, on_drop, on_each_worker, panic_of, runner, scaled, watch};
use raddle::{
    Handle, Queue, Runner, TaskError, TcpListener, call_later, create_local_task, create_task, current_task, promise,
    sleep, to_thread, yield_now,
};

#[test]
fn leftovers_are_dropped_by_workers_before_run_returns() {
    // Tasks of every worker, movable and local, waiting for different things; each drop notes its thread.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let places = Log::<(ThreadId, Option<String>, bool)>::default();
        let note = |places: &Log<_>| {
            let places = places.clone();
            on_drop(move || {
                let thread = thread::current();
                places.push((thread.id(), thread.name().map(str::to_owned), current_task().is_some()));
            })
        };
        runner(workers).name("leaver").run(async {
            let (noted, queue) = (places.clone(), Queue::<()>::bounded(1));
            on_each_worker(workers, move |_| {
                for _ in 0..10 {
                    create_task(hold(note(&noted))).detach();
                    create_local_task(hold(note(&noted))).detach();
                    let (guard, queue) = (note(&noted), queue.clone());
                    create_task(async move {
                        let _guard = guard;
                        let _ = queue.get().await;
                    })
                    .detach();
                    let guard = note(&noted);
                    create_task(async move {
                        let _guard = guard;
                        sleep(Duration::from_secs(3600)).await;
                    })
                    .detach();
                }
            })
            .await;
        });
        let places = places.take();
        assert_eq!(places.len(), 40 * workers);
        let me = thread::current().id();
        for (id, name, in_task) in places {
            assert!(id == me || name.as_deref().is_some_and(|name| name.starts_with("leaver-")), "on {name:?}");
            assert!(in_task);
        }
    }
}

#[test]
fn what_is_created_during_shutdown_is_cancelled_at_birth_and_dropped() {
    // A leftover's drop creates a task whose drop creates the next, ten deep: none runs, all are dropped in time.
    fn chain(depth: usize, polled: Count, dropped: Count) -> OnDrop<impl FnOnce() + Send> {
        on_drop(move || {
            dropped.add();
            if depth > 0 {
                let next: Box<dyn std::any::Any + Send> = Box::new(chain(depth - 1, polled.clone(), dropped));
                create_task(async move {
                    polled.add();
                    hold(next).await;
                })
                .detach();
            }
        })
    }
    let _watch = watch();
    for workers in [1, 2, 4] {
        let (polled, dropped) = (Count::default(), Count::default());
        runner(workers).run(async {
            create_task(hold(chain(9, polled.clone(), dropped.clone()))).detach();
            yield_now().await;
        });
        assert_eq!((polled.get(), dropped.get()), (0, 10));
    }
}

#[test]
fn a_task_stuck_beyond_the_grace_is_reported_and_left_behind() {
    // It blocks on another worker until the test lets it go, long after `run` has returned; then it ends properly.
    let _watch = watch();
    let (reports, dropped) = (Reports::default(), Count::default());
    let (release, blocker) = mpsc::channel::<()>();
    let guard = dropped.drops();
    let start = Instant::now();
    reports.of(runner(2)).grace(Duration::from_millis(50)).run(async {
        let (started, starting) = mpsc::channel();
        raddle::TaskBuilder::new()
            .name("the stuck one")
            .create(async move {
                let _guard = guard;
                let _ = started.send(());
                let _ = blocker.recv();
                std::future::pending::<()>().await;
            })
            .detach();
        // Main blocks its own worker, so that the other one takes the task.
        starting.recv().unwrap();
    });
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
    let texts = reports.take();
    assert!(texts.iter().any(|text| text.contains("stuck") && text.contains("the stuck one")), "{texts:?}");
    assert_eq!(dropped.get(), 0);
    drop(release);
    eventually("the stuck task's future is dropped after its poll", || dropped.get() == 1);
}

#[test]
fn a_grace_of_zero_still_drops_what_only_waits() {
    let _watch = watch();
    for workers in [1, 2] {
        let dropped = Count::default();
        runner(workers).grace(Duration::ZERO).run(async {
            for _ in 0..10 {
                create_task(hold(dropped.drops())).detach();
            }
            yield_now().await;
        });
        assert_eq!(dropped.get(), 10);
    }
}

#[test]
fn a_grace_without_end_is_accepted() {
    let _watch = watch();
    let dropped = Count::default();
    runner(2).grace(Duration::MAX).run(async {
        create_task(hold(dropped.drops())).detach();
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn blocking_calls_are_waited_for() {
    // The call goes on when a leftover is dropped, that is, after main has ended; `run` returns after it.
    let _watch = watch();
    for workers in [1, 2] {
        let done = Arc::new(AtomicBool::new(false));
        let in_call = done.clone();
        runner(workers).run(async move {
            let (go, gone) = mpsc::channel::<()>();
            drop(to_thread(move || {
                let _ = gone.recv();
                thread::sleep(Duration::from_millis(30));
                in_call.store(true, Ordering::SeqCst);
            }));
            create_task(hold(go)).detach();
            yield_now().await;
        });
        assert!(done.load(Ordering::SeqCst));
    }
}

#[test]
fn a_blocking_call_beyond_the_grace_is_reported_and_left_behind() {
    let _watch = watch();
    let reports = Reports::default();
    let (release, blocker) = mpsc::channel::<()>();
    reports.of(runner(1)).grace(Duration::from_millis(20)).run(async {
        drop(to_thread(move || blocker.recv()));
    });
    assert!(reports.take().iter().any(|text| text.contains("blocking call")));
    drop(release);
}

#[test]
fn a_blocking_call_may_create_tasks_while_the_runtime_ends() {
    // Main and all leftovers have ended when the call asks for a task and waits for its end: it is cancelled.
    let _watch = watch();
    for workers in [1, 2] {
        let ended = Log::<bool>::default();
        let noted = ended.clone();
        runner(workers).run(async move {
            let handle = Handle::current();
            let (go, gone) = mpsc::channel::<()>();
            drop(to_thread(move || {
                let _ = gone.recv();
                thread::sleep(Duration::from_millis(100));
                let task = handle.create_task(async {});
                noted.push(matches!(task.join_blocking(), Err(TaskError::Cancelled)));
            }));
            create_task(hold(go)).detach();
            yield_now().await;
        });
        assert_eq!(ended.take(), [true], "with {workers} workers");
    }
}

#[test]
fn threads_that_create_tasks_while_the_runtime_ends_get_an_end_for_each() {
    // Two threads create and join tasks without pause until they see the runtime closed.
    let _watch = watch();
    for round in 0..scaled(3000) {
        let dropped = Count::default();
        let mut runner = runner(1 + round % 3);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (handle, dropped) = (runner.handle(), dropped.clone());
                thread::spawn(move || {
                    let mut made = 0;
                    while handle.call_soon(|| ()).is_ok() {
                        made += 1;
                        let guard = dropped.drops();
                        let _ = handle.create_task(async move { drop(guard) }).join_blocking();
                    }
                    made += 1;
                    let guard = dropped.drops();
                    let late = handle.create_task(async move { drop(guard) }).join_blocking();
                    assert!(matches!(late, Err(TaskError::Cancelled)));
                    made
                })
            })
            .collect();
        runner.run(async {
            for _ in 0..round % 10 {
                yield_now().await;
            }
        });
        drop(runner);
        let made: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(dropped.get(), made);
    }
}

#[test]
fn leftovers_are_dropped_before_main_unwinds_into_its_caller() {
    let _watch = watch();
    let dropped = Count::default();
    let text = panic_of(|| {
        runner(2).run(async {
            create_task(hold(dropped.drops())).detach();
            create_local_task(hold(dropped.drops())).detach();
            panic!("main");
        });
    });
    assert_eq!((text.as_str(), dropped.get()), ("main", 2));
}

#[test]
fn open_sockets_timers_and_callbacks_are_let_go() {
    let _watch = watch();
    for workers in [1, 2] {
        let dropped = Count::default();
        let address = runner(workers).run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let guard = dropped.drops();
            create_task(async move {
                let _guard = guard;
                loop {
                    drop(listener.accept().await);
                }
            })
            .detach();
            let guard = dropped.drops();
            call_later(Duration::from_secs(3600), move || drop(guard));
            sleep(Duration::from_millis(1)).await;
            address
        });
        assert_eq!(dropped.get(), 2);
        assert!(std::net::TcpStream::connect(address).is_err(), "the listener is closed");
    }
}

#[test]
fn a_leftover_may_wake_create_and_end_others_in_its_drop() {
    // Leftovers hold each other's promises and cancellers; the runtime ends with all of them dropped.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let dropped = Count::default();
        runner(workers).run(async {
            let mut before = None;
            for _ in 0..100 {
                let (promise, pending) = promise::<()>();
                let (guard, count) = (dropped.drops(), dropped.clone());
                let previous: Option<raddle::Canceller> = before.take();
                let wakes = on_drop(move || {
                    common::tell(promise, ());
                    if let Some(task) = previous {
                        task.cancel();
                    }
                    let guard = count.drops();
                    drop(create_task(async move { drop(guard) }));
                });
                let waiter = create_task(async move {
                    let _guard = guard;
                    let _ = pending.await;
                });
                before = Some(waiter.canceller());
                waiter.detach();
                create_task(hold(wakes)).detach();
            }
            yield_now().await;
        });
        assert_eq!(dropped.get(), 200);
    }
}

#[test]
fn a_runner_never_run_drops_what_its_handle_was_given() {
    let _watch = watch();
    for workers in [1, 2] {
        let dropped = Count::default();
        let mut runner = Runner::new().workers(workers);
        let handle = runner.handle();
        let task = handle.create_task(hold(dropped.drops()));
        drop(runner);
        assert!(matches!(task.join_blocking(), Err(TaskError::Cancelled)));
        assert_eq!(dropped.get(), 1);
    }
}
