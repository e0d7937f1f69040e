//! Ten thousand tasks, and every worker stuck.

use super::crowd::{self, TEN_THOUSAND, Then};
use super::victim::{Victim, is_victim, say};
use crate::common::watch;

#[test]
fn ten_thousand_tasks_are_told_while_all_workers_are_blocked() {
    stuck("ten_thousand_tasks_are_told_while_all_workers_are_blocked", Then::Block);
}

#[test]
fn ten_thousand_tasks_are_told_while_all_workers_spin() {
    stuck("ten_thousand_tasks_are_told_while_all_workers_spin", Then::Spin);
}

fn stuck(test: &str, then: Then) {
    let _watch = watch();
    let part = format!("crowd {then:?}");
    if is_victim(&part, || crowd::run(TEN_THOUSAND, 2, then, true, |word| say(word))) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, &part, &[]);
    victim.hear("ready");
    let pstree = victim.told("pstree", &[]);
    let lines: Vec<&str> = pstree.lines().collect();
    assert_eq!(lines.len(), 10_000 + 1 + 2, "the tasks, main, and two that are stuck");
    let like =
        |start: &str, part: &str| lines.iter().filter(|line| line.starts_with(start) && line.contains(part)).count();
    let file = crowd::FILE;
    assert_eq!(like("Task-", &format!("in Queue::get at {file}:")), TEN_THOUSAND.queue);
    assert_eq!(like("Task-", &format!("in sleep at {file}:")), TEN_THOUSAND.sleep);
    assert_eq!(like("Task-", &format!("in readable fd at {file}:")), TEN_THOUSAND.sockets);
    assert_eq!(like("Task-", &format!("in Event::wait at {file}:")), TEN_THOUSAND.event);
    assert_eq!(like("  Task-", &format!("in Event::wait at {file}:")), TEN_THOUSAND.group, "below their group");
    for worker in ["worker 0", "worker 1"] {
        assert_eq!(like("Task-", &format!("' running on {worker} for ")), 1, "{worker}");
    }
    assert_eq!(like("Task-", "'stuck-0' running on worker") + like("Task-", "'stuck-1' running on worker"), 2);

    let ps = victim.told("ps", &[]);
    assert_eq!(ps.lines().count(), lines.len());

    let top = victim.told("top", &["--once"]);
    assert!(top.contains("tasks 10,003  workers 2: 0 running, 2 stuck"), "{top}");
    for expected in
        ["worker 0 is stuck for ", "worker 1 is stuck for ", "  3,000  ", "getter-* ", "sleeper-* ", "Queue::get "]
    {
        assert!(top.contains(expected), "{expected} is not in {top}");
    }
    let doing = if then == Then::Block { "blocked in a system call" } else { "on a processor, or waiting for one" };
    assert!(top.contains(doing), "{top}");
}
