//! A program with ten thousand tasks, of which `workers` then get stuck: what the command `raddle` is tried on.
//!
//! The bench uses the same file.

use std::future::pending;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use raddle::{
    Event, Mutex, Queue, Runner, Task, TaskBuilder, TaskGroup, UdpSocket, create_task, sleep, task_group, yield_now,
};

/// As its lines are told.
pub(crate) const FILE: &str = file!();

/// How many tasks wait for each kind of thing.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) queue: usize,
    pub(crate) event: usize,
    pub(crate) sleep: usize,
    pub(crate) group: usize,
    pub(crate) sockets: usize,
}

/// 10,000 with the one that runs the group.
pub(crate) const TEN_THOUSAND: Crowd = Crowd { queue: 3000, event: 3000, sleep: 2000, group: 1899, sockets: 100 };

/// What the workers do once all tasks wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing: the program is at rest.
    Rest,
    /// They sleep as threads do.
    Block,
    /// They compute.
    Spin,
}

/// Runs the program; says "ready" when it is where it is to be. Never returns.
pub(crate) fn run(crowd: Crowd, workers: usize, then: Then, inspect: bool, say: fn(&str)) -> ! {
    Runner::new().workers(workers).inspect(inspect).run(async move {
        let waiting = gather_crowd(crowd).await;
        if then == Then::Rest {
            say("ready");
        } else {
            let stuck = Arc::new(AtomicUsize::new(0));
            for number in 0..workers {
                let stuck = stuck.clone();
                let name = format!("stuck-{number}");
                let task = TaskBuilder::new().name(&name).create(async move {
                    // A machine that is short of time may have put a spare in already; the workers are to be stuck.
                    while is_spare() {
                        yield_now().await;
                    }
                    if stuck.fetch_add(1, Ordering::SeqCst) + 1 == workers {
                        say("ready");
                    }
                    be_stuck(then)
                });
                task.detach();
            }
        }
        pending::<()>().await;
        drop(waiting);
    });
    unreachable!("main waits for ever")
}

fn is_spare() -> bool {
    std::thread::current().name().is_some_and(|name| name.contains("-spare-"))
}

/// Takes its worker for itself, for ever.
fn be_stuck(then: Then) {
    loop {
        match then {
            Then::Block => std::thread::sleep(Duration::from_secs(3600)),
            _ => _ = black_box(0),
        }
    }
}

/// The tasks, all of which wait when this returns.
async fn gather_crowd(crowd: Crowd) -> Vec<Task<()>> {
    let queue: Queue<u32> = Queue::unbounded();
    let event = Arc::new(Event::new());
    let mut tasks = Vec::new();
    for number in 0..crowd.queue {
        let queue = queue.clone();
        let getter = TaskBuilder::new().name(&format!("getter-{number}"));
        tasks.push(getter.create(async move { _ = queue.get().await }));
    }
    for _ in 0..crowd.event {
        let event = event.clone();
        tasks.push(create_task(async move { event.wait().await }));
    }
    for number in 0..crowd.sleep {
        let sleeper = TaskBuilder::new().name(&format!("sleeper-{}", number % 10));
        tasks.push(sleeper.create(async { sleep(Duration::from_secs(86_400)).await }));
    }
    for _ in 0..crowd.sockets {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        tasks.push(TaskBuilder::new().name("reader").create(async move { _ = socket.recv(&mut [0; 16]).await }));
    }
    tasks.push(TaskBuilder::new().name("group").create(async move {
        let children = task_group(async |group: TaskGroup| {
            for _ in 0..crowd.group {
                let event = event.clone();
                group.create_task(async move { event.wait().await }).detach();
            }
            Ok(())
        });
        children.await.expect("nobody fails");
    }));
    let all = 1 + tasks.len() + crowd.group;
    let waits = || raddle::all_tasks().iter().filter(|task| task.waiting.is_some()).count();
    // All but this one.
    while waits() < all - 1 {
        sleep(Duration::from_millis(5)).await;
    }
    tasks
}

/// Two tasks that take two locks in opposite order. Returns them, and the lines at which each holds its first lock and asks
/// for its second.
pub(crate) async fn plant_deadlock() -> ([Task<()>; 2], [u32; 4]) {
    let (one, two) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (first, second) = (one.clone(), two.clone());
    let line = line!();
    let left = TaskBuilder::new().name("left").create(async move {
        let _first = first.lock().await; // line + 2
        sleep(Duration::from_millis(20)).await;
        let _second = second.lock().await; // line + 4
    });
    let right = TaskBuilder::new().name("right").create(async move {
        let _second = two.lock().await; // line + 7
        sleep(Duration::from_millis(20)).await;
        let _first = one.lock().await; // line + 9
    });
    ([left, right], [line + 2, line + 4, line + 7, line + 9])
}
