//! Nobody is forgotten at the end: when a runner has been dropped, so has every future it was given.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use raddle::{Runner, Task, create_local_task, create_task, yield_now};

const TASKS: usize = 1000;

/// Counts its drops, and those of them on a thread that has no business with tasks.
struct Counted {
    drops: Arc<AtomicUsize>,
    strays: Arc<AtomicUsize>,
    home: thread::ThreadId,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let thread = thread::current();
        if thread.id() != self.home && !thread.name().is_some_and(|name| name.starts_with("counted-")) {
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for ever, in a circle: the future keeps its own waker, as does somebody outside.
struct Circle {
    _counted: Counted,
    own: Option<Waker>,
    kept: Arc<Mutex<Vec<Waker>>>,
}

impl Future for Circle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.own.is_none() {
            self.own = Some(cx.waker().clone());
            self.kept.lock().unwrap().push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// A thousand tasks that wait, some in a circle with their own waker, some for each other, some pinned, some of them
/// still in the queue; then the runner is dropped. Each future is dropped, on a thread of the runtime; the wakers that
/// the test has kept are good for nothing and harm nobody.
#[test]
fn every_future_is_dropped_before_the_runner_is_gone() {
    for workers in [1, 2] {
        let (drops, strays) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let kept = Arc::new(Mutex::new(Vec::new()));
        let home = thread::current().id();
        let counted = || Counted { drops: drops.clone(), strays: strays.clone(), home };
        let mut born = 0;
        let mut runner = Runner::new().workers(workers).name("counted");
        let handle = runner.handle();
        runner.run(async {
            let mut last: Option<Task<()>> = None;
            for _ in 0..TASKS / 4 {
                create_task(Circle { _counted: counted(), own: None, kept: kept.clone() }).detach();
                let (one, before) = (counted(), last.take());
                last = Some(create_task(async move {
                    let _one = one;
                    match before {
                        Some(before) => before.await.unwrap(),
                        None => pending().await,
                    }
                }));
                let (one, not_send) = (counted(), Rc::new(Cell::new(0)));
                create_local_task(async move {
                    let _one = one;
                    not_send.set(1);
                    pending::<()>().await;
                    not_send.set(2);
                })
                .detach();
                born += 3;
            }
            last.unwrap().detach();
            // Those in a circle have all been polled, and wait; the others may.
            while kept.lock().unwrap().len() < TASKS / 4 {
                yield_now().await;
            }
            // These stay in the queue.
            for _ in 0..TASKS / 4 {
                let one = counted();
                create_task(async move {
                    let _one = one;
                    pending::<()>().await;
                })
                .detach();
                born += 1;
            }
        });
        // And these come from outside, while nothing runs.
        for _ in 0..10 {
            let one = counted();
            handle
                .create_task(async move {
                    let _one = one;
                    pending::<()>().await;
                })
                .detach();
            born += 1;
        }
        drop(runner);
        assert_eq!(drops.load(Ordering::Relaxed), born, "futures leaked or dropped twice, {workers} workers");
        assert_eq!(strays.load(Ordering::Relaxed), 0, "dropped on a foreign thread");
        let wakers = std::mem::take(&mut *kept.lock().unwrap());
        assert_eq!(wakers.len(), TASKS / 4);
        thread::spawn(move || {
            for waker in wakers {
                waker.wake_by_ref();
                let clone = waker.clone();
                waker.wake();
                drop(clone);
            }
        })
        .join()
        .unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), born, "a stale waker has touched something");
    }
}
