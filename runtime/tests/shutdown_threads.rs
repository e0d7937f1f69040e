//! Ten thousand runtimes come and go. Alone in its binary, since it counts the threads and files of the process.

mod common;

use std::fs;
use std::time::Duration;

use common::{eventually, hold, scaled, watch_for};
use raddle::{Runner, create_task, to_thread, yield_now};

fn count(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn ten_thousand_runtimes_leave_no_thread_and_no_file() {
    // Each starts its second worker: the tasks meet in their polls. Some leave tasks, timers and blocking threads.
    let _watch = watch_for(Duration::from_secs(120));
    let (threads, files) = (count("/proc/self/task"), count("/proc/self/fd"));
    for round in 0..scaled(10_000) {
        Runner::new().workers(2).run(async {
            match round % 4 {
                0 => {
                    common::on_each_worker(2, |_| ()).await;
                }
                1 => {
                    let tasks: Vec<_> = (0..5).map(|n| create_task(async move { n })).collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                }
                2 => {
                    for _ in 0..5 {
                        create_task(hold(())).detach();
                        create_task(raddle::sleep(Duration::from_secs(3600))).detach();
                    }
                    yield_now().await;
                }
                _ => {
                    create_task(to_thread(|| ())).detach();
                    create_task(async { to_thread(|| ()).await.unwrap() }).await.unwrap();
                }
            }
        });
        if round % 1000 == 0 {
            assert!(count("/proc/self/task") <= threads + 50, "threads pile up");
            assert!(count("/proc/self/fd") <= files + 50, "files pile up");
        }
    }
    // A thread that was waited for may need a moment to be gone from the system's list.
    eventually("all threads are gone", || count("/proc/self/task") == threads);
    assert_eq!(count("/proc/self/fd"), files);
}
