//! A condition notifies those who wait in the order in which they came. One that is cancelled after it was notified
//! passes the notification on, and `wait_for` looks again each time.
//!
//! In asyncio a cancelled `wait` takes the lock back before the error comes out, since its `async with` is about to
//! release it. Here `wait` has taken the guard, so a waiter that is dropped has nothing to release and need not wait for
//! the lock: when `w2` ends the lock is free, and `w4` ends while main has it. That are the three lines that differ, and
//! the order of the last two of them. asyncio's three lines about an operation without the lock are not there: `wait`
//! cannot be called without a guard, and `notify` does not ask for one.
//!
//! With several workers, `w2` may end before main has let go of the lock, and tell of it later than `w3`.

use std::sync::Arc;

use raddle::{Condition, Exit, FinallyExt, Mutex, create_task, sleep};

use super::support::{Out, assert_order, truth};

pub(crate) const TEXT: &str = "\
w1 notified
w2 cancelled, holds the lock: False
w3 notified
done: [True, True, True, False]
w4 cancelled, holds the lock: True
w4 done while main holds the lock: True
wait_for: n=3";

type State = Arc<(Mutex<u32>, Condition)>;

pub(crate) async fn program(out: Out) {
    let state = State::default();
    let (mutex, condition) = &*state;
    let mut waiters = Vec::new();
    for name in ["w1", "w2", "w3", "w4"] {
        waiters.push(create_task(waiter(out.clone(), state.clone(), name)));
        sleep(out.ms(2)).await;
    }
    {
        let _guard = mutex.lock().await;
        condition.notify(1);
    }
    sleep(out.ms(5)).await;
    {
        let _guard = mutex.lock().await;
        condition.notify(1); // for w2 ...
        waiters[1].cancel(); // ... which is cancelled while notified
    }
    sleep(out.ms(10)).await;
    let done: Vec<_> = waiters.iter().map(|waiter| truth(waiter.is_done())).collect();
    out.line(format!("done: [{}]", done.join(", ")));
    {
        let _guard = mutex.lock().await;
        waiters[3].cancel();
        sleep(out.ms(5)).await;
        out.line(format!("w4 done while main holds the lock: {}", truth(waiters[3].is_done())));
    }
    for waiter in waiters {
        let _ = waiter.await;
    }

    let until_three = create_task({
        let state = state.clone();
        async move {
            let guard = state.0.lock().await;
            let n = state.1.wait_for(guard, |n| *n >= 3).await;
            format!("n={}", *n)
        }
    });
    for _ in 0..3 {
        sleep(out.ms(2)).await;
        *mutex.lock().await += 1;
        condition.notify_all();
    }
    out.line(format!("wait_for: {}", until_three.await.unwrap()));
}

async fn waiter(out: Out, state: State, name: &'static str) {
    let (leave, left) = (out.clone(), state.clone());
    let guard = state.0.lock().await;
    let work = async {
        let _guard = state.1.wait(guard).await;
        out.line(format!("{name} notified"));
    };
    let leaving = move |exit| async move {
        if exit == Exit::Cancelled {
            leave.line(format!("{name} cancelled, holds the lock: {}", truth(left.0.is_locked())));
        }
    };
    work.finally(leaving).await;
}

pub(crate) fn one_notification_one_waiter(printed: &[String]) {
    let mut text: Vec<_> = TEXT.lines().collect();
    let w2 = |line: &&String| line.starts_with("w2 cancelled");
    assert_eq!(printed.iter().filter(w2).count(), 1, "{printed:#?}");
    text.remove(1);
    assert_order(printed, &text);
    assert_order(&printed[..4], &["w1 notified", "w3 notified", "done: [True, True, True, False]"]);
    assert_eq!(printed.len(), 7, "{printed:#?}");
}
