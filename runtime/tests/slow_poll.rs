//! Polls that last are reported while they last.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::watch;
use raddle::{Runner, TaskBuilder, create_task, yield_now};

#[test]
fn a_long_poll_is_reported_while_it_lasts_and_once() {
    let _watch = watch();
    for workers in [1, 2] {
        let (tell, told) = mpsc::channel();
        let runner = Runner::new().workers(workers).slow_poll(Duration::from_millis(5));
        let mut runner = runner.on_exception(move |context| {
            let task = context.task.as_ref().map(|task| task.name.to_string());
            tell.send((context.message.clone(), task)).unwrap();
        });
        runner.run(async {
            let told = TaskBuilder::new().name("hog").create(async move {
                // Ends only when the report has come.
                let (message, task) = told.recv().unwrap();
                assert!(message.starts_with("a poll on worker ") && message.contains(" lasts "), "{message}");
                assert_eq!(task.as_deref(), Some("hog"));
                thread::sleep(Duration::from_millis(50));
                told
            });
            let told = told.await.unwrap();
            for _ in 0..10 {
                create_task(yield_now()).await.unwrap();
            }
            assert!(told.try_recv().is_err(), "once");
        });
    }
}
