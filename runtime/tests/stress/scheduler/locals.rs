//! Tasks that must be dropped where they were made.

use std::rc::Rc;
use std::thread::{self, ThreadId};

use raddle::{Promise, TaskBuilder, create_local_task, create_task, promise, sleep, yield_now};

use super::super::stress_support::{Rng, Token, check};
use super::jobs::only_at_the_end;
use super::{FUTURES, OUTPUTS, TASKS};

/// Must be dropped where it was made.
pub(super) struct Homebody {
    home: ThreadId,
    _not_send: Rc<()>,
    token: Token,
}

impl Homebody {
    pub(super) fn new() -> Homebody {
        Homebody { home: thread::current().id(), _not_send: Rc::new(()), token: FUTURES.token() }
    }

    pub(super) fn look(&self) {
        self.token.look();
        check(self.home == thread::current().id(), "a local task left its thread");
    }
}

impl Drop for Homebody {
    fn drop(&mut self) {
        check(self.home == thread::current().id(), "a local task was dropped on another thread");
    }
}

pub(super) async fn local_child(mut rng: Rng, result: Promise<Token>) {
    let body = Homebody::new();
    for _ in 0..rng.below(5) {
        match rng.below(3) {
            0 => sleep(rng.micros(300)).await,
            1 => {
                // Woken from another worker.
                let (there, pending) = promise();
                TASKS.add(1);
                create_task(async move {
                    let _ = there.set(());
                })
                .detach();
                if pending.await.is_err() {
                    only_at_the_end("a promise to a local task was dropped");
                }
            }
            _ => yield_now().await,
        }
        body.look();
    }
    drop(result.set(OUTPUTS.token()));
}

pub(super) async fn has_local_children(mut rng: Rng) -> Token {
    let mut results = Vec::new();
    for _ in 0..rng.below(4) {
        let (result, pending) = promise();
        TASKS.add(1);
        create_local_task(local_child(rng.fork(), result)).detach();
        results.push(pending);
    }
    for pending in results {
        match pending.await {
            Ok(token) => token.look(),
            Err(_) => only_at_the_end("a local task was lost"),
        }
    }
    OUTPUTS.token()
}

/// Local tasks of main: awaited, cancelled, dropped.
pub(super) async fn local_children(rng: &mut Rng) {
    for _ in 0..3 {
        let (result, pending) = promise();
        TASKS.add(1);
        let task = TaskBuilder::new().name("local").create_local(local_child(rng.fork(), result));
        match rng.below(4) {
            0 => check(task.await.is_ok() && pending.await.is_ok(), "a local task failed"),
            1 => {
                let asked = task.cancel();
                check(task.await.is_ok() || asked, "a local task was cancelled by nobody");
            }
            2 => drop(task),
            _ => task.detach(),
        }
    }
}
