//! A task's slot with its future in it, and then its output.
//!
//! Which of the two the stage holds is written in the state word: the future from birth until the owner of the right
//! to poll drops it; the output from then on until the handle fetches it or somebody drops it; nothing after that.

use std::any::type_name;
use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::poll;
use crate::task::error::TaskError;
use crate::task::header::{Header, Prefix, TaskRef, VTable};
use crate::task::size_class::{MAX_SIZE, SLOT_ALIGN};

/// A future as it lies in a task: as it is, or boxed where it (or its output) is too big for a slot.
pub(super) trait Stored: Future {
    type Value;
    fn value(output: Self::Output) -> Self::Value;
    fn type_name() -> &'static str;
}

/// Lies in the slot itself.
#[repr(transparent)]
pub(super) struct Inline<F>(pub(super) F);

impl<F: Future> Future for Inline<F> {
    type Output = F::Output;
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: a plain pin projection to the only field.
        unsafe { self.map_unchecked_mut(|inline| &mut inline.0) }.poll(cx)
    }
}

impl<F: Future> Stored for Inline<F> {
    type Value = F::Output;
    fn value(output: F::Output) -> F::Output {
        output
    }
    fn type_name() -> &'static str {
        type_name::<F>()
    }
}

/// Lies on the heap, and so does its output.
pub(super) struct Boxed<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for Boxed<F> {
    type Output = Box<F::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Box<F::Output>> {
        self.0.as_mut().poll(cx).map(Box::new)
    }
}

impl<F: Future> Stored for Boxed<F> {
    type Value = F::Output;
    fn value(output: Box<F::Output>) -> F::Output {
        *output
    }
    fn type_name() -> &'static str {
        type_name::<F>()
    }
}

/// A task.
#[repr(C)]
pub(super) struct Cell<S: Stored> {
    pub(super) prefix: Prefix,
    pub(super) stage: UnsafeCell<Stage<S>>,
}

/// The future, then the output.
pub(super) union Stage<S: Stored> {
    pub(super) future: ManuallyDrop<S>,
    pub(super) output: ManuallyDrop<Result<S::Output, TaskError>>,
}

/// Whether a future fits into a slot as it is. Known at compile time.
pub(super) const fn fits<F: Future>() -> bool {
    size_of::<Cell<Inline<F>>>() <= MAX_SIZE && align_of::<Cell<Inline<F>>>() <= SLOT_ALIGN
}

impl<S: Stored> Cell<S> {
    pub(super) const VTABLE: &'static VTable = &VTable {
        run: poll::run::<S>,
        value_needs_drop: std::mem::needs_drop::<S::Output>(),
        drop_output: Self::drop_output,
        take_output: Self::take_output,
        unseen_panic: Self::unseen_panic,
        has_failed: Self::has_failed,
        type_name: S::type_name,
    };

    /// The task's stage.
    ///
    /// # Safety
    /// The task was made with this vtable; the caller holds a reference, and what it does with the stage is its own
    /// by the rules above.
    #[inline]
    pub(super) unsafe fn stage(task: TaskRef) -> NonNull<Stage<S>> {
        let cell: NonNull<Cell<S>> = task.pointer().cast::<Header>().cast();
        // SAFETY: the header begins the cell.
        let stage = unsafe { &raw const (*cell.as_ptr()).stage };
        // SAFETY: inside a slot, hence not null.
        unsafe { NonNull::new_unchecked(UnsafeCell::raw_get(stage)) }
    }

    unsafe fn drop_output(task: TaskRef) {
        // SAFETY: the caller owns the output, by the transition that it made.
        unsafe { ManuallyDrop::drop(&mut (*Self::stage(task).as_ptr()).output) };
    }

    unsafe fn unseen_panic(task: TaskRef) -> Option<String> {
        // SAFETY: the caller owns the output.
        match unsafe { &*(*Self::stage(task).as_ptr()).output } {
            Err(TaskError::Panicked(panic)) => Some(panic.message().to_owned()),
            _ => None,
        }
    }

    unsafe fn has_failed(task: TaskRef) -> bool {
        // SAFETY: the caller owns the output.
        let output = unsafe { &*(*Self::stage(task).as_ptr()).output };
        matches!(output, Err(TaskError::Panicked(_) | TaskError::Failed))
    }

    unsafe fn take_output(task: TaskRef, to: *mut ()) {
        // SAFETY: as above; read once.
        let output = unsafe { ManuallyDrop::take(&mut (*Self::stage(task).as_ptr()).output) };
        // SAFETY: the caller has room for this type there.
        unsafe { to.cast::<Result<S::Value, TaskError>>().write(output.map(S::value)) };
    }
}
