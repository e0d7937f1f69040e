//! A task: one allocation that holds the word, who waits for the end, and the future or what came of it.
//!
//! Who may touch what: the stage belongs to whoever polls until the task is done, then to the handle, and to whoever
//! drops the last reference. The joiner belongs to the thread of the executor, where handles are polled and tasks end.

use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::executor::{self, Executor};
use super::state::{Rest, State, Woken};

/// What can be done without knowing the future's type.
struct Header {
    state: State,
    /// The only executor whose queue it may be in.
    home: *const Executor,
    joiner: Cell<Option<Waker>>,
    methods: &'static Methods,
}

struct Methods {
    /// Whether it is done.
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Moves the output to an `Option` of its type.
    take: unsafe fn(NonNull<Header>, *mut ()),
    free: unsafe fn(NonNull<Header>),
}

/// A header is where its task is.
#[repr(C)]
struct Whole<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(F::Output),
    Taken,
}

/// A reference to a task: the queue's, a handle's, or a waker's.
pub(super) struct Task(NonNull<Header>);

// SAFETY: whatever the reference leads to is changed by atomic transitions, or on the executor's thread alone, or by
// whoever has the last reference; then the future is dropped, which is `Send` unless it is a main one, and that ends
// before `main` does.
unsafe impl Send for Task {}

impl Task {
    /// A task that belongs into the queue of `home`, and its handle.
    ///
    /// # Safety
    ///
    /// The task must be done or abandoned before what `future` borrows ends. A `future` that is not `Send` must be
    /// spawned on the thread of `home`.
    pub(super) unsafe fn new<F: Future>(home: *const Executor, future: F) -> (Task, Joined<F::Output>) {
        let methods = const { &Methods { poll: poll::<F>, take: take::<F>, free: free::<F> } };
        let header = Header { state: State::new(), home, joiner: Cell::new(None), methods };
        let whole = Box::new(Whole { header, stage: UnsafeCell::new(Stage::Future(future)) });
        let header = NonNull::from(Box::leak(whole)).cast();
        (Task(header), Joined { task: Task(header), output: PhantomData })
    }

    fn header(&self) -> &Header {
        // SAFETY: a reference keeps the task where it is.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn is(&self, other: &Task) -> bool {
        self.0 == other.0
    }

    /// Polls it once. `self` is the queue's reference, and comes back if it belongs there again.
    pub(super) fn run(self) -> Option<Task> {
        // SAFETY: the waker is not dropped, so it takes no reference beyond the one that is borrowed.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(self.0)) });
        // SAFETY: the queue has a task once, and only while it is neither being polled nor done.
        let done = unsafe { (self.header().methods.poll)(self.0, &mut Context::from_waker(&waker)) };
        if done { self.complete() } else { self.rest() }
    }

    fn complete(self) -> Option<Task> {
        let joiner = self.header().joiner.take();
        if self.header().state.complete() {
            self.free();
        } else {
            mem::forget(self);
        }
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        None
    }

    fn rest(self) -> Option<Task> {
        match self.header().state.rest() {
            Rest::Queue => return Some(self),
            Rest::Idle => mem::forget(self),
            Rest::Free => self.free(),
        }
        None
    }

    /// Of the last reference.
    fn free(self) {
        let task = ManuallyDrop::new(self);
        // SAFETY: nobody else refers to it any more.
        unsafe { (task.header().methods.free)(task.0) }
    }

    /// Puts it into the queue of its executor.
    fn queue(self) {
        let home = self.header().home;
        executor::queue(home, self);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.header().state.release() {
            // SAFETY: nobody else refers to it any more.
            unsafe { (self.header().methods.free)(self.0) }
        }
    }
}

/// # Safety
///
/// `header` must be that of a `Whole<F>`, whose stage is nobody else's.
unsafe fn poll<F: Future>(header: NonNull<Header>, context: &mut Context<'_>) -> bool {
    // SAFETY: as the caller promises.
    let stage = unsafe { &mut *header.cast::<Whole<F>>().as_ref().stage.get() };
    let Stage::Future(future) = stage else { unreachable!("a task that is done is in no queue") };
    // SAFETY: a task stays where it was allocated, and the future is dropped there.
    let Poll::Ready(output) = (unsafe { Pin::new_unchecked(future) }).poll(context) else { return false };
    *stage = Stage::Output(output);
    true
}

/// # Safety
///
/// As of `poll`, of a task that is done; `output` must point to an `Option<F::Output>`.
unsafe fn take<F: Future>(header: NonNull<Header>, output: *mut ()) {
    // SAFETY: as the caller promises.
    let stage = unsafe { &mut *header.cast::<Whole<F>>().as_ref().stage.get() };
    if let Stage::Output(value) = mem::replace(stage, Stage::Taken) {
        // SAFETY: as the caller promises.
        unsafe { *output.cast::<Option<F::Output>>() = Some(value) };
    }
}

/// # Safety
///
/// `header` must be that of a `Whole<F>`, to which nobody refers.
unsafe fn free<F: Future>(header: NonNull<Header>) {
    // SAFETY: it was allocated as a box of this type.
    drop(unsafe { Box::from_raw(header.cast::<Whole<F>>().as_ptr()) });
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, forget);

fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// # Safety
///
/// `data` must be a waker's.
unsafe fn task(data: *const ()) -> Task {
    // SAFETY: it comes from `raw_waker`, as the caller promises.
    Task(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: this is called with a waker's data. What is not dropped takes no reference.
    let task = ManuallyDrop::new(unsafe { task(data) });
    task.header().state.retain();
    raw_waker(task.0)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: this is called with a waker's data.
    let task = ManuallyDrop::new(unsafe { task(data) });
    match task.header().state.wake() {
        Woken::Queue => ManuallyDrop::into_inner(task).queue(),
        Woken::Nothing => {}
        Woken::Free => ManuallyDrop::into_inner(task).free(),
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: this is called with a waker's data.
    let task = ManuallyDrop::new(unsafe { task(data) });
    if task.header().state.wake_by_ref() == Woken::Queue {
        ManuallyDrop::into_inner(task).queue();
    }
}

unsafe fn forget(data: *const ()) {
    // SAFETY: this is called with a waker's data, whose reference goes.
    drop(unsafe { task(data) });
}

/// A handle. Dropped, it leaves the task alone.
pub struct Joined<T> {
    task: Task,
    output: PhantomData<T>,
}

// SAFETY: it may go where its output may; whoever polls it must be a task of the same executor.
unsafe impl<T: Send> Send for Joined<T> {}

impl<T> Joined<T> {
    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// What came of it, once.
    pub(super) fn output(&mut self) -> Option<T> {
        if !self.task.header().state.is_done() {
            return None;
        }
        let mut output = None;
        // SAFETY: the task is done, it has one handle, and a `Joined<T>` is made of a task whose output is a `T`.
        unsafe { (self.task.header().methods.take)(self.task.0, ptr::from_mut::<Option<T>>(&mut output).cast()) };
        Some(output.expect("the output of a task is taken once"))
    }

    /// It is not polled again.
    pub(super) fn abandon(&self) {
        self.task.header().state.abandon();
    }
}

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(output) = self.output() {
            return Poll::Ready(output);
        }
        self.task.header().joiner.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl<T> Unpin for Joined<T> {}
