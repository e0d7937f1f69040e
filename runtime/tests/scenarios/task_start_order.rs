//! `create_task` only schedules: the body runs when its creator next suspends, and tasks start in the order of
//! creation. `sleep(0)` gives each ready task one turn. Awaiting a future in place gives nobody a turn.
//!
//! That is one worker's order. With more, tasks start at once on other cores; each goes its own way in order.

use std::time::Duration;

use raddle::{create_task, sleep};

use super::support::{Out, assert_order};

pub(crate) const TEXT: &str = "\
created, none started
inline coroutine: no turn given
A 0
B 0
C 0
main again
A 1
B 1
C 1
A 2
B 2
C 2
all done";

pub(crate) async fn program(out: Out) {
    let tasks = ["A", "B", "C"].map(|name| create_task(worker(out.clone(), name)));
    out.line("created, none started");
    inline(&out).await;
    sleep(Duration::ZERO).await;
    out.line("main again");
    for task in tasks {
        task.await.unwrap();
    }
    out.line("all done");
}

async fn worker(out: Out, name: &str) {
    for step in 0..3 {
        out.line(format!("{name} {step}"));
        sleep(Duration::ZERO).await;
    }
}

async fn inline(out: &Out) {
    out.line("inline coroutine: no turn given");
}

pub(crate) fn each_goes_its_way_in_order(printed: &[String]) {
    for name in ["A", "B", "C"] {
        let steps = [0, 1, 2].map(|step| format!("{name} {step}"));
        assert_order(printed, &[&steps[0], &steps[1], &steps[2], "all done"]);
    }
    let main = ["created, none started", "inline coroutine: no turn given", "main again", "all done"];
    assert_order(printed, &main);
}
