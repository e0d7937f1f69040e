//! Promises about several runtimes in one process: each runs its own tasks, wherever they are woken from.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Count, hold, on_drop, runner, scaled, tell, watch};
use raddle::{Handle, Queue, Runner, TaskError, TcpListener, TcpStream, create_task, promise, sleep, to_thread};

/// A runtime on a thread of its own that runs until it is dropped.
struct Beside {
    handle: Handle,
    stop: Option<raddle::Promise<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

fn beside(workers: usize, name: &'static str) -> Beside {
    let (give, given) = mpsc::channel();
    let thread = thread::Builder::new().name(format!("{name}-0"));
    let run = move || {
        let (stop, stopped) = promise();
        let mut runner = Runner::new().workers(workers).name(name);
        give.send((runner.handle(), stop)).unwrap();
        runner.run(stopped).unwrap();
    };
    let thread = thread.spawn(run).unwrap();
    let (handle, stop) = given.recv().unwrap();
    Beside { handle, stop: Some(stop), thread: Some(thread) }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            tell(stop, ());
        }
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn two_runtimes_wake_each_others_tasks() {
    // A ball goes to and fro between tasks of two runtimes; each side is always polled by its own.
    let _watch = watch();
    for (here, there) in [(1, 1), (2, 1), (2, 2)] {
        let other = beside(there, "there");
        runner(here).run(async {
            for _ in 0..4 {
                let (to, from) = (Queue::<usize>::bounded(1), Queue::<usize>::bounded(1));
                let (their_from, their_to) = (to.clone(), from.clone());
                let echo = other.handle.create_task(async move {
                    let home = Handle::current();
                    while let Ok(n) = their_from.get().await {
                        assert_eq!(format!("{:?}", Handle::current()), format!("{home:?}"));
                        their_to.put(n + 1).await.unwrap();
                    }
                });
                let rounds = scaled(5000);
                let play = create_task(async move {
                    for n in 0..rounds {
                        to.put(n).await.unwrap();
                        assert_eq!(from.get().await.unwrap(), n + 1);
                    }
                    to.shutdown();
                });
                play.await.unwrap();
                echo.await.unwrap();
            }
        });
    }
}

#[test]
fn a_task_of_another_runtime_is_awaited_and_cancelled_there() {
    // Its value comes over; dropped when it was polled, it is cancelled, by its own runtime.
    let _watch = watch();
    let other = beside(2, "elsewhere");
    runner(2).run(async {
        let name = other.handle.create_task(async { thread::current().name().unwrap().to_owned() }).await.unwrap();
        assert!(name.starts_with("elsewhere-"), "{name}");
        let (dropped, place) = promise();
        let note = on_drop(move || tell(dropped, thread::current().name().unwrap().to_owned()));
        let task = other.handle.create_task(hold(note));
        assert!(raddle::timeout(Duration::from_millis(5), task).await.is_err());
        assert!(place.await.unwrap().starts_with("elsewhere-"));
        let error = other.handle.create_task(async { panic!("over there") }).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.to_string(), "task panicked: over there");
    });
}

#[test]
fn several_runners_on_different_threads() {
    let _watch = watch();
    let threads: Vec<_> = (1..=4)
        .map(|workers| {
            thread::spawn(move || {
                let mut runner = runner(workers);
                for _ in 0..20 {
                    let sum = runner.run(async {
                        let tasks: Vec<_> = (0..50u64).map(|n| create_task(async move { n })).collect();
                        sleep(Duration::from_millis(1)).await;
                        let mut sum = 0;
                        for task in tasks {
                            sum += task.await.unwrap();
                        }
                        sum
                    });
                    assert_eq!(sum, 1225);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_task_whose_runtime_ends_is_cancelled_for_its_awaiter_elsewhere() {
    let _watch = watch();
    let other = beside(2, "ends");
    let task = other.handle.create_task(hold(()));
    let late = other.handle.clone();
    runner(1).run(async {
        let end = to_thread(move || drop(other));
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        end.await.unwrap();
        let dropped = Count::default();
        assert!(matches!(late.create_task(hold(dropped.drops())).await, Err(TaskError::Cancelled)));
        assert_eq!(dropped.get(), 1);
        assert!(late.call_soon(|| ()).is_err());
    });
}

#[test]
fn a_runtime_inside_a_blocking_call_of_another() {
    let _watch = watch();
    let value = runner(2).run(async {
        let outer = Handle::current();
        to_thread(move || {
            runner(2).run(async move {
                let from_outer = outer.create_task(async { sleep(Duration::from_millis(1)).await });
                from_outer.await.unwrap();
                create_task(async { 5 }).await.unwrap()
            })
        })
        .await
        .unwrap()
    });
    assert_eq!(value, 5);
}

#[test]
fn a_connection_between_two_runtimes() {
    let _watch = watch();
    let other = beside(2, "server");
    runner(2).run(async {
        let (address, bound) = promise();
        let server = other.handle.create_task(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.set(listener.local_addr().unwrap()).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4];
            for _ in 0..100 {
                stream.read_exact(&mut buffer).await.unwrap();
                stream.write_all(&buffer).await.unwrap();
            }
            stream
        });
        let mut stream = TcpStream::connect(bound.await.unwrap()).await.unwrap();
        for n in 0..100u32 {
            stream.write_all(&n.to_le_bytes()).await.unwrap();
            let mut buffer = [0; 4];
            stream.read_exact(&mut buffer).await.unwrap();
            assert_eq!(u32::from_le_bytes(buffer), n);
        }
        // The other end comes over to this runtime and goes on working.
        let mut moved = server.await.unwrap();
        moved.write_all(b"here").await.unwrap();
        let mut buffer = [0; 4];
        stream.read_exact(&mut buffer).await.unwrap();
        stream.write_all(&buffer).await.unwrap();
        moved.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"here");
    });
}
