//! Churn, walk and cancel over the same task pages: never a double poll, never a lost or twice-dropped task.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use common::{runner, scaled, watch, watch_for};
use raddle::{Handle, TaskError, all_tasks, create_task, current_task, sleep, to_thread, yield_now};

#[derive(Default)]
struct Tally {
    made: AtomicUsize,
    ended: AtomicUsize,
    dropped: AtomicUsize,
}

/// Notices two polls at once, a poll after the end, and a second drop. Yields `turns` times.
struct Fragile {
    turns: usize,
    in_poll: AtomicBool,
    ended: bool,
    tally: Arc<Tally>,
}

fn fragile(turns: usize, tally: &Arc<Tally>) -> Fragile {
    tally.made.fetch_add(1, Ordering::Relaxed);
    Fragile { turns, in_poll: AtomicBool::new(false), ended: false, tally: tally.clone() }
}

impl Future for Fragile {
    type Output = usize;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        assert!(!self.in_poll.swap(true, Ordering::SeqCst), "polled twice at once");
        assert!(!self.ended, "polled after the end");
        if self.turns == 0 {
            self.ended = true;
            self.tally.ended.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(7);
        }
        self.turns -= 1;
        cx.waker().wake_by_ref();
        self.in_poll.store(false, Ordering::SeqCst);
        Poll::Pending
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.in_poll.swap(true, Ordering::SeqCst) && !self.ended {
            eprintln!("a future was dropped during its poll, or twice");
            std::process::abort();
        }
        self.tally.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates and joins, cancels or leaves alone so many tasks, in batches. Returns how many values and ends it saw.
async fn churn(tasks: usize, seed: usize, tally: Arc<Tally>) -> (usize, usize) {
    let (mut values, mut cancelled) = (0, 0);
    for batch in 0..tasks / 64 {
        let mut handles = Vec::with_capacity(64);
        for n in 0..64 {
            let task = create_task(fragile((n + seed) % 4, &tally));
            if n % 8 == 3 {
                task.detach();
            } else {
                handles.push(task);
            }
        }
        if batch % 2 == seed % 2 {
            yield_now().await;
        }
        for task in handles.iter().step_by(3) {
            task.cancel();
        }
        for task in handles {
            match task.await {
                Ok(value) => {
                    assert_eq!(value, 7);
                    values += 1;
                }
                Err(TaskError::Cancelled) => cancelled += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    (values, cancelled)
}

#[test]
fn churn_walk_and_abort_over_a_million_tasks() {
    // Four workers create and cancel; two walkers look at every task all the time, and one more from a thread.
    let _watch = watch_for(Duration::from_secs(120));
    let each = scaled(1_000_000) / 4;
    let tally = Arc::new(Tally::default());
    runner(4).run(async {
        let churns: Vec<_> = (0..4).map(|seed| create_task(churn(each, seed, tally.clone()))).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let walkers: Vec<_> = (0..2)
            .map(|_| {
                let stop = stop.clone();
                create_task(async move {
                    let (mut walks, mut seen) = (0, 0);
                    while !stop.load(Ordering::SeqCst) {
                        let tasks = all_tasks();
                        let me = current_task().unwrap().id;
                        assert!(tasks.iter().any(|task| task.id == me), "a walker must find itself");
                        assert!(tasks.windows(2).all(|pair| pair[0].id < pair[1].id), "a task was found twice");
                        seen += tasks.iter().filter(|task| task.future.contains("Fragile")).count();
                        walks += 1;
                        yield_now().await;
                    }
                    (walks, seen)
                })
            })
            .collect();
        let handle = Handle::current();
        let metrics_stop = stop.clone();
        let metrics = to_thread(move || {
            while !metrics_stop.load(Ordering::SeqCst) {
                let _ = handle.metrics();
            }
        });
        let (mut values, mut cancelled) = (0, 0);
        for churn in churns {
            let (some, others) = churn.await.unwrap();
            values += some;
            cancelled += others;
        }
        stop.store(true, Ordering::SeqCst);
        let mut found = 0;
        for walker in walkers {
            let (walks, seen) = walker.await.unwrap();
            assert!(walks > 0);
            found += seen;
        }
        metrics.await.unwrap();
        assert!(found > 0, "no walker ever saw a task");
        assert_eq!(values + cancelled, 4 * (each / 64) * 56);
        assert!(values > 0 && cancelled > 0);
    });
    let made = tally.made.load(Ordering::SeqCst);
    assert_eq!(made, 4 * (each / 64) * 64);
    assert_eq!(tally.dropped.load(Ordering::SeqCst), made);
}

#[test]
fn a_walk_sees_exactly_who_is_there() {
    // Nobody else is active: every waiting task is found once, none that has ended.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            for round in 0..20 {
                let waiting: Vec<_> = (0..500).map(|_| create_task(std::future::pending::<()>())).collect();
                let ended: Vec<_> = (0..500).map(|n| create_task(async move { n })).collect();
                while !ended.iter().all(raddle::Task::is_done) {
                    sleep(Duration::from_micros(100)).await;
                }
                let all: Vec<_> = all_tasks().iter().map(|task| task.id).collect();
                let mut expected: Vec<_> = waiting.iter().map(raddle::Task::id).collect();
                expected.push(current_task().unwrap().id);
                expected.sort();
                assert_eq!(all, expected, "round {round}");
                for task in &waiting {
                    task.cancel();
                }
                for task in waiting {
                    task.await.unwrap_err();
                }
            }
        });
    }
}
