//! How a task is born.

use std::future::{Future, Pending, pending};
use std::mem::ManuallyDrop;
use std::panic::Location;

use super::ambient;
use super::cell::{Boxed, Cell, Inline, Stage, Stored, fits};
use super::waker;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
#[cfg(feature = "tracing")]
use crate::shim::MutexGuard;
use crate::task::error::TaskError;
use crate::task::header::{Header, TaskRef};
use crate::task::id::TaskId;
use crate::task::size_class::class_of;
use crate::task::state::{State, Traits};
use crate::task::waiting::Waiting;

/// What a task is given besides its future.
#[derive(Clone, Copy)]
pub(crate) struct Birth {
    pub(crate) spawned_at: &'static Location<'static>,
    /// Runs on the creating worker only.
    pub(crate) pinned: bool,
    /// Part of somebody's cleanup; what cleanup creates is so in any case.
    pub(crate) cleanup: bool,
}

impl Birth {
    pub(crate) fn at(spawned_at: &'static Location<'static>) -> Birth {
        Birth { spawned_at, pinned: false, cleanup: false }
    }

    pub(crate) fn of_cleanup(spawned_at: &'static Location<'static>) -> Birth {
        Birth { spawned_at, pinned: false, cleanup: true }
    }

    pub(crate) fn pinned(self) -> Birth {
        Birth { pinned: true, ..self }
    }
}

/// Creates a task on the runtime that this thread is a worker of, queued. The result is its handle's reference.
///
/// # Safety
/// The future is `Send`, or `birth.pinned` is set; future and output live until the task has ended.
#[inline]
pub(crate) unsafe fn create_here<F: Future>(worker: &Worker, future: F, birth: Birth) -> TaskRef {
    // SAFETY: passed on.
    let task = unsafe { create_unqueued(worker, future, birth, None) };
    hand_down(worker, task);
    worker.push(task);
    task
}

/// Lets the task begin with its creator's context variables, if there are any.
#[inline]
pub(crate) fn hand_down(worker: &Worker, task: TaskRef) {
    // A creator without a side record has none.
    if worker.current_task().is_none_or(|creator| creator.side().is_some()) {
        ambient::hand_down(task);
    }
}

/// As [`create_here`], not queued yet and in an empty context: the queue's right and reference are the caller's. If the
/// task is going to have a name, this is it.
///
/// # Safety
/// As [`create_here`].
#[inline]
pub(crate) unsafe fn create_unqueued<F: Future>(
    worker: &Worker,
    future: F,
    birth: Birth,
    name: Option<&str>,
) -> TaskRef {
    let creator = worker.current_task();
    let (parent, stopping) = match creator {
        Some(task) => (task.header().id.0, task.state().is_stopping()),
        None => (0, worker.shared.ending.is_stopping()),
    };
    let cleanup = birth.cleanup || worker.is_cleaning();
    let state =
        State::born(Traits { pinned: birth.pinned, cancelled: worker.shared.refuses(cleanup), cleanup, stopping });
    let id = worker.next_id();
    let future = trace(future, id, name, birth.spawned_at);
    let allocate = |class| worker.allocate(class);
    // SAFETY: passed on.
    let task = unsafe { place(future, allocate, state, id, parent, birth) };
    match creator {
        _ if stopping => {}
        Some(_) => worker.note_born_unasked(),
        None if worker.shared.ending.is_stopping_after_birth() => _ = task.state().stop(),
        None => {}
    }
    worker.count_birth();
    worker.be_watched();
    task
}

/// Creates a run's main task on worker 0, queued.
///
/// # Safety
/// The caller runs the worker until the task has ended, and fetches its output, before anything that the future
/// borrows goes away.
pub(crate) unsafe fn create_main<F: Future>(
    worker: &Worker,
    main: F,
    spawned_at: &'static Location<'static>,
) -> TaskRef {
    let birth = Birth::at(spawned_at).pinned();
    let state = State::born(Traits { pinned: true, ..Traits::default() });
    let id = worker.next_id();
    let main = trace(main, id, None, spawned_at);
    let allocate = |class| worker.allocate(class);
    // SAFETY: passed on; main is pinned to this worker.
    let task = unsafe { place(main, allocate, state, id, 0, birth) };
    let context = worker.main_context.take();
    if !context.is_own_and_empty() {
        ambient::begin_with(task, context);
    }
    worker.count_birth();
    worker.push(task);
    task
}

/// Creates a task from a thread that is no worker of the runtime.
///
/// # Safety
/// The future is `Send` and `'static`, and so is its output; `birth.pinned` is not set.
///
/// # Panics
/// In a fork of the runtime's process.
#[track_caller]
pub(crate) unsafe fn create_outside<F: Future>(shared: &Shared, future: F, birth: Birth) -> TaskRef {
    shared.check_process();
    let mut owned = shared.outside.owned.lock();
    let id = owned.dealer.deal(&shared.numbers);
    #[cfg(feature = "tracing")]
    let future = MutexGuard::unlocked(&mut owned, || trace(future, id, None, birth.spawned_at));
    let closed = owned.closed;
    let Some(arena) = owned.arena.as_mut().filter(|_| !closed) else {
        drop(owned);
        // SAFETY: passed on.
        return unsafe { stillborn(future, id, birth) };
    };
    let cleanup = birth.cleanup;
    let state = State::born(Traits {
        pinned: false,
        cancelled: shared.refuses(cleanup),
        cleanup,
        stopping: shared.ending.is_stopping(),
    });
    let allocate = |class| arena.allocate(class, shared.id(), || shared.keep());
    // SAFETY: passed on.
    let task = unsafe { place(future, allocate, state, id, 0, birth) };
    if shared.ending.is_stopping_after_birth() {
        task.state().stop();
    }
    // Under the lock: a counter has one writer at a time.
    shared.outside.spawned.add_one();
    drop(owned);
    ambient::hand_down(task);
    if !shared.threads.is_watched() {
        shared.start_watchdog();
    }
    shared.push_outside(task);
    task
}

/// A task for a runtime that has ended: cancelled at birth. No worker is left to drop the future, so it is dropped
/// here, in the thread that offered it.
#[cold]
unsafe fn stillborn<F: Future>(future: F, id: TaskId, birth: Birth) -> TaskRef {
    drop(future);
    // SAFETY: `place` writes no more than the slot; `pending` needs no drop, and the output is written over it before
    // anybody sees the task.
    unsafe {
        let task = place(pending::<F::Output>(), super::orphan::allocate, State::stillborn(), id, 0, birth);
        if const { fits::<Pending<F::Output>>() } {
            (*Cell::<Inline<Pending<F::Output>>>::stage(task).as_ptr()).output = cancelled();
        } else {
            (*Cell::<Boxed<Pending<F::Output>>>::stage(task).as_ptr()).output = cancelled();
        }
        task
    }
}

fn cancelled<T>() -> ManuallyDrop<Result<T, TaskError>> {
    ManuallyDrop::new(Err(TaskError::Cancelled))
}

/// Gives a new task its span, if there is somebody who wants to know of it.
#[cfg(feature = "tracing")]
use super::traced::trace;

#[cfg(not(feature = "tracing"))]
#[inline]
fn trace<F>(future: F, _: TaskId, _: Option<&str>, _: &Location<'_>) -> F {
    future
}

/// Puts a future into a slot.
#[inline]
unsafe fn place<F: Future>(
    future: F,
    allocate: impl FnOnce(usize) -> std::ptr::NonNull<u8>,
    state: State,
    id: TaskId,
    parent: u64,
    birth: Birth,
) -> TaskRef {
    // SAFETY: passed on.
    unsafe {
        if const { fits::<F>() } {
            write(Inline(future), allocate, state, id, parent, birth)
        } else {
            write(Boxed(Box::pin(future)), allocate, state, id, parent, birth)
        }
    }
}

#[inline]
unsafe fn write<S: Stored>(
    future: S,
    allocate: impl FnOnce(usize) -> std::ptr::NonNull<u8>,
    state: State,
    id: TaskId,
    parent: u64,
    birth: Birth,
) -> TaskRef {
    let class = const { class_of(if fits_slot::<S>() { size_of::<Cell<S>>() } else { 1 }) };
    let slot = allocate(class).cast::<Cell<S>>();
    // SAFETY: the slot is free, ours, big enough and aligned for a cell. The state word comes last: walkers may look
    // at any time.
    unsafe {
        let cell = slot.as_ptr();
        Header::init(&raw mut (*cell).prefix.header, Cell::<S>::VTABLE, id, birth.spawned_at);
        (&raw mut (*cell).prefix.parent).write(parent.into());
        (&raw mut (*cell).prefix.waiting).write(Waiting::none());
        let stage = Stage { future: ManuallyDrop::new(future) };
        (&raw mut (*cell).stage).write(stage.into());
        state.publish_over(&(*cell).prefix.header.state);
    }
    TaskRef::new(slot.cast())
}

const fn fits_slot<S: Stored>() -> bool {
    size_of::<Cell<S>>() <= crate::task::size_class::MAX_SIZE
}

/// Asks a task to end. False: it has ended already.
pub(crate) fn cancel(task: TaskRef) -> bool {
    use crate::task::state::Cancel;
    match task.state().cancel() {
        Cancel::AlreadyDone => false,
        Cancel::Requested => true,
        Cancel::Schedule => {
            waker::schedule(task);
            true
        }
    }
}

/// The task being polled on this thread.
pub(crate) fn current_task() -> Option<TaskRef> {
    context::current().and_then(Worker::current_task)
}
