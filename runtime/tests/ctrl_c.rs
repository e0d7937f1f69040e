//! Ctrl-C: what it does to a program that asked for nothing, and to one that asked. Each program runs in a process of
//! its own, this test binary again, and is sent signals when it says that it is ready.

mod common;
mod signal_support;

use std::future::pending;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use common::{virtual_runner, watch};
use raddle::signal::{Signal, ctrl_c, signal};
use raddle::{FinallyExt, RunError, Runner, create_task, is_stopping, sleep, stop_requested};

const PROGRAM: &str = "RADDLE_TEST_PROGRAM";
const MS: Duration = Duration::from_millis(1);

fn say(line: &str) {
    println!("\n@ {line}");
    std::io::stdout().flush().unwrap();
}

/// Sends a signal to this process.
fn send(signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal.as_raw()).unwrap();
    rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
}

/// Waits for ever, and says what becomes of it; its cleanup takes a moment, or for ever.
async fn work(for_ever: bool) {
    pending::<()>()
        .finally(move |exit| async move {
            say(&format!("cleaning up {exit:?}"));
            if for_ever {
                pending::<()>().await;
            }
            sleep(30 * MS).await;
            say("cleaned up");
        })
        .await;
}

fn program(name: &str) {
    let ready = async {
        say("ready");
        work(false).await;
    };
    match name {
        "asked for nothing" => Runner::new().run(ready),
        "run" => Runner::new().handle_ctrl_c(true).run(ready),
        "try_run" => {
            let mut runner = Runner::new().handle_ctrl_c(true);
            let ended = runner.try_run(async {
                create_task(work(false)).detach();
                ready.await;
            });
            assert!(matches!(ended, Err(RunError::Interrupted)));
            say("interrupted");
            drop(runner);
            say("closed");
        }
        "twice" => {
            let on_exception = |context: &raddle::ExceptionContext| say(&format!("reported: {}", context.message));
            let mut runner = Runner::new().handle_ctrl_c(true).debug(false).on_exception(on_exception);
            let ended = runner.try_run(async {
                say("ready");
                work(true).await;
            });
            assert!(matches!(ended, Err(RunError::Interrupted)));
            say("interrupted");
            say(&runner.run(async { "and runs again".to_owned() }));
        }
        "graceful" => {
            let value = Runner::new().graceful(Duration::from_secs(3600)).run(async {
                let task = create_task(async {
                    stop_requested().await;
                    "the task stopped"
                });
                say("ready");
                stop_requested().await;
                assert!(is_stopping());
                task.await.unwrap()
            });
            say(value);
        }
        "graceful, deaf" => {
            let ended = Runner::new().graceful(MS).try_run(ready);
            assert!(matches!(ended, Err(RunError::Interrupted)));
            say("interrupted");
        }
        "forever" => {
            let mut runner = Runner::new().handle_ctrl_c(true);
            runner.handle().create_task(ready).detach();
            runner.run_forever();
        }
        "own handler" => {
            let listening = ctrl_c();
            Runner::new().handle_ctrl_c(true).run(async {
                say("ready");
                listening.await;
                say("heard");
            });
            say("again at its default");
            Runner::new().run(ready);
        }
        other => panic!("no program {other}"),
    }
    say("the end");
}

/// The programs, when this binary is run again.
#[test]
fn child() {
    if let Ok(name) = std::env::var(PROGRAM) {
        // A shell lets its background jobs ignore Ctrl-C, and so would this.
        let _alone = signal_support::alone();
        program(&name);
    }
}

/// Runs a program, and sends a signal for each line that says so. Returns what it said, and how it ended.
fn run(name: &str, signals: &[(&str, Signal)]) -> (Vec<String>, ExitStatus) {
    let _watch = watch();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]).env(PROGRAM, name);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(line) = line.strip_prefix("@ ") else { continue };
        said.push(line.to_owned());
        for (_, signal) in signals.iter().filter(|(when, _)| *when == line) {
            let signal = rustix::process::Signal::from_named_raw(signal.as_raw()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
        }
    }
    (said, child.wait().unwrap())
}

const INT: Signal = Signal::INTERRUPT;

#[test]
fn a_program_that_asked_for_nothing_dies_at_once() {
    let (said, status) = run("asked for nothing", &[("ready", INT)]);
    assert_eq!((said, status.signal()), (vec!["ready".to_owned()], Some(INT.as_raw())));
}

#[test]
fn run_cleans_up_and_then_dies_of_the_signal() {
    let (said, status) = run("run", &[("ready", INT)]);
    assert_eq!(said, ["ready", "cleaning up Cancelled", "cleaned up"]);
    assert_eq!(status.signal(), Some(INT.as_raw()));
}

#[test]
fn try_run_says_interrupted_after_mains_cleanup() {
    let (said, status) = run("try_run", &[("ready", INT)]);
    let expected = [
        "ready",
        "cleaning up Cancelled",
        "cleaned up",
        "interrupted",
        "cleaning up Cancelled",
        "cleaned up",
        "closed",
        "the end",
    ];
    assert_eq!((said, status.success()), (expected.map(str::to_owned).to_vec(), true));
}

#[test]
fn the_second_one_cuts_the_cleanup() {
    let (said, status) = run("twice", &[("ready", INT), ("cleaning up Cancelled", INT)]);
    assert_eq!(said.len(), 6, "{said:#?}");
    assert!(said[2].contains("async cleanup") && said[2].contains("dropped unfinished"), "{said:#?}");
    assert_eq!(said[3..], ["interrupted", "and runs again", "the end"]);
    assert!(status.success());
}

#[test]
fn a_graceful_program_is_asked_to_stop_and_gives_its_value() {
    for signal in [INT, Signal::TERMINATE] {
        let (said, status) = run("graceful", &[("ready", signal)]);
        assert_eq!(
            (said, status.success()),
            (["ready", "the task stopped", "the end"].map(str::to_owned).to_vec(), true)
        );
    }
}

#[test]
fn who_does_not_stop_is_cancelled_when_patience_is_over() {
    let (said, status) = run("graceful, deaf", &[("ready", Signal::TERMINATE)]);
    let expected = ["ready", "cleaning up Cancelled", "cleaned up", "interrupted", "the end"];
    assert_eq!((said, status.success()), (expected.map(str::to_owned).to_vec(), true));
}

#[test]
fn a_run_without_a_main_is_ended_and_cleaned_up() {
    let (said, status) = run("forever", &[("ready", INT)]);
    assert_eq!(said, ["ready", "cleaning up Cancelled", "cleaned up"]);
    assert_eq!(status.signal(), Some(INT.as_raw()));
}

#[test]
fn a_handler_of_the_programs_own_replaces_all_that() {
    let (said, status) = run("own handler", &[("ready", INT)]);
    assert_eq!(said, ["ready", "heard", "again at its default", "ready"]);
    assert_eq!(status.signal(), Some(INT.as_raw()), "once nobody listens, it does what it does by default");
}

#[test]
fn signals_count_from_the_call_and_are_received_once() {
    let _watch = watch();
    Runner::new().workers(2).run(async {
        let (mut first, mut second) = (signal(Signal::USR1).unwrap(), signal(Signal::USR1).unwrap());
        send(Signal::USR1);
        first.recv().await;
        second.recv().await;
        assert!(raddle::timeout(MS, first.recv()).await.is_err());
        send(Signal::USR1);
        first.recv().await;
        assert!(format!("{first:?}").starts_with("<Signals of SIGUSR1 from runtime/tests/ctrl_c.rs:"));
    });
}

#[test]
#[should_panic(expected = "SIGKILL cannot be listened to: the system lets no program see it")]
fn what_cannot_be_caught_is_refused() {
    drop(signal(Signal::KILL).unwrap());
}

/// asyncio's own demonstration of Ctrl-C, line by line, 200 times in virtual time, and five times in real time with 1, 2
/// and 8 workers.
#[test]
fn interrupted_survived_and_handled() {
    let _watch = watch();
    if std::env::var_os(PROGRAM).is_some() {
        return;
    }
    let (said, status) = run_demonstration();
    let expected = [
        "main: cancelled",
        "main: cleanup done",
        "run: Interrupted",
        "run: survived",
        "custom: handler ran, stopping = false",
        "run: custom done",
    ];
    assert_eq!(said.len(), (200 + 15) * expected.len());
    for said in said.chunks(expected.len()) {
        assert_eq!(said, expected);
    }
    assert!(status.success());
}

fn run_demonstration() -> (Vec<String>, ExitStatus) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "demonstration", "--nocapture", "--test-threads", "1"]).env(PROGRAM, "demonstration");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text.lines().filter_map(|line| line.strip_prefix("@ ")).map(str::to_owned).collect(), output.status)
}

#[test]
fn demonstration() {
    if std::env::var(PROGRAM).as_deref() != Ok("demonstration") {
        return;
    }
    let _alone = signal_support::alone();
    (0..200).for_each(|_| demonstrate(virtual_runner));
    for workers in [1, 2, 8] {
        (0..5).for_each(|_| demonstrate(|| Runner::new().workers(workers)));
    }
}

/// What waits for a signal waits for ever: a virtual clock knows of none, and would not stand still for it.
fn demonstrate(runner: impl Fn() -> Runner) {
    let interrupted = runner().handle_ctrl_c(true).try_run(async {
        raddle::call_later(30 * MS, || send(INT));
        let main = pending::<()>().finally(|_| async {
            say("main: cancelled");
            sleep(30 * MS).await;
            say("main: cleanup done");
        });
        main.await;
    });
    if let Err(RunError::Interrupted) = interrupted {
        say("run: Interrupted");
    }
    // A main that wants to go on listens for the request to stop, which it may answer with a value.
    let survived = runner().graceful(Duration::from_secs(3600)).run(async {
        send(INT);
        raddle::race((pending(), async {
            stop_requested().await;
            "survived"
        }))
        .await
    });
    say(&format!("run: {survived}"));
    let custom = runner().handle_ctrl_c(true).run(async {
        let mut got = signal(INT).unwrap();
        send(INT);
        got.recv().await;
        say(&format!("custom: handler ran, stopping = {}", is_stopping()));
        "custom done"
    });
    say(&format!("run: {custom}"));
}
