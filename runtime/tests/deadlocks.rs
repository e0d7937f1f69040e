//! Promises of `Handle::deadlocks` and the call graph: who is stuck, where, waiting for whom.

mod common;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use common::{Reports, runner, virtual_runner, watch};
use raddle::{
    Event, Handle, Mutex, Queue, Task, TaskBuilder, TaskGroup, WaitsOn, all_tasks, capture_call_graph, create_task,
    gather, promise, shield, sleep, task_group, timeout, to_thread, yield_now,
};

/// Takes one lock, and after a turn of the others the second. Returns the task and the lines of its two awaits.
fn take_both(name: &str, first: &Arc<Mutex<u32>>, second: &Arc<Mutex<u32>>) -> (Task<()>, u32, u32) {
    let (first, second) = (first.clone(), second.clone());
    let line = line!();
    let task = TaskBuilder::new().name(name).create(async move {
        let _first = first.lock().await; // line + 2
        yield_now().await;
        let _second = second.lock().await; // line + 4
    });
    (task, line + 2, line + 4)
}

#[test]
fn two_tasks_that_take_two_locks_in_opposite_order_are_named_with_their_lines() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (one, two) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
            // Pinned to one thread by turns: each takes its first lock before either asks for the second.
            let guard = one.lock().await;
            let (left, holds, asks) = take_both("left", &one, &two);
            let (right, ..) = take_both("right", &two, &one);
            let handle = Handle::current();
            until(|| waits_in(&handle, &left, "Mutex::lock") && waits_in(&handle, &right, "Mutex::lock")).await;
            assert!(handle.deadlocks().cycles.is_empty(), "{}", handle.deadlocks());
            drop(guard);
            // Now `left` gets the first lock, with `right` behind it, and asks for the second, which `right` has.
            until(|| !handle.deadlocks().cycles.is_empty()).await;
            let found = handle.deadlocks();
            let cycle = &found.cycles[0];
            assert!(cycle.is_certain, "{found}");
            let names: Vec<_> = cycle.tasks.iter().map(|task| &*task.name).collect();
            assert_eq!(names, ["left", "right"]);
            let text = found.to_string();
            for expected in [
                format!("Task-{} 'left' waits for Task-{} 'right'", left.id(), right.id()),
                format!("Mutex::lock at {}:{asks}, held by Task-{}, taken at {}:{holds}", file!(), right.id(), file!()),
                format!("Mutex::lock at {}:{asks}, held by Task-{}, taken at {}:{holds}", file!(), left.id(), file!()),
            ] {
                assert!(text.contains(&expected), "{expected} is not in {text}");
            }
            assert!(capture_call_graph().to_string().contains(&text), "the call graph tells of deadlocks, too");
            left.cancel();
            right.await.unwrap();
        });
    }
}

#[test]
fn debugging_reports_a_deadlock_once() {
    let _watch = watch();
    let reports = Reports::default();
    // A machine that is slow may bring reports of slow polls, too.
    let deadlocks = |reports: &[String]| reports.iter().filter(|text| text.starts_with("deadlock: ")).count();
    let mut all = Vec::new();
    reports.of(runner(2).debug(true)).run(async {
        let lock = Arc::new(Mutex::new(1));
        let task = TaskBuilder::new().name("twice").create(async move {
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        });
        while deadlocks(&all) == 0 {
            sleep(Duration::from_millis(10)).await;
            all.extend(reports.take());
        }
        // Long enough for another look.
        sleep(Duration::from_millis(1500)).await;
        task.cancel();
    });
    all.extend(reports.take());
    assert_eq!(deadlocks(&all), 1, "{all:?}");
    let text = "deadlock: a task waits for itself\n  Task-2 'twice' waits for Task-2 'twice': Mutex::lock at ";
    assert!(all.iter().any(|report| report.starts_with(text)), "{all:?}");
}

#[test]
fn tasks_that_await_each_other_are_named() {
    // They stay as they are when they are cancelled, each awaiting the other's end: no grace.
    let _watch = watch();
    runner(1).grace(Duration::ZERO).run(async {
        let (give_left, left_gets) = promise::<Task<()>>();
        let (give_right, right_gets) = promise::<Task<()>>();
        let left = create_task(async move { left_gets.await.unwrap().await.unwrap() });
        let right = create_task(async move { right_gets.await.unwrap().await.unwrap() });
        let (left_id, right_id) = (left.id(), right.id());
        assert!(give_left.set(right).is_ok() && give_right.set(left).is_ok());
        until(|| !Handle::current().deadlocks().cycles.is_empty()).await;
        let found = Handle::current().deadlocks();
        let ids: Vec<_> = found.cycles[0].tasks.iter().map(|task| task.id).collect();
        assert_eq!(ids, [left_id, right_id]);
        assert!(found.cycles[0].is_certain, "{found}");
        let graph = capture_call_graph();
        assert_eq!(graph.get(left_id).unwrap().awaits, [right_id]);
        assert_eq!(graph.get(right_id).unwrap().awaits, [left_id]);
    });
}

#[test]
fn a_task_that_awaits_one_who_needs_its_lock_is_found_and_one_with_a_time_limit_is_not_certain() {
    let _watch = watch();
    virtual_runner().run(async {
        let lock = Arc::new(Mutex::new(1));
        let inner = lock.clone();
        let holder = create_task(async move {
            let _guard = lock.lock().await;
            let needs = create_task(async move { *inner.lock().await });
            timeout(Duration::from_secs(5), needs).await.map(|value| value.unwrap())
        });
        until(|| !Handle::current().deadlocks().cycles.is_empty()).await;
        let found = Handle::current().deadlocks();
        assert_eq!(found.cycles[0].tasks.len(), 2);
        assert!(!found.cycles[0].is_certain, "the time limit ends it: {found}");
        assert!(holder.await.unwrap().is_err());
        assert!(Handle::current().deadlocks().is_empty());
    });
}

#[test]
fn nothing_can_run_is_told_from_outside() {
    // Main waits for ever, and so does its child; a plain thread looks.
    let _watch = watch();
    let mut runner = runner(2);
    let handle = runner.handle();
    let (tell, told) = std::sync::mpsc::channel();
    let looker = std::thread::spawn(move || {
        let wake: raddle::Promise<()> = told.recv().unwrap();
        let found = loop {
            let found = handle.deadlocks();
            if found.stalled == 2 {
                break found;
            }
            std::thread::yield_now();
        };
        let text = found.to_string();
        assert!(text.starts_with("nothing can run: 2 tasks wait"), "{text}");
        wake.set(()).unwrap();
    });
    runner.run(async move {
        let (wake, woken) = promise();
        let child = create_task(pending::<()>());
        tell.send(wake).unwrap();
        woken.await.unwrap();
        child.cancel();
    });
    looker.join().unwrap();
}

/// Whether `stalled` tasks are told while main waits for an event, and a task for what `future` gives: looked at by a
/// thread when both wait, which wakes main in the end. `keep` is what it keeps meanwhile.
fn stalled_beside<F, K>(future: impl FnOnce() -> F + Send, keep: impl FnOnce(&Handle) -> K + Send + 'static) -> usize
where
    F: Future<Output = ()> + Send + 'static,
    K: 'static,
{
    let mut runner = runner(2);
    let handle = runner.handle();
    let event = Arc::new(Event::new());
    let set = event.clone();
    let looker = std::thread::spawn(move || {
        let kept = keep(&handle);
        let mut told = usize::MAX;
        // Looked at a few times: a worker may be busy with its own affairs.
        for _ in 0..20 {
            while handle.metrics().workers_parked < 2 || handle.all_tasks().len() < 2 {
                std::thread::yield_now();
            }
            told = told.min(handle.deadlocks().stalled);
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(kept);
        set.set();
        told
    });
    runner.run(async move {
        let task = create_task(future());
        event.wait().await;
        task.cancel();
    });
    looker.join().unwrap()
}

#[test]
fn nothing_can_run_is_not_told_where_something_known_can_wake_a_task() {
    let _watch = watch();
    let event = || async { Event::new().wait().await };
    // A listener to a signal is known to all runtimes of the process, and other tests run beside this one.
    assert_eq!(stalled_beside(event, Handle::clone), 0, "another handle may create a task");
    assert_eq!(stalled_beside(|| async { sleep(Duration::from_secs(600)).await }, |_| ()), 0, "a timer");
    let socket = || async {
        let socket = raddle::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        _ = socket.recv(&mut [0]).await;
    };
    assert_eq!(stalled_beside(socket, |_| ()), 0, "a socket");
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let job = || async move { to_thread(move || _ = ended.recv()).await.unwrap() };
    assert_eq!(stalled_beside(job, |_| end), 0, "a blocking call");
    let foreign = || {
        let mut wakers = Vec::new();
        std::future::poll_fn(move |cx| {
            wakers.push(cx.waker().clone());
            std::task::Poll::<()>::Pending
        })
    };
    assert_eq!(stalled_beside(foreign, |_| ()), 0, "another library has a waker");
    let signal = || async {
        let mut signals = raddle::signal::signal(raddle::Signal::USR2).unwrap();
        // The last of them is the one that is told.
        raddle::race((async { signals.recv().await }, async { Event::new().wait().await })).await;
    };
    assert_eq!(stalled_beside(signal, |_| ()), 0, "a signal is listened to");
}

#[test]
fn a_task_that_waits_in_a_queue_shows_the_queue_the_line_and_since_when() {
    let _watch = watch();
    virtual_runner().run(async {
        let queue: Queue<u32> = Queue::bounded(1);
        let getters: Vec<_> = (0..2)
            .map(|_| {
                let queue = queue.clone();
                create_task(async move { queue.get().await })
            })
            .collect();
        let line = line!() - 3;
        let other = create_task(async { Queue::<u32>::unbounded().get().await.ok() });
        yield_now().await;
        sleep(Duration::from_secs(10)).await;
        let tasks = all_tasks();
        let wait = |place: usize| tasks[place].waiting.clone().unwrap();
        for place in [1, 2] {
            let wait = wait(place);
            assert_eq!((wait.op, wait.at.unwrap().file(), wait.at.unwrap().line()), ("Queue::get", file!(), line));
            let waited = wait.waited(raddle::Instant::now());
            assert!(waited.abs_diff(Duration::from_secs(10)) < Duration::from_millis(200), "{waited:?}");
        }
        assert_eq!(wait(1).on, wait(2).on);
        assert_ne!(wait(1).on, wait(3).on);
        let WaitsOn::Object(number) = wait(1).on else { panic!("{:?}", wait(1)) };
        let shown = format!("wait_for=<Queue::get at {}:{line} on #{number:x}>>", file!());
        assert!(format!("{:?}", getters[0]).ends_with(&shown), "{:?}", getters[0]);
        assert!(capture_call_graph().to_string().contains(&format!("waits 10.0s in Queue::get at {}:{line}", file!())));
        other.cancel();
        getters.iter().for_each(|getter| _ = getter.cancel());
    });
}

#[test]
fn whoever_awaits_tasks_side_by_side_shielded_or_in_a_group_is_above_them() {
    let _watch = watch();
    runner(1).run(async {
        static EVENT: Event = Event::new();
        let child = || create_task(EVENT.wait());
        let pair = [child(), child()];
        let pair_ids = [pair[0].id(), pair[1].id()];
        let gathers = create_task(async move { gather(pair).await });
        // More than a few have wakers of their own; who created them tells.
        let crowds = create_task(async move { gather((0..40).map(|_| child())).await });
        let shields = create_task(async { shield(EVENT.wait()).await });
        let groups = create_task(async {
            task_group(async |group: TaskGroup| {
                (0..3).for_each(|_| group.create_task(EVENT.wait()).detach());
                Ok(())
            })
            .await
            .unwrap();
        });
        until(|| all_tasks().len() == 1 + 2 + 4 + 40 + 1 + 3).await;
        yield_now().await;
        let graph = capture_call_graph();
        let awaits = |id| graph.get(id).unwrap().awaits.clone();
        let mut gathered = awaits(gathers.id());
        gathered.sort_unstable();
        assert_eq!(gathered, pair_ids);
        assert_eq!(graph.get(pair_ids[0]).unwrap().awaited_by, [gathers.id()]);
        assert_eq!(awaits(crowds.id()).len(), 40);
        assert_eq!((awaits(shields.id()).len(), awaits(groups.id()).len()), (1, 3));
        let text = graph.to_string();
        let below = format!("Task-{} pending fut=whoever_awaits", gathers.id());
        assert!(text.lines().any(|line| line.starts_with(&below)), "{text}");
        assert!(text.contains(&format!("\n  Task-{} pending", pair_ids[1])), "{text}");
        EVENT.set();
        drop((gathers.await, crowds.await, shields.await, groups.await));
    });
}

#[test]
fn every_kind_of_wait_of_this_crate_shows() {
    let _watch = watch();
    runner(2).run(async {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let tasks = [
            ("sleep", create_task(async { sleep(Duration::from_secs(600)).await })),
            ("Event::wait", create_task(async { Event::new().wait().await })),
            ("Semaphore::acquire", create_task(async { drop(raddle::Semaphore::new(0).acquire().await) })),
            (
                "Receiver::recv",
                create_task(async {
                    let (_sender, receiver) = raddle::channel::<u8>(1);
                    _ = receiver.recv().await;
                }),
            ),
            (
                "readable fd",
                create_task(async {
                    let listener = raddle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                    _ = listener.accept().await;
                }),
            ),
            ("to_thread", create_task(async move { to_thread(move || held.recv().unwrap_or(())).await.unwrap() })),
            (
                "promise",
                create_task(async {
                    let (_promise, pending) = promise::<u8>();
                    _ = pending.await;
                }),
            ),
            (
                "StreamReader::read",
                create_task(async {
                    let (_feeder, mut reader) = raddle::streams::StreamReader::pair();
                    _ = reader.read_line().await;
                }),
            ),
            ("Barrier::wait", create_task(async { _ = raddle::Barrier::new(2).wait().await })),
        ];
        let handle = Handle::current();
        for (op, task) in &tasks {
            until(|| waits_in(&handle, task, op)).await;
        }
        assert!(handle.deadlocks().is_empty());
        drop(release);
        tasks.iter().for_each(|(_, task)| _ = task.cancel());
    });
}

/// Lets the others run until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        yield_now().await;
    }
}

fn waits_in<T>(handle: &Handle, task: &Task<T>, op: &str) -> bool {
    let tasks = handle.all_tasks();
    let seen = tasks.iter().find(|seen| seen.id == task.id());
    seen.and_then(|seen| seen.waiting.as_ref()).is_some_and(|wait| wait.op == op)
}
