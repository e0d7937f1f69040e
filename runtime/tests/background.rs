//! A runtime in the background: there until it is dropped, and then whole gone.

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{Count, Reports, hold, panic_of, watch};
use raddle::{FinallyExt, Runner, create_task, promise, sleep};

#[test]
fn work_is_handed_to_it_from_several_threads() {
    let _watch = watch();
    for workers in [1, 2] {
        let background = Arc::new(Runner::new().workers(workers).in_background().unwrap());
        thread::scope(|scope| {
            for n in 0..8u32 {
                let background = background.clone();
                scope.spawn(move || {
                    let task = background.create_task(async move { create_task(async move { n }).await.unwrap() });
                    assert_eq!(task.join_blocking().unwrap(), n);
                    background.block_on(sleep(Duration::from_millis(1)));
                });
            }
        });
    }
}

#[test]
fn dropping_it_cancels_what_is_left_and_waits_for_the_cleanup() {
    let _watch = watch();
    let (background, cleaned) = (Runner::new().in_background().unwrap(), Count::default());
    let (begun, waiting) = promise();
    let (dropped, count) = (cleaned.drops(), cleaned.clone());
    background
        .create_task(
            async move {
                common::tell(begun, ());
                hold(dropped).await;
            }
            .finally(move |_| async move {
                sleep(Duration::from_millis(5)).await;
                count.add();
            }),
        )
        .detach();
    background.block_on(waiting).unwrap();
    drop(background);
    assert_eq!(cleaned.get(), 2);
}

#[test]
fn one_of_its_own_tasks_may_drop_it() {
    let _watch = watch();
    let reports = Reports::default();
    let background = reports.of(Runner::new().workers(2)).in_background().unwrap();
    let (handle, (given, gone)) = ((*background).clone(), promise());
    handle
        .create_task(async move {
            drop(background);
            common::tell(given, ());
        })
        .detach();
    raddle::run(gone).unwrap();
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_runtime_that_is_this_threads_cannot_go_away() {
    let _watch = watch();
    let mut runner = Runner::new();
    runner.run(async {});
    let text = panic_of(|| drop(runner.in_background()));
    assert!(text.contains("run_forever"), "{text}");
}
