//! What is told of single tasks, to the line.

use std::time::Duration;

use raddle::{Queue, Runner, TaskBuilder, sleep};

use super::ask::{answer, answer_with};
use super::crowd;
use super::victim::{Victim, is_victim, orders, say};
use crate::common::{eventually, watch};

#[test]
fn two_tasks_with_two_locks_are_named_with_their_four_lines_and_so_they_are_on_stderr() {
    let _watch = watch();
    let body = || {
        let orders = orders();
        Runner::new().workers(2).run(async {
            let (tasks, lines) = crowd::plant_deadlock().await;
            say(format!(
                "lines {} {} {} {} {} {}",
                tasks[0].id(),
                tasks[1].id(),
                lines[0],
                lines[1],
                lines[2],
                lines[3]
            ));
            orders.get().await.unwrap_err();
            tasks.iter().for_each(|task| _ = task.cancel());
        });
    };
    if is_victim("deadlock", body) {
        return;
    }
    let errors = std::env::temp_dir().join(format!("raddle-test-errors-{}", std::process::id()));
    let script = format!("exec \"$0\" \"$@\" 2>{}", errors.display());
    let before = ["env", "RADDLE_INSPECT=1", "RADDLE_DEBUG=1", "sh", "-c", &script];
    let test = "two_tasks_with_two_locks_are_named_with_their_four_lines_and_so_they_are_on_stderr";
    let mut victim = Victim::start(module_path!(), test, "deadlock", &before);
    let told = victim.hear("lines");
    let [left, right, left_holds, left_asks, right_holds, right_asks] = *told.split(' ').collect::<Vec<_>>() else {
        panic!("{told}")
    };
    let file = crowd::FILE;
    let of_left = format!(
        "\n  Task-{left} 'left' waits for Task-{right} 'right': Mutex::lock at {file}:{left_asks}, \
         held by Task-{right}, taken at {file}:{right_holds}\n"
    );
    let of_right = format!(
        "\n  Task-{right} 'right' waits for Task-{left} 'left': Mutex::lock at {file}:{right_asks}, \
         held by Task-{left}, taken at {file}:{left_holds}\n"
    );
    let process = victim.pid().to_string();
    for arguments in [&["ps", &process][..], &["pstree", &process], &["top", &process, "--once"]] {
        let text = answer_with(arguments, "deadlock: 2 tasks wait for each other");
        assert!(text.contains(&of_left), "{of_left} is not in {text}");
        assert!(text.contains(of_right.trim_end()), "{of_right} is not in {text}");
        assert!(!text.contains("possible deadlock"), "{text}");
    }
    let reported = || std::fs::read_to_string(&errors).unwrap_or_default();
    eventually("a report on stderr", || reported().contains("raddle: deadlock: 2 tasks wait for each other"));
    victim.finish();
    let reported = reported();
    std::fs::remove_file(&errors).unwrap();
    assert!(reported.contains(&of_left) && reported.contains(of_right.trim_end()), "{reported}");
}

#[test]
fn a_task_in_a_queue_shows_the_queue_the_line_and_for_how_long() {
    let _watch = watch();
    let body = || {
        let orders = orders();
        Runner::new().workers(2).inspect(true).run(async {
            let queue: Queue<u32> = Queue::bounded(1);
            let getter = |name: &str| {
                let queue = queue.clone();
                TaskBuilder::new().name(name).create(async move { queue.get().await })
            };
            let line = line!() - 2;
            let tasks = [getter("one"), getter("two")];
            let other = TaskBuilder::new().name("other").create(async { Queue::<u32>::unbounded().get().await });
            sleep(Duration::from_millis(1)).await;
            say(format!("line {line}"));
            orders.get().await.unwrap_err();
            drop((tasks, other));
        });
    };
    if is_victim("queue", body) {
        return;
    }
    let test = "a_task_in_a_queue_shows_the_queue_the_line_and_for_how_long";
    let mut victim = Victim::start(module_path!(), test, "queue", &[]);
    let line = victim.hear("line");
    let process = victim.pid().to_string();
    let there = format!("s in Queue::get at {}:{line} on #", file!());
    for command in ["ps", "pstree"] {
        let text = answer_with(&[command, &process], &there);
        assert!(text.contains("'one' pending fut="), "{text}");
        let of = |name: &str| {
            let line = text.lines().find(|line| line.contains(&format!("'{name}'")));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).split(" on #").nth(1).unwrap().to_owned()
        };
        assert_eq!(of("one"), of("two"), "one queue: {text}");
        assert_ne!(of("one"), of("other"), "another queue: {text}");
    }
    let one = || {
        let json = answer(&["ps", &process, "--json"]);
        let runtimes: serde_json::Value = serde_json::from_str(&json).unwrap();
        runtimes[0]["tasks"].as_array().unwrap().iter().find(|task| task["name"] == "one").unwrap()["waits"].clone()
    };
    assert_eq!(one()["op"], "Queue::get");
    assert!(one()["at"].as_str().unwrap().starts_with(&format!("{}:{line}:", file!())));
    // It grows with the time, whatever that is here.
    eventually("a second of waiting", || one()["seconds"].as_f64().unwrap() >= 1.0);
    victim.finish();
}
