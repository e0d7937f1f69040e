//! What tasks do alone: yield, wake themselves, sleep, block, panic.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::thread::{self, ThreadId};

use raddle::{create_task, promise, sleep, yield_now};

use super::super::stress_support::{Rng, Token, deliberate_panic, same};
use super::jobs::{Fate, Spawner, only_at_the_end, settle};
use super::outside::keep;
use super::{MIGRATED, OUTPUTS, TASKS, THROWN};

/// Notes changes of thread.
pub(super) struct Traveller(ThreadId);

impl Traveller {
    pub(super) fn new() -> Traveller {
        Traveller(thread::current().id())
    }

    pub(super) fn arrive(&mut self) {
        let here = thread::current().id();
        if std::mem::replace(&mut self.0, here) != here {
            MIGRATED.add(1);
        }
    }
}

pub(super) async fn yields(times: u64, work: u64) -> Token {
    let mut traveller = Traveller::new();
    for _ in 0..times {
        for _ in 0..work * 100 {
            std::hint::black_box(());
        }
        yield_now().await;
        traveller.arrive();
    }
    OUTPUTS.token()
}

/// Wakes itself during its poll, by its own waker or by one that others have too.
pub(super) async fn wakes_itself(mut rng: Rng) -> Token {
    let mut left = rng.below(20);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        match rng.below(4) {
            0 => {
                let another = cx.waker().clone();
                another.wake();
            }
            1 => {
                keep(cx.waker().clone());
                cx.waker().wake_by_ref();
            }
            2 => {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
            }
            _ => {
                let waker = cx.waker().clone();
                TASKS.add(1);
                create_task(async move { waker.wake() }).detach();
            }
        }
        Poll::Pending
    })
    .await;
    OUTPUTS.token()
}

pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) fn tree(mut rng: Rng, depth: u32) -> Boxed<Token> {
    Box::pin(async move {
        let mut children = Vec::new();
        for _ in 0..rng.below(5) {
            let child = if depth > 0 && rng.one_in(2) { tree(rng.fork(), depth - 1) } else { Box::pin(yields(2, 0)) };
            children.push(Spawner::Here.create(child));
        }
        for child in children {
            match rng.below(5) {
                0 => drop(child),
                1 => child.detach(),
                _ => settle(Fate::Returns, false, child.await),
            }
        }
        OUTPUTS.token()
    })
}

pub(super) async fn sleeps(mut rng: Rng) -> Token {
    sleep(rng.micros(2000)).await;
    OUTPUTS.token()
}

/// A value goes through a row of tasks.
pub(super) async fn hands_on(mut rng: Rng) -> Token {
    let (first, mut last) = promise();
    for _ in 0..rng.below(6) {
        let (next, pending) = promise();
        let from = std::mem::replace(&mut last, pending);
        TASKS.add(1);
        let link = create_task(async move {
            if let Ok(token) = from.await {
                // Err: whoever waited for it has been cancelled.
                drop(next.set(token));
            }
        });
        link.detach();
    }
    if first.set(OUTPUTS.token()).is_err() {
        // The row has been cancelled, and this task is in the poll that it is allowed to end.
        only_at_the_end("the row is there and did not take the value");
    }
    last.await.unwrap_or_else(|_| {
        only_at_the_end("a value was lost on its way");
        OUTPUTS.token()
    })
}

/// Holds its worker up: others have to be served by somebody else.
pub(super) async fn blocks(mut rng: Rng) -> Token {
    if rng.one_in(4) {
        TASKS.add(1);
        create_task(async {}).detach();
        thread::sleep(rng.micros(4000));
    } else {
        thread::sleep(rng.micros(100));
    }
    OUTPUTS.token()
}

pub(super) async fn panics(after: u64) -> Token {
    for _ in 0..after {
        yield_now().await;
    }
    THROWN.add(1);
    deliberate_panic();
}

/// Panics when it is dropped.
pub(super) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            THROWN.add(1);
            deliberate_panic();
        }
    }
}

/// Never ends; perhaps its end is violent.
pub(super) async fn waits(explodes: bool) -> Token {
    let _bomb = explodes.then(|| Bomb);
    poll_fn(|cx| {
        keep(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// Futures of several sizes, beyond what a slot holds too.
pub(super) async fn is_big(size: u64) -> Token {
    pub(super) async fn of<const N: usize>() -> Token {
        let mut data = [1_u8; N];
        yield_now().await;
        data[N / 2] += 1;
        yield_now().await;
        same(data.iter().map(|byte| usize::from(*byte)).sum(), N + 1, "the contents of a big future");
        OUTPUTS.token()
    }
    let task = match size {
        0 => Spawner::Here.create(of::<300>()),
        1 => Spawner::Here.create(of::<1200>()),
        _ => Spawner::Here.create(of::<9000>()),
    };
    settle(Fate::Returns, false, task.await);
    OUTPUTS.token()
}
