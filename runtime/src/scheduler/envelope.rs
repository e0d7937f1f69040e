//! Which polls are timed, and how: one queued task in so many lies in an envelope.
//!
//! Whoever queues a task counts down, and does no more: one subtraction and one branch. Where the count comes to its end,
//! the task does not go into the queue itself but an envelope with it and the time in it, which begins as a task does, with a
//! header. Queues never look inside of what they hold, so it travels as the task would have: it is stolen, rescued and
//! drained. Whoever takes it out calls `run` of its vtable, as of any task's; that reads the clock, polls the task,
//! reads the clock again, and notes both times. So a poll that is not timed knows nothing of all this, no task has a field
//! for it, and what is timed is chosen where all polls come from, whichever queue they come through.
//!
//! The gaps are random, 1 to twice the mean less 1: what a program does regularly is neither always timed nor never.
//!
//! The feared mistake: somebody takes an envelope for the task in it, and looks for its arena, its side record or its
//! references. Between the push and the poll nothing looks at a queued task but `next` of its header, which is the
//! queue's, and the envelope's own. Where a task is sealed it is looked at before (`Worker::push`), and
//! `Worker::current_task` is the task again before user code runs. An envelope that is never taken out (its queue was closed
//! while the grace ran out) keeps its memory, as its task does.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::context;
use super::samples::Label;
use super::worker::Worker;
use crate::rng::Rng;
use crate::shim::Mutex;
use crate::task::header::{Header, TaskRef, VTable};
use crate::task::state::{State, Traits};

/// Says when the next task is to be sealed.
#[derive(Debug)]
pub(super) struct Countdown {
    left: Cell<u32>,
    /// The mean; 0: never.
    every: u32,
    rng: Rng,
}

impl Countdown {
    /// `seed` tells it from other countdowns.
    pub(super) fn new(every: u32, seed: u64) -> Countdown {
        let countdown = Countdown { left: Cell::new(1), every, rng: Rng::seeded(seed + 1) };
        countdown.begin_anew();
        countdown
    }

    /// Counts one task.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        let left = self.left.get().wrapping_sub(1);
        self.left.set(left);
        left == 0
    }

    /// Begins the next gap. False: this one meant nothing, nothing is ever to be sealed.
    pub(super) fn begin_anew(&self) -> bool {
        self.left.set(gap(self.every, &self.rng));
        self.every != 0
    }
}

/// How many tasks there are to the next that is sealed: 1 means that it is the next one.
pub(super) fn gap(every: u32, rng: &Rng) -> u32 {
    match (u64::from(every) * 2).saturating_sub(1) {
        0 => u32::MAX,
        longest => u32::try_from(1 + rng.below(longest as usize) as u64).unwrap_or(u32::MAX),
    }
}

/// A task on its way through a queue, and since when.
#[repr(C)]
struct Envelope {
    /// So that a queue can hold it. Of its fields only `next` and `vtable` mean anything.
    header: Header,
    task: TaskRef,
    since_ns: u64,
}

static VTABLE: VTable = VTable {
    run: open,
    value_needs_drop: false,
    drop_output: |_| unreachable!("an envelope has no output"),
    take_output: |_, _| unreachable!("an envelope has no output"),
    unseen_panic: |_| unreachable!("an envelope has no output"),
    has_failed: |_| unreachable!("an envelope has no output"),
    type_name: || "an envelope",
};

const _: () = assert!(!std::mem::needs_drop::<Envelope>());

/// An envelope's memory, which holds nothing.
struct Blank(Box<MaybeUninit<Envelope>>);

// SAFETY: memory without a value is nobody's.
unsafe impl Send for Blank {}

/// How many blank envelopes a runtime keeps: 48 KiB, and what a burst of a hundred thousand tasks needs.
const KEPT: usize = 512;

/// The envelopes that have been opened and will be sealed again, so that in the long run timing allocates nothing. Of the
/// whole runtime, since what one worker seals another one opens. Their lock is taken for one task in so many.
#[derive(Default)]
pub(super) struct Envelopes(Mutex<Vec<Blank>>);

impl Envelopes {
    /// Puts a task into an envelope, to be queued in its place. The right to poll and the reference that the caller has
    /// for it go along.
    pub(super) fn seal(&self, task: TaskRef, since_ns: u64) -> TaskRef {
        let blank = self.0.lock().pop();
        fill(blank.unwrap_or_else(|| Blank(Box::new_uninit())), task, since_ns)
    }

    fn keep(&self, blank: Blank) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(blank);
        }
    }
}

fn fill(Blank(mut envelope): Blank, task: TaskRef, since_ns: u64) -> TaskRef {
    let header = task.header();
    // SAFETY: the memory is ours, and all fields are written before anybody else sees it.
    unsafe {
        let this = envelope.as_mut_ptr();
        Header::init(&raw mut (*this).header, &VTABLE, header.id, header.spawned_at);
        (&raw mut (*this).header.state).write(State::born(Traits::default()));
        (&raw mut (*this).task).write(task);
        (&raw mut (*this).since_ns).write(since_ns);
    }
    TaskRef::new(NonNull::from(Box::leak(envelope)).cast())
}

/// Polls the task in an envelope and notes the times.
///
/// # Safety
/// As for any task's `run`; the envelope came from [`fill`] and is the caller's.
unsafe fn open(envelope: TaskRef) {
    // SAFETY: made by `fill` from a box, and nobody else's.
    let blank = Blank(unsafe { Box::from_raw(envelope.pointer().cast().as_ptr()) });
    // SAFETY: whole since then.
    let &Envelope { task, since_ns, .. } = unsafe { blank.0.assume_init_ref() };
    let Some(worker) = context::current() else { unreachable!("tasks are polled by workers") };
    worker.shared.envelopes.keep(blank);
    // Before the poll, after which the task may be gone.
    let label = Label::of(task);
    worker.set_current(Some(task));
    let begun_ns = worker.now_ns();
    // SAFETY: the right to poll and the reference came along.
    unsafe { (task.header().vtable.run)(task) };
    let ended_ns = worker.now_ns();
    worker.note_times(label, begun_ns.saturating_sub(since_ns), ended_ns.saturating_sub(begun_ns));
}

impl Worker {
    pub(super) fn now_ns(&self) -> u64 {
        self.shared.clock().now().as_nanos()
    }

    fn note_times(&self, label: Label, latency_ns: u64, poll_ns: u64) {
        self.remote().samples.record(latency_ns, poll_ns);
        self.shared.names.record(label, latency_ns, poll_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(every: u32, tasks: usize) -> Vec<usize> {
        let countdown = Countdown::new(every, 7);
        let ends = (0..tasks).filter(|_| countdown.is_over() && countdown.begin_anew());
        ends.collect::<Vec<_>>().windows(2).map(|ends| ends[1] - ends[0]).collect()
    }

    #[test]
    fn every_1_takes_all_and_0_none() {
        assert_eq!(gaps(1, 100), [1; 99]);
        assert!(gaps(0, 10_000).is_empty());
    }

    #[test]
    fn gaps_differ_and_their_mean_is_what_was_asked_for() {
        let gaps = gaps(100, 1_000_000);
        let mean = gaps.iter().sum::<usize>() as f64 / gaps.len() as f64;
        assert!((98.0..102.0).contains(&mean), "{mean}");
        assert!(gaps.iter().all(|gap| (1..200).contains(gap)));
        assert!(gaps.contains(&1) && gaps.contains(&199));
    }
}
