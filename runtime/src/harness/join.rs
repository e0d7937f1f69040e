//! The handle's half of a task, whatever its output is.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::task::{Context, Poll, Waker};

use super::collector::Item;
use super::poll::drop_output;
use super::{adopt, create, waker};
use crate::task::error::TaskError;
use crate::task::header::TaskRef;
use crate::task::state::JoinDropped;
use crate::waiting::{self, Kind};

/// The one handle of a task: a reference, and until TAKEN the right to the output.
pub(crate) struct Join<T> {
    /// The task's address; the lowest bit is TAKEN.
    tagged: *const (),
    _output: PhantomData<T>,
}

const TAKEN: usize = 1;

impl<T> Join<T> {
    /// # Safety
    /// The handle's reference of a task whose output is `T` goes to the result.
    pub(crate) unsafe fn new(task: TaskRef) -> Join<T> {
        Join { tagged: task.as_ptr(), _output: PhantomData }
    }

    #[inline]
    pub(crate) fn task(&self) -> TaskRef {
        // SAFETY: `new` put a task's address there; slots are aligned, so the tag is not part of it.
        unsafe { TaskRef::from_ptr(self.tagged.map_addr(|addr| addr & !TAKEN)) }
    }

    /// Whether the output was fetched.
    pub(crate) fn is_taken(&self) -> bool {
        self.tagged.addr() & TAKEN != 0
    }

    /// # Panics
    /// When the output was fetched before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        assert!(!self.is_taken(), "a task was awaited again after it gave its result; keep the result instead");
        let task = self.task();
        // SAFETY: `&mut self` is the only handle.
        if !unsafe { wait(task, cx.waker()) } {
            return Poll::Pending;
        }
        match raddle_io::budget::poll_proceed(cx) {
            Poll::Ready(()) => Poll::Ready(self.take()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The output, if the task is complete and it was not fetched before.
    pub(crate) fn try_take(&mut self) -> Option<Result<T, TaskError>> {
        (!self.is_taken() && self.task().state().is_complete()).then(|| self.take())
    }

    fn take(&mut self) -> Result<T, TaskError> {
        let task = self.task();
        self.tagged = self.tagged.map_addr(|addr| addr | TAKEN);
        let mut output = MaybeUninit::<Result<T, TaskError>>::uninit();
        // SAFETY: complete, seen with Acquire, and not fetched before: the output is this handle's, and its type is
        // what `take_output` writes.
        unsafe {
            (task.header().vtable.take_output)(task, output.as_mut_ptr().cast());
            output.assume_init()
        }
    }

    /// Whether the task is complete with an error, other than that it was cancelled, that was not fetched yet.
    pub(crate) fn has_failed(&self) -> bool {
        let task = self.task();
        // SAFETY: complete, seen with Acquire, and not fetched before: the output is this handle's.
        !self.is_taken() && task.state().is_complete() && unsafe { (task.header().vtable.has_failed)(task) }
    }

    /// Lets the task go on alone. True: somebody had awaited it through this handle.
    pub(crate) fn leave(&mut self) -> bool {
        let task = self.task();
        if self.is_taken() {
            waker::release(task);
            return false;
        }
        match task.state().drop_join() {
            JoinDropped::Detached => false,
            JoinDropped::HasOutput => {
                // SAFETY: complete, and the output is this handle's.
                unsafe { drop_output(task, task.state().snapshot().outcome()) };
                waker::release(task);
                false
            }
            JoinDropped::DropWaker => {
                // SAFETY: the transition took JWAKER off.
                unsafe { task.header().join.drop_waker() };
                self.tagged = self.tagged.map_addr(|addr| addr | TAKEN);
                true
            }
        }
    }

    /// What dropping a handle does: a task that was being awaited is cancelled with its awaiter.
    pub(crate) fn drop_handle(&mut self) {
        if !self.tagged.is_null() && self.leave() {
            let task = self.task();
            if create::cancel(task) {
                // Whoever drops the handle does not go on, or end, before the task has.
                adopt::hand_over(Item::End(Counted::of(task)));
            }
            waker::release(task);
        }
    }

    /// What dropping a handle does that was being awaited, whether or not it was.
    pub(crate) fn cancel_handle(&mut self) {
        let task = self.task();
        if create::cancel(task) {
            adopt::hand_over(Item::End(Counted::of(task)));
        }
        self.detach();
    }

    /// Lets the task go on in any case. The handle is good for nothing but dropping afterwards.
    pub(crate) fn detach(&mut self) {
        if self.leave() {
            waker::release(self.task());
        }
        self.tagged = ptr::null();
    }
}

/// Leaves `waker` to be woken at completion, and a note about that. True: the task is complete already.
///
/// # Safety
/// As [`register`](crate::task::join::JoinWaker::register).
#[inline]
unsafe fn wait(task: TaskRef, waker: &Waker) -> bool {
    let header = task.header();
    // SAFETY: the caller's promise.
    let is_complete = unsafe { header.join.register(&header.state, waker) };
    if !is_complete {
        waiting::note(Kind::Task, header.id.0 as u32, header.spawned_at);
        if !waker::is_of_task(waker) {
            note_awaited(task);
        }
    }
    is_complete
}

/// Some future in the current task has wakers of its own, and awaits `task`.
#[cold]
fn note_awaited(task: TaskRef) {
    if let Some(current) = create::current_task() {
        task.set_awaited_within(current.header().id);
    }
}

/// One more counted pointer to a task, without a right to its output.
pub(crate) struct Counted(TaskRef);

impl Counted {
    pub(crate) fn of(task: TaskRef) -> Counted {
        task.state().retain();
        Counted(task)
    }

    pub(crate) fn task(&self) -> TaskRef {
        self.0
    }
}

impl Clone for Counted {
    fn clone(&self) -> Counted {
        Counted::of(self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        waker::release(self.0);
    }
}

// SAFETY: what a counted pointer reaches is the header, which is made for sharing.
unsafe impl Sync for Counted {}

/// Gives back a reference that a walk of the pages took.
pub(crate) fn release_walked(task: TaskRef) {
    waker::release(task);
}

/// Whether a waker is the current task's own, which may go to the back of the queue without being woken.
pub(crate) fn is_current(waker: &Waker) -> bool {
    create::current_task().is_some_and(|task| waker::is_of(waker, task))
}
