//! Which of several tasks have ended, in order, told to one waker and without polling a handle.
//!
//! A handle that was polled counts as awaited: dropping it cancels its task. Whoever only looks leaves a callback with
//! each task instead. It lies there under the address of the list, and is taken off when the looking is over, so that
//! looking again and again at a task that lives long leaves nothing behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use crate::harness::adopt::when_done_unless;
use crate::shim::Mutex;
use crate::task::header::TaskRef;

/// The places of the tasks that have ended and were not taken yet.
pub(super) struct Ends(Mutex<State>);

struct State {
    ended: VecDeque<usize>,
    waker: Option<Waker>,
    /// The waker is for the moment when so many have ended.
    enough: usize,
}

impl Ends {
    pub(super) fn new() -> Arc<Ends> {
        Arc::new(Ends(Mutex::new(State { ended: VecDeque::new(), waker: None, enough: 1 })))
    }

    /// Hears of the task's end; at once if it has ended.
    pub(super) fn watch(self: &Arc<Ends>, task: TaskRef, index: usize) {
        let ends = self.clone();
        when_done_unless(task, self.key(), Box::new(move |_| ends.push(index)));
    }

    /// Leaves the task alone again.
    pub(super) fn unwatch(self: &Arc<Ends>, task: TaskRef) {
        if let Some(side) = task.side() {
            side.take_off_callback(self.key());
        }
    }

    fn key(self: &Arc<Ends>) -> usize {
        Arc::as_ptr(self).addr()
    }

    fn push(&self, index: usize) {
        let mut state = self.0.lock();
        state.ended.push_back(index);
        let waker = if state.ended.len() >= state.enough { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The place of a task that has ended. None: the waker is woken when the next one has.
    pub(super) fn pop(&self, cx: &Context<'_>) -> Option<usize> {
        self.look(cx, 1, VecDeque::pop_front)
    }

    /// The places of those that have ended. Empty: the waker is woken when `enough` have.
    pub(super) fn take(&self, cx: &Context<'_>, enough: usize) -> VecDeque<usize> {
        let taken = self.look(cx, enough, |ended| (!ended.is_empty()).then(|| std::mem::take(ended)));
        taken.unwrap_or_default()
    }

    fn look<R>(
        &self,
        cx: &Context<'_>,
        enough: usize,
        take: impl FnOnce(&mut VecDeque<usize>) -> Option<R>,
    ) -> Option<R> {
        // Cloned first: a foreign waker may do anything, and what follows holds the lock.
        let waker = cx.waker().clone();
        let mut state = self.0.lock();
        let taken = take(&mut state.ended);
        let unused = if taken.is_none() {
            state.enough = enough;
            state.waker.replace(waker)
        } else {
            Some(waker)
        };
        drop(state);
        drop(unused);
        taken
    }
}
