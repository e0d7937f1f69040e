//! Promises of `Task` to those who look: names, numbers, `Debug`, parents, lists, and callbacks at the end.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use common::{Count, Log, hold, on_each_worker, runner, tell, watch};
use raddle::{
    Event, Handle, Task, TaskBuilder, TaskError, TaskStatus, all_tasks, create_local_task, create_task, current_task,
    promise, to_thread, yield_now,
};

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

/// The line of `fetch_data` that waits.
const WAITS: u32 = line!() + 2;
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
        let waiting = format!("{task:?}");
        let there = here(line).replace('>', &format!(" wait_for=<Event::wait at {}:{WAITS} on #", file!()));
        assert!(waiting.starts_with(&format!("<Task pending name='fetch' fut=fetch_data {there}")), "{waiting}");
        assert!(waiting.ends_with(">>"), "{waiting}");
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
fn handles_are_send_and_sync() {
    fn is<T: Send + Sync>() {}
    is::<Task<Vec<u8>>>();
    is::<raddle::Canceller>();
    is::<Handle>();
    is::<Arc<TaskError>>();
}
