//! Promises of `Task`: creating, awaiting, leaving, naming and showing.

mod common;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{Count, Log, hold, on_drop, on_each_worker, panic_of, poll_once, runner, tell, virtual_runner, watch};
use raddle::{
    BoxError, Event, Handle, Task, TaskBuilder, TaskError, TaskStatus, all_tasks, create_local_task, create_task,
    current_task, promise, run, sleep, timeout, to_thread, yield_now,
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
fn names_count_up_and_can_be_changed() {
    let _watch = watch();
    runner(1).run(async {
        assert_eq!(&*current_task().unwrap().name, "Task-1");
        let tasks: Vec<_> = (0..3).map(|_| create_task(async { current_task().unwrap().name.to_string() })).collect();
        assert_eq!(&*tasks[0].name(), "Task-2");
        assert_eq!(&*tasks[2].name(), "Task-4");
        tasks[1].set_name("middle");
        tasks[1].set_name("centre");
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        assert_eq!(seen, ["Task-2", "centre", "Task-4"]);
        let named = TaskBuilder::new().name("adder").create(async { current_task().unwrap().name });
        assert_eq!(&*named.name(), "adder");
        assert_eq!(&*named.await.unwrap(), "adder");
        let local = TaskBuilder::new().name("local").create_local(async { current_task().unwrap().name });
        assert_eq!(&*local.await.unwrap(), "local");
    });
}

#[test]
fn ids_are_unique_from_all_workers_and_from_outside() {
    // Each of four workers and one thread outside draws more numbers than one block has.
    let _watch = watch();
    runner(4).run(async {
        let handle = Handle::current();
        let outside = thread::spawn(move || (0..1000).map(|_| handle.create_task(async {}).id()).collect::<Vec<_>>());
        let ids = on_each_worker(4, |_| (0..1000).map(|_| create_task(async {}).id()).collect::<Vec<_>>()).await;
        let outside = to_thread(|| outside.join().unwrap()).await.unwrap();
        let ids: Vec<_> = ids.into_iter().flatten().chain(outside).collect();
        assert_eq!(ids.len(), 5000);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5000);
    });
}

async fn fetch_data() -> u32 {
    Event::new().wait().await;
    1
}

async fn look_at_myself() -> String {
    format!("{:?}", current_task().unwrap())
}

#[test]
fn a_task_shows_itself_as_asyncio_does() {
    let _watch = watch();
    runner(1).run(async {
        let here = |line| format!("spawned at {}:{line}>", file!());
        let line = line!() + 1;
        let task = create_task(fetch_data());
        assert_eq!(format!("{task:?}"), format!("<Task pending name='Task-2' fut=fetch_data {}", here(line)));
        yield_now().await;
        task.set_name("fetch");
        assert_eq!(format!("{task:?}"), format!("<Task pending name='fetch' fut=fetch_data {}", here(line)));
        task.cancel();
        assert_eq!(format!("{task:?}"), format!("<Task cancelling name='fetch' fut=fetch_data {}", here(line)));
        let canceller = task.canceller();
        task.await.unwrap_err();
        let gone = format!("<Canceller of <Task cancelled name='fetch' fut=fetch_data {}>", here(line));
        assert_eq!(format!("{canceller:?}"), gone);

        let line = line!() + 1;
        let mut task = create_task(look_at_myself());
        let running = (&mut task).await.unwrap();
        assert_eq!(running, format!("<Task running name='Task-3' fut=look_at_myself {}", here(line)));
        let finished = format!("<Task finished name='Task-3' fut=look_at_myself {}", here(line));
        assert_eq!(format!("{task:?}"), finished);

        let line = line!() + 1;
        let local = create_local_task(fetch_data());
        assert_eq!(format!("{local:?}"), format!("<Task pending name='Task-4' fut=fetch_data {}", here(line)));
    });
}

#[test]
fn a_task_knows_its_creator() {
    let _watch = watch();
    runner(2).run(async {
        let me = current_task().unwrap();
        assert_eq!(me.parent, None);
        let (child, grandchild) = create_task(async {
            let grandchild = create_task(async { current_task().unwrap() }).await.unwrap();
            (current_task().unwrap(), grandchild)
        })
        .await
        .unwrap();
        assert_eq!((child.parent, grandchild.parent), (Some(me.id), Some(child.id)));
        let handle = Handle::current();
        let outside = thread::spawn(move || handle.create_task(async { current_task().unwrap() }));
        let outside = to_thread(|| outside.join().unwrap()).await.unwrap().await.unwrap();
        assert_eq!(outside.parent, None);
    });
}

#[test]
fn all_tasks_are_the_unfinished_ones_and_main() {
    let _watch = watch();
    assert!(current_task().is_none());
    assert!(all_tasks().is_empty());
    runner(1).run(async {
        let ended = create_task(async {});
        let waiting = create_task(hold(()));
        let local = create_local_task(hold(()));
        yield_now().await;
        let all = all_tasks();
        let ids: Vec<_> = all.iter().map(|task| task.id).collect();
        assert_eq!(ids, [current_task().unwrap().id, waiting.id(), local.id()]);
        let statuses: Vec<_> = all.iter().map(|task| task.status).collect();
        assert_eq!(statuses, [TaskStatus::Running, TaskStatus::Pending, TaskStatus::Pending]);
        assert!(ended.is_done());
    });
}

#[test]
fn on_done_callbacks_come_in_order_with_the_status() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let log = Log::<(usize, TaskStatus)>::default();
            let value = create_task(fetch_data());
            let (go, gone) = promise::<()>();
            let panicked = create_task(async move {
                gone.await.unwrap();
                panic!("as planned");
            });
            let (all, mut seen) = promise();
            let mut all = Some(all);
            for n in 0..10 {
                let log = log.clone();
                value.on_done(move |status| log.push((n, status)));
            }
            let last = log.clone();
            panicked.on_done(move |status| {
                last.push((10, status));
                tell(all.take().unwrap(), ());
            });
            let (cancelled, told) = promise();
            value.on_done(move |_| tell(cancelled, ()));
            value.cancel();
            told.await.unwrap();
            assert!(seen.try_get().is_none());
            go.set(()).unwrap();
            seen.await.unwrap();
            let mut expected: Vec<_> = (0..10).map(|n| (n, TaskStatus::Cancelled)).collect();
            expected.push((10, TaskStatus::Panicked));
            assert_eq!(log.take(), expected);
            assert!(panicked.await.is_err());
        });
    }
}

#[test]
fn on_done_of_a_finished_task_is_called_later_not_here() {
    let _watch = watch();
    runner(1).run(async {
        let task = create_task(async { 1 });
        yield_now().await;
        assert!(task.is_done());
        let log = Log::<TaskStatus>::default();
        let other = log.clone();
        task.on_done(move |status| other.push(status));
        assert_eq!(log.len(), 0);
        yield_now().await;
        assert_eq!(log.take(), [TaskStatus::Finished]);
    });
}

#[test]
fn a_canceller_cancels_and_does_not_keep_the_output() {
    let _watch = watch();
    runner(1).run(async {
        let drops = Count::default();
        let output = drops.drops();
        let task = create_task(async move { output });
        let canceller = task.canceller();
        yield_now().await;
        assert!(canceller.is_done());
        assert!(!canceller.clone().cancel());
        assert_eq!(drops.get(), 0);
        drop(task);
        assert_eq!(drops.get(), 1);

        let task = create_task(hold(()));
        let canceller = task.canceller();
        assert!(thread::spawn(move || canceller.cancel()).join().unwrap());
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
    });
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

#[test]
fn handles_are_send_and_sync() {
    fn is<T: Send + Sync>() {}
    is::<Task<Vec<u8>>>();
    is::<raddle::Canceller>();
    is::<Handle>();
    is::<Arc<TaskError>>();
}
