//! Signals interrupt the system call in which a reactor waits; nobody notices. In a file of its own, for handlers are the
//! process's.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{new_reactor, run_on};
use raddle_io::{Instant, sleep};

const SIGUSR1: i32 = 10;
const MS: Duration = Duration::from_millis(1);

/// So many times the sleeper has to be interrupted.
const ENOUGH: usize = 20;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    fn signal(signal: i32, handler: usize) -> usize;
    fn pthread_self() -> usize;
    fn pthread_kill(thread: usize, signal: i32) -> i32;
}

extern "C" fn handle(_: i32) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_signal_ends_neither_a_sleep_nor_the_reactor() {
    // SAFETY: the handler does nothing that a handler must not do.
    unsafe { signal(SIGUSR1, handle as extern "C" fn(i32) as usize) };
    // SAFETY: no preconditions.
    let sleeper = unsafe { pthread_self() };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // SAFETY: this thread ends before that one, which waits for it at the end of the scope.
                unsafe { pthread_kill(sleeper, SIGUSR1) };
                thread::sleep(MS);
            }
        });
        let slept = std::panic::catch_unwind(|| {
            let reactor = new_reactor();
            run_on(&reactor, async {
                while HANDLED.load(Ordering::SeqCst) < ENOUGH {
                    let (begun, time) = (Instant::now(), 20 * MS);
                    sleep(time).await;
                    assert!(begun.elapsed() >= time, "{:?} instead of {time:?}", begun.elapsed());
                }
            });
        });
        is_over.store(true, Ordering::SeqCst);
        slept.unwrap();
    });
}
