//! Promises of `Task`: creating, awaiting and leaving.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common::{hold, on_drop, panic_of, poll_once, runner, tell, virtual_runner, watch};
use raddle::{
    BoxError, Handle, Task, TaskError, all_tasks, create_local_task, create_task, promise, run, sleep, timeout,
    to_thread, yield_now,
};

#[test]
fn an_awaited_task_gives_its_value() {
    // With any number of workers, from tasks that create tasks.
    let _watch = watch();
    for workers in [1, 2, 4, 8] {
        let sum = runner(workers).run(async {
            let tasks: Vec<_> =
                (0..100u64).map(|n| create_task(async move { create_task(async move { n }).await.unwrap() })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 4950);
    }
}

#[test]
fn a_task_never_awaited_and_dropped_goes_on() {
    // The handle goes before and after the first poll; both tasks are heard of.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (said, heard) = promise();
            drop(create_task(async move { said.set(1) }));
            assert_eq!(heard.await.unwrap(), 1);
            let (said, heard) = promise();
            let (go, gone) = promise();
            let (started, starting) = promise();
            let task = create_task(async move {
                let _ = started.set(());
                gone.await.unwrap();
                said.set(2)
            });
            starting.await.unwrap();
            drop(task);
            go.set(()).unwrap();
            assert_eq!(heard.await.unwrap(), 2);
        });
    }
}

#[test]
fn a_task_polled_and_dropped_unfinished_is_cancelled() {
    // A timed-out awaiter owned the handle, so the task ends with it, at the same virtual moment.
    let _watch = watch();
    virtual_runner().run(async {
        let (dropped, drop_seen) = promise();
        let task = create_task(hold(on_drop(move || tell(dropped, ()))));
        assert!(timeout(Duration::from_millis(5), task).await.is_err());
        let start = raddle::Instant::now();
        drop_seen.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn detach_lets_a_polled_task_go_on() {
    let _watch = watch();
    runner(1).run(async {
        let (go, gone) = promise::<()>();
        let (said, heard) = promise();
        let mut task = create_task(async move {
            gone.await.unwrap();
            said.set("alive")
        });
        assert!(poll_once(&mut task).await.is_pending());
        task.detach();
        go.set(()).unwrap();
        assert_eq!(heard.await.unwrap(), "alive");
    });
}

#[test]
fn a_borrowed_task_outlives_the_timeout_around_it() {
    // `&mut task` may be given up and taken up again.
    let _watch = watch();
    virtual_runner().run(async {
        let mut task = create_task(async {
            sleep(Duration::from_secs(2)).await;
            7
        });
        assert!(timeout(Duration::from_secs(1), &mut task).await.is_err());
        assert!(!task.is_done());
        assert_eq!(timeout(Duration::from_secs(2), &mut task).await.unwrap().unwrap(), 7);
    });
}

#[test]
fn a_task_awaited_again_after_its_result_says_so() {
    let _watch = watch();
    let text = panic_of(|| {
        runner(1).run(async {
            let mut task = create_task(async {});
            (&mut task).await.unwrap();
            let _ = (&mut task).await;
        });
    });
    assert!(text.contains("awaited again"), "{text}");
}

#[test]
fn try_result_gives_the_value_once() {
    let _watch = watch();
    runner(1).run(async {
        let mut task = create_task(async { String::from("once") });
        assert!(task.try_result().is_none());
        yield_now().await;
        assert_eq!(task.try_result().unwrap().unwrap(), "once");
        assert!(task.try_result().is_none());
        let mut local = create_local_task(async { 2 });
        yield_now().await;
        assert_eq!(local.try_result().unwrap().unwrap(), 2);
    });
}

#[test]
fn join_blocking_works_from_threads_only() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let handle = Handle::current();
            let joined = to_thread(move || {
                let value = handle.create_task(async { sleep(Duration::from_millis(1)).await }).join_blocking();
                let panic = handle.create_task(async { panic!("seen by the thread") }).join_blocking();
                (value.is_ok(), panic.unwrap_err().to_string())
            });
            assert_eq!(joined.await.unwrap(), (true, "task panicked: seen by the thread".to_owned()));
            let text = panic_of(|| create_task(async {}).join_blocking());
            assert!(text.contains("join_blocking on a worker thread"), "{text}");
        });
    }
}

#[test]
fn flatten_makes_one_result_of_two() {
    let _watch = watch();
    run(async {
        let parse = |text: &'static str| create_task(async move { Ok::<u32, BoxError>(text.parse()?) }).flatten();
        assert_eq!(parse("7").await.unwrap(), 7);
        assert!(parse("seven").await.unwrap_err().to_string().contains("invalid digit"));
        let task: Task<Result<(), BoxError>> = create_task(std::future::pending());
        task.cancel();
        assert_eq!(task.flatten().await.unwrap_err().to_string(), "task was cancelled");
        let task: Task<Result<(), BoxError>> = create_task(async { panic!("oh") });
        assert_eq!(task.flatten().await.unwrap_err().to_string(), "task panicked: oh");
    });
}

#[test]
fn a_handle_may_be_awaited_by_another_task_and_another_thread() {
    // The same handle is polled by two tasks in turn; the newest waker is the one that is woken.
    let _watch = watch();
    runner(4).run(async {
        for _ in 0..200 {
            let (go, gone) = promise();
            let mut task = create_task(async move { gone.await.unwrap() });
            assert!(poll_once(&mut task).await.is_pending());
            let other = create_task(task);
            yield_now().await;
            go.set(5).unwrap();
            assert_eq!(other.await.unwrap().unwrap(), 5);
        }
    });
}

#[test]
fn panics_are_errors_that_carry_their_payload() {
    let _watch = watch();
    runner(2).run(async {
        let error = create_task(async { std::panic::panic_any(17u8) }).await.map(|(): ()| ()).unwrap_err();
        let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
        assert_eq!(panic.message(), "(a panic whose payload is no text)");
        assert_eq!(*panic.into_payload().downcast::<u8>().unwrap(), 17);
        let error = create_task(async { panic!("number {}", 5) }).await.map(|(): ()| ()).unwrap_err();
        let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
        let resumed = catch_unwind(AssertUnwindSafe(|| panic.resume())).unwrap_err();
        assert_eq!(common::text_of(resumed), "number 5");
    });
}
