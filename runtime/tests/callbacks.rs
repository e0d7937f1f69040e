//! Promises of `call_soon`, `call_later` and `call_at`, from inside and from outside.

mod common;

use std::thread;
use std::time::Duration;

use common::{Count, Log, Reports, runner, scaled, tell, virtual_runner, watch};
use raddle::{
    Event, Handle, Instant, call_at, call_later, call_soon, create_task, current_task, promise, sleep, to_thread, wait,
    yield_now,
};

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

#[test]
fn equal_deadlines_are_served_in_the_order_of_asking() {
    // Asked for at the start, and again from callbacks, by both functions; the deadlines are the same instants.
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log = Log::<(u64, u32)>::default();
        let note = |n: u32| {
            let log = log.clone();
            move || log.push((start.elapsed().as_millis() as u64, n))
        };
        let ms = Duration::from_millis;
        for n in 0..4 {
            if n % 2 == 0 {
                call_at(start + ms(100), note(n));
            } else {
                call_later(ms(100), note(n));
            }
        }
        for (at, n) in [(30, 4), (60, 6)] {
            let (later, same) = (note(n), note(n + 1));
            call_later(ms(at), move || {
                call_later(ms(100 - at), later);
                call_at(start + ms(100), same);
            });
        }
        let (soon, at, later, last) = (note(11), note(12), note(13), note(14));
        let first = note(10);
        call_at(start + ms(200), move || {
            // All are for now: first what is soon, then by deadline as asked.
            call_later(Duration::ZERO, at);
            call_at(start + ms(200), later);
            call_later(Duration::ZERO, last);
            call_soon(first);
            call_soon(soon);
        });
        sleep(ms(300)).await;
        let expected = (0..8).map(|n| (100, n)).chain((10..15).map(|n| (200, n)));
        assert!(log.take().into_iter().eq(expected));
    });
}

#[test]
fn a_callback_that_panics_is_reported_and_the_others_are_called() {
    let _watch = watch();
    for virtually in [true, false] {
        let reports = Reports::default();
        let log = Log::<u32>::default();
        let note = |n: u32| {
            let log = log.clone();
            move || log.push(n)
        };
        reports.of(if virtually { virtual_runner() } else { runner(1) }).run(async {
            call_soon(note(1));
            call_soon(|| panic!("soon"));
            call_soon(note(2));
            let when = Instant::now() + Duration::from_millis(5);
            call_at(when, note(3));
            call_at(when, || panic!("at"));
            call_at(when, note(4));
            sleep(Duration::from_millis(20)).await;
        });
        assert_eq!(log.take(), [1, 2, 3, 4]);
        let texts = reports.take();
        assert!(texts.len() == 2 && texts[0].contains(" | soon | ") && texts[1].contains(" | at | "), "{texts:?}");
    }
}

#[test]
fn a_callback_cancelled_by_the_one_before_it_is_not_called() {
    let _watch = watch();
    virtual_runner().run(async {
        let log = Log::<&str>::default();
        let note = |text: &'static str| {
            let log = log.clone();
            move || log.push(text)
        };
        let (give, given) = std::sync::mpsc::channel::<raddle::CallHandle>();
        let cancel = note("cancels");
        call_soon(move || {
            assert!(given.recv().unwrap().cancel());
            cancel();
        });
        give.send(call_soon(note("cancelled"))).unwrap();
        call_soon(note("after"));
        let when = Instant::now() + Duration::from_millis(5);
        let (give, given) = std::sync::mpsc::channel::<raddle::CallHandle>();
        let cancel = note("cancels at");
        call_at(when, move || {
            assert!(given.recv().unwrap().cancel(), "due in the same turn, and not called yet");
            cancel();
        });
        give.send(call_at(when, note("cancelled at"))).unwrap();
        call_at(when, note("after at"));
        sleep(Duration::from_millis(10)).await;
        assert_eq!(log.take(), ["cancels", "after", "cancels at", "after at"]);
    });
}

#[test]
fn asyncios_scenario_to_the_letter() {
    // The list of callbacks goes by a clock that jumps, the threads by the system's.
    let _watch = watch();
    let log = Log::<String>::default();
    let python = |truth: bool| if truth { "True" } else { "False" };
    let ms = Duration::from_millis;
    virtual_runner().run(async {
        let order = Log::<&str>::default();
        let append = |text: &'static str| {
            let order = order.clone();
            move || order.push(text)
        };
        call_soon(append("soon 1"));
        call_later(ms(20), append("later 20"));
        call_later(ms(10), append("later 10"));
        call_later(Duration::ZERO, append("later 0"));
        let handle = call_soon(append("cancelled"));
        call_soon(append("soon 2"));
        let cancelled = python(handle.cancel());
        let in_place = order.take();
        log.push(format!("nothing ran in place: {in_place:?} | handle cancelled: {cancelled}"));
        sleep(ms(40)).await;
        log.push(format!("{:?}", order.take()).replace('"', "'"));
    });

    let (end, ended) = std::sync::mpsc::channel();
    runner(1).run(async {
        let handle = Handle::current();
        let got = std::sync::Arc::new(Event::new());
        let other = got.clone();
        let caller = handle.clone();
        thread::spawn(move || caller.call_soon(move || other.set()).map(drop));
        got.wait().await;
        log.push("woken from a thread");

        let outside = move || {
            let task = handle.create_task(async move {
                sleep(ms(10)).await;
                "from loop"
            });
            task.join_blocking().unwrap()
        };
        log.push(format!("thread got: {}", to_thread(outside).await.unwrap()));

        let failed = to_thread(|| Err::<(), _>("LookupError('in thread')")).await.unwrap();
        log.push(format!("thread error comes out: {}", failed.unwrap_err()));

        let (release, released) = std::sync::mpsc::channel::<()>();
        let (began, begun) = promise();
        let slow = move || {
            tell(began, ());
            released.recv().unwrap();
            thread::sleep(ms(20));
            end.send(()).unwrap();
        };
        let mut t = [create_task(async move { to_thread(slow).await })];
        begun.await.unwrap();
        t[0].cancel();
        wait(&mut t).await;
        let (cancelled, seen) = (python(t[0].is_cancelled()), python(ended.try_recv().is_ok()));
        log.push(format!("to_thread cancelled: {cancelled} | thread ended: {seen}"));
        release.send(()).unwrap();
    });
    log.push(format!("after run the thread has ended: {}", python(ended.try_recv().is_ok())));
    let expected = "nothing ran in place: [] | handle cancelled: True\n\
        ['soon 1', 'soon 2', 'later 0', 'later 10', 'later 20']\nwoken from a thread\nthread got: from loop\n\
        thread error comes out: LookupError('in thread')\nto_thread cancelled: True | thread ended: False\n\
        after run the thread has ended: True";
    assert_eq!(log.take().join("\n"), expected);
}
