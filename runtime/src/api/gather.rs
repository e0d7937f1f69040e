//! Several futures at once, in place.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::shim::Mutex;

/// Awaits several futures side by side, in this task, and gives all outputs in argument order.
///
/// Takes a tuple of up to twelve futures, which may differ in type, or anything that iterates over futures, which
/// gives a `Vec`. The futures may borrow; wrap them in [`create_task`](crate::create_task) to use other cores.
///
/// # Cancel safety
/// Dropping it drops the futures that have not ended and the outputs of those that have.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let (n, word) = raddle::gather((async { 1 }, async { "two" })).await;
///     assert_eq!((n, word), (1, "two"));
///     let squares = raddle::gather((1..4).map(|n| async move { n * n })).await;
///     assert_eq!(squares, [1, 4, 9]);
/// });
/// ```
pub fn gather<M, G: Gather<M>>(futures: G) -> G::Future {
    futures.gather()
}

/// What [`gather`] takes. `M` is a marker that inference fills in.
pub trait Gather<M> {
    /// The future of all outputs.
    type Future: Future;
    /// Makes it.
    fn gather(self) -> Self::Future;
}

/// Marks iterables of futures.
#[derive(Debug)]
pub struct OfIterable(());
/// Marks tuples of futures.
#[derive(Debug)]
pub struct OfTuple(());

/// A future until it has ended, then its output until it is fetched.
enum Child<F: Future> {
    Running(F),
    Ended(F::Output),
    Fetched,
}

impl<F: Future> Child<F> {
    /// Polls a running future. True: it has ended, now or before.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        // SAFETY: a pin projection: the future stays where it is until it is dropped in place by the assignment.
        let this = unsafe { self.get_unchecked_mut() };
        if let Child::Running(future) = this {
            // SAFETY: as above.
            match unsafe { Pin::new_unchecked(future) }.poll(cx) {
                Poll::Ready(output) => *this = Child::Ended(output),
                Poll::Pending => return false,
            }
        }
        true
    }

    fn fetch(self: Pin<&mut Self>) -> F::Output {
        // SAFETY: an ended child holds no future any more.
        let this = unsafe { self.get_unchecked_mut() };
        match std::mem::replace(this, Child::Fetched) {
            Child::Ended(output) => output,
            _ => panic!("gather was polled again after it had given its outputs"),
        }
    }
}

/// The outputs of an iterable of futures. Made by [`gather`].
#[must_use = "futures do nothing unless awaited"]
pub struct GatherAll<F: Future> {
    children: Pin<Box<[Child<F>]>>,
    running: usize,
    /// With many children, each has a waker of its own, so that a wake polls one and not all.
    wakes: Option<Arc<Wakes>>,
}

/// Up to this many children are all polled at each wake.
const FEW: usize = 16;

struct Wakes {
    state: Mutex<WakesState>,
}

struct WakesState {
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

impl<I> Gather<OfIterable> for I
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    type Future = GatherAll<<I::Item as IntoFuture>::IntoFuture>;

    fn gather(self) -> Self::Future {
        let children: Box<[_]> = self.into_iter().map(|item| Child::Running(item.into_future())).collect();
        let running = children.len();
        GatherAll { children: children.into(), running, wakes: None }
    }
}

impl<F: Future> GatherAll<F> {
    fn child(&mut self, index: usize) -> Pin<&mut Child<F>> {
        // SAFETY: an element of a pinned slice is pinned.
        unsafe { self.children.as_mut().map_unchecked_mut(|children| &mut children[index]) }
    }

    fn is_running(&self, index: usize) -> bool {
        matches!(self.children[index], Child::Running(_))
    }

    fn poll_few(&mut self, cx: &mut Context<'_>) {
        for index in 0..self.children.len() {
            if self.is_running(index) && self.child(index).poll(cx) {
                self.running -= 1;
            }
        }
    }

    fn poll_many(&mut self, cx: &mut Context<'_>) {
        let all = self.children.len();
        let wakes = self.wakes.get_or_insert_with(|| {
            Arc::new(Wakes { state: Mutex::new(WakesState { woken: (0..all).collect(), parent: None }) })
        });
        let wakes = wakes.clone();
        let parent = cx.waker().clone();
        let mut woken = {
            let mut state = wakes.state.lock();
            let old = state.parent.replace(parent);
            let woken = std::mem::take(&mut state.woken);
            drop(state);
            drop(old);
            woken
        };
        woken.sort_unstable();
        woken.dedup();
        for (place, &index) in woken.iter().enumerate() {
            if !raddle_io::budget::has_remaining() {
                // Each of the others would only say so, once per turn and child: they come first in the next turn.
                wakes.state.lock().woken.extend_from_slice(&woken[place..]);
                return cx.waker().wake_by_ref();
            }
            if self.is_running(index) {
                let waker = Waker::from(Arc::new(ChildWaker { index, wakes: wakes.clone() }));
                if self.child(index).poll(&mut Context::from_waker(&waker)) {
                    self.running -= 1;
                }
            }
        }
    }
}

impl<F: Future> Future for GatherAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<F::Output>> {
        let this = &mut *self;
        if this.children.len() <= FEW {
            this.poll_few(cx)
        } else {
            this.poll_many(cx)
        }
        if this.running > 0 {
            return Poll::Pending;
        }
        Poll::Ready((0..this.children.len()).map(|index| this.child(index).fetch()).collect())
    }
}

impl<F: Future> fmt::Debug for GatherAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<gather of {}, {} running>", self.children.len(), self.running)
    }
}

/// The outputs of a tuple of futures. Made by [`gather`].
#[must_use = "futures do nothing unless awaited"]
pub struct GatherTuple<T>(T);

impl<T> fmt::Debug for GatherTuple<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<gather of a tuple>")
    }
}

/// The children of a tuple; named by the public impls, of no use elsewhere.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "hidden")]
pub struct TupleChild<F: Future>(Child<F>);

macro_rules! gather_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: IntoFuture),+> Gather<OfTuple> for ($($name,)+) {
            type Future = GatherTuple<($(TupleChild<$name::IntoFuture>,)+)>;

            fn gather(self) -> Self::Future {
                GatherTuple(($(TupleChild(Child::Running(self.$index.into_future())),)+))
            }
        }

        impl<$($name: Future),+> Future for GatherTuple<($(TupleChild<$name>,)+)> {
            type Output = ($($name::Output,)+);

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                // SAFETY: a pin projection to every field; none is moved.
                let children = unsafe { &mut self.get_unchecked_mut().0 };
                let mut ended = true;
                // SAFETY: as above.
                $(ended &= unsafe { Pin::new_unchecked(&mut children.$index.0) }.poll(cx);)+
                if !ended {
                    return Poll::Pending;
                }
                // SAFETY: as above.
                Poll::Ready(($(unsafe { Pin::new_unchecked(&mut children.$index.0) }.fetch(),)+))
            }
        }
    };
}

gather_tuple!(A 0);
gather_tuple!(A 0, B 1);
gather_tuple!(A 0, B 1, C 2);
gather_tuple!(A 0, B 1, C 2, D 3);
gather_tuple!(A 0, B 1, C 2, D 3, E 4);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
gather_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
