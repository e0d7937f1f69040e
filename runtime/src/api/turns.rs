//! Which of several futures that are polled in place get a turn at a wake.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::shim::Mutex;

/// Up to this many children are all polled at each wake; of more, each has a waker of its own, so that a wake polls
/// one and not all.
const FEW: usize = 16;

/// What the wakers of many children share with their parent.
#[derive(Default)]
pub(super) struct Turns(Option<Arc<Wakes>>);

struct Wakes {
    state: Mutex<State>,
}

struct State {
    woken: Vec<usize>,
    parent: Option<Waker>,
}

struct ChildWaker {
    index: usize,
    wakes: Arc<Wakes>,
}

impl Wake for ChildWaker {
    fn wake(self: Arc<ChildWaker>) {
        let mut state = self.wakes.state.lock();
        state.woken.push(self.index);
        let parent = state.parent.take();
        drop(state);
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl Turns {
    /// Calls `poll` for each child that may have something to do; the first time, for each of `all`, so that no task
    /// among them is left behind as one that nobody awaits.
    pub(super) fn each(&mut self, all: usize, cx: &mut Context<'_>, mut poll: impl FnMut(usize, &mut Context<'_>)) {
        if all <= FEW {
            return (0..all).for_each(|index| poll(index, cx));
        }
        let first = self.0.is_none();
        let wakes = self.0.get_or_insert_with(|| {
            Arc::new(Wakes { state: Mutex::new(State { woken: (0..all).collect(), parent: None }) })
        });
        let woken = wakes.take(cx);
        for (place, &index) in woken.iter().enumerate() {
            if !first && !raddle_io::budget::has_remaining() {
                // Each of the others would only say so, once per turn and child: they come first in the next turn.
                wakes.state.lock().woken.extend_from_slice(&woken[place..]);
                return cx.waker().wake_by_ref();
            }
            let waker = Waker::from(Arc::new(ChildWaker { index, wakes: wakes.clone() }));
            poll(index, &mut Context::from_waker(&waker));
        }
    }
}

impl Wakes {
    /// Those that were woken; the next one that is wakes `cx`.
    fn take(&self, cx: &Context<'_>) -> Vec<usize> {
        let parent = cx.waker().clone();
        let mut state = self.state.lock();
        let before = state.parent.replace(parent);
        let mut woken = std::mem::take(&mut state.woken);
        drop(state);
        drop(before);
        woken.sort_unstable();
        woken.dedup();
        woken
    }
}
