//! Promises of `call_soon`, `call_later` and `call_at`, from inside and from outside.

mod common;

use std::thread;
use std::time::Duration;

use common::{Count, Log, runner, scaled, tell, virtual_runner, watch};
use raddle::{Handle, Instant, call_at, call_later, call_soon, current_task, promise, sleep, yield_now};

#[test]
fn callbacks_are_called_at_their_time() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log = Log::<(u64, Duration)>::default();
        let note = |id: u64| {
            let log = log.clone();
            move || log.push((id, start.elapsed()))
        };
        call_later(Duration::from_secs(2), note(4));
        call_at(start + Duration::from_secs(1), note(3));
        call_soon(note(1));
        call_later(Duration::ZERO, note(2));
        call_at(start + Duration::from_secs(2), note(5));
        assert_eq!(log.len(), 0, "never at once");
        sleep(Duration::from_secs(3)).await;
        let s = Duration::from_secs;
        assert_eq!(log.take(), [(1, s(0)), (2, s(0)), (3, s(1)), (4, s(2)), (5, s(2))]);
    });
}

#[test]
fn a_cancelled_callback_is_never_called_and_is_dropped() {
    let _watch = watch();
    for mut runner in [runner(2), virtual_runner()] {
        runner.run(async {
            let (called, dropped) = (Count::default(), Count::default());
            let make = || {
                let (called, guard) = (called.clone(), dropped.drops());
                move || {
                    let _guard = guard;
                    called.add();
                }
            };
            let later = call_later(Duration::from_secs(3600), make());
            let other = later.clone();
            assert!(later.cancel());
            while dropped.get() < 1 {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(!other.cancel());
            let soon = call_later(Duration::from_millis(1), make());
            sleep(Duration::from_millis(20)).await;
            while dropped.get() < 2 {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(!soon.cancel());
            assert_eq!(called.get(), 1);
        });
    }
}

#[test]
fn dropping_the_handle_of_a_callback_changes_nothing() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (said, heard) = promise();
            drop(call_later(Duration::from_millis(1), move || tell(said, 1)));
            assert_eq!(heard.await.unwrap(), 1);
        });
    }
}

#[test]
fn a_callback_may_use_the_runtime() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (said, heard) = promise();
            call_soon(move || {
                assert!(current_task().is_some());
                raddle::create_task(async move {
                    yield_now().await;
                    call_soon(move || tell(said, "nested"));
                })
                .detach();
            });
            assert_eq!(heard.await.unwrap(), "nested");
        });
    }
}

#[test]
fn callbacks_from_outside_are_all_called() {
    // Four threads; each one's callbacks are called in its own order where there is one worker.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let each = scaled(20_000);
        let log = Log::<(usize, usize)>::default();
        runner(workers).run(async {
            let (all, done) = promise();
            let all = std::sync::Arc::new(std::sync::Mutex::new(Some(all)));
            for thread in 0..4 {
                let (handle, log, all) = (Handle::current(), log.clone(), all.clone());
                thread::spawn(move || {
                    for n in 0..each {
                        let (log, all) = (log.clone(), all.clone());
                        let called = handle.call_soon(move || {
                            log.push((thread, n));
                            if log.len() == 4 * each {
                                let _ = all.lock().unwrap().take().map(|all| all.set(()));
                            }
                        });
                        called.unwrap();
                    }
                });
            }
            done.await.unwrap();
        });
        let mut calls = log.take();
        assert_eq!(calls.len(), 4 * each);
        if workers == 1 {
            calls.sort_by_key(|(thread, _)| *thread);
        } else {
            calls.sort_unstable();
        }
        let expected = (0..4).flat_map(|thread| (0..each).map(move |n| (thread, n)));
        assert!(calls.into_iter().eq(expected), "with {workers} workers");
    }
}

#[test]
fn after_the_end_callbacks_are_refused() {
    let _watch = watch();
    let mut runner = runner(2);
    let handle = runner.handle();
    let (before, after) = (Count::default(), Count::default());
    let counted = before.clone();
    handle.call_soon(move || assert_eq!(counted.add(), 0)).unwrap();
    runner.run(async {
        while before.get() == 0 {
            yield_now().await;
        }
    });
    drop(runner);
    let guard = after.drops();
    let refused = handle.call_soon(move || drop(guard));
    assert_eq!(refused.unwrap_err().to_string(), "the runtime has ended and takes no more work");
    assert_eq!(after.get(), 1, "the refused callback is dropped");
}
