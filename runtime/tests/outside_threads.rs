//! Promises to plain threads: what they create, wake and wait for is never lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{Count, on_each_worker, panic_of, runner, scaled, tell, watch};
use raddle::{
    Event, Handle, Queue, TcpListener, TcpStream, create_local_task, create_task, promise, sleep, to_thread, yield_now,
};

const THREADS: usize = 8;

#[test]
fn a_million_tasks_from_eight_threads_all_run() {
    let _watch = watch();
    let each = scaled(1_000_000) / THREADS;
    for workers in [1, 2, 4] {
        let each = if workers == 2 { each } else { each / 10 };
        let (ran, dropped) = (Count::default(), Count::default());
        runner(workers).run(async {
            let all = Arc::new(Event::new());
            for _ in 0..THREADS {
                let (handle, ran, dropped, all) = (Handle::current(), ran.clone(), dropped.clone(), all.clone());
                thread::spawn(move || {
                    for _ in 0..each {
                        let (ran, guard, all) = (ran.clone(), dropped.drops(), all.clone());
                        let task = handle.create_task(async move {
                            let _guard = guard;
                            if ran.add() + 1 == THREADS * each {
                                all.set();
                            }
                        });
                        task.detach();
                    }
                });
            }
            all.wait().await;
        });
        assert_eq!((ran.get(), dropped.get()), (THREADS * each, THREADS * each));
    }
}

#[test]
fn a_million_wakes_across_workers_all_arrive() {
    // Pairs of local tasks on two different workers hand a number to and fro, so each wake crosses.
    const PAIRS: usize = 64;
    let _watch = watch();
    let rounds = scaled(1_000_000) / PAIRS / 2;
    for workers in [2, 4] {
        runner(workers).run(async {
            let queues: Vec<_> = (0..PAIRS).map(|_| (Queue::<usize>::bounded(1), Queue::<usize>::bounded(1))).collect();
            let ends = on_each_worker(workers, move |worker| {
                let mut ends = Vec::new();
                for (pair, (there, back)) in queues.iter().cloned().enumerate() {
                    let (first, second) = (pair % workers, (pair + 1) % workers);
                    let (end, ended) = promise();
                    if worker == first {
                        ends.push(ended);
                        create_local_task(async move {
                            for n in 0..rounds {
                                there.put(n).await.unwrap();
                                assert_eq!(back.get().await.unwrap(), n);
                            }
                            tell(end, ());
                        })
                        .detach();
                    } else if worker == second {
                        ends.push(ended);
                        create_local_task(async move {
                            for _ in 0..rounds {
                                back.put(there.get().await.unwrap()).await.unwrap();
                            }
                            tell(end, ());
                        })
                        .detach();
                    }
                }
                ends
            });
            let ends: Vec<_> = ends.await.into_iter().flatten().collect();
            assert_eq!(ends.len(), 2 * PAIRS);
            for end in ends {
                end.await.unwrap();
            }
        });
    }
}

#[test]
fn wakes_from_plain_threads_all_arrive() {
    // Each thread keeps promises that tasks wait for: before, while and after they are first polled.
    let _watch = watch();
    let each = scaled(200_000) / THREADS;
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (mut tasks, mut threads) = (Vec::new(), Vec::new());
            for thread in 0..THREADS {
                let mut promises = Vec::new();
                for n in 0..each {
                    let (promise, pending) = promise();
                    promises.push(promise);
                    tasks.push(create_task(async move { pending.await.unwrap() == (thread, n) }));
                }
                threads.push(thread::spawn(move || {
                    for (n, promise) in promises.into_iter().enumerate() {
                        promise.set((thread, n)).unwrap();
                    }
                }));
            }
            for task in tasks {
                assert!(task.await.unwrap());
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}

#[test]
fn one_wake_at_a_time_reaches_a_runtime_that_sleeps() {
    // Every worker is parked, or about to be, when the thread wakes the only task there is.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (to, from) = (Queue::<usize>::bounded(1), Queue::<usize>::bounded(1));
            let (rounds, handle) = (scaled(30_000), Handle::current());
            let thread = {
                let (to, from) = (to.clone(), from.clone());
                thread::spawn(move || {
                    for n in 0..rounds {
                        handle.block_on(to.put(n)).unwrap();
                        assert_eq!(handle.block_on(from.get()).unwrap(), n);
                    }
                })
            };
            let echo = create_task(async move {
                for _ in 0..rounds {
                    from.put(to.get().await.unwrap()).await.unwrap();
                }
            });
            echo.await.unwrap();
            to_thread(|| thread.join().unwrap()).await.unwrap();
        });
    }
}

#[test]
fn threads_join_tasks_and_block_on_futures() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let handle = Handle::current();
                    thread::spawn(move || {
                        for n in 0..scaled(5000) {
                            let task = handle.create_task(async move {
                                yield_now().await;
                                n
                            });
                            let n_again = if n % 2 == 0 { task.join_blocking() } else { handle.block_on(task) };
                            assert_eq!(n_again.unwrap(), n);
                        }
                    })
                })
                .collect();
            for thread in threads {
                to_thread(|| thread.join().unwrap()).await.unwrap();
            }
        });
    }
}

#[test]
fn block_on_serves_timers_and_sockets_of_its_thread() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let handle = Handle::current();
            let talk = to_thread(move || {
                handle.block_on(async {
                    sleep(Duration::from_millis(2)).await;
                    let words = [1u8, 2, 3];
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                    let (mut server, _) = listener.accept().await.unwrap();
                    client.write_all(&words).await.unwrap();
                    let mut buffer = [0; 3];
                    server.read_exact(&mut buffer).await.unwrap();
                    assert_eq!(buffer, words);
                    assert!(raddle::timeout(Duration::from_millis(5), server.read(&mut buffer)).await.is_err());
                    "talked"
                })
            });
            assert_eq!(talk.await.unwrap(), "talked");
        });
    }
}

#[test]
fn a_thread_that_waits_for_a_timer_of_an_ending_runtime_is_told() {
    // The thread sleeps for an hour on a runtime that ends: a panic with a text, not a hang.
    let _watch = watch();
    for workers in [1, 2] {
        let thread = runner(workers).run(async {
            let handle = Handle::current();
            let (waits, waiting) = promise();
            let thread = thread::spawn(move || {
                panic_of(|| {
                    handle.block_on(async move {
                        let mut sleep = sleep(Duration::from_secs(3600));
                        assert!(common::poll_once(&mut sleep).await.is_pending());
                        waits.set(()).unwrap();
                        sleep.await;
                    });
                })
            });
            waiting.await.unwrap();
            thread
        });
        let text = thread.join().unwrap();
        assert!(text.contains("has shut down"), "{text}");
    }
}

#[test]
fn metrics_can_be_read_from_outside_at_any_time() {
    let _watch = watch();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut runner = runner(4);
    let handle = runner.handle();
    let (stop, reader) = (Arc::new(Event::new()), handle.clone());
    let stopped = stop.clone();
    let reader = thread::spawn(move || {
        while !stopped.is_set() {
            let metrics = reader.metrics();
            assert_eq!(metrics.workers.len(), 4);
            assert!(metrics.tasks_alive < 10_000);
        }
    });
    runner.run(async {
        for _ in 0..50 {
            let tasks: Vec<_> = (0..100).map(|_| create_task(async { yield_now().await })).collect();
            for task in tasks {
                task.await.unwrap();
                ran.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    assert_eq!(handle.metrics().tasks_alive, 0);
    assert!(handle.metrics().workers.iter().map(|worker| worker.polls).sum::<u64>() >= 10_000);
    drop(runner);
    stop.set();
    reader.join().unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 5000);
}
