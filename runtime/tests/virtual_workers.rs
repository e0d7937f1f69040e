//! Promises of `Clock::auto` with several workers: time stands still while any of them can run anything, and jumps when
//! none can.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant as RealInstant};

use common::{Count, Log, hold, on_each_worker, panic_of, runner, watch};
use raddle::{
    Clock, Event, FinallyExt, Handle, Instant, Queue, Runner, TcpListener, TcpStream, call_later, create_local_task,
    create_task, gather, interval, promise, sleep, sleep_until, task_group, timeout, to_thread, yield_now,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const MANY: [usize; 3] = [2, 4, 8];

fn virtual_workers(workers: usize) -> Runner {
    runner(workers).clock(Clock::auto())
}

/// Runs a program with each number of workers.
fn with_many(program: impl AsyncFn(usize)) {
    let _watch = watch();
    for workers in MANY {
        virtual_workers(workers).run(program(workers));
    }
}

/// A sleep on each worker: the timer lies in that worker's wheel.
async fn asleep_on_each(workers: usize, times: impl Fn(usize) -> Duration + Send + Sync + 'static) {
    let begun = Instant::now();
    let times = Arc::new(times);
    let sleeping = on_each_worker(workers, move |index| {
        let times = times.clone();
        create_task(async move {
            sleep(times(index)).await;
            assert_eq!(begun.elapsed(), times(index));
        })
    });
    for sleeper in sleeping.await {
        sleeper.await.unwrap();
    }
}

#[test]
fn years_pass_in_no_time() {
    let real = RealInstant::now();
    with_many(async |workers| {
        let start = Instant::now();
        for _ in 0..500 {
            sleep(HOUR).await;
        }
        assert_eq!(start.elapsed(), 500 * HOUR);
        asleep_on_each(workers, |index| (index as u32 + 1) * 365 * DAY).await;
    });
    assert!(real.elapsed() < Duration::from_secs(50), "of years: {:?}", real.elapsed());
}

#[test]
fn a_thousand_sleeps_end_in_the_order_of_their_deadlines() {
    with_many(async |workers| {
        let (ended, begun) = (Log::<u32>::default(), Instant::now());
        let log = ended.clone();
        let started = on_each_worker(workers, move |worker| {
            let start = |n: u32| {
                let log = log.clone();
                create_task(async move {
                    sleep_until(begun + n * SECOND).await;
                    assert_eq!(begun.elapsed(), n * SECOND);
                    log.push(n);
                })
            };
            // Each its share, in no order.
            (0..1000)
                .filter(|n| *n as usize % workers == worker)
                .map(|n| start((n * 617) % 1000 + 1))
                .collect::<Vec<_>>()
        });
        for task in started.await.into_iter().flatten() {
            task.await.unwrap();
        }
        assert_eq!(ended.take(), (1..=1000).collect::<Vec<_>>());
    });
}

#[test]
fn timers_of_all_workers_that_are_due_at_once_fire_by_their_deadlines() {
    // A wheel knows milliseconds; within one, deadlines decide, whichever worker's timers they are. What tells is the order
    // of the wakes, which foreign wakers see, and tasks that others may run meanwhile do not.
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Wake, Waker};
    struct Told(u32, Log<u32>);
    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.1.push(self.0);
        }
    }
    with_many(async |workers| {
        let (told, begun) = (Log::<u32>::default(), Instant::now());
        let log = told.clone();
        let count = 10 * workers as u32;
        let sleeps = on_each_worker(workers, move |worker| {
            let start = |n: u32| {
                let mut sleep = Box::pin(sleep_until(begun + n * Duration::from_micros(10)));
                let waker = Waker::from(Arc::new(Told(n, log.clone())));
                assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
                sleep
            };
            (1..=count).rev().filter(|n| *n as usize % workers == worker).map(start).collect::<Vec<_>>()
        });
        let sleeps = sleeps.await;
        sleep(MS).await;
        assert_eq!(told.take(), (1..=count).collect::<Vec<_>>());
        drop(sleeps);
    });
}

#[test]
fn equal_deadlines_fire_in_the_order_of_their_making() {
    with_many(async |_| {
        let order = Log::<u32>::default();
        let begun = Instant::now();
        let tasks = order.clone();
        // Local tasks stay on their worker, so nobody else runs them meanwhile.
        let sleepers: Vec<_> = (0..100u32)
            .map(|n| {
                let tasks = tasks.clone();
                create_local_task(async move {
                    sleep_until(begun + SECOND).await;
                    tasks.push(n);
                })
            })
            .collect();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        assert_eq!(order.take(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn tasks_that_sleep_on_different_workers_meet_each_deadline_exactly() {
    with_many(async |workers| {
        for round in 1..50 {
            asleep_on_each(workers, move |index| (index as u32 * round % 7 + 1) * SECOND).await;
        }
        let begun = Instant::now();
        let ticking = on_each_worker(workers, move |index| {
            create_task(async move {
                let period = (index as u32 + 1) * SECOND;
                let mut ticks = interval(period);
                for n in 0..20 {
                    assert_eq!(ticks.tick().await, begun + n * period);
                    assert_eq!(begun.elapsed(), n * period);
                }
            })
        });
        for ticker in ticking.await {
            ticker.await.unwrap();
        }
    });
}

#[test]
fn time_stands_still_while_a_task_spins() {
    with_many(async |_| {
        let start = Instant::now();
        let sleeper = create_task(sleep(MS));
        let spinner = create_task(async move {
            for _ in 0..20_000 {
                yield_now().await;
                assert_eq!(start.elapsed(), Duration::ZERO);
            }
        });
        spinner.await.unwrap();
        assert!(!sleeper.is_done());
        sleeper.await.unwrap();
        assert_eq!(start.elapsed(), MS);
    });
}

#[test]
fn time_stands_still_while_a_worker_is_stuck_in_a_poll() {
    // Longer than the watchdog needs to see it, so that others serve what that worker has.
    with_many(async |_| {
        let start = Instant::now();
        let sleeper = create_task(sleep(MS));
        let stuck = create_task(async move {
            let beside = create_task(async { 1 });
            thread::sleep(20 * MS);
            assert_eq!(start.elapsed(), Duration::ZERO);
            beside.await.unwrap()
        });
        assert_eq!(stuck.await.unwrap(), 1);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(!sleeper.is_done());
        sleeper.await.unwrap();
        assert_eq!(start.elapsed(), MS);
    });
}

#[test]
fn a_blocking_call_holds_time_still() {
    with_many(async |workers| {
        for _ in 0..20 {
            let start = Instant::now();
            let sleeping = create_task(asleep_on_each(workers, |index| (index as u32 + 1) * HOUR));
            let (go, gone) = mpsc::channel();
            let call = create_task(to_thread(move || gone.recv()));
            let thread = thread::spawn(move || {
                thread::sleep(2 * MS);
                go.send(()).unwrap();
            });
            call.await.unwrap().unwrap().unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            sleeping.await.unwrap();
            assert_eq!(start.elapsed(), workers as u32 * HOUR);
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_clock_goes_on_after_blocking_calls_of_all_workers() {
    // Nobody awaits them, so what moves the clock is their end alone.
    with_many(async |workers| {
        for n in 0..100 {
            on_each_worker(workers, move |_| drop(to_thread(move || thread::sleep(MS / 100 * (n % 3))))).await;
            sleep(SECOND).await;
        }
    });
}

#[test]
fn time_moves_while_a_blocking_call_waits_for_its_runtime() {
    with_many(async |_| {
        let start = Instant::now();
        let handle = Handle::current();
        let waits = to_thread(move || {
            handle.create_task(sleep(HOUR)).join_blocking().unwrap();
            handle.block_on(sleep(HOUR));
        });
        waits.await.unwrap();
        assert_eq!(start.elapsed(), 2 * HOUR);
    });
}

#[test]
fn a_conversation_between_workers_takes_no_virtual_time() {
    // Each side waits for the other with a limit that lies nearer than any other deadline: were time to jump before an
    // event is seen, it would pass.
    with_many(async |workers| {
        let start = Instant::now();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let servers = on_each_worker(workers, move |_| {
            let listener = listener.clone();
            create_task(async move {
                let (mut stream, _) = timeout(SECOND, listener.accept()).await.unwrap().unwrap();
                let mut byte = [0];
                while timeout(SECOND, stream.read(&mut byte)).await.expect("the client wrote").unwrap() == 1 {
                    stream.write_all(&byte).await.unwrap();
                }
            })
        });
        let servers = servers.await;
        let clients = on_each_worker(workers, move |index| {
            create_task(async move {
                let mut stream = timeout(SECOND, TcpStream::connect(address)).await.unwrap().unwrap();
                let byte = [index as u8];
                for _ in 0..50 {
                    let mut echo = [0];
                    stream.write_all(&byte).await.unwrap();
                    timeout(SECOND, stream.read_exact(&mut echo)).await.expect("the server answered").unwrap();
                    assert_eq!(echo, byte);
                }
            })
        });
        for client in clients.await {
            client.await.unwrap();
        }
        for server in servers {
            server.await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn events_are_seen_while_a_task_is_always_ready() {
    with_many(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).await.unwrap() == 1 {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let client = create_task(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for _ in 0..20 {
                stream.write_all(b"x").await.unwrap();
                stream.read_exact(&mut [0]).await.unwrap();
            }
        });
        while !client.is_done() {
            yield_now().await;
        }
        server.await.unwrap();
    });
}

#[test]
fn a_task_from_outside_runs_at_the_time_of_its_push() {
    // A thread reads the clock before and after it pushes a task, while the time jumps as fast as it can: the task runs no
    // earlier than the one, and no later than the other, for what was pushed before that runs before time goes on.
    let _watch = watch();
    for workers in [1, 2, 8] {
        let clock = Clock::auto();
        let over = Arc::new(AtomicBool::new(false));
        let mut runner = runner(workers).clock(clock.clone());
        let handle = runner.handle();
        let (begin, begun) = mpsc::channel::<()>();
        let pusher = {
            let (over, clock) = (over.clone(), clock.clone());
            thread::spawn(move || {
                begun.recv().unwrap();
                for n in 0..300 {
                    let before = clock.now();
                    let task = handle.create_task(async { Instant::now() });
                    let after = clock.now();
                    let ran = task.join_blocking().unwrap();
                    assert!((before..=after).contains(&ran), "push {n}: {ran:?}, not in {before:?} to {after:?}");
                }
                over.store(true, Ordering::Release);
            })
        };
        runner.run(async {
            begin.send(()).unwrap();
            let ticking = on_each_worker(workers, move |_| {
                let over = over.clone();
                create_task(async move {
                    while !over.load(Ordering::Acquire) {
                        sleep(MS).await;
                    }
                })
            });
            for ticker in ticking.await {
                ticker.await.unwrap();
            }
        });
        pusher.join().unwrap();
    }
}

#[test]
fn a_wake_from_outside_ends_a_wait_without_a_deadline() {
    // Nothing can run and no timer is set: the runtime waits for the thread, in real time, and is told each time.
    with_many(async |workers| {
        let start = Instant::now();
        for n in 0..200 {
            let (tell, told) = promise();
            let waiter = on_each_worker(workers, |_| ()).await.first().map(|()| create_task(told));
            let thread = thread::spawn(move || {
                if n % 2 == 0 {
                    thread::sleep(MS / 20);
                }
                tell.set(n).unwrap();
            });
            assert_eq!(waiter.unwrap().await.unwrap().unwrap(), n);
            thread.join().unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_timer_of_a_thread_outside_is_kept() {
    // The thread's timer lies in a worker's wheel, and that worker may be asleep.
    with_many(async |workers| {
        on_each_worker(workers, |_| ()).await;
        let (handle, (tell, told)) = (Handle::current(), promise());
        let start = Instant::now();
        let thread = thread::spawn(move || {
            for _ in 0..100 {
                handle.block_on(sleep(HOUR));
            }
            tell.set(()).unwrap();
        });
        told.await.unwrap();
        assert_eq!(start.elapsed(), 100 * HOUR);
        thread.join().unwrap();
    });
}

#[test]
fn limits_strike_when_they_are_due_and_groups_end_then() {
    with_many(async |workers| {
        let start = Instant::now();
        let dropped = Count::default();
        for n in 1..=50 {
            let count = dropped.clone();
            let group = task_group(async move |group| {
                for _ in 0..workers {
                    group.create_task(hold(count.drops()));
                }
                sleep(HOUR).await;
                Ok::<(), raddle::BoxError>(())
            });
            assert!(timeout(SECOND, group).await.is_err());
            assert_eq!((start.elapsed(), dropped.get()), (n * SECOND, n as usize * workers));
        }
        let both = gather((timeout(SECOND, sleep(HOUR)), timeout(HOUR, sleep(SECOND)))).await;
        assert!(both.0.is_err() && both.1.is_ok());
        assert_eq!(start.elapsed(), 51 * SECOND);
    });
}

#[test]
fn callbacks_run_at_their_time_and_local_tasks_sleep_on_their_worker() {
    with_many(async |workers| {
        let (order, start) = (Log::<u32>::default(), Instant::now());
        for n in [3, 1, 2] {
            let order = order.clone();
            call_later(n * SECOND, move || order.push(n));
        }
        let here = create_local_task(async move {
            let thread = thread::current().id();
            for n in 1..=10 {
                sleep(SECOND).await;
                assert_eq!((thread::current().id(), start.elapsed()), (thread, n * SECOND));
            }
        });
        asleep_on_each(workers, |index| (index as u32 + 1) * MS).await;
        here.await.unwrap();
        assert_eq!(order.take(), [1, 2, 3]);
    });
}

#[test]
fn work_is_passed_on_at_once_however_many_wait() {
    with_many(async |workers| {
        let (start, queue) = (Instant::now(), Queue::<Duration>::bounded(1));
        let consumers = on_each_worker(workers, {
            let queue = queue.clone();
            move |_| {
                let queue = queue.clone();
                create_task(async move {
                    let mut last = Duration::ZERO;
                    while let Ok(sent) = queue.get().await {
                        assert_eq!(start.elapsed(), sent, "time moved while an item was in the queue");
                        last = sent;
                    }
                    last
                })
            }
        });
        let consumers = consumers.await;
        for n in 0..200 {
            queue.put(n * MS).await.unwrap();
            sleep(MS).await;
        }
        queue.shutdown();
        for consumer in consumers {
            consumer.await.unwrap();
        }
    });
}

#[test]
fn cleanup_at_the_end_sleeps_in_virtual_time() {
    let _watch = watch();
    for workers in MANY {
        let clock = Clock::auto();
        let (begun, cleaned) = (clock.now(), Count::default());
        let (count, started) = (cleaned.clone(), Arc::new(Event::new()));
        runner(workers).grace(DAY).clock(clock.clone()).run(async {
            for _ in 0..workers {
                let (count, started) = (count.clone(), started.clone());
                let cleanup = move |_| async move {
                    sleep(HOUR).await;
                    count.add();
                };
                let forever = async move {
                    started.set();
                    hold(()).await;
                };
                create_task(forever.finally(cleanup)).detach();
            }
            started.wait().await;
            sleep(SECOND).await;
        });
        assert_eq!((cleaned.get(), clock.now() - begun), (workers, SECOND + HOUR));
    }
}

#[test]
fn virtual_time_stands_still_between_runs_of_many_workers() {
    let _watch = watch();
    for workers in MANY {
        let clock = Clock::auto();
        let mut runner = runner(workers).clock(clock.clone());
        for _ in 0..20 {
            let begun = clock.now();
            runner.run(asleep_on_each(workers, |_| SECOND));
            assert_eq!(clock.now() - begun, SECOND);
            let mut sleeper = None;
            runner.run(async { sleeper = Some(create_task(sleep(SECOND))) });
            thread::sleep(MS);
            assert!(clock.now() - begun <= SECOND);
            runner.run(async { sleeper.take().unwrap().await.unwrap() });
            assert_eq!(clock.now() - begun, 2 * SECOND);
        }
    }
}

#[test]
fn a_panic_on_another_worker_ends_a_run_in_virtual_time_as_ever() {
    let _watch = watch();
    let text = panic_of(|| {
        virtual_workers(4).run(async {
            let failing = create_task(async {
                sleep(HOUR).await;
                panic!("after an hour");
            });
            failing.await.unwrap();
        })
    });
    assert!(text.contains("after an hour"), "{text}");
}
