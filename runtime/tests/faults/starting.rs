//! Threads, processes and runtimes that the system does not let start: whoever asked is told what could not be had, what
//! can be done without is, and what was missing comes later.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use raddle::{Command, Handle, Runner, create_task, fs, lookup_host, signal, sleep, to_thread, yield_now};

use super::strace::{Fault, is_missing};
use super::victim::{Victim, heard, is_victim, say};
use crate::common::{Reports, on_each_worker, panic_of, runner, watch};

/// Of whatever makes threads.
const CLONE: &str = "clone3,clone";
const NO_THREAD: &str = "Resource temporarily unavailable (os error 11)";

/// How long a thread takes to fail to start, where that matters.
const SLOW: Duration = Duration::from_millis(500);

/// Children run while their creator blocks: another worker has come, or somebody has relieved this one.
fn block_on_a_child() {
    let (said, heard) = mpsc::channel();
    create_task(async move { said.send(()).unwrap() }).detach();
    heard.recv().unwrap();
}

/// It is not tried again at once; then it is, by whoever makes a task.
async fn watchdog_may_come() {
    sleep(Duration::from_millis(20)).await;
}

/// What cannot do without a thread says so.
async fn thread_calls_fail() {
    let said = create_task(async { panic_of(|| drop(to_thread(|| 1))) }).await.unwrap();
    let expected = format!("no thread for a blocking call could be started: {NO_THREAD}");
    assert_eq!(said, format!("to_thread: {expected}"));
    let error = fs::read("Cargo.toml").await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read \"Cargo.toml\": {expected}"));
    let error = lookup_host("localhost:1").await.unwrap_err();
    assert!(error.to_string().contains(&expected), "{error}");
    let error = signal::signal(signal::Signal::USR1).err().unwrap();
    assert_eq!(error.to_string(), format!("no thread for signals: {NO_THREAD}"));
    let error = Runner::new().in_background().unwrap_err();
    assert_eq!(error.to_string(), format!("the runtime could not be started: {NO_THREAD}"));
}

async fn thread_calls_work() {
    assert_eq!(to_thread(|| 1).await.unwrap(), 1);
    fs::read("Cargo.toml").await.unwrap();
    lookup_host("localhost:1").await.unwrap();
    drop(signal::signal(signal::Signal::USR1).unwrap());
    drop(Runner::new().in_background().unwrap());
}

/// Tasks of its own and tasks from elsewhere, far more than one worker would be left alone with.
async fn tasks_run(elsewhere: &mpsc::Sender<Handle>, sums: &mpsc::Receiver<usize>) {
    elsewhere.send(Handle::current()).unwrap();
    let tasks: Vec<_> = (0..5000).map(|n| create_task(async move { (yield_now().await, n).1 })).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n);
    }
    let sum = loop {
        match sums.try_recv() {
            Ok(sum) => break sum,
            Err(mpsc::TryRecvError::Empty) => yield_now().await,
            Err(gone) => panic!("the thread that makes tasks: {gone}"),
        }
    };
    assert_eq!(sum, 5000 * 4999 / 2);
}

#[test]
fn without_threads_tasks_run_calls_are_refused_and_workers_come_later() {
    let test = "without_threads_tasks_run_calls_are_refused_and_workers_come_later";
    let _watch = watch();
    let body = || {
        // A thread that is there before.
        let ((elsewhere, handles), (give, sums)) = (mpsc::channel::<Handle>(), mpsc::channel());
        thread::spawn(move || {
            for handle in handles {
                let task = |n| handle.create_task(async move { (yield_now().await, n).1 });
                let tasks: Vec<_> = (0..5000).map(task).collect();
                give.send(tasks.into_iter().map(|task| task.join_blocking().unwrap()).sum()).unwrap();
            }
        });
        let reports = Reports::default();
        let mut runner = reports.of(runner(3));
        say("ready");
        assert_eq!(heard().as_deref(), Some("no threads"));
        runner.run(async {
            for _ in 0..3 {
                tasks_run(&elsewhere, &sums).await;
                thread_calls_fail().await;
            }
            say("no threads");
            assert_eq!(heard().as_deref(), Some("threads"));
            thread_calls_work().await;
            watchdog_may_come().await;
            // Return once there are three workers, and somebody who wakes one for another.
            on_each_worker(3, |_| ()).await;
            block_on_a_child();
            tasks_run(&elsewhere, &sums).await;
        });
        drop(runner);
        let mut said = reports.take();
        said.sort();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with(&format!("the watchdog could not be started: {NO_THREAD}")), "{said:?}");
        assert!(said[1].starts_with(&format!("worker 1 could not be started: {NO_THREAD}")), "{said:?}");
        say("threads");
    };
    if is_victim(test, body) || is_missing(test) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    victim.hear("ready");
    let fault = Fault::inject(&victim, CLONE, "error=EAGAIN");
    victim.ask("no threads");
    assert!(fault.end() > 5);
    victim.ask("threads");
    victim.finish();
}

#[test]
fn a_watchdog_that_comes_late_relieves_who_blocks() {
    // The first thread, which is the watchdog's, is refused; then there are some.
    let test = "a_watchdog_that_comes_late_relieves_who_blocks";
    let _watch = watch();
    let body = || {
        let reports = Reports::default();
        let mut runner = reports.of(runner(2));
        say("ready");
        assert_eq!(heard().as_deref(), Some("one refused"));
        runner.run(async {
            create_task(yield_now()).await.unwrap();
            say("one refused");
            assert_eq!(heard().as_deref(), Some("go on"));
            watchdog_may_come().await;
            block_on_a_child();
        });
        let said = reports.take();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("the watchdog could not be started: "), "{said:?}");
    };
    if is_victim(test, body) || is_missing(test) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    victim.hear("ready");
    let fault = Fault::inject(&victim, CLONE, "error=EAGAIN:when=1");
    victim.ask("one refused");
    assert_eq!(fault.end(), 1);
    victim.tell("go on");
    victim.finish();
}

#[test]
fn who_relied_on_a_worker_that_never_came_is_woken() {
    // A task from outside has another worker started, which takes its time and fails. Meanwhile the first worker has done
    // all there is and sleeps; and a wake-up relies on the worker that is about to come.
    let test = "who_relied_on_a_worker_that_never_came_is_woken";
    let _watch = watch();
    let body = || {
        let (go, told_to_go) = mpsc::channel::<Handle>();
        let (promise, kept) = raddle::promise();
        let (created, creation) = raddle::promise();
        // Threads that are there before.
        let creator = thread::spawn(move || {
            let handle = told_to_go.recv().unwrap();
            handle.create_task(async {}).join_blocking().unwrap();
            created.set(()).unwrap();
        });
        let (wake, told_to_wake) = mpsc::channel::<()>();
        let waker = thread::spawn(move || {
            told_to_wake.recv().unwrap();
            thread::sleep(SLOW * 7 / 10);
            promise.set(()).unwrap();
        });
        say("ready");
        assert_eq!(heard().as_deref(), Some("go"));
        let reports = Reports::default();
        reports.of(runner(2)).run(async {
            // Not main's own wake-up, which goes to its worker and no other. The watchdog is wanted, and not to be had.
            let relies = create_task(kept);
            go.send(Handle::current()).unwrap();
            wake.send(()).unwrap();
            // Awake until the second worker is being started.
            thread::sleep(SLOW * 4 / 10);
            relies.await.unwrap().unwrap();
            creation.await.unwrap();
        });
        creator.join().unwrap();
        waker.join().unwrap();
        // On a machine that is busy it may have happened in another order.
        assert!((1..=2).contains(&reports.take().len()), "the watchdog, and most likely the worker");
    };
    if is_victim(test, body) || is_missing(test) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    victim.hear("ready");
    let fault = format!("error=EAGAIN:delay_enter={}", SLOW.as_micros());
    let fault = Fault::inject(&victim, CLONE, &fault);
    victim.tell("go");
    victim.finish();
    assert!(fault.end() >= 1);
}

/// The victim: does what it is told, and says what came of it.
fn do_as_told() {
    while let Some(order) = heard() {
        let outcome = match &*order {
            "run" => runner(2).try_run(async {}).map_err(|error| error.to_string()),
            "start" => {
                let outcome = raddle::run(Command::new("true").status());
                outcome.map(drop).map_err(|error| error.to_string())
            }
            other => panic!("{other}?"),
        };
        say(format!("{order} {outcome:?}"));
    }
    let children = std::fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()));
    assert_eq!(children.unwrap_or_default(), "", "a child was left");
}

fn told(test: &str, order: &str, faults: &[(&str, &str, &str)]) {
    let _watch = watch();
    if is_victim(test, do_as_told) || is_missing(test) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    // All that is made once and stays is there.
    victim.tell(order);
    assert_eq!(victim.hear(order), "Ok(())");
    for (calls, fault, expected) in faults {
        let injected = Fault::inject(&victim, calls, fault);
        victim.tell(order);
        let outcome = victim.hear(order);
        assert!(injected.end() > 0, "{calls}:{fault} has met nobody");
        assert!(outcome.contains(expected), "{calls}:{fault}: {outcome} instead of {expected}");
        victim.tell(order);
        assert_eq!(victim.hear(order), "Ok(())", "after {calls}:{fault}");
    }
    victim.finish();
}

#[test]
fn a_runtime_that_cannot_start_says_what_was_missing() {
    let start = "the runtime could not be started: no";
    told(
        "a_runtime_that_cannot_start_says_what_was_missing",
        "run",
        &[
            (
                "epoll_create1",
                "error=ENFILE",
                &format!("{start} epoll instance to be had: Too many open files in system"),
            ),
            ("epoll_create1", "error=ENOMEM", &format!("{start} epoll instance to be had: Cannot allocate memory")),
            ("eventfd2", "error=ENOMEM", &format!("{start} eventfd to be woken by to be had: Cannot allocate memory")),
            (
                "epoll_ctl",
                "error=ENOSPC",
                &format!("{start} eventfd to be woken by to be had: No space left on device"),
            ),
        ],
    );
}

#[test]
fn a_process_that_cannot_start_says_so_and_leaves_nothing() {
    let start = "cannot start \\\"true\\\": ";
    told(
        "a_process_that_cannot_start_says_so_and_leaves_nothing",
        "start",
        &[
            ("clone3,clone,?vfork", "error=EAGAIN", &format!("{start}Resource temporarily unavailable")),
            ("clone3,clone,?vfork", "error=ENOMEM", &format!("{start}Cannot allocate memory")),
            ("execve", "error=ENOMEM", &format!("{start}Cannot allocate memory")),
            (
                "pidfd_open",
                "error=ENOSYS",
                &format!("{start}processes are waited for by pidfd, which this system does not have"),
            ),
            ("pidfd_open", "error=EMFILE", &format!("{start}Too many open files")),
            // Room was found, and lost again when the child was there already.
            ("pidfd_open", "error=EMFILE:when=2", &format!("{start}Too many open files")),
            ("waitid", "error=EINTR:when=1", "Ok(())"),
        ],
    );
}
