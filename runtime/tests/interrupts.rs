//! What Ctrl-C and SIGTERM do to a run, with real signals. What ends the process happens in a process of its own.

mod common;
mod signal_support;

use std::future::{Future, pending};
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Log, Reports, hold, on_drop, runner, virtual_runner, watch};
use raddle::signal::{Signal, ctrl_c, signal};
use raddle::{
    Clock, FinallyExt, Handle, Instant, RunError, Runner, create_task, is_stopping, promise, run_until_stopped, sleep,
    stop_requested, to_thread, yield_now,
};
use signal_support::{alone, in_a_process, install, is_caught, lines, send};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn is_interrupted<T>(ended: &Result<T, RunError>) -> bool {
    matches!(ended, Err(RunError::Interrupted))
}

#[test]
fn nothing_is_installed_unless_it_is_asked_for() {
    let _watch = watch();
    let _alone = alone();
    let caught = || async { (is_caught(Signal::INT), is_caught(Signal::TERM)) };
    assert_eq!(raddle::run(caught()), (false, false));
    assert_eq!(runner(2).run(caught()), (false, false));
    assert_eq!(runner(2).handle_ctrl_c(false).run(caught()), (false, false));
    let mut handles = runner(1).handle_ctrl_c(true);
    assert_eq!(handles.run(caught()), (true, false));
    assert_eq!((is_caught(Signal::INT), is_caught(Signal::TERM)), (false, false), "between two runs");
    assert_eq!(handles.run(caught()), (true, false));
    drop(handles);
    assert_eq!(runner(2).graceful(SECOND).run(caught()), (true, true));
    assert_eq!((is_caught(Signal::INT), is_caught(Signal::TERM)), (false, false));
}

#[test]
fn the_attribute_asks_for_it() {
    #[raddle::main]
    async fn handles() -> bool {
        is_caught(Signal::INT) && !is_caught(Signal::TERM)
    }
    let _watch = watch();
    let _alone = alone();
    assert!(handles());
    assert!(!is_caught(Signal::INT));
}

/// Ignored, as in a shell's background jobs, or the business of somebody else: left alone.
#[test]
fn only_the_default_action_is_replaced() {
    extern "C" fn other(_: i32) {}
    let _watch = watch();
    let _alone = alone();
    install(Signal::INT, other);
    let ended = virtual_runner().handle_ctrl_c(true).try_run(async {
        send(Signal::INT);
        sleep(HOUR).await;
        "undisturbed"
    });
    assert_eq!(ended.unwrap(), "undisturbed");
}

#[test]
fn the_first_cancels_main_and_its_cleanup_is_awaited_whole() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let log: Log = Log::default();
        let real = Runner::new().workers(workers).handle_ctrl_c(true);
        let mut runner = if workers == 1 { real.clock(Clock::auto()) } else { real };
        let (left, main) = (log.clone(), log.clone());
        let ended: Result<(), _> = runner.try_run(async {
            create_task(hold(on_drop(move || left.push("another task is dropped")))).detach();
            yield_now().await;
            let forever = async {
                send(Signal::INT);
                pending().await
            };
            let cleanup = move |exit| async move {
                main.push(format!("cleaning {exit:?}"));
                for _ in 0..10 {
                    sleep(Duration::from_millis(1)).await;
                    create_task(yield_now()).await.unwrap();
                }
                main.push("clean");
            };
            forever.finally(cleanup).await
        });
        assert!(is_interrupted(&ended));
        assert_eq!(ended.unwrap_err().to_string(), "main was cancelled by Ctrl-C or SIGTERM");
        assert_eq!(log.take(), ["cleaning Cancelled", "clean"]);
        assert!(!is_caught(Signal::INT));
        assert_eq!(runner.try_run(async { 7 }).unwrap(), 7);
        let again: Result<(), _> = runner.try_run(async {
            send(Signal::INT);
            pending().await
        });
        assert!(is_interrupted(&again));
        drop(runner);
        assert_eq!(log.take(), ["another task is dropped"]);
    }
}

/// A main that has its value when the signal comes, or gets it on the way, keeps it.
#[test]
fn a_value_is_a_value() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let mut runner = runner(workers).handle_ctrl_c(true);
        for _ in 0..200 {
            // The signal is on its way while main ends: either is fine, and nothing else.
            let ended = runner.try_run(async {
                send(Signal::INT);
                5
            });
            assert!(is_interrupted(&ended) || ended.unwrap() == 5);
            assert_eq!(runner.try_run(async { 6 }).unwrap(), 6, "the signal is not the next run's");
        }
    }
}

#[test]
fn a_main_that_panics_on_its_way_out_panics() {
    let _watch = watch();
    let _alone = alone();
    let text = common::panic_of(|| {
        let mut runner = virtual_runner().handle_ctrl_c(true);
        let _ = runner.try_run(async {
            let task = create_task(sends_and_sleeps());
            task.await.unwrap();
            panic!("on its own account");
        });
    });
    assert_eq!(text, "on its own account");
    async fn sends_and_sleeps() {
        let _pressed = ctrl_c();
        send(Signal::INT);
    }
}

#[test]
fn a_second_one_cuts_the_cleanup() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let (reports, log) = (Reports::default(), Log::<String>::default());
        let cleaned = log.clone();
        let mut runner = reports.of(runner(workers).handle_ctrl_c(true));
        let ended: Result<(), _> = runner.try_run(async {
            let forever = async {
                send(Signal::INT);
                pending().await
            };
            let cleanup = move |_| async move {
                cleaned.push("begins");
                let _cut = on_drop(|| cleaned.push("is cut"));
                send(Signal::INT);
                pending().await
            };
            forever.finally(cleanup).await
        });
        assert!(is_interrupted(&ended));
        assert_eq!(log.take(), ["begins", "is cut"]);
        let reports = reports.take();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(
            reports[0].starts_with("async cleanup was cut short by a signal and was dropped unfinished"),
            "{reports:?}"
        );
    }
}

/// The clean-up of other tasks and a blocking thread hold the end of the runtime up, until a second signal comes.
#[test]
fn a_second_one_cuts_the_end_of_the_runtime() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let reports = Reports::default();
        let mut runner = reports.of(runner(workers).grace(HOUR).handle_ctrl_c(true));
        let (end, ended) = mpsc::channel::<()>();
        let run: Result<(), _> = runner.try_run(async {
            create_task(to_thread(move || ended.recv())).detach();
            let holds_up = pending::<()>().finally(|_| async {
                send(Signal::INT);
                pending().await
            });
            create_task(holds_up).detach();
            yield_now().await;
            send(Signal::INT);
            pending().await
        });
        assert!(is_interrupted(&run));
        // The program knows of the first one, so this is the second.
        drop(runner);
        drop(end);
        let reports = reports.take();
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert!(reports[0].starts_with("async cleanup was cut short by a signal"), "{reports:?}");
        assert!(reports[1].starts_with("a blocking call outlasted"), "{reports:?}");
    }
}

#[test]
fn a_listener_replaces_it() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        for graceful in [false, true] {
            let mut runner = runner(workers).handle_ctrl_c(true);
            if graceful {
                runner = runner.graceful(HOUR);
            }
            let ended = runner.try_run(async {
                let pressed = ctrl_c();
                send(Signal::INT);
                pressed.await;
                for _ in 0..10 {
                    yield_now().await;
                }
                // It is gone: the next one is main's.
                assert!(!is_stopping());
                send(Signal::INT);
                stop_requested().await;
                "stopped"
            });
            if graceful {
                assert_eq!(ended.unwrap(), "stopped");
            } else {
                assert!(is_interrupted(&ended));
            }
        }
    }
}

#[test]
fn a_graceful_stop_reaches_every_task_and_gives_mains_value() {
    let _watch = watch();
    let _alone = alone();
    for signal in [Signal::INT, Signal::TERM] {
        for workers in [1, 2, 4] {
            let mut runner = runner(workers).graceful(HOUR);
            let ended = runner.try_run(async {
                let tasks: Vec<_> = (0..20)
                    .map(|n| {
                        create_task(async move {
                            let child = create_task(async { stop_requested().await });
                            run_until_stopped(pending::<()>()).await;
                            child.await.unwrap();
                            n
                        })
                    })
                    .collect();
                let outsider = Handle::current();
                yield_now().await;
                send(signal);
                stop_requested().await;
                // Whoever is born from here on is born so.
                assert!(create_task(async { is_stopping() }).await.unwrap());
                let thread = thread::spawn(move || outsider.create_task(async { is_stopping() }).join_blocking());
                let born_outside = to_thread(|| thread.join().unwrap().unwrap()).await.unwrap();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                (sum, born_outside)
            });
            assert_eq!(ended.unwrap(), (190, true));
            assert!(!runner.run(async { is_stopping() }), "the next run was not asked");
        }
    }
}

#[test]
fn a_main_that_does_not_stop_in_time_is_cancelled() {
    let _watch = watch();
    let _alone = alone();
    let log: Log = Log::default();
    let main = log.clone();
    let mut runner = virtual_runner().graceful(30 * SECOND);
    let ended: Result<(), _> = runner.try_run(async {
        let start = Instant::now();
        let forever = async {
            send(Signal::TERM);
            stop_requested().await;
            main.push("asked, and does not mind");
            pending().await
        };
        let cleanup = |_| {
            let main = main.clone();
            async move { main.push(format!("cleaning after {:?}", start.elapsed())) }
        };
        forever.finally(cleanup).await
    });
    assert!(is_interrupted(&ended));
    assert_eq!(log.take(), ["asked, and does not mind", "cleaning after 30s"]);
}

#[test]
fn a_second_signal_cancels_at_once_and_a_third_cuts() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let (reports, log) = (Reports::default(), Log::<String>::default());
        let (main, cleaned) = (log.clone(), log.clone());
        let mut runner = reports.of(runner(workers).graceful(HOUR));
        let ended: Result<(), _> = runner.try_run(async {
            let forever = async {
                send(Signal::TERM);
                stop_requested().await;
                main.push("asked");
                send(Signal::INT);
                pending().await
            };
            let cleanup = move |_| async move {
                cleaned.push("begins");
                let _cut = on_drop(|| cleaned.push("is cut"));
                send(Signal::TERM);
                pending().await
            };
            forever.finally(cleanup).await
        });
        assert!(is_interrupted(&ended));
        assert_eq!(log.take(), ["asked", "begins", "is cut"]);
        assert_eq!(reports.len(), 1);
    }
}

/// Runs `main` in a process of its own, and returns the signal that ended it and what it printed.
fn ends_by(test: &str, body: impl FnOnce()) -> Option<(Option<i32>, Vec<String>)> {
    let output = in_a_process(test, body)?;
    Some((output.status.signal(), lines(&output)))
}

#[test]
fn run_ends_the_process_by_the_signal_after_the_whole_shutdown() {
    let _watch = watch();
    let ended = ends_by("run_ends_the_process_by_the_signal_after_the_whole_shutdown", || {
        let mut runner = virtual_runner().handle_ctrl_c(true);
        runner.run(async {
            create_task(pending::<()>().finally(|_| async {
                sleep(SECOND).await;
                println!("> another task has cleaned up");
            }))
            .detach();
            create_task(to_thread(|| println!("> the thread has ended"))).detach();
            yield_now().await;
            let forever = async {
                send(Signal::INT);
                pending::<()>().await
            };
            let cleanup = |_| async {
                sleep(HOUR).await;
                // Not the end of a line.
                print!("> main has cleaned up");
            };
            forever.finally(cleanup).await
        });
        println!("> run has returned");
    });
    let Some((signal, mut lines)) = ended else { return };
    assert_eq!(signal, Some(2));
    lines.sort();
    let text = lines.join(" and ");
    assert!(text.contains("main has cleaned up") && text.contains("another task has cleaned up"), "{text}");
    assert!(text.contains("the thread has ended") && !text.contains("returned"), "{text}");
}

#[test]
fn the_attribute_ends_the_process_by_the_signal() {
    #[raddle::main]
    async fn program() {
        let forever = async {
            send(Signal::INT);
            pending::<()>().await
        };
        forever.finally(|_| async { println!("> saved") }).await
    }
    let _watch = watch();
    let Some(ended) = ends_by("the_attribute_ends_the_process_by_the_signal", program) else { return };
    assert_eq!(ended, (Some(2), vec!["saved".to_owned()]));
}

#[test]
fn a_graceful_run_ends_by_the_signal_that_began_it() {
    let _watch = watch();
    let ended = ends_by("a_graceful_run_ends_by_the_signal_that_began_it", || {
        virtual_runner().graceful(SECOND).run(async {
            send(Signal::TERM);
            pending::<()>().await
        });
    });
    let Some(ended) = ended else { return };
    assert_eq!(ended, (Some(15), vec![]));
}

/// A main stuck in a poll cannot be cancelled, only the process ended.
#[test]
fn a_third_one_ends_the_process_on_the_spot() {
    let _watch = watch();
    let ended = ends_by("a_third_one_ends_the_process_on_the_spot", || {
        runner(2).handle_ctrl_c(true).run(async {
            send(Signal::INT);
            send(Signal::INT);
            while is_caught(Signal::INT) {
                thread::yield_now();
            }
            println!("> nobody catches it any more");
            send(Signal::INT);
            println!("> still here");
        });
    });
    let Some(ended) = ended else { return };
    assert_eq!(ended, (Some(2), vec!["nobody catches it any more".to_owned()]));
}

/// What comes while a `Runner` is dropped waits for the clean-up, and is not forgotten.
#[test]
fn a_signal_during_the_end_of_the_runtime_comes_after_it() {
    let _watch = watch();
    let ended = ends_by("a_signal_during_the_end_of_the_runtime_comes_after_it", || {
        let mut runner = virtual_runner().handle_ctrl_c(true);
        runner.run(async {
            let slow = pending::<()>().finally(|_| async {
                send(Signal::INT);
                sleep(SECOND).await;
                println!("> cleaned up");
            });
            create_task(slow).detach();
            yield_now().await;
        });
        println!("> run has returned");
        drop(runner);
        println!("> still here");
    });
    let Some((signal, lines)) = ended else { return };
    assert_eq!((signal, lines), (Some(2), vec!["run has returned".to_owned(), "cleaned up".to_owned()]));
}

/// Two runtimes, one Ctrl-C: the process ends when both have cleaned up.
#[test]
fn two_runtimes_clean_up_both() {
    let _watch = watch();
    let ended = ends_by("two_runtimes_clean_up_both", || {
        let (ready, all_ready) = mpsc::channel();
        let (first_is_done, wait) = promise();
        let program = |ready: mpsc::Sender<()>, cleanup: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let main = async move {
                ready.send(()).unwrap();
                pending::<()>().await
            };
            runner(1).handle_ctrl_c(true).run(main.finally(|_| cleanup));
        };
        thread::scope(|scope| {
            let ready_too = ready.clone();
            scope.spawn(move || {
                program(ready_too, Box::pin(async move { common::tell(first_is_done, ()) }));
            });
            scope.spawn(move || {
                let slow = async {
                    wait.await.unwrap();
                    thread::sleep(Duration::from_millis(50));
                    println!("> the slower one has cleaned up");
                };
                program(ready, Box::pin(slow));
            });
            all_ready.recv().unwrap();
            all_ready.recv().unwrap();
            send(Signal::INT);
        });
    });
    let Some(ended) = ended else { return };
    assert_eq!(ended, (Some(2), vec!["the slower one has cleaned up".to_owned()]));
}

/// The asyncio program of this name, ported: KeyboardInterrupt is `Interrupted`, a main that swallows its cancellation is
/// one that is asked to stop, and a handler is removed by dropping it.
#[test]
fn ctrl_c_under_run_as_in_asyncio() {
    const TEXT: [&str; 7] = [
        "main: cancelled, cancelling() = 1",
        "main: cleanup done",
        "run: KeyboardInterrupt",
        "run: survived",
        "custom: handler ran, cancelling() = 0",
        "custom: removed: True False",
        "run: custom done",
    ];
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2, 8] {
        let log: Log = Log::default();
        let runner = || runner(workers);
        if is_interrupted(&runner().handle_ctrl_c(true).try_run(interrupted(&log))) {
            log.push("run: KeyboardInterrupt");
        }
        let survived = runner().graceful(10 * SECOND).run(swallows());
        log.push(format!("run: {survived}"));
        let done = runner().handle_ctrl_c(true).run(custom(&log));
        log.push(format!("run: {done}"));
        assert_eq!(log.take(), TEXT, "workers = {workers}");
    }

    async fn interrupted(log: &Log) {
        let log = log.clone();
        let main = async {
            raddle::call_later(Duration::from_millis(30), || send(Signal::INT));
            sleep(10 * SECOND).await;
        };
        let cleanup = |exit| async move {
            log.push(format!("main: cancelled, cancelling() = {}", u8::from(exit == raddle::Exit::Cancelled)));
            sleep(Duration::from_millis(30)).await;
            log.push("main: cleanup done");
        };
        main.finally(cleanup).await
    }

    async fn swallows() -> &'static str {
        send(Signal::INT);
        match run_until_stopped(sleep(10 * SECOND)).await {
            Some(()) => "slept",
            None => "survived",
        }
    }

    async fn custom(log: &Log) -> &'static str {
        let mut handler = signal(Signal::INT).unwrap();
        send(Signal::INT);
        handler.recv().await;
        log.push(format!("custom: handler ran, cancelling() = {}", u8::from(is_stopping())));
        let mut handler = Some(handler);
        let mut removed = || if handler.take().is_some() { "True" } else { "False" };
        log.push(format!("custom: removed: {} {}", removed(), removed()));
        "custom done"
    }
}
