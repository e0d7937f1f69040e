//! Promises of the command `raddle`: it tells from outside who is stuck, also where every worker is.

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, id};
use std::sync::{Arc, mpsc};

use common::{runner, watch};
use raddle::{Mutex, Queue, TaskBuilder, create_task, yield_now};

fn raddle(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raddle")).args(arguments).output().unwrap()
}

fn answer(arguments: &[&str]) -> String {
    let output = raddle(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_program_whose_only_worker_is_stuck_tells_who_waits_for_whom() {
    let _watch = watch();
    let process = id().to_string();
    let mut runner = runner(1).inspect(true);
    runner.run(async {
        let queue: Queue<u32> = Queue::unbounded();
        let getter = TaskBuilder::new().name("getter").create(async move { queue.get().await });
        let awaits = create_task(async move { getter.await.unwrap().unwrap() });
        let lock = Arc::new(Mutex::new(1));
        let twice = TaskBuilder::new().name("twice \"quoted\"").create(async move {
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        });
        yield_now().await;
        // This thread is the worker, and it waits for the command.
        let (ps, pstree) = (answer(&["ps", &process]), answer(&["pstree", &process]));
        assert!(ps.contains(&format!("Queue::get at {}:", file!())), "{ps}");
        let below = format!("\n  Task-2 'getter' pending fut={}", "a_program_whose_only_worker_is_stuck");
        assert!(pstree.contains(&below), "{pstree}");
        assert!(pstree.contains("deadlock: a task waits for itself"), "{pstree}");

        let json = answer(&["ps", &process, "--json"]);
        let runtimes: serde_json::Value = serde_json::from_str(&json).unwrap();
        let tasks = runtimes[0]["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 4);
        assert_eq!(tasks[1]["waits"]["op"], "Queue::get");
        assert_eq!(tasks[2]["awaits"][0], 2);
        assert_eq!((&tasks[2]["waits"]["task"], &tasks[2]["parent"]), (&2.into(), &1.into()));
        assert_eq!((&tasks[3]["name"], &tasks[3]["waits"]["held_by"]), (&"twice \"quoted\"".into(), &4.into()));
        assert_eq!(runtimes[0]["deadlocks"][0]["tasks"][0], 4);
        awaits.cancel();
        twice.cancel();
        drop((awaits.await, twice.await));
    });
    assert_eq!(answer(&["ps", &process]), "", "between two runs it answers, and there is no task");
    drop(runner);
    assert!(!raddle(&["ps", &process]).status.success());
}

#[test]
fn what_cannot_be_asked_is_told() {
    let _watch = watch();
    let errors = [
        (&["ps", "2147483646"][..], "raddle: there is no process 2147483646"),
        (&["ps", "soon"], "raddle: 'soon' is no process number"),
        (&["pstree"], "usage: raddle ps PID"),
        (&["kill", "1"], "usage: raddle ps PID"),
    ];
    for (arguments, expected) in errors {
        let output = raddle(arguments);
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(expected), "{text}");
    }
    let quiet = Command::new("sleep").arg("600").spawn();
    let mut quiet = quiet.unwrap();
    let output = raddle(&["ps", &quiet.id().to_string()]);
    quiet.kill().unwrap();
    quiet.wait().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("start it with RADDLE_INSPECT=1"), "{text}");
}

#[test]
fn a_folder_that_others_can_enter_is_not_used() {
    // In a process of its own, since it is about the environment.
    let _watch = watch();
    if let Some(folder) = std::env::var_os("RADDLE_TEST_FOLDER") {
        let (tell, told) = mpsc::channel();
        let mut runner = runner(1).on_exception(move |context| tell.send(context.error.clone()).unwrap());
        runner.run(async {});
        assert!(told.recv().unwrap().unwrap().contains("mode 0700"));
        assert_eq!(Path::new(&folder).join("raddle").read_dir().unwrap().count(), 0);
        return;
    }
    let folder = std::env::temp_dir().join(format!("raddle-test-{}", id()));
    let open = folder.join("raddle");
    std::fs::create_dir_all(&open).unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_folder_that_others_can_enter_is_not_used"]);
    again.env("RADDLE_TEST_FOLDER", &folder).env("XDG_RUNTIME_DIR", &folder).env("RADDLE_INSPECT", "1");
    let output = again.output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
