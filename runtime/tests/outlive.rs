//! Promises about what outlives its runtime: wakers, handles, timers, sockets and promises stay harmless and useful.

mod common;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Count, hold, runner, scaled, watch};
use raddle::{
    Handle, Instant, Queue, Runner, Task, TaskError, TcpListener, TcpStream, create_local_task, create_task, promise,
    sleep, yield_now,
};

/// Gives its task's waker away at the first poll and never ends.
async fn give_waker(to: Arc<Mutex<Vec<Waker>>>) {
    poll_fn(|cx| {
        to.lock().unwrap().push(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn wakers_kept_beyond_the_end_are_harmless() {
    // Woken, cloned and dropped by several threads after the end, and while it comes.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let dropped = Count::default();
        let early = runner(workers).run(async {
            for n in 0..10_000 {
                let (wakers, guard) = (wakers.clone(), dropped.drops());
                let body = async move {
                    let _guard = guard;
                    give_waker(wakers).await;
                };
                if n % 10 == 0 {
                    create_local_task(body).detach();
                } else {
                    create_task(body).detach();
                }
            }
            while wakers.lock().unwrap().len() < 10_000 {
                yield_now().await;
            }
            // Main's own waker outlives it, too.
            poll_fn(|cx| {
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            let half = wakers.lock().unwrap().split_off(5000);
            thread::spawn(move || half.iter().for_each(Waker::wake_by_ref))
        });
        assert_eq!(dropped.get(), 10_000);
        let late = std::mem::take(&mut *wakers.lock().unwrap());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let wakers = late.clone();
                thread::spawn(move || {
                    for waker in wakers {
                        waker.wake_by_ref();
                        let clone = waker.clone();
                        drop(waker);
                        clone.wake();
                    }
                })
            })
            .collect();
        runner(workers).run(async move {
            for waker in late {
                waker.wake();
                yield_now().await;
            }
        });
        for thread in threads {
            thread.join().unwrap();
        }
        early.join().unwrap();
    }
}

#[test]
fn wakes_that_cross_the_end_are_harmless() {
    // A thread wakes and drops wakers without pause while runtimes come and go.
    let _watch = watch();
    let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
    let (stop, stopped) = (Arc::new(raddle::Event::new()), wakers.clone());
    let seen = stop.clone();
    let thread = thread::spawn(move || {
        let mut woken = 0;
        while !seen.is_set() {
            for waker in std::mem::take(&mut *stopped.lock().unwrap()) {
                waker.wake_by_ref();
                waker.wake();
                woken += 1;
            }
        }
        woken
    });
    for round in 0..scaled(5000) {
        runner(1 + round % 3).run(async {
            for _ in 0..10 {
                create_task(give_waker(wakers.clone())).detach();
            }
            yield_now().await;
        });
    }
    stop.set();
    assert!(thread.join().unwrap() > 0);
}

#[test]
fn a_task_handle_kept_beyond_the_end_gives_its_value_or_cancelled() {
    let _watch = watch();
    for workers in [1, 2] {
        let (mut tasks, waiting, panicked) = runner(workers).run(async {
            let tasks: Vec<_> = (0..100).map(|n| create_task(async move { vec![n; 100] })).collect();
            while !tasks.iter().all(Task::is_done) {
                sleep(Duration::from_millis(1)).await;
            }
            let panicked = create_task(async { panic!("kept") });
            while !panicked.is_done() {
                yield_now().await;
            }
            (tasks, create_task(hold(())), panicked)
        });
        assert!(waiting.is_done() && waiting.is_cancelled() && !waiting.cancel());
        assert!(matches!(waiting.join_blocking(), Err(TaskError::Cancelled)));
        assert_eq!(panicked.join_blocking().map(|(): ()| ()).unwrap_err().to_string(), "task panicked: kept");
        assert_eq!(tasks.remove(5).join_blocking().unwrap(), vec![5; 100]);
        // In the next runtime, and on another thread.
        let six = tasks.remove(5);
        assert_eq!(runner(1).run(six).unwrap(), vec![6; 100]);
        let seven = tasks.remove(5);
        assert_eq!(thread::spawn(move || seven.join_blocking().unwrap().len()).join().unwrap(), 100);
        drop(thread::spawn(move || drop(tasks)).join());
    }
}

#[test]
fn names_callbacks_and_ids_of_a_task_work_after_the_end() {
    let _watch = watch();
    let [task] = runner(2).run(async {
        let task = create_task(async { 1 });
        while !task.is_done() {
            yield_now().await;
        }
        [task]
    });
    task.set_name("survivor");
    assert_eq!(&*task.name(), "survivor");
    let dropped = Count::default();
    let guard = dropped.drops();
    task.on_done(move |_| drop(guard));
    assert_eq!(dropped.get(), 1, "a callback that nobody can call any more is dropped");
    assert!(format!("{task:?}").contains("finished name='survivor'"));
}

#[test]
fn a_sleep_outlives_its_runtime() {
    // Registered in one runtime, it goes on in the next, ends after its deadline, and can be dropped anywhere.
    let _watch = watch();
    for workers in [1, 2] {
        let start = Instant::now();
        let (mut kept, other, third) = runner(workers).run(async {
            let (mut kept, mut other) = (sleep(Duration::from_millis(30)), sleep(Duration::from_secs(3600)));
            assert!(common::poll_once(&mut kept).await.is_pending());
            assert!(common::poll_once(&mut other).await.is_pending());
            (kept, other, sleep(Duration::from_millis(1)))
        });
        drop(thread::spawn(move || drop(other)).join());
        runner(workers).run(async {
            (&mut kept).await;
            third.await;
        });
        assert!(start.elapsed() >= Duration::from_millis(30));
        runner(1).run(kept);
    }
}

#[test]
fn sockets_outlive_their_runtime() {
    // A connection and its listener go through three runtimes, with a waiter left in the first.
    let _watch = watch();
    for workers in [1, 2] {
        let (listener, client, server) = runner(workers).run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(address).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            client.write_all(b"a").await.unwrap();
            server.read(&mut [0; 8]).await.unwrap();
            let (listener, server) = (Arc::new(listener), Arc::new(server));
            let (accepts, reads) = (listener.clone(), server.clone());
            create_task(async move { drop(accepts.accept().await) }).detach();
            create_task(async move { drop(reads.read(&mut [0; 8]).await) }).detach();
            sleep(Duration::from_millis(2)).await;
            (listener, client, server)
        });
        let (mut client, server) = (client, Arc::into_inner(server).unwrap());
        for round in 0..2u8 {
            (client, _) = runner(workers).run(async {
                let reads = async {
                    let mut buffer = [0; 8];
                    let n = server.read(&mut buffer).await.unwrap();
                    assert_eq!(buffer[..n], [round; 3]);
                };
                let writes = async {
                    sleep(Duration::from_millis(2)).await;
                    client.write_all(&[round; 3]).await.unwrap();
                    client
                };
                let ((), client) = raddle::gather((reads, writes)).await;
                let address = listener.local_addr().unwrap();
                let (accepted, connected) = raddle::gather((listener.accept(), TcpStream::connect(address))).await;
                accepted.unwrap();
                (client, connected.unwrap())
            });
        }
    }
}

#[test]
fn promises_and_queues_connect_runtimes_in_time_and_space() {
    let _watch = watch();
    let (said, heard) = promise();
    let queue = Queue::bounded(10);
    runner(2).run(async {
        queue.put(1).await.unwrap();
        let waiting = queue.clone();
        create_task(async move { waiting.put(2).await.unwrap() }).await.unwrap();
    });
    let (to, thread_queue) = (said, queue.clone());
    let thread = thread::spawn(move || {
        runner(1).run(async {
            to.set(5).unwrap();
            thread_queue.put(3).await.unwrap();
        });
    });
    runner(2).run(async {
        assert_eq!(heard.await.unwrap(), 5);
        for n in 1..=3 {
            assert_eq!(queue.get().await.unwrap(), n);
        }
    });
    thread.join().unwrap();
    // A promise whose keeper dies with its runtime.
    let (keeper, lost) = promise::<()>();
    runner(1).run(async { create_task(hold(keeper)).detach() });
    assert!(runner(1).run(lost).is_err());
}

#[test]
fn a_handle_outlives_its_runner() {
    let _watch = watch();
    let mut runner = Runner::new().workers(2);
    let handle = runner.handle();
    runner.run(async {});
    drop(runner);
    let dropped = Count::default();
    let task = handle.create_task(hold(dropped.drops()));
    assert!(task.is_cancelled());
    assert_eq!(dropped.get(), 1);
    assert!(matches!(task.join_blocking(), Err(TaskError::Cancelled)));
    let big = handle.create_task(async { [0u8; 9000] });
    assert!(big.join_blocking().is_err());
    assert!(handle.call_soon(|| ()).is_err());
    assert_eq!(handle.metrics().tasks_alive, 0);
    assert_eq!(handle.block_on(async { 5 }), 5, "what needs nothing of the runtime");
    assert!(Handle::try_current().is_none());
}
