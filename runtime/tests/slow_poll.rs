//! Polls that last are reported while they last.

mod common;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::watch;
use raddle::{Runner, TaskBuilder, TcpListener, TcpStream, create_task, yield_now};

#[test]
fn a_long_poll_is_reported_once_while_it_lasts_and_once_when_it_is_over() {
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
            // A blocking call, so that nobody is in a poll meanwhile.
            let (told, (message, task)) = raddle::to_thread(move || {
                let over = told.recv().unwrap();
                (told, over)
            })
            .await
            .unwrap();
            assert!(message.starts_with("a poll on worker ") && message.contains(" is over that took "), "{message}");
            assert_eq!(task.as_deref(), Some("hog"));
            // Main's polls may be slow, too, on a busy machine.
            assert!(told.try_iter().all(|(_, task)| task.as_deref() != Some("hog")), "once each");
        });
    }
}

/// What the hook told of the first slow poll of a task by that name.
#[derive(Debug)]
struct Told {
    message: String,
    line: u32,
    file: &'static str,
}

/// A hook that tells of the first report of a task by that name, and whether there was one.
fn listen_for(name: &'static str, runner: Runner) -> (Runner, Arc<AtomicBool>, mpsc::Receiver<Told>) {
    let (reported, (tell, told)) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let heard = reported.clone();
    let runner = runner.on_exception(move |context| {
        let Some(task) = context.task.as_ref().filter(|task| &*task.name == name) else { return };
        let (file, line) = (task.spawned_at.file(), task.spawned_at.line());
        tell.send(Told { message: context.message.clone(), line, file }).unwrap();
        heard.store(true, Ordering::SeqCst);
    });
    (runner, reported, told)
}

/// Sleeps on its worker until that was reported. False: it never was.
fn sleep_until_reported(reported: &AtomicBool) -> bool {
    let begun = Instant::now();
    while !reported.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(20));
    }
    reported.load(Ordering::SeqCst)
}

#[test]
fn a_sleep_in_a_handler_is_reported_before_it_ends_by_name_and_line() {
    let _watch = watch();
    for workers in [1, 2] {
        let runner = Runner::new().workers(workers).slow_poll(Duration::from_millis(50));
        let (mut runner, reported, told) = listen_for("handler-1", runner);
        let line = runner.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let handle = |mut stream: TcpStream, reported: Arc<AtomicBool>| async move {
                stream.write_all(b"hello").await.unwrap();
                assert!(sleep_until_reported(&reported), "not reported while it lasted");
                stream.write_all(b"bye").await.unwrap();
            };
            let task = TaskBuilder::new().name("handler-1").create(handle(stream, reported));
            let line = line!() - 1;
            let mut all = [0; 8];
            let mut client = client;
            client.read_exact(&mut all).await.unwrap();
            assert_eq!(&all, b"hellobye");
            task.await.unwrap();
            line
        });
        drop(runner);
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!((told[0].file, told[0].line), (file!(), line));
        let [during, after] = [0, 1].map(|n| &told[n].message);
        assert!(during.starts_with("a poll on worker ") && during.contains(" lasts "), "{during}");
        assert!(during.contains(": blocked in the system"), "{during}");
        assert!(after.contains(" is over that took "), "{after}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
}

#[test]
fn a_poll_that_computes_is_said_to_compute() {
    let _watch = watch();
    let (mut runner, reported, told) = listen_for("hog", Runner::new().workers(2).slow_poll(Duration::from_millis(50)));
    runner.run(async {
        let hog = TaskBuilder::new().name("hog").create(async move {
            let begun = Instant::now();
            while !reported.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(30) {
                std::hint::spin_loop();
            }
        });
        hog.await.unwrap();
    });
    assert!(told.recv().unwrap().message.contains(" lasts "));
    // What it did at that moment is the system's to say: on a busy machine it may fetch a page.
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

#[test]
fn debug_builds_report_polls_over_100_ms_unless_told_otherwise() {
    let _watch = watch();
    let report = |runner: Runner, at_most: Duration| {
        let (mut runner, reported, _told) = listen_for("sleeper", runner.workers(1));
        runner.run(async {
            let sleeper = TaskBuilder::new().name("sleeper").create(async move {
                let begun = Instant::now();
                while !reported.load(Ordering::SeqCst) && begun.elapsed() < at_most {
                    thread::sleep(Duration::from_millis(10));
                }
                reported.load(Ordering::SeqCst)
            });
            sleeper.await.unwrap()
        })
    };
    let (long, short) = (Duration::from_secs(30), 3 * IN_DEBUG);
    let by_default = if cfg!(debug_assertions) { long } else { short };
    assert_eq!(report(Runner::new(), by_default), cfg!(debug_assertions));
    assert!(!report(Runner::new().debug(false), short));
    assert!(!report(Runner::new().slow_poll(Duration::MAX), short));
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
