//! `set` lets everybody go who waits, for good, even if `clear` follows at once; who comes after the `clear` waits. A
//! wait for a set event gives nobody a turn.
//!
//! asyncio's `wait` gives `True`, always; here it gives nothing, and the text is the test's. With several workers a
//! waiter may look at the flag between `set` and `clear`, a task that is created may be over at once, and of a `cancel`
//! and a `set` that follow each other, either may win.

use raddle::{Event, create_task, gather, sleep, yield_now};
use std::sync::Arc;

use super::support::{Out, assert_order, truth};

pub(crate) const TEXT: &str = "\
e1 -> True | set now: False
e2 -> True | set now: False
late done: False
late -> True | set now: True
wait on a set event gave no turn: True
cancel wins over set in the same turn: True";

pub(crate) async fn program(out: Out) {
    let event = Arc::new(Event::new());
    let waiters = ["e1", "e2"].map(|name| create_task(waiter(out.clone(), event.clone(), name)));
    sleep(out.ms(5)).await;
    event.set();
    event.clear();
    let late = create_task(waiter(out.clone(), event.clone(), "late"));
    gather(waiters).await;
    sleep(out.ms(5)).await;
    out.line(format!("late done: {}", truth(late.is_done())));
    event.set();
    late.await.unwrap();
    let other = create_task(yield_now());
    event.wait().await;
    out.line(format!("wait on a set event gave no turn: {}", truth(!other.is_done())));
    other.await.unwrap();
    event.clear();
    let gone = create_task(waiter(out.clone(), event.clone(), "gone"));
    sleep(out.ms(5)).await;
    gone.cancel();
    event.set();
    out.line(format!("cancel wins over set in the same turn: {}", truth(gone.await.is_err())));
}

async fn waiter(out: Out, event: Arc<Event>, name: &str) {
    event.wait().await;
    out.line(format!("{name} -> True | set now: {}", truth(event.is_set())));
}

pub(crate) fn who_waits_is_let_go(printed: &[String]) {
    let named = |name: &str| printed.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!((named("e1 -> True"), named("e2 -> True")), (1, 1), "{printed:#?}");
    assert_order(printed, &["late done: False", "late -> True | set now: True"]);
    // Whoever was let go has printed; whoever was cancelled has not.
    let cancelled = printed.last().unwrap() == "cancel wins over set in the same turn: True";
    assert_eq!(named("gone"), usize::from(!cancelled), "{printed:#?}");
}
