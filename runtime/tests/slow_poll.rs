//! Polls that last are reported while they last.

mod common;

use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::watch;
use raddle::{Runner, TaskBuilder, create_task, yield_now};

#[test]
fn a_long_poll_is_reported_while_it_lasts_and_once() {
    let _watch = watch();
    for workers in [1, 2] {
        let (tell, told) = mpsc::channel();
        let runner = Runner::new().workers(workers).slow_poll(Duration::from_millis(5));
        let mut runner = runner.on_exception(move |context| {
            let task = context.task.as_ref().map(|task| task.name.to_string());
            tell.send((context.message.clone(), task)).unwrap();
        });
        runner.run(async {
            let told = TaskBuilder::new().name("hog").create(async move {
                // Ends only when the report has come.
                let (message, task) = told.recv().unwrap();
                assert!(message.starts_with("a poll on worker ") && message.contains(" lasts "), "{message}");
                assert_eq!(task.as_deref(), Some("hog"));
                thread::sleep(Duration::from_millis(50));
                told
            });
            let told = told.await.unwrap();
            for _ in 0..10 {
                create_task(yield_now()).await.unwrap();
            }
            assert!(told.try_recv().is_err(), "once");
        });
    }
}

/// Sleeping, waiting for a thread, and the end of a runtime whose blocking thread takes its time: nobody is in a poll.
#[test]
fn what_waits_is_not_reported() {
    let _watch = watch();
    for workers in [1, 2] {
        let (tell, told) = mpsc::channel();
        let limit = Duration::from_millis(20);
        let mut runner = Runner::new().workers(workers).slow_poll(limit).on_exception(move |context| {
            // A machine that stands still in the middle of a poll is right to be reported, with the task.
            if context.task.is_none() {
                tell.send(context.message.clone()).unwrap();
            }
        });
        runner.run(async {
            raddle::sleep(2 * limit).await;
            raddle::to_thread(move || thread::sleep(2 * limit)).await.unwrap();
            create_task(raddle::to_thread(move || thread::sleep(10 * limit))).detach();
            yield_now().await;
        });
        drop(runner);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
    }
}

/// Blocks until the poll that it is in has been reported, and says for how long it had lasted.
fn reported_after(runner: Runner) -> Duration {
    let (tell, told) = mpsc::channel();
    let mut runner = runner.on_exception(move |context| tell.send(context.message.clone()).unwrap());
    runner.run(async {
        let began = Instant::now();
        told.recv().unwrap();
        began.elapsed()
    })
}

const IN_DEBUG: Duration = Duration::from_millis(100);

#[test]
fn debug_takes_100_ms_for_slow() {
    let _watch = watch();
    assert!(reported_after(Runner::new().workers(1).debug(true)) >= IN_DEBUG);
    let told_twice = Runner::new().workers(1).slow_poll(2 * IN_DEBUG);
    assert!(reported_after(told_twice.debug(true)) >= 2 * IN_DEBUG);
    // What was asked for by name stays.
    reported_after(Runner::new().workers(2).slow_poll(IN_DEBUG).debug(false));
}

/// The same, asked for by the environment of a process of its own.
#[test]
fn the_environment_turns_debug_on() {
    let _watch = watch();
    if std::env::var_os("RADDLE_DEBUG").is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output =
            child.args(["--exact", "the_environment_turns_debug_on"]).env("RADDLE_DEBUG", "1").output().unwrap();
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        return;
    }
    assert!(reported_after(Runner::new().workers(1)) >= IN_DEBUG);
    // What the program says counts more.
    let (tell, told) = mpsc::channel();
    let silent = Runner::new().workers(1).debug(false);
    silent.on_exception(move |_| tell.send(()).unwrap()).run(async { thread::sleep(2 * IN_DEBUG) });
    assert!(told.try_recv().is_err());
}
