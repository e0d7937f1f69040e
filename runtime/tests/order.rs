//! asyncio's turn order with one worker, and the same programs with more, where only the order is free.

mod common;

use std::future::Future;
use std::time::Duration;

use common::{Log, runner, tell, virtual_runner, watch};
use raddle::{Event, Queue, call_later, call_soon, create_local_task, create_task, promise, sleep, timeout, yield_now};

/// Each body as it was written down from asyncio, to be run on one worker exactly and on more in any order.
fn exact_on_one_sorted_on_more<Fut: Future<Output = ()>>(body: impl Fn(Log) -> Fut, expected: &[&str]) {
    let _watch = watch();
    let log = Log::<String>::default();
    virtual_runner().run(body(log.clone()));
    assert_eq!(log.take(), expected);
    runner(1).run(body(log.clone()));
    assert_eq!(log.take(), expected, "on the real clock");
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    for workers in [2, 4, 8] {
        for _ in 0..20 {
            runner(workers).run(body(log.clone()));
            let mut lines = log.take();
            lines.sort_unstable();
            assert_eq!(lines, sorted, "with {workers} workers");
        }
    }
}

#[test]
fn tasks_start_in_creation_order_and_take_turns() {
    // asyncio: create_task only schedules; awaiting a plain coroutine gives nobody a turn; sleep(0) rotates.
    async fn worker(log: Log, name: &str) {
        for step in 0..3 {
            log.push(format!("{name} {step}"));
            sleep(Duration::ZERO).await;
        }
    }
    async fn inline(log: &Log) {
        log.push("inline coroutine: no turn given");
    }
    let body = |log: Log| async move {
        let tasks = ["A", "B", "C"].map(|name| create_task(worker(log.clone(), name)));
        log.push("created, none started");
        inline(&log).await;
        sleep(Duration::ZERO).await;
        log.push("main again");
        for task in tasks {
            task.await.unwrap();
        }
        log.push("all done");
    };
    let expected = [
        "created, none started",
        "inline coroutine: no turn given",
        "A 0",
        "B 0",
        "C 0",
        "main again",
        "A 1",
        "B 1",
        "C 1",
        "A 2",
        "B 2",
        "C 2",
        "all done",
    ];
    exact_on_one_sorted_on_more(body, &expected);
}

#[test]
fn yield_now_and_sleep_zero_are_one_turn_each() {
    let body = |log: Log| async move {
        let (a, b) = (log.clone(), log.clone());
        let zero = create_task(async move {
            for n in 0..4 {
                a.push(format!("zero {n}"));
                sleep(Duration::ZERO).await;
            }
        });
        let yields = create_task(async move {
            for n in 0..4 {
                b.push(format!("yield {n}"));
                yield_now().await;
            }
        });
        zero.await.unwrap();
        yields.await.unwrap();
    };
    let expected = ["zero 0", "yield 0", "zero 1", "yield 1", "zero 2", "yield 2", "zero 3", "yield 3"];
    exact_on_one_sorted_on_more(body, &expected);
}

#[test]
fn starts_are_first_in_first_out_at_any_depth() {
    // Children go behind what was created before them; local and movable tasks stand in one line.
    let body = |log: Log| async move {
        let mut tasks = Vec::new();
        for parent in 0..3 {
            let noted = log.clone();
            tasks.push(create_task(async move {
                noted.push(format!("parent {parent}"));
                let children: Vec<_> = (0..2)
                    .map(|child| {
                        let noted = noted.clone();
                        create_task(async move { noted.push(format!("child {parent}.{child}")) })
                    })
                    .collect();
                for child in children {
                    child.await.unwrap();
                }
                noted.push(format!("end {parent}"));
            }));
        }
        let noted = log.clone();
        let local = create_local_task(async move { noted.push("local") });
        for task in tasks {
            task.await.unwrap();
        }
        local.await.unwrap();
    };
    let expected = [
        "parent 0",
        "parent 1",
        "parent 2",
        "local",
        "child 0.0",
        "child 0.1",
        "child 1.0",
        "child 1.1",
        "child 2.0",
        "child 2.1",
        "end 0",
        "end 1",
        "end 2",
    ];
    exact_on_one_sorted_on_more(body, &expected);
}

#[test]
fn timers_go_before_what_becomes_ready_in_their_turn() {
    // Two timers fall due together; the first one's task creates another, which comes after the second.
    let _watch = watch();
    let log = Log::<String>::default();
    virtual_runner().run(async {
        let (a, b) = (log.clone(), log.clone());
        let first = create_task(async move {
            sleep(Duration::from_secs(1)).await;
            a.push("first timer");
            create_task(async move { a.push("created by the first") }).await.unwrap();
        });
        let second = create_task(async move {
            sleep(Duration::from_secs(1)).await;
            b.push("second timer");
        });
        first.await.unwrap();
        second.await.unwrap();
    });
    assert_eq!(log.take(), ["first timer", "second timer", "created by the first"]);
}

#[test]
fn timers_come_in_the_order_of_their_deadlines() {
    // Set in a scrambled order; equal deadlines come first set, first served, callbacks among them.
    let _watch = watch();
    let log = Log::<String>::default();
    virtual_runner().run(async {
        let mut tasks = Vec::new();
        for n in 0..1000u64 {
            let ms = n * 7919 % 100 + 1;
            let noted = log.clone();
            if n % 3 == 0 {
                call_later(Duration::from_millis(ms), move || noted.push(format!("{ms:03} {n:04}")));
            } else {
                tasks.push(create_task(async move {
                    sleep(Duration::from_millis(ms)).await;
                    noted.push(format!("{ms:03} {n:04}"));
                }));
            }
        }
        sleep(Duration::from_secs(1)).await;
        for task in tasks {
            task.await.unwrap();
        }
    });
    let lines = log.take();
    assert_eq!(lines.len(), 1000);
    assert!(lines.is_sorted(), "{:?}", lines.windows(2).find(|pair| pair[0] > pair[1]));
}

#[test]
fn callbacks_stand_in_line_with_tasks() {
    let body = |log: Log| async move {
        let (said, heard) = promise();
        let (a, b, c) = (log.clone(), log.clone(), log.clone());
        call_soon(move || a.push("callback 1"));
        let task = create_task(async move { b.push("task") });
        call_soon(move || c.push("callback 2"));
        call_soon(move || tell(said, ()));
        log.push("main");
        heard.await.unwrap();
        task.await.unwrap();
        // With more workers another one may still be inside one of the callbacks.
        while log.len() < 4 {
            yield_now().await;
        }
    };
    exact_on_one_sorted_on_more(body, &["main", "callback 1", "task", "callback 2"]);
}

#[test]
fn waiters_are_woken_in_the_order_they_came() {
    // An event, a queue and the ends of tasks.
    let body = |log: Log| async move {
        let (event, queue) = (std::sync::Arc::new(Event::new()), Queue::<usize>::unbounded());
        let mut tasks = Vec::new();
        for n in 0..3 {
            let (event, noted) = (event.clone(), log.clone());
            tasks.push(create_task(async move {
                event.wait().await;
                noted.push(format!("event {n}"));
            }));
        }
        sleep(Duration::ZERO).await;
        event.set();
        for task in tasks {
            task.await.unwrap();
        }
        let getters: Vec<_> = (0..3)
            .map(|n| {
                let (queue, noted) = (queue.clone(), log.clone());
                create_task(async move {
                    queue.get().await.unwrap();
                    noted.push(format!("got {n}"));
                })
            })
            .collect();
        sleep(Duration::ZERO).await;
        for item in 0..3 {
            queue.put(item).await.unwrap();
        }
        for getter in getters {
            getter.await.unwrap();
        }
    };
    exact_on_one_sorted_on_more(body, &["event 0", "event 1", "event 2", "got 0", "got 1", "got 2"]);
}

#[test]
fn a_producer_and_a_consumer_alternate_on_a_queue_of_one() {
    let body = |log: Log| async move {
        let queue = Queue::bounded(1);
        let (from, noted) = (queue.clone(), log.clone());
        let consumer = create_task(async move {
            for _ in 0..5 {
                let n: u32 = from.get().await.unwrap();
                noted.push(format!("got {n}"));
            }
        });
        for n in 0..5 {
            queue.put(n).await.unwrap();
        }
        consumer.await.unwrap();
    };
    exact_on_one_sorted_on_more(body, &["got 0", "got 1", "got 2", "got 3", "got 4"]);
}

#[test]
fn a_timeout_and_its_task_end_in_order() {
    let body = |log: Log| async move {
        let noted = log.clone();
        let slow = create_task(async move {
            sleep(Duration::from_millis(20)).await;
            noted.push("slow ends");
        });
        let fast = timeout(Duration::from_millis(5), sleep(Duration::from_secs(3600))).await;
        log.push(format!("timed out: {}", fast.is_err()));
        slow.await.unwrap();
        log.push("end");
    };
    exact_on_one_sorted_on_more(body, &["timed out: true", "slow ends", "end"]);
}
