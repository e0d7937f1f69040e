//! Promises of `Runner`: used again and again, frozen in between, and of `run` itself.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant as RealInstant};

use common::{Count, hold, panic_of, runner, tell, virtual_runner, watch};
use raddle::{
    Clock, Handle, Instant, Runner, TaskError, TcpListener, TcpStream, all_tasks, create_local_task, create_task,
    current_task, interval, promise, run, sleep, yield_now,
};

#[test]
fn main_may_borrow_and_need_not_be_send() {
    let _watch = watch();
    for workers in [1, 2] {
        let words = vec![String::from("one"), String::from("two")];
        let log = Rc::new(RefCell::new(Vec::new()));
        let length = runner(workers).run(async {
            for word in &words {
                yield_now().await;
                log.borrow_mut().push(word.as_str());
            }
            create_task(async { 6 }).await.unwrap()
        });
        assert_eq!((length, log.borrow().as_slice()), (6, ["one", "two"].as_slice()));
    }
}

#[test]
fn main_runs_on_the_calling_thread_and_tasks_on_named_ones() {
    let _watch = watch();
    let me = thread::current().id();
    runner(3).name("crew").run(async {
        for _ in 0..100 {
            assert_eq!(thread::current().id(), me);
            create_task(async { yield_now().await }).await.unwrap();
        }
        let names = common::on_each_worker(3, move |_| {
            let thread = thread::current();
            (thread.id() != me).then(|| thread.name().unwrap().to_owned())
        });
        let mut names: Vec<_> = names.await.into_iter().flatten().collect();
        names.sort();
        assert_eq!(names, ["crew-1", "crew-2"]);
    });
}

#[test]
fn a_runner_runs_many_programs() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let mut runner = runner(workers);
        for n in 0..500u32 {
            let twice = runner.run(async {
                let tasks: Vec<_> = (0..5).map(|_| create_task(async move { n })).collect();
                yield_now().await;
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                sum
            });
            assert_eq!(twice, 5 * n);
        }
        assert_eq!(runner.try_run(async { 5 }).unwrap(), 5);
    }
}

#[test]
fn between_two_runs_everything_is_frozen() {
    // Busy tasks on all workers count; between the runs nothing is counted; in the next run they go on.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let counter = Arc::new(AtomicUsize::new(0));
        let mut runner = runner(workers);
        let run_until = |runner: &mut Runner, more: usize| {
            let goal = counter.load(Ordering::SeqCst) + more;
            runner.run(async {
                while counter.load(Ordering::SeqCst) < goal {
                    yield_now().await;
                }
            });
        };
        runner.run(async {
            for n in 0..workers * 3 {
                let counter = counter.clone();
                let body = async move {
                    loop {
                        counter.fetch_add(1, Ordering::SeqCst);
                        if n % 3 == 1 {
                            sleep(Duration::from_micros(100)).await;
                        } else {
                            yield_now().await;
                        }
                    }
                };
                if n % 3 == 2 {
                    create_local_task(body).detach();
                } else {
                    create_task(body).detach();
                }
            }
        });
        for _ in 0..5 {
            run_until(&mut runner, 1000);
            let frozen = counter.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
            assert_eq!(counter.load(Ordering::SeqCst), frozen, "somebody ran between the runs");
        }
    }
}

#[test]
fn timers_that_fell_due_between_two_runs_fire_in_the_next() {
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let fired = Count::default();
        let counted = fired.clone();
        let tasks = runner.run(async move {
            let mut tasks = Vec::new();
            for _ in 0..10 {
                let fired = counted.clone();
                tasks.push(create_task(async move {
                    sleep(Duration::from_millis(5)).await;
                    fired.add();
                }));
            }
            yield_now().await;
            yield_now().await;
            tasks
        });
        let before = fired.get();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(fired.get(), before);
        runner.run(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(fired.get(), 10);
    }
}

#[test]
fn tasks_and_sockets_survive_from_run_to_run() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let mut runner = runner(workers);
        let address = runner.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            create_task(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    create_task(async move {
                        let mut buffer = [0; 1];
                        while stream.read_exact(&mut buffer).await.is_ok() {
                            stream.write_all(&buffer).await.unwrap();
                        }
                    })
                    .detach();
                }
            })
            .detach();
            address
        });
        let mut stream = runner.run(TcpStream::connect(address)).unwrap();
        for n in 0..50u8 {
            runner.run(async {
                stream.write_all(&[n]).await.unwrap();
                let mut buffer = [0; 1];
                stream.read_exact(&mut buffer).await.unwrap();
                assert_eq!(buffer, [n]);
            });
        }
        // Main is a new task each time; the two others are the same ones.
        assert_eq!(runner.run(async { all_tasks().len() }), 3);
    }
}

#[test]
fn what_happens_between_two_runs_is_seen_in_the_next() {
    // A promise kept, a task created, a task cancelled from outside while everything stands still.
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let (said, heard) = promise();
        let (waiting, held) = runner.run(async { (create_task(heard), create_task(hold(()))) });
        let handle = runner.handle();
        assert!(held.cancel());
        assert!(!held.is_done(), "nobody is there to drop it");
        let outside = thread::spawn(move || {
            tell(said, 5);
            handle.create_task(async { current_task().unwrap().parent })
        });
        let created = outside.join().unwrap();
        runner.run(async {
            assert_eq!(waiting.await.unwrap().unwrap(), 5);
            assert!(matches!(held.await, Err(TaskError::Cancelled)));
            assert_eq!(created.await.unwrap(), None);
        });
    }
}

#[test]
fn a_handle_works_before_the_first_run() {
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let handle = runner.handle();
        let called = Count::default();
        let counted = called.clone();
        let task = handle.create_task(async {
            sleep(Duration::from_millis(1)).await;
            7
        });
        handle.call_soon(move || assert_eq!(counted.add(), 0)).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(!task.is_done());
        assert_eq!(called.get(), 0);
        assert_eq!(runner.run(task).unwrap(), 7);
        assert_eq!(called.get(), 1);
    }
}

#[test]
fn dropping_a_runner_cancels_what_is_left() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let mut runner = runner(workers);
        let dropped = Count::default();
        let task = runner.run(async {
            create_task(hold(dropped.drops())).detach();
            create_local_task(hold(dropped.drops())).detach();
            [create_task(hold(dropped.drops()))]
        });
        runner.run(async { yield_now().await });
        assert_eq!(dropped.get(), 0);
        drop(runner);
        assert_eq!(dropped.get(), 3);
        assert!(task[0].is_cancelled());
    }
}

#[test]
fn a_run_ends_though_another_worker_is_in_a_long_poll() {
    // The poll goes on beyond the run; the next run finds the task again.
    let _watch = watch();
    let mut runner = runner(2);
    let (release, blocker) = std::sync::mpsc::channel::<()>();
    let [task] = runner.run(async {
        let (started, starting) = std::sync::mpsc::channel();
        let task = create_task(async move {
            started.send(()).unwrap();
            blocker.recv().unwrap();
            yield_now().await;
            9
        });
        starting.recv().unwrap();
        [task]
    });
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        release.send(()).unwrap();
    });
    assert_eq!(runner.run(async { create_task(async { 1 }).await.unwrap() }), 1);
    assert_eq!(runner.run(task).unwrap(), 9);
    thread.join().unwrap();
}

#[test]
fn virtual_time_stands_still_between_runs() {
    let _watch = watch();
    let clock = Clock::auto();
    let mut runner = Runner::new().workers(1).clock(clock.clone());
    let real = RealInstant::now();
    let mut ticks = runner.run(async { interval(Duration::from_secs(60)) });
    for n in 0..100u32 {
        let (due, now) = runner.run(async { (ticks.tick().await, Instant::now()) });
        assert_eq!(due, now, "tick {n}");
    }
    assert!(real.elapsed() < Duration::from_secs(30));
    assert_eq!(virtual_runner().run(async { 1 }), 1);
}

#[test]
fn a_main_that_waits_for_ever_can_be_left_by_its_own_wish_only() {
    // Main is woken from a task, a thread and a timer, and by itself.
    let _watch = watch();
    for workers in [1, 2] {
        run(async {});
        runner(workers).run(async {
            for way in 0..3 {
                let (said, heard) = promise();
                match way {
                    0 => create_task(async move { tell(said, way) }).detach(),
                    1 => drop(thread::spawn(move || tell(said, way))),
                    _ => drop(raddle::call_later(Duration::from_millis(1), move || tell(said, way))),
                }
                assert_eq!(heard.await.unwrap(), way);
            }
        });
    }
}

#[test]
fn the_current_runtime_is_known_inside_only() {
    let _watch = watch();
    assert!(Handle::try_current().is_none());
    runner(1).run(async {
        assert!(Handle::try_current().is_some());
        assert!(current_task().is_some());
    });
    assert!(Handle::try_current().is_none());
    let text = panic_of(|| runner(1).run(async { panic!("out") }));
    assert_eq!(text, "out");
    assert!(Handle::try_current().is_none() && current_task().is_none());
}
