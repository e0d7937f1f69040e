//! Promises of `gather` over real tasks: all outputs, in argument order, however many and wherever they run.

mod common;

use std::future::Future;
use std::time::Duration;

use common::{Count, hold, runner, scaled, virtual_runner, watch};
use raddle::{Instant, create_task, gather, promise, sleep, timeout, yield_now};

#[test]
fn outputs_come_in_argument_order() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let slept = |ms: u64| async move {
            sleep(Duration::from_millis(ms)).await;
            ms
        };
        assert_eq!(gather([30, 10, 20].map(slept)).await, [30, 10, 20]);
        assert_eq!(start.elapsed(), Duration::from_millis(30));
        let words = ["a", "b"].map(|word| async move { word });
        let (a, (b, c), d) = gather((slept(5), gather((async { "x" }, slept(7))), gather(words))).await;
        assert_eq!((a, b, c, d), (5, "x", 7, vec!["a", "b"]));
        assert_eq!(start.elapsed(), Duration::from_millis(37));
    });
}

#[test]
fn ten_thousand_tasks_are_gathered() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let outputs = runner(workers).run(async {
            gather((0..10_000usize).map(|n| {
                create_task(async move {
                    if n % 3 == 0 {
                        yield_now().await;
                    }
                    if n % 500 == 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                    n
                })
            }))
            .await
        });
        assert!(outputs.into_iter().map(Result::unwrap).eq(0..10_000));
    }
}

/// A future that counts its polls.
fn counted<F: Future>(polls: &Count, future: F) -> impl Future<Output = F::Output> {
    let (polls, mut future) = (polls.clone(), Box::pin(future));
    std::future::poll_fn(move |cx| {
        polls.add();
        future.as_mut().poll(cx)
    })
}

#[test]
fn ten_thousand_futures_are_gathered_in_place() {
    let _watch = watch();
    for workers in [1, 2] {
        let outputs = runner(workers).run(async {
            gather((0..10_000u64).map(|n| async move {
                sleep(Duration::from_micros(n % 7 * 700)).await;
                n
            }))
            .await
        });
        assert!(outputs.into_iter().eq(0..10_000));
    }
}

#[test]
fn a_child_is_polled_when_it_was_woken_and_not_with_every_other() {
    // Twice each for ten thousand sleepers, and a little for turns given away.
    let _watch = watch();
    let polls = Count::default();
    virtual_runner().run(async {
        gather((0..10_000u64).map(|n| counted(&polls, sleep(Duration::from_millis(1 + n % 3))))).await;
    });
    assert!(polls.get() <= 25_000, "{polls:?} polls");
}

#[test]
fn a_child_woken_from_another_worker_is_not_lost() {
    // Forty children in one task, woken by forty tasks on all workers, again and again.
    let _watch = watch();
    for children in [4, 40] {
        runner(4).run(async {
            for _ in 0..scaled(2000) {
                let (promises, pending): (Vec<_>, Vec<_>) = (0..children).map(|_| promise()).unzip();
                for (n, promise) in promises.into_iter().enumerate() {
                    create_task(async move { promise.set(n).unwrap() }).detach();
                }
                let outputs = gather(pending).await;
                assert!(outputs.into_iter().map(Result::unwrap).eq(0..children));
            }
        });
    }
}

#[test]
fn a_dropped_gather_cancels_the_tasks_in_it() {
    // Few children and many: a gather that timed out drops its handles, which were polled, so the tasks end.
    let _watch = watch();
    for children in [3, 100] {
        virtual_runner().run(async {
            let dropped = Count::default();
            let tasks: Vec<_> = (0..children).map(|_| create_task(hold(dropped.drops()))).collect();
            assert!(timeout(Duration::from_secs(1), gather(tasks)).await.is_err());
            yield_now().await;
            yield_now().await;
            assert_eq!(dropped.get(), children);
        });
    }
}

#[test]
fn children_may_borrow_from_their_task() {
    let _watch = watch();
    runner(2).run(async {
        let words = [String::from("one"), String::from("three")];
        let lengths = gather(words.iter().map(|word| async move {
            yield_now().await;
            word.len()
        }));
        assert_eq!(lengths.await, [3, 5]);
    });
}

#[test]
fn a_panicking_child_takes_its_task_and_drops_the_others() {
    let _watch = watch();
    runner(2).run(async {
        for children in [2, 50] {
            let dropped = Count::default();
            let guards: Vec<_> = (0..children).map(|_| dropped.drops()).collect();
            let task = create_task(gather(guards.into_iter().enumerate().map(|(n, guard)| async move {
                yield_now().await;
                assert_ne!(n, 1, "child {n}");
                hold(guard).await;
            })));
            assert!(task.await.unwrap_err().to_string().contains("child 1"));
            assert_eq!(dropped.get(), children);
        }
    });
}
