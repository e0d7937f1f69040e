//! Promises about a blocked worker: what it owns is served by the others while it stays blocked.
//!
//! Each blocker waits in a standard channel for a word that only the rescued work can lead to. Without the rescue
//! nothing would ever move, and the watch ends the test.

mod common;

use std::fs;
use std::future::Future;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Count, on_each_worker, runner, watch};
use raddle::{
    Handle, TcpListener, TcpStream, create_local_task, create_task, current_task, promise, sleep, timeout, yield_now,
};

/// Creates `count` children and blocks until each has said that it ran.
fn block_on_children(count: usize) {
    let (said, heard) = mpsc::channel();
    for n in 0..count {
        let said = said.clone();
        create_task(async move {
            said.send(n).unwrap();
        })
        .detach();
    }
    let mut ran: Vec<_> = (0..count).map(|_| heard.recv().unwrap()).collect();
    ran.sort_unstable();
    assert!(ran.into_iter().eq(0..count));
}

#[test]
fn children_run_while_their_creator_blocks() {
    let _watch = watch();
    for workers in [2, 4] {
        runner(workers).run(async {
            for count in [1, 2, 100] {
                create_task(async move { block_on_children(count) }).await.unwrap();
            }
        });
    }
}

#[test]
fn children_run_while_main_blocks_as_its_first_action() {
    let _watch = watch();
    for workers in [2, 4] {
        for count in [1, 2, 100] {
            runner(workers).run(async { block_on_children(count) });
        }
    }
}

#[test]
fn a_task_created_outside_runs_while_main_blocks() {
    // Main blocks as its first and only action, before any task exists.
    let _watch = watch();
    runner(2).run(async {
        let handle = Handle::current();
        let thread = thread::spawn(move || handle.create_task(async { 5 }).join_blocking().unwrap());
        assert_eq!(thread.join().unwrap(), 5);
    });
}

#[test]
fn grandchildren_run_while_main_blocks() {
    // Work that becomes ready later, over several generations and yields, none of it by the blocked worker.
    let _watch = watch();
    runner(2).run(async {
        let (said, heard) = mpsc::channel();
        create_task(async move {
            for n in 0..100 {
                yield_now().await;
                let child = create_task(async move {
                    yield_now().await;
                    create_task(async move { n }).await.unwrap()
                });
                said.send(child.await.unwrap()).unwrap();
            }
        })
        .detach();
        assert!((0..100).eq(heard.iter().take(100)));
    });
}

#[test]
fn a_timer_of_a_blocked_worker_fires() {
    // The sleeper is polled on worker 0 (a yield of main later it has set its timer), then main blocks.
    let _watch = watch();
    runner(2).run(async {
        for _ in 0..10 {
            let (said, heard) = mpsc::channel();
            let sleepers: Vec<_> = (0..3)
                .map(|_| {
                    let said = said.clone();
                    create_task(async move {
                        sleep(Duration::from_millis(5)).await;
                        said.send(()).unwrap();
                    })
                })
                .collect();
            yield_now().await;
            yield_now().await;
            assert_eq!(heard.iter().take(3).count(), 3);
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
        }
    });
}

#[test]
fn a_connection_of_a_blocked_worker_is_served() {
    // The echo server is registered with worker 0; while main blocks, a plain thread talks to it.
    let _watch = watch();
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 16];
            loop {
                let n = stream.read(&mut buffer).await.unwrap();
                if n == 0 {
                    return;
                }
                stream.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let mut warm = TcpStream::connect(address).await.unwrap();
        warm.write_all(b"hello").await.unwrap();
        warm.read_exact(&mut [0; 5]).await.unwrap();
        let mut client = warm.into_std().unwrap();
        let talk = thread::spawn(move || {
            use std::io::{Read, Write};
            client.set_nonblocking(false).unwrap();
            for n in 0..50u8 {
                client.write_all(&[n; 7]).unwrap();
                let mut echo = [0; 7];
                client.read_exact(&mut echo).unwrap();
                assert_eq!(echo, [n; 7]);
            }
        });
        talk.join().unwrap();
        server.await.unwrap();
    });
}

/// An epoll that is in the set of those who are stuck, which is in another's: two levels below that.
fn is_a_stuck_one_watched() -> bool {
    let is_epoll = |number: &str| {
        fs::read_link(format!("/proc/self/fd/{number}")).is_ok_and(|link| link.ends_with("anon_inode:[eventpoll]"))
    };
    let members = |number: &str| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let member = |line: &str| line.strip_prefix("tfd:")?.split_whitespace().next().map(str::to_string);
        info.lines().filter_map(member).filter(|member| is_epoll(member)).collect::<Vec<_>>()
    };
    let files = fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| file.ok()?.file_name().into_string().ok());
    files.filter(|number| is_epoll(number)).any(|number| members(&number).iter().any(|set| !members(set).is_empty()))
}

#[test]
fn the_events_of_a_blocked_worker_call_another() {
    let _watch = watch();
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let waiting = create_task(async move { listener.accept().await.map(drop) });
        yield_now().await;
        yield_now().await;
        while !is_a_stuck_one_watched() {
            thread::sleep(Duration::from_millis(1));
        }
        waiting.cancel();
    });
}

#[test]
fn a_timer_that_a_plain_thread_set_fires_while_main_blocks() {
    // No task was ever created: `block_on` alone uses the blocked worker's timers.
    let _watch = watch();
    runner(2).run(async {
        let handle = Handle::current();
        thread::spawn(move || handle.block_on(sleep(Duration::from_millis(5)))).join().unwrap();
    });
}

#[test]
fn a_woken_task_in_the_next_slot_is_rescued() {
    // The blocker wakes a waiting task, which lands in the blocker's next slot, and blocks until that task answers.
    let _watch = watch();
    runner(2).run(async {
        for _ in 0..20 {
            let (wake, woken) = promise();
            let (said, heard) = mpsc::channel();
            let waiter = create_task(async move {
                let value: u32 = woken.await.unwrap();
                said.send(value + 1).unwrap();
            });
            while !matches!(raddle::all_tasks().len(), 2) {
                yield_now().await;
            }
            yield_now().await;
            create_task(async move {
                wake.set(1).unwrap();
                assert_eq!(heard.recv().unwrap(), 2);
            })
            .await
            .unwrap();
            waiter.await.unwrap();
        }
    });
}

#[test]
fn a_full_queue_of_a_blocked_worker_is_worked_off() {
    // A thousand tasks, more than one steal takes, each yielding a few times.
    let _watch = watch();
    runner(2).run(async {
        let (ran, (said, heard)) = (Count::default(), mpsc::channel());
        for _ in 0..1000 {
            let (ran, said) = (ran.clone(), said.clone());
            create_task(async move {
                for _ in 0..3 {
                    yield_now().await;
                }
                if ran.add() == 999 {
                    said.send(()).unwrap();
                }
            })
            .detach();
        }
        heard.recv().unwrap();
    });
}

#[test]
fn one_blocker_per_round_on_whichever_worker() {
    // Blockers come and go on all workers while others sleep, yield and wake each other; every round ends.
    let _watch = watch();
    for workers in [2, 4] {
        runner(workers).run(async {
            for round in 0..30 {
                let sleeper = create_task(sleep(Duration::from_millis(1)));
                let blocker = create_task(async move { block_on_children(1 + round % 5) });
                let yielder = create_task(async {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                });
                blocker.await.unwrap();
                sleeper.await.unwrap();
                yielder.await.unwrap();
            }
        });
    }
}

/// Holds the worker until so many words have come.
fn hold_until_heard(heard: &mpsc::Receiver<&'static str>, mut words: usize, spins: bool) {
    while words > 0 {
        let word = if spins { heard.try_recv().ok() } else { heard.recv().ok() };
        words -= usize::from(word.is_some());
        std::hint::spin_loop();
    }
}

/// A task that leaves everything a worker can have to that worker, and then holds it until all of it was served: a socket
/// and a timer that are registered there, a task in the next slot and some in the deque.
async fn leave_and_hold(all_stuck: Arc<Barrier>, spins: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut client, server) =
        (TcpStream::connect(listener.local_addr().unwrap()).await.unwrap(), listener.accept().await.unwrap().0);
    // From here on there is no await, so all of it happens on one worker.
    let (said, heard) = mpsc::channel();
    let (mut read, mut timer) =
        (Box::pin(async move { server.read(&mut [0; 16]).await.unwrap() }), Box::pin(sleep(Duration::from_millis(3))));
    let register = std::future::poll_fn(|context| {
        assert!(read.as_mut().poll(context).is_pending() && timer.as_mut().poll(context).is_pending());
        Poll::Ready(())
    });
    register.await;
    all_stuck.wait();
    let tell = |word| {
        let said = said.clone();
        move || said.send(word).unwrap()
    };
    let (of_socket, of_timer) = (tell("socket"), tell("timer"));
    create_task(async move {
        assert_eq!(read.await, 5);
        of_socket();
    })
    .detach();
    create_task(async move {
        timer.await;
        of_timer();
    })
    .detach();
    hold_until_heard(&heard, 1, spins);
    // The timer has come, so somebody looks after this worker; now an event, and more tasks.
    for _ in 0..5 {
        let child = tell("child");
        create_task(async move { child() }).detach();
    }
    assert!(std::pin::pin!(client.write_all(b"hello")).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    hold_until_heard(&heard, 6, spins);
}

#[test]
fn two_and_three_of_four_workers_are_served_while_they_are_stuck() {
    let _watch = watch();
    for (stuck, spins) in [(2, false), (3, false), (2, true), (3, true)] {
        runner(4).run(async {
            // All four are there.
            on_each_worker(4, |_| ()).await;
            for _ in 0..if spins { 3 } else { 10 } {
                let all_stuck = Arc::new(Barrier::new(stuck));
                let hogs: Vec<_> = (0..stuck).map(|_| create_task(leave_and_hold(all_stuck.clone(), spins))).collect();
                for hog in hogs {
                    hog.await.unwrap();
                }
            }
        });
    }
}

#[test]
fn what_is_pinned_waits_for_its_own_worker() {
    // A local task of a blocked worker is not run elsewhere: it runs after the blocker, at home.
    let _watch = watch();
    runner(2).run(async {
        let ran = Count::default();
        let counted = ran.clone();
        let home = thread::current().id();
        let local = create_local_task(async move {
            assert_eq!(thread::current().id(), home);
            counted.add();
        });
        block_on_children(10);
        assert_eq!(ran.get(), 0);
        local.await.unwrap();
        assert_eq!(ran.get(), 1);
    });
}

#[test]
fn all_workers_meet_in_blocking_polls() {
    // Every worker is in a blocking poll at once and waits for all the others, fifty times.
    let _watch = watch();
    for workers in [2, 4, 8] {
        runner(workers).run(async {
            for _ in 0..50 {
                let ids = on_each_worker(workers, |_| (thread::current().id(), current_task().unwrap().id)).await;
                let threads: std::collections::HashSet<_> = ids.iter().map(|(thread, _)| *thread).collect();
                assert_eq!(threads.len(), workers);
            }
            timeout(Duration::from_secs(10), sleep(Duration::from_millis(1))).await.unwrap();
        });
    }
}
