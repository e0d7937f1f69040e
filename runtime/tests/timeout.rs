//! What timeouts promise, apart from the cleanup that they await.

mod common;

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{runner, virtual_runner};
use raddle::{Instant, create_local_task, deadline, move_on_after, sleep, timeout, timeout_at, wait_for, yield_now};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_result_that_is_there_at_the_deadline_wins() {
    virtual_runner().run(async {
        let start = Instant::now();
        assert_eq!(timeout(10 * MS, async { sleep(10 * MS).await }).await, Ok(()));
        assert_eq!(timeout_at(start, ready(1)).await, Ok(1));
        assert_eq!(timeout(Duration::ZERO, ready(2)).await, Ok(2));
        assert_eq!(wait_for(ready(3), Duration::MAX).await, Ok(3));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        assert!(timeout(10 * MS, sleep(11 * MS)).await.is_err());
        assert_eq!(start.elapsed(), 20 * MS);
    });
}

/// With no time left, whatever has to wait has waited too long: no turn is given, in which the others could help it.
#[test]
fn a_deadline_that_has_passed_strikes_before_the_first_turn() {
    virtual_runner().run(async {
        let begun = Rc::new(Cell::new(false));
        let begins = begun.clone();
        let task = create_local_task(async move { begins.set(true) });
        assert!(timeout(Duration::ZERO, task).await.is_err());
        yield_now().await;
        assert!(!begun.get(), "a task that was cancelled before it began");
        assert!(timeout(Duration::ZERO, yield_now()).await.is_err());
        assert!(timeout_at(Instant::now() - MS, yield_now()).await.is_err());
        assert!(deadline(Instant::now() - MS, async |_| yield_now().await).await.is_err());
    });
}

/// What is there is there, also for a task that has used its budget up and has to take another turn to get it.
#[test]
fn a_deadline_that_has_passed_leaves_the_turn_that_the_budget_asks_for() {
    virtual_runner().run(async {
        let full = raddle::Mutex::new(());
        for _ in 0..10_000 {
            assert!(timeout(Duration::ZERO, full.lock()).await.is_ok());
        }
    });
}

/// A future that is ready at once costs neither a clock nor a timer: it works where there is no runtime at all.
#[test]
fn a_ready_future_needs_no_clock() {
    let mut within = Box::pin(timeout(HOUR, ready(7)));
    assert_eq!(within.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(7)));
}

#[test]
fn what_timed_out_is_dropped_before_the_timeout_returns() {
    struct Guard(Rc<Cell<bool>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    virtual_runner().run(async {
        let dropped = Rc::new(Cell::new(false));
        let guard = Guard(dropped.clone());
        let mut within = Box::pin(timeout(MS, async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        let error = within.as_mut().await.unwrap_err();
        assert!(dropped.get(), "though the Timeout itself lives");
        assert_eq!(error.to_string(), "timed out after 1ms");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        assert_eq!(move_on_after(MS, pending::<()>()).await, None);
        assert_eq!(move_on_after(MS, ready(1)).await, Some(1));
    });
}

/// A future that uses its budget up in every poll does not hide the deadline.
#[test]
fn a_greedy_future_times_out() {
    runner(1).run(async {
        let greedy = std::future::poll_fn(|cx| {
            let full = raddle::Mutex::new(());
            while pin!(full.lock()).poll(cx).is_ready() {}
            Poll::<()>::Pending
        });
        assert!(timeout(5 * MS, greedy).await.is_err());
    });
}
