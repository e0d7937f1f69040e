//! Promises of `process`: other programs, started, fed, heard, signalled and waited for.

mod common;
mod process_support;

use std::ffi::OsStr;
use std::future::IntoFuture;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use common::{eventually, poll_once, runner, watch};
use process_support::{hear, open_files, shell, state};
use raddle::process::{Child, Command, create_subprocess_exec, create_subprocess_shell, handed_on};
use raddle::{Signal, create_task, gather, run, sleep, timeout};

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
        let mut child = shell("trap 'echo heard; exit 5' USR2; echo ready; while :; do sleep 0.05; done");
        hear(&mut child, b"ready\n").await;
        child.send_signal(Signal::USR2).unwrap();
        hear(&mut child, b"heard\n").await;
        let id = child.id();
        eventually("the child ends", || state(id) == Some('Z'));
        child.send_signal(Signal::USR2).expect("it is in the table still");
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
        let error = child.communicate(Some(b"more".to_vec())).await.unwrap_err();
        assert!(error.to_string().starts_with("there is no pipe for the input, or none any more"), "{error}");
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
