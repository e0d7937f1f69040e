//! Threads that no runtime knows: they use runtimes to the end, and wake kept wakers at any time.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use raddle::{Handle, timeout};

use super::super::stress_support::{Rng, check};
use super::jobs::Spawner;
use super::{CALLBACKS, CALLED, KEPT, KEPT_AT_MOST};

/// A thread that uses a runtime, also while it ends.
pub(super) fn outsider(handle: &Handle, mut rng: Rng) {
    let spawner = Spawner::There(handle.clone());
    for _ in 0..rng.below(60) {
        let mut job = spawner.spawn(&mut rng);
        match rng.below(6) {
            0 => drop(job),
            1 => job.task.detach(),
            2 => {
                job.cancel();
                job.join_outside();
            }
            3 => {
                let callback = CALLBACKS.token();
                let called = handle.call_soon(move || {
                    callback.look();
                    CALLED.add(1);
                });
                if rng.one_in(2)
                    && let Ok(call) = called
                {
                    call.cancel();
                }
            }
            4 => {
                check(format!("{:?}", job.task).starts_with("<Task "), "a task's text");
                job.task.set_name("outside");
            }
            _ => job.join_outside(),
        }
    }
    if rng.one_in(2) {
        let timed_out = async { timeout(Duration::from_millis(2), pending::<()>()).await.is_err() };
        match catch_unwind(AssertUnwindSafe(|| handle.block_on(timed_out))) {
            Ok(timed_out) => check(timed_out, "block_on of a timeout"),
            // A timer without a runtime behind it.
            Err(_) => check(handle.call_soon(|| {}).is_err(), "block_on of a timeout panicked"),
        }
    }
}

/// Wakes, clones and drops kept wakers until told to stop.
pub(super) fn stir(stop: &AtomicBool, mut rng: Rng) {
    while !stop.load(Ordering::Acquire) {
        let waker = {
            let mut kept = KEPT.lock();
            let index = rng.below(kept.len() as u64) as usize;
            if kept.is_empty() { None } else { Some(kept.swap_remove(index)) }
        };
        match waker {
            None => thread::sleep(Duration::from_millis(1)),
            Some(waker) => match rng.below(4) {
                0 => waker.wake(),
                1 => drop(waker),
                2 => {
                    waker.wake_by_ref();
                    keep(waker.clone());
                }
                _ => {
                    thread::sleep(rng.micros(100));
                    waker.wake();
                }
            },
        }
    }
}

pub(super) fn keep(waker: Waker) {
    let mut kept = KEPT.lock();
    if kept.len() < KEPT_AT_MOST {
        return kept.push(waker);
    }
    let place = waker.data().addr() / 64 % KEPT_AT_MOST;
    let old = std::mem::replace(&mut kept[place], waker);
    drop(kept);
    drop(old);
}
