//! Tasks under test: how they are created, what is done to them, and how they must end.

use std::future::Future;

use raddle::{Handle, Task, TaskError, all_tasks, create_task, current_task, timeout, yield_now};

use super::super::stress_support::{Deliberate, Rng, Token, check, deliberate_panic, fail};
use super::exchanges::{asks_threads, calls, gathers, times_out, trades};
use super::locals::{has_local_children, local_children};
use super::tasks::{blocks, hands_on, is_big, panics, sleeps, tree, waits, wakes_itself, yields};
use super::{CALLBACKS, CALLED, CANCELLED, FUTURES, OUTPUTS, SEEN, TASKS, THROWN};

/// Where tasks are created from.
pub(super) enum Spawner {
    Here,
    There(Handle),
}

/// How a task ends if nobody interferes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Returns,
    Panics,
    Waits,
}

/// A task under test.
pub(super) struct Job {
    pub(super) task: Task<Token>,
    fate: Fate,
    cancelled: bool,
}

impl Spawner {
    pub(super) fn create(&self, future: impl Future<Output = Token> + Send + 'static) -> Task<Token> {
        TASKS.add(1);
        let token = FUTURES.token();
        // Made here and moved into the future: it is dropped also when the future was never polled.
        let whole = async move {
            let output = future.await;
            token.look();
            output
        };
        match self {
            Spawner::Here => create_task(whole),
            Spawner::There(handle) => handle.create_task(whole),
        }
    }

    /// A task of a random kind.
    pub(super) fn spawn(&self, rng: &mut Rng) -> Job {
        let mut own = rng.fork();
        let mut fate = Fate::Returns;
        let task = match rng.below(20) {
            0..3 => self.create(async { OUTPUTS.token() }),
            3..5 => self.create(yields(own.below(8), 0)),
            5 => self.create(yields(own.below(150), own.below(5))),
            6 => self.create(wakes_itself(own)),
            7 => self.create(tree(own, 2)),
            8 => self.create(sleeps(own)),
            9 => self.create(hands_on(own)),
            10 => self.create(blocks(own)),
            11 => {
                fate = Fate::Panics;
                self.create(panics(own.below(3)))
            }
            12 => {
                fate = Fate::Waits;
                self.create(waits(own.one_in(4)))
            }
            13 => self.create(is_big(own.below(3))),
            14 => self.create(has_local_children(own)),
            15 => self.create(trades(own)),
            16 => self.create(times_out(own)),
            17 => self.create(gathers(own)),
            18 => self.create(calls(own)),
            _ => self.create(asks_threads(own)),
        };
        Job { task, fate, cancelled: false }
    }
}

impl Job {
    pub(super) fn cancel(&mut self) {
        if self.task.cancel() {
            self.cancelled = true;
        }
    }

    /// Sees to it that a wait for this task ends.
    pub(super) fn make_finite(&mut self) {
        if self.fate == Fate::Waits {
            self.cancel();
        }
    }

    pub(super) async fn join(mut self) {
        self.make_finite();
        let (fate, cancelled) = (self.fate, self.cancelled);
        settle(fate, cancelled, self.task.await);
    }

    pub(super) fn join_outside(mut self) {
        self.make_finite();
        // The end of the runtime may cancel it at any time.
        settle(self.fate, true, self.task.join_blocking());
    }

    /// What may be done to a task by anyone who has its handle.
    pub(super) fn poke(&mut self, rng: &mut Rng) {
        match rng.below(7) {
            0 => self.cancel(),
            1 => {
                let callback = CALLBACKS.token();
                self.task.on_done(move |_| {
                    callback.look();
                    CALLED.add(1);
                });
            }
            2 => {
                let callback = CALLBACKS.token();
                let panics = rng.one_in(8);
                self.task.on_done(move |_| {
                    callback.look();
                    CALLED.add(1);
                    if panics {
                        THROWN.add(1);
                        deliberate_panic();
                    }
                });
            }
            3 => self.task.set_name("poked"),
            4 => check(format!("{:?}", self.task).starts_with("<Task "), "a task's text"),
            5 => {
                let canceller = self.task.canceller();
                check(!self.task.is_done() || canceller.is_done(), "a canceller lags behind");
                if rng.one_in(2) && canceller.cancel() {
                    self.cancelled = true;
                }
            }
            _ => {
                if self.task.is_done() {
                    let result = self.task.try_result();
                    check(result.is_some(), "a task is done and has no result");
                    if let Some(result) = result {
                        settle(self.fate, true, result);
                    }
                    check(self.task.try_result().is_none(), "a result was given twice");
                }
            }
        }
    }
}

/// Looks at a task's end.
#[track_caller]
pub(super) fn settle(fate: Fate, may_be_cancelled: bool, result: Result<Token, TaskError>) {
    match result {
        Ok(token) => {
            token.look();
            check(fate != Fate::Waits, "a task that waits for ever returned");
            check(fate == Fate::Returns, "a task that panics returned");
        }
        Err(TaskError::Cancelled) => {
            CANCELLED.add(1);
            if !may_be_cancelled {
                only_at_the_end("a task was cancelled by nobody");
            }
        }
        Err(TaskError::Panicked(panic)) => {
            SEEN.add(1);
            check(panic.into_payload().is::<Deliberate>(), "the payload of a panic");
            check(fate == Fate::Panics, "a task panicked by itself");
        }
        Err(other) => fail(format_args!("a task failed: {other}")),
    }
}

/// Fails unless the runtime of this task is ending: that cancels everything, in any order.
#[track_caller]
pub(super) fn only_at_the_end(what: &str) {
    check(Handle::current().call_soon(|| {}).is_err(), what);
}

/// The main of a run: creates tasks and does to them what can be done.
pub(super) async fn mix(mut rng: Rng, length: &usize) {
    let mut jobs: Vec<Job> = Vec::new();
    for _ in 0..*length {
        match rng.below(16) {
            0..6 => jobs.push(Spawner::Here.spawn(&mut rng)),
            6 => jobs.extend((0..rng.below(40)).map(|_| Spawner::Here.spawn(&mut rng))),
            7..9 => {
                if let Some(mut job) = take_one(&mut jobs, &mut rng) {
                    job.poke(&mut rng);
                    if job.task.is_done() && rng.one_in(2) {
                        continue;
                    }
                    // A result that was fetched cannot be awaited.
                    job.task.detach();
                }
            }
            9 => {
                if let Some(job) = take_one(&mut jobs, &mut rng) {
                    job.join().await;
                }
            }
            10 => drop(take_one(&mut jobs, &mut rng)),
            11 => {
                if let Some(job) = take_one(&mut jobs, &mut rng) {
                    drop_elsewhere(job, &mut rng);
                }
            }
            12 => {
                if let Some(mut job) = take_one(&mut jobs, &mut rng) {
                    job.make_finite();
                    // Awaited for a while and given up: the task is cancelled with its awaiter.
                    if let Ok(result) = timeout(rng.micros(300), job.task).await {
                        settle(job.fate, job.cancelled, result);
                    }
                }
            }
            13 => look_around(),
            14 => local_children(&mut rng).await,
            _ => yield_now().await,
        }
    }
    for job in jobs {
        match rng.below(3) {
            0 => job.join().await,
            1 => drop(job),
            _ => job.task.detach(),
        }
    }
}

pub(super) fn take_one(jobs: &mut Vec<Job>, rng: &mut Rng) -> Option<Job> {
    let index = rng.below(jobs.len() as u64) as usize;
    (!jobs.is_empty()).then(|| jobs.swap_remove(index))
}

/// Drops a handle on another worker while the task may be ending.
pub(super) fn drop_elsewhere(job: Job, rng: &mut Rng) {
    let late = rng.one_in(2);
    TASKS.add(1);
    let dropper = async move {
        if late {
            yield_now().await;
        }
        drop(job);
    };
    create_task(dropper).detach();
}

pub(super) fn look_around() {
    let tasks = all_tasks();
    let me = current_task();
    check(me.is_some_and(|me| tasks.iter().any(|task| task.id == me.id)), "the current task is not among all");
    check(tasks.windows(2).all(|pair| pair[0].id < pair[1].id), "tasks are not in order, or one is there twice");
}
