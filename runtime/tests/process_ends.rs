//! Promises of `process` about the end: of a child, of whoever has started it, and of those who wait.

mod common;
mod process_support;

use std::collections::HashSet;
use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use common::{eventually, poll_once, runner, watch};
use process_support::{Announced, hear, is_in_a_process, open_files, shell, state, stubborn};
use raddle::process::{Command, create_subprocess_exec};
use raddle::{Exit, Signal, create_task, run, timeout, with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn one_who_ignores_sigterm_is_killed_when_the_grace_is_over() {
    let _watch = watch();
    runner(2).run(async {
        let mut child = stubborn().await;
        let status = child.stop(Duration::from_millis(20)).await.unwrap();
        assert_eq!(status.signal(), Some(9));
        assert_eq!(child.stop(Duration::ZERO).await.unwrap(), status, "it has ended already");
        // One that listens has all the time it wants.
        let mut child = shell("trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done");
        hear(&mut child, b"ready\n").await;
        assert_eq!(child.stop(Duration::MAX).await.unwrap().code(), Some(4));
    });
}

#[test]
fn a_dropped_child_goes_on_and_leaves_no_zombie() {
    let _watch = watch();
    let mut ids = Vec::new();
    runner(2).run(async {
        // One that goes on, one that has ended, one that is killed.
        let mut goes_on = shell("echo ready; read x; sleep 0.02");
        hear(&mut goes_on, b"ready\n").await;
        let input = goes_on.stdin.take().unwrap();
        ids.push(goes_on.id());
        drop(goes_on);
        let ended = create_subprocess_exec("true", [] as [&str; 0]).await.unwrap();
        let id = ended.id();
        eventually("it ends", || state(id) == Some('Z'));
        drop(ended);
        assert_eq!(state(id), None, "whoever has ended is fetched at once");
        let killed = create_subprocess_exec("sleep", ["1000"]).kill_on_drop(true).await.unwrap();
        let killed_id = killed.id();
        drop(killed);
        eventually("the killed one is gone", || state(killed_id).is_none());
        assert!(matches!(state(ids[0]), Some('S' | 'R')), "nobody has told it to end");
        drop(input);
    });
    eventually("the orphan is gone, after its runtime", || state(ids[0]).is_none());
}

#[test]
fn orphans_come_and_go_while_the_reaper_does() {
    // It leaves when there are none; those that come just then are fetched all the same.
    let _watch = watch();
    runner(2).run(async {
        for round in 0..20 {
            let ids: Vec<_> = (0..5)
                .map(|n| {
                    let mut child = Command::new("sh");
                    child.args(["-c", &format!("sleep 0.00{}", (n * round) % 10)]);
                    child.spawn().unwrap().id()
                })
                .collect();
            eventually("all are gone", || ids.iter().all(|id| state(*id).is_none()));
        }
    });
}

#[test]
fn output_that_is_given_up_ends_its_child_before_the_timeout_returns() {
    let _watch = watch();
    runner(2).run(async {
        for kills in [false, true] {
            let announced = Announced::new();
            let output = Command::new("sh").args(["-c", &announced.script()]).kill_on_drop(kills).output();
            let id = announced.id();
            assert!(timeout(Duration::from_millis(1), output).await.is_err());
            if kills {
                eventually("it is gone", || state(id).is_none());
            } else {
                assert_eq!(state(id), None, "the timeout has waited for it");
            }
        }
    });
}

#[test]
fn a_run_that_ends_ends_what_output_has_started() {
    // With time for it by SIGTERM, without by SIGKILL.
    let _watch = watch();
    for grace in [Duration::from_secs(10), Duration::ZERO] {
        let announced = Announced::new();
        let mut runner = runner(2).grace(grace);
        let id = runner.run(async {
            let output = Command::new("sh").args(["-c", &announced.script()]).output();
            create_task(output).detach();
            announced.id()
        });
        drop(runner);
        eventually("it is gone", || state(id).is_none());
    }
}

#[test]
fn a_child_inherits_no_file_but_its_three() {
    // Sockets, files, pipes to others, pidfds and what a runtime has open: as many as there are without any of them.
    let _watch = watch();
    let list = || std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
    let before = list();
    runner(2).run(async {
        let _listener = raddle::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _file = raddle::fs::File::open("Cargo.toml").await.unwrap();
        let mut other = shell("cat");
        assert!(poll_once(&mut other.wait()).await.is_pending());
        let after = Command::new("ls").arg("/proc/self/fd").output().await.unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&after), String::from_utf8_lossy(&before));
        assert!(other.communicate(None).await.unwrap().status.success());
    });
}

#[test]
fn with_closes_a_child_however_its_use_ends() {
    let _watch = watch();
    runner(2).run(async {
        let child = create_subprocess_exec("sleep", ["1000"]).await.unwrap();
        let id = with(child, async |child| child.id()).await;
        assert_eq!(state(id), None);
        let (told, hear) = raddle::promise();
        let child = create_subprocess_exec("sleep", ["1000"]).await.unwrap();
        let task = create_task(with(child, async |child| {
            let _ = told.set(child.id());
            child.wait().await
        }));
        let id = hear.await.unwrap();
        task.cancel();
        assert!(task.await.is_err());
        assert_eq!(state(id), None);
        // Closing that is cut short kills.
        let child = stubborn().await;
        let id = child.id();
        use raddle::AsyncClose;
        assert!(timeout(Duration::from_millis(5), child.async_close(Exit::Done)).await.is_err());
        eventually("the stubborn one is gone", || state(id).is_none());
    });
}

#[test]
fn a_child_outlives_its_runtime_and_is_waited_for_in_another() {
    let _watch = watch();
    let mut child = runner(2).run(async {
        let mut child = shell("read x; echo $x; exit 9");
        // Or it might have said its word by the end of the poll that closes its input.
        child.send_signal(Signal::STOP).unwrap();
        eventually("it is held", || matches!(state(child.id()), Some('T' | 't')));
        // Registered with a reactor that will be gone.
        assert!(poll_once(&mut child.wait()).await.is_pending());
        assert!(poll_once(&mut child.communicate(None)).await.is_pending());
        child
    });
    child.send_signal(Signal::CONT).unwrap();
    assert_eq!(runner(1).run(child.communicate(None)).unwrap().stdout, b"\n");
    assert_eq!(run(child.wait()).unwrap().code(), Some(9));
}

#[test]
fn outside_a_runtime_a_child_is_started_and_one_that_has_ended_is_waited_for() {
    let _watch = watch();
    let mut child = Command::new("true").spawn().unwrap();
    eventually("it ends", || state(child.id()) == Some('Z'));
    let mut wait = Box::pin(child.wait());
    let polled = wait.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Ok(status)) if status.success()), "{polled:?}");
    let mut child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let mut wait = Box::pin(child.wait());
    let polled = wait.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert!(error.to_string().contains("no raddle runtime on this thread"), "{error}");
}

#[test]
fn a_status_that_somebody_else_has_fetched_is_said_to_be_lost() {
    let _watch = watch();
    runner(1).run(async {
        let mut child = shell("exit 1");
        let pid = rustix::process::Pid::from_raw(child.id() as i32);
        rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
        for _ in 0..2 {
            let error = child.wait().await.unwrap_err();
            assert!(error.to_string().contains("is lost: another part of the program has waited for it"), "{error}");
        }
        assert_eq!((child.returncode(), child.kill().unwrap_err().kind()), (None, ErrorKind::NotFound));
    });
}

#[test]
fn without_file_descriptors_starting_fails_and_leaves_no_process() {
    // Its limit is lowered, and raised step by step until there is enough to start a child with.
    let _watch = watch();
    let name = "without_file_descriptors_starting_fails_and_leaves_no_process";
    if !is_in_a_process(name, "exec \"$0\" \"$@\"") {
        return;
    }
    runner(1).run(async {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // All that is opened once and stays is there afterwards.
        assert!(cat.spawn().unwrap().communicate(None).await.unwrap().status.success());
        let files = open_files();
        let mut outcomes = HashSet::new();
        for free in 0..12 {
            let limit = Rlimit { current: Some((files + free) as u64), maximum: getrlimit(Resource::Nofile).maximum };
            setrlimit(Resource::Nofile, limit).unwrap();
            match cat.spawn() {
                Ok(mut child) => {
                    let said = child.communicate(Some(b"x".to_vec())).await.unwrap();
                    assert_eq!(said.stdout, b"x");
                    outcomes.insert(true);
                }
                Err(error) => {
                    assert!(error.to_string().starts_with("cannot start \"cat\": "), "{error}");
                    outcomes.insert(false);
                }
            }
        }
        assert_eq!(outcomes.len(), 2, "it failed at first, and worked in the end");
        let children = format!("/proc/self/task/{}/children", std::process::id());
        let left = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(left(&children), "", "children of the main thread");
        assert!(open_files() <= files);
    });
}

#[test]
fn where_sigchld_is_ignored_the_status_is_said_to_be_lost() {
    // The system forgets such children by itself, some before anybody could look.
    let _watch = watch();
    let name = "where_sigchld_is_ignored_the_status_is_said_to_be_lost";
    if !is_in_a_process(name, "trap '' CHLD; exec \"$0\" \"$@\"") {
        return;
    }
    runner(1).run(async {
        for _ in 0..20 {
            let mut child = Command::new("true").kill_on_drop(true).spawn().unwrap();
            let error = child.wait().await.unwrap_err();
            assert!(error.to_string().contains("is lost: another part of the program"), "{error}");
        }
        let output = Command::new("echo").arg("x").output().await;
        assert!(output.is_err());
    });
}
