//! Runtimes that come and go leave nothing behind. Alone in its binary, since it counts the threads and files of the
//! process.

mod common;

use std::fs;
use std::time::Duration;

use common::{Count, eventually, scaled, watch_for};
use raddle::{Runner, create_task};

/// So many at once are worth another worker.
const TASKS: usize = 600;

fn entries(of: &str) -> usize {
    fs::read_dir(of).unwrap().count()
}

/// Each starts its second worker and its watchdog; half of the tasks are awaited, the others are left to the end.
#[test]
fn ten_thousand_runtimes_start_and_stop() {
    let _watch = watch_for(Duration::from_secs(300));
    let count = || (entries("/proc/self/task"), entries("/proc/self/fd"));
    let (before, dropped) = (count(), Count::default());
    for round in 0..scaled(10_000) {
        let tasks = Runner::new().workers(2).run(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|n| {
                    let guard = dropped.drops();
                    create_task(async move {
                        drop(guard);
                        n
                    })
                })
                .collect();
            let mut tasks = tasks.into_iter().enumerate();
            for (n, task) in tasks.by_ref().take(TASKS / 2) {
                assert_eq!(task.await.unwrap(), n);
            }
            tasks.len()
        });
        assert_eq!((tasks, dropped.get()), (TASKS / 2, (round + 1) * TASKS));
    }
    // A thread that was joined is in the system's list for a moment.
    eventually("all threads and files are gone", || count() == before);
}
