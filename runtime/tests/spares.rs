//! Promises about a runtime all of whose workers are blocked: spare workers serve what they left, and leave themselves.
//!
//! Each blocker waits in a standard channel for a word that only the served work can lead to. Without a spare nothing would
//! ever move, and the watch ends the test.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{Count, Reports, eventually, runner, watch};
use raddle::{
    Handle, Runner, TcpListener, TcpStream, create_local_task, create_task, promise, sleep, to_thread, yield_now,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Blocks all workers but main's in tasks that meet there, each until it is told to go on. Returns when they are blocked.
async fn block_the_others(workers: usize) -> Vec<(mpsc::Sender<()>, raddle::Task<()>)> {
    let met = Arc::new(Barrier::new(workers));
    let blocked = (1..workers).map(|_| {
        let (go, wait) = mpsc::channel();
        let met = met.clone();
        let task = create_task(async move {
            met.wait();
            let _ = wait.recv();
        });
        (go, task)
    });
    let blocked = blocked.collect();
    met.wait();
    blocked
}

fn spares_alive() -> usize {
    Handle::current().metrics().spares_alive
}

/// Waits in a thread of its own, so that no worker has anything to do.
async fn until_no_spare_is_left() {
    let handle = Handle::current();
    to_thread(move || eventually("the spares leave", || handle.metrics().spares_alive == 0)).await.unwrap();
}

#[test]
fn children_of_all_workers_run_while_all_block() {
    let _watch = watch();
    for workers in [2, 4] {
        runner(workers).run(async move {
            for _ in 0..10 {
                let met = Arc::new(Barrier::new(workers));
                let parents: Vec<_> = (0..workers)
                    .map(|_| {
                        let met = met.clone();
                        create_task(async move {
                            met.wait();
                            let (said, heard) = mpsc::channel();
                            for _ in 0..10 {
                                let said = said.clone();
                                create_task(async move {
                                    yield_now().await;
                                    said.send(()).unwrap();
                                })
                                .detach();
                            }
                            assert_eq!(heard.iter().take(10).count(), 10);
                        })
                    })
                    .collect();
                for parent in parents {
                    parent.await.unwrap();
                }
            }
            assert!(Handle::current().metrics().spares > 0);
        });
    }
}

/// Main blocks as its first action, on a child that blocks on its own child, and so on: more than there are workers.
#[test]
fn a_chain_of_blocked_tasks_is_longer_than_there_are_workers() {
    fn block_on_a_child(depth: usize) -> usize {
        let (said, heard) = mpsc::channel();
        create_task(async move { said.send(if depth == 0 { 0 } else { block_on_a_child(depth - 1) + 1 }).unwrap() })
            .detach();
        heard.recv().unwrap()
    }
    let _watch = watch();
    for workers in [2, 3] {
        runner(workers).run(async move {
            // Main and each child but the last block; the last needs one who runs it: all workers and three spares.
            assert_eq!(block_on_a_child(workers + 2), workers + 2);
            assert!(Handle::current().metrics().spares >= 3);
        });
    }
}

#[test]
fn timers_fire_while_all_workers_block() {
    let _watch = watch();
    runner(2).run(async {
        let (said, heard) = mpsc::channel();
        create_task(async move {
            for n in 0..50 {
                sleep(MILLISECOND).await;
                said.send(n).unwrap();
            }
        })
        .detach();
        yield_now().await;
        let blocked = block_the_others(2).await;
        assert!(heard.iter().take(50).eq(0..50));
        drop(blocked);
    });
}

/// The first poll on a spare reads no clock of its own.
#[test]
fn what_a_task_waits_for_on_a_spare_has_its_time() {
    let _watch = watch();
    runner(2).run(async {
        let begun = raddle::Instant::now();
        let blocked = block_the_others(2).await;
        let (said, heard) = mpsc::channel();
        let (_promise, pending) = promise::<()>();
        let waiter = create_task(async move {
            said.send(()).unwrap();
            _ = pending.await;
        });
        heard.recv().unwrap();
        let wait = loop {
            let tasks = raddle::all_tasks();
            let info = tasks.iter().find(|info| info.id == waiter.id()).unwrap();
            match info.waiting.clone() {
                Some(wait) => break wait,
                None => sleep(MILLISECOND).await,
            }
        };
        // A record is exact to a tick of 67 ms.
        assert!(wait.since + Duration::from_millis(100) >= begun, "{wait:?}");
        drop((blocked, waiter));
    });
}

#[test]
fn connections_are_served_while_all_workers_block() {
    let _watch = watch();
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        create_task(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                create_task(async move {
                    let mut buffer = [0; 16];
                    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                        stream.write_all(&buffer[..n]).await.unwrap();
                    }
                })
                .detach();
            }
        })
        .detach();
        drop(TcpStream::connect(address).await.unwrap());
        let blocked = block_the_others(2).await;
        // A new connection, and then its messages: accepted, registered and read while all block.
        let mut client = std::net::TcpStream::connect(address).unwrap();
        for n in 0..50u8 {
            client.write_all(&[n; 7]).unwrap();
            let mut echo = [0; 7];
            client.read_exact(&mut echo).unwrap();
            assert_eq!(echo, [n; 7]);
        }
        drop(blocked);
    });
}

#[test]
fn tasks_from_outside_run_while_all_workers_block() {
    let _watch = watch();
    runner(2).run(async {
        let handle = Handle::current();
        let blocked = block_the_others(2).await;
        let outside = thread::spawn(move || {
            for n in 0..20 {
                assert_eq!(handle.create_task(async move { n }).join_blocking().unwrap(), n);
            }
        });
        outside.join().unwrap();
        drop(blocked);
    });
}

#[test]
fn spares_leave_with_their_threads_memory_and_files() {
    let _watch = watch();
    runner(2).run(async {
        let entries = |of: &str| fs::read_dir(of).unwrap().count();
        let mut files = 0;
        for round in 1..=3 {
            let (wake, woken) = promise();
            let blocked = block_the_others(2).await;
            let (said, heard) = mpsc::channel();
            create_task(async move {
                let children: Vec<_> = (0..1000).map(|n| create_task(async move { n })).collect();
                said.send(children.len()).unwrap();
                // Children of a spare end on others after it has left.
                wake.set(children).ok().unwrap();
            })
            .detach();
            assert_eq!(heard.recv().unwrap(), 1000);
            assert!(spares_alive() > 0);
            drop(blocked);
            until_no_spare_is_left().await;
            for (n, child) in woken.await.unwrap().into_iter().enumerate() {
                assert_eq!(child.await.unwrap(), n);
            }
            assert!(Handle::current().metrics().spares >= round);
            let handle = Handle::current();
            let at_rest = to_thread(move || {
                eventually("everybody is at rest", || handle.metrics().workers_parked == 2);
                if round > 1 {
                    eventually("no file is kept", || entries("/proc/self/fd") <= files);
                }
                // The watchdog's go when it has seen that.
                thread::sleep(Duration::from_millis(50));
                entries("/proc/self/fd")
            });
            files = at_rest.await.unwrap();
        }
    });
}

/// A spare that is not needed any more stays for the local tasks that were created on it, and for no longer.
#[test]
fn a_local_task_created_on_a_spare_runs_there_to_its_end() {
    let _watch = watch();
    runner(2).run(async {
        let (ended, end) = mpsc::channel();
        let (wake, woken) = promise::<()>();
        let blocked = block_the_others(2).await;
        let (said, heard) = mpsc::channel();
        create_task(async move {
            let home = thread::current().id();
            create_local_task(async move {
                woken.await.unwrap();
                for _ in 0..10 {
                    assert_eq!(thread::current().id(), home);
                    sleep(MILLISECOND).await;
                    yield_now().await;
                }
                ended.send(thread::current().id()).unwrap();
            })
            .detach();
            said.send(home).unwrap();
        })
        .detach();
        let spare = heard.recv().unwrap();
        assert_ne!(spare, thread::current().id());
        drop(blocked);
        // Longer than a spare lingers that has nothing to stay for.
        sleep(Duration::from_millis(600)).await;
        assert_eq!(spares_alive(), 1);
        wake.set(()).unwrap();
        assert_eq!(to_thread(move || end.recv().unwrap()).await.unwrap(), spare);
        until_no_spare_is_left().await;
    });
}

#[test]
fn who_computes_gets_no_spare() {
    // All cores are taken: another thread would help nobody.
    let _watch = watch();
    runner(2).run(async {
        let (end, met) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
        let hogs = [0, 1].map(|_| {
            let (end, met) = (end.clone(), met.clone());
            create_task(async move {
                met.wait();
                create_task(async {}).detach();
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(200) && !end.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        });
        for hog in hogs {
            hog.await.unwrap();
        }
        assert_eq!(Handle::current().metrics().spares, 0);
    });
}

#[test]
fn one_worker_has_no_spare() {
    // Its tasks run one after the other, whatever blocks.
    let _watch = watch();
    runner(1).run(async {
        create_task(async {}).detach();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(Handle::current().metrics().spares, 0);
    });
}

#[test]
fn a_spare_stands_still_between_two_runs() {
    let _watch = watch();
    let (turns, mut runner) = (Count::default(), runner(2));
    let counted = turns.clone();
    let blocked = runner.run(async {
        let blocked = block_the_others(2).await;
        let (said, heard) = mpsc::channel();
        create_task(async move {
            loop {
                counted.add();
                let _ = said.send(());
                sleep(MILLISECOND).await;
            }
        })
        .detach();
        heard.recv().unwrap();
        assert!(spares_alive() > 0);
        blocked
    });
    // The other worker is blocked still, so the end of the run has waited for it in vain.
    let handle = runner.handle();
    eventually("the spare has left", || handle.metrics().spares_alive == 0);
    let before = turns.get();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(turns.get(), before, "a task ran between two runs");
    runner.run(async {
        drop(blocked);
        while turns.get() == before {
            sleep(MILLISECOND).await;
        }
    });
}

#[test]
fn a_runtime_ends_though_a_spare_is_stuck() {
    let _watch = watch();
    let (reports, (go, wait)) = (Reports::default(), mpsc::channel::<()>());
    let runner = Runner::new().workers(2).slow_poll(Duration::from_secs(1000)).grace(Duration::from_millis(50));
    let mut runner = reports.of(runner);
    let (said, heard) = mpsc::channel();
    runner.run(async {
        let blocked = block_the_others(2).await;
        create_task(async move {
            said.send(()).unwrap();
            let _ = wait.recv();
        })
        .detach();
        heard.recv().unwrap();
        drop(blocked);
    });
    let handle = runner.handle();
    drop(runner);
    let reports = reports.take();
    let said = |what: &str| reports.iter().any(|report| report.starts_with(what));
    assert!(said("a task is stuck in a poll"), "{reports:?}");
    assert!(said("spare worker "), "{reports:?}");
    drop(go);
    eventually("its thread ends with its poll", || handle.metrics().spares_alive == 0);
}

#[test]
fn what_a_spare_left_undone_is_dropped_when_the_runtime_ends() {
    let _watch = watch();
    let drops = Count::default();
    runner(2).run(async {
        let blocked = block_the_others(2).await;
        let (said, heard) = mpsc::channel();
        let guards: Vec<_> = (0..100).map(|_| drops.drops()).collect();
        create_task(async move {
            for guard in guards {
                create_task(common::hold(guard)).detach();
            }
            create_local_task(std::future::pending::<()>()).detach();
            said.send(()).unwrap();
        })
        .detach();
        heard.recv().unwrap();
        drop(blocked);
    });
    assert_eq!(drops.get(), 100);
}
