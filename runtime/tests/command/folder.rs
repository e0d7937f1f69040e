//! Where the sockets are, and who may come there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::mpsc;
use std::thread;

use raddle::{Runner, TaskBuilder};
use rustix::process::Signal;

use super::ask::raddle;
use super::victim::{Victim, heard, is_victim, say, skip};
use crate::common::watch;

/// A folder of the test's own, for `XDG_RUNTIME_DIR`.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("raddle-{test}-{}", id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn sockets(&self) -> Vec<String> {
        let found = fs::read_dir(self.0.join("raddle")).into_iter().flatten();
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What the victim is to be started by; its errors go to a file here.
    fn before(&self) -> [String; 5] {
        let folder = format!("XDG_RUNTIME_DIR={}", self.0.display());
        let script = format!("exec \"$0\" \"$@\" 2>{}/errors", self.0.display());
        ["env".into(), folder, "sh".into(), "-c".into(), script]
    }

    fn start(&self, test: &str, part: &str) -> Victim {
        let before = self.before();
        Victim::start(module_path!(), test, part, &before.each_ref().map(String::as_str))
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.0.join("errors")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs two runtimes, one after the other, that are to be inspected, and goes on in any case.
fn two_runs() {
    for number in 0..2 {
        assert_eq!(Runner::new().workers(1).inspect(true).run(async { number }), number);
    }
    say("runs on");
    heard();
}

const REFUSED: &str = "raddle: this runtime cannot be inspected from outside: ";

#[test]
fn a_folder_that_others_can_enter_is_not_used() {
    let _watch = watch();
    if is_victim("two runs", two_runs) {
        return;
    }
    let test = "a_folder_that_others_can_enter_is_not_used";
    let folder = Folder::new(test);
    let open = folder.0.join("raddle");
    fs::create_dir_all(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    let mut victim = folder.start(test, "two runs");
    victim.hear("runs on");
    victim.finish();
    assert!(folder.sockets().is_empty());
    assert!(folder.errors().contains("mode 0700"), "{}", folder.errors());
}

#[test]
fn a_link_in_the_place_of_the_folder_is_not_followed() {
    let _watch = watch();
    if is_victim("two runs", two_runs) {
        return;
    }
    let test = "a_link_in_the_place_of_the_folder_is_not_followed";
    let folder = Folder::new(test);
    let target = folder.0.join("target");
    fs::create_dir_all(&target).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o700)).unwrap();
    symlink(&target, folder.0.join("raddle")).unwrap();
    let mut victim = folder.start(test, "two runs");
    victim.hear("runs on");
    victim.finish();
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    assert!(folder.errors().contains("has to be a folder of this user alone"), "{}", folder.errors());
}

#[test]
fn where_no_folder_can_be_made_it_is_said_once_and_the_program_runs_on() {
    let _watch = watch();
    if is_victim("two runs", two_runs) {
        return;
    }
    let test = "where_no_folder_can_be_made_it_is_said_once_and_the_program_runs_on";
    let folder = Folder::new(test);
    let script = format!("exec \"$0\" \"$@\" 2>{}/errors", folder.0.display());
    // Where root cannot write either.
    let before = ["env", "XDG_RUNTIME_DIR=/proc/nowhere", "sh", "-c", &script];
    let mut victim = Victim::start(module_path!(), test, "two runs", &before);
    victim.hear("runs on");
    victim.finish();
    let errors = folder.errors();
    assert_eq!(errors.matches(REFUSED).count(), 1, "{errors}");
    assert!(errors.contains(&format!("{REFUSED}cannot make /proc/nowhere/raddle: ")), "{errors}");
}

/// A runtime that is there until it is told otherwise.
fn wait_to_be_told() {
    Runner::new().workers(1).inspect(true).run(async {
        say("here");
        heard();
    });
}

#[test]
fn what_a_killed_program_leaves_behind_is_cleaned_up_by_the_next_and_the_living_keep_theirs() {
    let _watch = watch();
    if is_victim("waits", wait_to_be_told) {
        return;
    }
    let test = "what_a_killed_program_leaves_behind_is_cleaned_up_by_the_next_and_the_living_keep_theirs";
    let folder = Folder::new("stale");
    let mut living = folder.start(test, "waits");
    living.hear("here");
    let mut killed = folder.start(test, "waits");
    killed.hear("here");
    let (left, kept) = (format!("{}-1.sock", killed.pid()), format!("{}-1.sock", living.pid()));
    let dead = killed.pid().to_string();
    killed.signal(Signal::KILL);
    drop(killed);
    assert!(folder.sockets().contains(&left));
    let output = raddle(&["ps", &dead]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("raddle: there is no process {dead}\n"));

    let mut next = folder.start(test, "waits");
    next.hear("here");
    let sockets = folder.sockets();
    assert!(!sockets.contains(&left) && sockets.contains(&kept), "{sockets:?}");
    // The command finds the folder by the program's own environment.
    assert!(living.told("ps", &[]).contains("Task-1"));
    living.finish();
    next.finish();
    assert!(folder.sockets().is_empty(), "whoever ends cleans up");
}

#[test]
fn two_runtimes_of_one_process_are_told_one_after_the_other() {
    let _watch = watch();
    let body = || {
        let (tell, told) = mpsc::channel();
        let run = |name: &'static str, tell: mpsc::Sender<()>| {
            move || {
                let waits = async move {
                    let task = TaskBuilder::new().name(name).create(std::future::pending::<()>());
                    raddle::yield_now().await;
                    tell.send(()).unwrap();
                    if name == "first" { drop(raddle::to_thread(heard).await) } else { drop(task.await) }
                };
                Runner::new().workers(1).name(name).inspect(true).run(waits);
            }
        };
        let first = thread::spawn(run("first", tell.clone()));
        told.recv().unwrap();
        thread::spawn(run("second", tell));
        told.recv().unwrap();
        say("both");
        first.join().unwrap();
        say("one");
        heard();
    };
    if is_victim("two runtimes", body) {
        return;
    }
    let mut victim =
        Victim::start(module_path!(), "two_runtimes_of_one_process_are_told_one_after_the_other", "two runtimes", &[]);
    victim.hear("both");
    let ps = victim.told("ps", &[]);
    let (first, second) = ps.split_once("\n\n").unwrap_or_else(|| panic!("two lists: {ps}"));
    assert!(first.contains("'first'") && second.contains("'second'"), "{ps}");
    let json: serde_json::Value = serde_json::from_str(&victim.told("top", &["--json", "--once"])).unwrap();
    let names: Vec<_> = json["runtimes"].as_array().unwrap().iter().map(|runtime| runtime["runtime"].clone()).collect();
    assert_eq!(names, ["first", "second"]);
    let top = victim.told("top", &["--once"]);
    assert!(top.contains("runtime 1 of 2: first") && top.contains("runtime 2 of 2: second"), "{top}");
    victim.tell("go on");
    victim.hear("one");
    let ps = victim.told("ps", &[]);
    assert!(!ps.contains("'first'") && ps.contains("'second'"), "{ps}");
    victim.tell("end");
    drop(victim);
}

#[test]
fn a_fork_of_the_program_takes_nothing_away() {
    let _watch = watch();
    let body = || {
        let mut runner = Runner::new().workers(2).inspect(true);
        runner.run(async {});
        // SAFETY: the child does nothing but drop what it has a copy of, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(runner);
            // SAFETY: no preconditions.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: a child of this process, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        runner.run(async {
            say("child is gone");
            heard();
        });
    };
    if is_victim("forks", body) {
        return;
    }
    let mut victim = Victim::start(module_path!(), "a_fork_of_the_program_takes_nothing_away", "forks", &[]);
    victim.hear("child is gone");
    assert!(victim.told("ps", &[]).contains("Task-"));
    victim.finish();
}

#[test]
fn another_user_learns_nothing_and_root_does() {
    let _watch = watch();
    if is_victim("waits", wait_to_be_told) {
        return;
    }
    let test = "another_user_learns_nothing_and_root_does";
    if !rustix::process::geteuid().is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        return skip(test, "it needs root and setpriv");
    }
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // Where everybody may come, since this user's own folder is nobody else's.
    let shared = Folder::new("users");
    let command = shared.0.join("raddle-command");
    fs::copy(env!("CARGO_BIN_EXE_raddle"), &command).unwrap();
    let mut roots = Victim::start(module_path!(), test, "waits", &["env", "-u", "XDG_RUNTIME_DIR"]);
    roots.hear("here");
    let asked =
        Command::new(nobody[0]).args(&nobody[1..]).arg(&command).args(["ps", &roots.pid().to_string()]).output();
    let asked = asked.unwrap();
    assert!(!asked.status.success());
    let told = String::from_utf8(asked.stderr).unwrap();
    assert_eq!(told, format!("raddle: process {} is another user's: that user and root may ask it\n", roots.pid()));
    roots.finish();

    let program = shared.0.join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let test = format!("command::folder::{test}");
    let words = ["--exact", &test, "--nocapture", "--test-threads=1"];
    let mut theirs = Command::new(nobody[0]);
    theirs
        .args(&nobody[1..])
        .arg(&program)
        .args(words)
        .env("RADDLE_TEST_VICTIM", "waits")
        .env_remove("XDG_RUNTIME_DIR");
    let mut theirs = theirs.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    let folder = Path::new("/tmp/raddle-65534").join(format!("{}-1.sock", theirs.id()));
    crate::common::eventually("their socket", || folder.exists());
    // Its socket is there a moment before it answers, and its tasks a moment after that.
    let id = theirs.id().to_string();
    crate::common::eventually("their tasks", || {
        let output = raddle(&["ps", &id]);
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Task-1")
    });
    drop(theirs.stdin.take());
    theirs.wait().unwrap();
}
