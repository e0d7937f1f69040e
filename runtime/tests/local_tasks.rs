//! Promises of local tasks: they never leave their thread, whoever wakes, cancels or outlives them.

mod common;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::{Count, on_each_worker, runner, scaled, tell, watch};
use raddle::{
    Queue, TaskError, TcpListener, TcpStream, create_local_task, create_task, promise, sleep, to_thread, yield_now,
};

/// Asserts at every poll and in its drop that it is on the thread it was made on. Not `Send`, as its owner.
struct AtHome<F> {
    home: ThreadId,
    polls: Rc<Cell<usize>>,
    future: Pin<Box<F>>,
    dropped: Count,
}

fn at_home<F: Future>(dropped: &Count, future: F) -> AtHome<F> {
    let future = Box::pin(future);
    AtHome { home: thread::current().id(), polls: Rc::default(), future, dropped: dropped.clone() }
}

impl<F: Future> Future for AtHome<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert_eq!(thread::current().id(), self.home, "polled away from home");
        self.polls.set(self.polls.get() + 1);
        self.future.as_mut().poll(cx)
    }
}

impl<F> Drop for AtHome<F> {
    fn drop(&mut self) {
        if thread::current().id() != self.home {
            eprintln!("a local task was dropped away from home");
            std::process::abort();
        }
        self.dropped.add();
    }
}

#[test]
fn local_tasks_stay_at_home_under_load() {
    // On each of four workers local tasks yield, sleep and wait for each other across workers, amid stealing.
    let _watch = watch();
    let dropped = Count::default();
    let rounds = scaled(10_000);
    let made = runner(4).run(async {
        let queue = Queue::<usize>::bounded(2);
        let dropped = dropped.clone();
        let ends = on_each_worker(4, move |worker| {
            let mut ends = Vec::new();
            for n in 0..10 {
                let (end, ended) = promise();
                ends.push(ended);
                let queue = queue.clone();
                create_local_task(at_home(&dropped, async move {
                    for round in 0..rounds {
                        match n % 5 {
                            0 => queue.put(round).await.unwrap(),
                            1 => drop(queue.get().await.unwrap()),
                            2 => yield_now().await,
                            3 => create_task(async { yield_now().await }).await.unwrap(),
                            _ => sleep(Duration::from_micros(worker as u64 * 10)).await,
                        }
                    }
                    tell(end, ());
                }))
                .detach();
            }
            ends
        })
        .await;
        let load: Vec<_> = (0..100)
            .map(|_| {
                create_task(async move {
                    for _ in 0..rounds {
                        yield_now().await;
                    }
                })
            })
            .collect();
        let mut made = 0;
        for end in ends.into_iter().flatten() {
            end.await.unwrap();
            made += 1;
        }
        for task in load {
            task.await.unwrap();
        }
        made
    });
    assert_eq!((made, dropped.get()), (40, 40));
}

#[test]
fn a_local_task_may_hold_what_is_not_send_and_be_awaited() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let shared = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..100)
                .map(|n| {
                    let shared = shared.clone();
                    create_local_task(async move {
                        yield_now().await;
                        shared.set(shared.get() + n);
                        Rc::new(n)
                    })
                })
                .collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(*task.await.unwrap(), n);
            }
            assert_eq!(shared.get(), 4950);
        });
    }
}

#[test]
fn a_local_task_is_woken_from_other_workers_and_threads() {
    // One wake per round, from a task elsewhere, a blocking thread and a plain thread in turn.
    let _watch = watch();
    let dropped = Count::default();
    runner(4).run(async {
        for round in 0..scaled(3000) {
            let (wake, woken) = promise();
            let local = create_local_task(at_home(&dropped, async move { woken.await.unwrap() }));
            if round % 4 == 0 {
                yield_now().await;
            }
            match round % 3 {
                0 => create_task(async move { wake.set(round).unwrap() }).detach(),
                1 => drop(to_thread(move || wake.set(round).unwrap())),
                _ if round % 30 == 2 => drop(thread::spawn(move || wake.set(round).unwrap())),
                _ => wake.set(round).unwrap(),
            }
            assert_eq!(local.await.unwrap(), round);
        }
    });
    assert_eq!(dropped.get(), scaled(3000));
}

#[test]
fn a_local_task_cancelled_from_elsewhere_is_dropped_at_home() {
    // By its owner, with its awaiter, and by the end of the run, on every worker.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let dropped = Count::default();
        runner(workers).run(async {
            let local = create_local_task(at_home(&dropped, std::future::pending::<()>()));
            yield_now().await;
            assert!(local.cancel());
            assert!(matches!(local.await, Err(TaskError::Cancelled)));
            assert_eq!(dropped.get(), 1);
            let counted = dropped.clone();
            on_each_worker(workers, move |_| {
                for _ in 0..10 {
                    create_local_task(at_home(&counted, std::future::pending::<()>())).detach();
                    create_local_task(at_home(&counted, sleep(Duration::from_secs(3600)))).detach();
                }
            })
            .await;
        });
        assert_eq!(dropped.get(), 1 + 20 * workers);
    }
}

#[test]
fn sockets_and_timers_of_a_local_task_wake_it_at_home() {
    let _watch = watch();
    let dropped = Count::default();
    runner(4).run(async {
        let dropped = dropped.clone();
        let ends = on_each_worker(4, move |_| {
            let (end, ended) = promise();
            create_local_task(at_home(&dropped, async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let echo = create_task(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut buffer = [0; 8];
                    while stream.read_exact(&mut buffer).await.is_ok() {
                        stream.write_all(&buffer).await.unwrap();
                    }
                });
                let mut stream = TcpStream::connect(address).await.unwrap();
                for n in 0..50u64 {
                    stream.write_all(&n.to_le_bytes()).await.unwrap();
                    let mut buffer = [0; 8];
                    stream.read_exact(&mut buffer).await.unwrap();
                    assert_eq!(u64::from_le_bytes(buffer), n);
                    if n % 10 == 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                }
                drop(stream);
                echo.await.unwrap();
                tell(end, ());
            }))
            .detach();
            ended
        })
        .await;
        for end in ends {
            end.await.unwrap();
        }
    });
    assert_eq!(dropped.get(), 4);
}
