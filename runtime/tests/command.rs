//! Promises of the command `raddle`: it tells from outside who is stuck, also where every worker is.

mod common;

#[path = "command_support/crowd.rs"]
mod crowd;

mod command {
    pub(crate) use super::crowd;

    pub(crate) mod abuse;
    pub(crate) mod ask;
    pub(crate) mod folder;
    pub(crate) mod lines;
    pub(crate) mod stuck;
    pub(crate) mod top;
    #[path = "../faults/victim.rs"]
    #[allow(dead_code, reason = "the tests of faults talk more with theirs")]
    pub(crate) mod victim;
}

use std::process::{Command, id};
use std::sync::Arc;

use command::ask::{answer, raddle};
use common::{runner, watch};
use raddle::{Mutex, Queue, TaskBuilder, create_task, yield_now};

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
        (&["top", "2147483646"], "raddle: there is no process 2147483646"),
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
    let number = rustix::process::Pid::from_child(&quiet);
    rustix::process::kill_process(number, rustix::process::Signal::STOP).unwrap();
    common::eventually("it is told that it is stopped", || {
        let output = raddle(&["top", &quiet.id().to_string()]);
        String::from_utf8_lossy(&output.stderr).contains("is stopped, and answers when it goes on")
    });
    quiet.kill().unwrap();
    quiet.wait().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("start it with RADDLE_INSPECT=1"), "{text}");
}
