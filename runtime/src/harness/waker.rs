//! Wakers of tasks: a pointer to the header and one reference each.

use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::memory;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::task::header::TaskRef;
use crate::task::state::Wake;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker for the length of a poll, on the reference that the poller holds.
#[inline]
pub(super) fn borrowed(task: TaskRef) -> ManuallyDrop<Waker> {
    // SAFETY: the vtable's functions keep the contract of a waker over a counted task; not dropping this one keeps
    // the poller's reference the poller's.
    ManuallyDrop::new(unsafe { Waker::new(task.as_ptr(), &VTABLE) })
}

/// Whether a waker is this very task's own.
#[inline]
pub(crate) fn is_of(waker: &Waker, task: TaskRef) -> bool {
    std::ptr::eq(waker.data(), task.as_ptr()) && std::ptr::eq(waker.vtable(), &VTABLE)
}

/// Whether a waker is a task's own.
#[inline]
pub(super) fn is_of_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE)
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: a waker of this vtable carries a task and a reference to it.
    unsafe { TaskRef::from_ptr(data) }.state().retain();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`; the reference is this call's.
    let task = unsafe { TaskRef::from_ptr(data) };
    match task.state().wake_by_value() {
        Wake::Nothing => {}
        Wake::Schedule => schedule(task),
        // SAFETY: the transition said so.
        Wake::Free => unsafe { memory::free(task) },
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    wake_task(unsafe { TaskRef::from_ptr(data) });
}

/// Wakes a task that the caller holds a reference to.
#[inline]
pub(crate) fn wake_task(task: TaskRef) {
    if task.state().wake_by_ref() {
        schedule(task);
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `wake`.
    release(unsafe { TaskRef::from_ptr(data) });
}

/// Wakes a task by its own waker, on a worker that is known already. Gives any other waker back.
#[inline]
pub(super) fn wake_own(worker: &Worker, waker: Waker) -> Option<Waker> {
    if !is_of_task(&waker) {
        return Some(waker);
    }
    // SAFETY: as in `wake`; the waker's reference is this call's, since it is not dropped.
    let task = unsafe { TaskRef::from_ptr(ManuallyDrop::new(waker).data()) };
    match task.state().wake_by_value() {
        Wake::Nothing => {}
        Wake::Schedule if std::ptr::eq(worker.shared.id(), task.runtime()) => worker.push(task),
        Wake::Schedule => schedule_outside(task),
        // SAFETY: the transition said so.
        Wake::Free => unsafe { memory::free(task) },
    }
    None
}

/// Gives a reference back.
#[inline]
pub(super) fn release(task: TaskRef) {
    if task.state().release() {
        // SAFETY: the transition said so.
        unsafe { memory::free(task) };
    }
}

/// Queues a task; the caller has the right to poll it and a reference, and gives both to the queue.
#[inline]
pub(super) fn schedule(task: TaskRef) {
    match context::current() {
        Some(worker) if std::ptr::eq(worker.shared.id(), task.runtime()) => worker.push(task),
        _ => schedule_outside(task),
    }
}

/// From a thread that is no worker of the task's runtime: an extra reference keeps the task, hence its chunk, hence
/// the runtime, until the unpark is done, whatever becomes of the task meanwhile.
#[cold]
fn schedule_outside(task: TaskRef) {
    task.state().retain();
    // SAFETY: the runtime lives while any of its tasks' memory does.
    let shared = unsafe { &*task.runtime().cast::<Shared>() };
    shared.push_outside(task);
    release(task);
}
