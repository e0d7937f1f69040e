//! Promises of `process`: other programs, started, fed, heard, signalled and waited for.

mod common;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::future::{Future, IntoFuture};
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{eventually, poll_once, runner, watch};
use raddle::process::{Child, Command, create_subprocess_exec, create_subprocess_shell, handed_on};
use raddle::{Exit, Signal, create_task, gather, run, sleep, timeout, with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A shell that runs `script`, with pipes for its input and output.
fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// A shell that ignores SIGTERM, and has said that it does.
async fn stubborn() -> Child {
    let mut child = shell("trap '' TERM; echo deaf; while :; do sleep 0.02; done");
    hear(&mut child, b"deaf\n").await;
    child
}

/// Waits until the child has said that.
async fn hear(child: &mut Child, text: &[u8]) {
    let mut heard = vec![0; text.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, text);
}

/// What the system knows of a process: `R`, `S`, `Z` for a zombie; None if it does not know it any more.
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A shell that writes its number to a file before it sleeps.
struct Announced(PathBuf);

impl Announced {
    fn new() -> Announced {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Announced(std::env::temp_dir().join(format!("raddle-process-{}-{number}", std::process::id())))
    }

    fn script(&self) -> String {
        format!("echo $$ >{0}.new && mv {0}.new {0}; exec sleep 1000", self.0.display())
    }

    fn id(&self) -> u32 {
        eventually("it has said its number", || self.0.exists());
        std::fs::read_to_string(&self.0).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs the test of that name in a process of its own, by way of a shell, and checks that it succeeds. True: this is that
/// process.
fn is_in_a_process(test: &str, script: &str) -> bool {
    const PART: &str = "RADDLE_TEST_PROCESS";
    if std::env::var_os(PART).is_some() {
        return true;
    }
    // Not every shell hands an ignored SIGCHLD down.
    let mut again = Command::new("bash");
    again.args(["-c", script]).arg(std::env::current_exe().unwrap()).env(PART, "1");
    let output = run(again.args(["--exact", test, "--nocapture", "--test-threads=1"]).output()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

#[test]
fn output_and_status_tell_how_a_program_ended() {
    let _watch = watch();
    runner(2).run(async {
        let output = Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).output().await.unwrap();
        assert_eq!((output.stdout, output.stderr, output.status.code()), (b"out\n".into(), b"err\n".into(), Some(3)));
        let output = Command::new("cat").output().await.unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "its input is empty, and not this process's");
        assert!(Command::new("true").status().await.unwrap().success());
        let status = Command::new("sh").args(["-c", "kill -USR1 $$"]).status().await.unwrap();
        assert_eq!(status.signal(), Some(Signal::USR1.as_raw()));
        // What was chosen is kept: a builder may be used again, and this one captures only when asked to.
        let mut echo = Command::new("echo");
        echo.arg("twice").stderr(Stdio::null());
        for _ in 0..2 {
            assert_eq!(echo.output().await.unwrap().stdout, b"twice\n");
        }
        let mut quiet = Command::new("true");
        quiet.output().await.unwrap();
        assert!(quiet.spawn().unwrap().stdout.is_none());
    });
}

#[test]
fn a_builder_hands_down_arguments_environment_and_directory() {
    let _watch = watch();
    runner(1).run(async {
        let mut command = Command::new("sh");
        command.arg0("called").args(["-c", "echo $0 $A $B $C; pwd; ps -o pgid= -p $$ | tr -d ' '; echo $$", "zero"]);
        command.env("A", "a").envs([("B", "b"), ("C", "c")]).env_remove("C").current_dir("/").process_group(0);
        let output = command.output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(&lines[..2], ["zero a b", "/"]);
        if lines.len() == 4 {
            assert_eq!(lines[2], lines[3], "the leader of a group of its own");
        }
        let output = Command::new("/usr/bin/env").env_clear().env("ONLY", "this").output().await.unwrap();
        assert_eq!(output.stdout, b"ONLY=this\n");
        assert_eq!(command.as_std().get_program(), OsStr::new("sh"));
        let mut both = Command::new("sh");
        both.args(["-c", "echo out; echo err >&2; echo out"]).stderr_to_stdout();
        for _ in 0..2 {
            let output = both.output().await.unwrap();
            assert_eq!((output.stdout, output.stderr), (b"out\nerr\nout\n".into(), vec![]));
        }
    });
}

#[test]
fn a_missing_program_is_named() {
    let _watch = watch();
    runner(1).run(async {
        let expected = r#"cannot start "no-such-program": No such file or directory (os error 2)"#;
        for error in [
            Command::new("no-such-program").spawn().unwrap_err(),
            Command::new("no-such-program").output().await.unwrap_err(),
            Command::new("no-such-program").status().await.unwrap_err(),
            create_subprocess_exec("no-such-program", ["x"]).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, expected));
        }
        let error = Command::new("true").current_dir("/no/such").spawn().unwrap_err();
        assert_eq!(error.to_string(), r#"cannot start "true" in "/no/such": No such file or directory (os error 2)"#);
        let error = Command::new("/etc/passwd").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let mut child = create_subprocess_shell("no-such-program").stderr(Stdio::null()).await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(127));
    });
}

#[test]
fn a_child_is_waited_for_any_number_of_times() {
    let _watch = watch();
    runner(2).run(async {
        let mut child = shell("read x; exit 7");
        assert_eq!((child.returncode(), child.try_wait().unwrap()), (None, None));
        assert!(poll_once(&mut child.wait()).await.is_pending());
        assert!(format!("{child:?}").contains("\"sh\"), running"), "{child:?}");
        drop(child.stdin.take());
        for _ in 0..3 {
            assert_eq!(child.wait().await.unwrap().code(), Some(7));
        }
        assert_eq!((child.returncode(), child.try_wait().unwrap().unwrap().code()), (Some(7), Some(7)));
        assert_eq!(state(child.id()), None);
    });
}

#[test]
fn signals_reach_the_child_until_it_was_waited_for() {
    let _watch = watch();
    runner(1).run(async {
        let mut child = shell("trap 'echo hup; exit 5' HUP; echo ready; while :; do sleep 0.05; done");
        hear(&mut child, b"ready\n").await;
        child.send_signal(Signal::HUP).unwrap();
        hear(&mut child, b"hup\n").await;
        let id = child.id();
        eventually("the child ends", || state(id) == Some('Z'));
        child.send_signal(Signal::HUP).expect("it is in the table still");
        assert_eq!(child.returncode(), Some(5), "seen without waiting");
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
        for error in [child.kill(), child.terminate(), child.send_signal(Signal::USR1)] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().ends_with("(\"sh\"): it has ended"), "{error}");
        }
        for (signal, code) in [(Signal::TERM, -15), (Signal::KILL, -9)] {
            let mut child = create_subprocess_exec("sleep", ["1000"]).await.unwrap();
            child.send_signal(signal).unwrap();
            child.wait().await.unwrap();
            assert_eq!(child.returncode(), Some(code));
        }
        let mut child = create_subprocess_exec("sleep", ["1000"]).await.unwrap();
        let error = child.send_signal(Signal::from_raw(99)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        child.kill().unwrap();
        child.wait().await.unwrap();
    });
}

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
fn more_than_the_pipes_hold_goes_both_ways_at_once() {
    // `cat` says each block before it hears the next: whoever first says everything waits for ever.
    let _watch = watch();
    let input: Vec<u8> = (0..3 << 20).map(|n: u32| (n % 251) as u8).collect();
    runner(2).run(async {
        let (mut a, mut b) = (shell("cat"), shell("cat; cat >&2"));
        let (a, b) = gather((a.communicate(Some(input.clone())), b.communicate(Some(input.clone())))).await;
        assert!(a.unwrap().stdout == input && b.unwrap().stdout == input);
        let mut both = Command::new("sh");
        both.args(["-c", "head -c 1000000 /dev/zero; head -c 2000000 /dev/zero >&2; head -c 3000000 /dev/zero"]);
        let output = both.output().await.unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (4_000_000, 2_000_000));
    });
}

#[test]
fn a_child_need_not_listen_to_the_end() {
    let _watch = watch();
    runner(1).run(async {
        let mut child = shell("head -c 3");
        let output = child.communicate(Some(vec![b'x'; 1 << 20])).await.unwrap();
        assert_eq!((output.stdout, output.status.code()), (b"xxx".into(), Some(0)));
        let mut child = shell("exec <&-; exit 2");
        assert_eq!(child.communicate(Some(vec![b'x'; 1 << 20])).await.unwrap().status.code(), Some(2));
    });
}

#[test]
fn communicate_is_given_up_and_taken_up_again() {
    // The child says one half at once and the other when it has heard everything, which takes many attempts.
    let _watch = watch();
    let input: Vec<u8> = (0..2 << 20).map(|n: u32| (n % 251) as u8).collect();
    runner(2).run(async {
        let mut child = shell("echo first; cat; sleep 0.05; echo last");
        let mut talk = child.communicate(Some(input.clone()));
        assert!(poll_once(&mut talk).await.is_pending());
        drop(talk);
        let error = child.communicate(Some(b"more".to_vec())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("an earlier communicate has its input still"), "{error}");
        let output = loop {
            if let Ok(output) = timeout(Duration::from_millis(2), child.communicate(None)).await {
                break output.unwrap();
            }
        };
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), 6 + input.len() + 5);
        assert!(output.stdout.starts_with(b"first\n") && output.stdout.ends_with(b"last\n"));
        assert!(output.stdout[6..][..input.len()] == input);
        let again = child.communicate(None).await.unwrap();
        assert_eq!((again.status, again.stdout), (output.status, vec![]));
    });
}

#[test]
fn input_for_which_there_is_no_pipe_is_refused_and_none_closes_it() {
    let _watch = watch();
    runner(1).run(async {
        let mut child = create_subprocess_exec("true", [] as [&str; 0]).stdin(Stdio::null()).await.unwrap();
        let error = child.communicate(Some(b"x".to_vec())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("there is no pipe for the input"), "{error}");
        child.communicate(Some(Vec::new())).await.unwrap();
        let mut cat = shell("cat");
        assert!(cat.communicate(None).await.unwrap().stdout.is_empty());
    });
}

#[test]
fn a_hundred_children_at_once() {
    let _watch = watch();
    runner(2).run(async {
        let files = open_files();
        let children = (0..100).map(|n| {
            create_task(async move {
                let mut child = shell(&format!("read x; echo {n} $x; exit {n}"));
                let output = child.communicate(Some(b"heard\n".to_vec())).await?;
                assert_eq!(output.stdout, format!("{n} heard\n").as_bytes());
                io::Result::Ok(child)
            })
        });
        let children = gather(children).await;
        for (n, child) in children.into_iter().enumerate() {
            let child = child.unwrap().unwrap();
            assert_eq!((child.returncode(), state(child.id())), (Some(n as i32), None));
        }
        // Other tests have theirs meanwhile.
        eventually("no pipe and no pidfd is left", || open_files() < files + 60);
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
        // Registered with a reactor that will be gone.
        assert!(poll_once(&mut child.wait()).await.is_pending());
        assert!(poll_once(&mut child.communicate(None)).await.is_pending());
        child
    });
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
fn pipes_are_read_and_written_by_tasks_of_their_own() {
    let _watch = watch();
    runner(2).run(async {
        let mut child = shell("while read line; do echo \"<$line>\"; done");
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let writer = create_task(async move {
            for n in 0..100 {
                input.write_all(format!("{n}\n").as_bytes()).await?;
            }
            io::Result::Ok(())
        });
        let reader = create_task(async move {
            let (mut text, mut buffer) = (Vec::new(), [0; 64]);
            loop {
                match output.read(&mut buffer).await? {
                    0 => return io::Result::Ok(text),
                    count => text.extend_from_slice(&buffer[..count]),
                }
            }
        });
        writer.await.unwrap().unwrap();
        let expected: String = (0..100).map(|n| format!("<{n}>\n")).collect();
        assert_eq!(reader.await.unwrap().unwrap(), expected.as_bytes());
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn two_programs_are_connected_without_this_one() {
    // A megabyte goes through: neither program meets would-block, and the end comes when all writers are gone.
    let _watch = watch();
    runner(1).run(async {
        let mut head = Command::new("head");
        let mut head = head.args(["-c", "1000000", "/dev/zero"]).stdout(Stdio::piped()).spawn().unwrap();
        let bytes = handed_on(head.stdout.take().unwrap()).unwrap();
        let output = Command::new("wc").arg("-c").stdin(bytes).output().await.unwrap();
        assert_eq!(output.stdout.trim_ascii(), b"1000000");
        assert!(head.wait().await.unwrap().success());
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

/// A program as a person writes it.
async fn children() -> io::Result<()> {
    let out = Command::new("ls").arg("-l").output().await?;
    assert!(out.status.success());
    let mut child = create_subprocess_exec("cat", ["-"]).stdin(Stdio::piped()).stdout(Stdio::null()).await?;
    assert_eq!(child.communicate(Some(b"x".to_vec())).await?.stdout, b"", "there is no pipe for it");
    Ok(())
}

#[test]
fn a_program_as_a_person_writes_it_runs_in_a_task() {
    let _watch = watch();
    run(async { create_task(children()).await.unwrap().unwrap() });
}

#[test]
fn a_single_worker_serves_others_while_it_waits_for_a_child() {
    let _watch = watch();
    runner(1).run(async {
        let mut child = shell("read x");
        let input = child.stdin.take().unwrap();
        let wait = create_task(async move { child.wait().await });
        sleep(Duration::from_millis(2)).await;
        assert!(!wait.is_done());
        drop(input);
        wait.await.unwrap().unwrap();
    });
}

#[test]
fn children_and_their_futures_go_from_thread_to_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>() {}
    is_sync::<Child>();
    is_send(&Command::new("x"));
    is_send(&create_subprocess_exec("x", ["y"]).into_future());
    let _compiled = |child: &mut Child| {
        is_send(&child.wait());
        is_send(&child.communicate(None));
        is_send(&child.stop(Duration::ZERO));
    };
}
