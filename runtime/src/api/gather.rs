//! Several futures at once, in place.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::turns::Turns;

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
///
/// The type of the output is a parameter of its own, here and elsewhere: the compiler forgets lifetimes when it looks
/// whether a task is `Send`, and then no longer finds out what `F::Output` is for some `F` (a task group of boxed
/// errors, a queue of `&'static str`).
enum Child<F, T> {
    Running(F),
    Ended(T),
    Fetched,
}

impl<F: Future> Child<F, F::Output> {
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
pub struct GatherAll<F, T> {
    children: Pin<Box<[Child<F, T>]>>,
    running: usize,
    turns: Turns,
}

impl<I> Gather<OfIterable> for I
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    type Future = GatherAll<<I::Item as IntoFuture>::IntoFuture, <I::Item as IntoFuture>::Output>;

    fn gather(self) -> Self::Future {
        let children: Box<[_]> = self.into_iter().map(|item| Child::Running(item.into_future())).collect();
        let running = children.len();
        GatherAll { children: children.into(), running, turns: Turns::default() }
    }
}

impl<F, T> GatherAll<F, T> {
    fn child(&mut self, index: usize) -> Pin<&mut Child<F, T>> {
        // SAFETY: an element of a pinned slice is pinned.
        unsafe { self.children.as_mut().map_unchecked_mut(|children| &mut children[index]) }
    }
}

impl<F, T> Unpin for GatherAll<F, T> {}

impl<F: Future<Output = T>, T> Future for GatherAll<F, T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let this = &mut *self;
        let mut turns = std::mem::take(&mut this.turns);
        turns.each(this.children.len(), cx, |index, cx| {
            if matches!(this.children[index], Child::Running(_)) && this.child(index).poll(cx) {
                this.running -= 1;
            }
        });
        this.turns = turns;
        if this.running > 0 {
            return Poll::Pending;
        }
        Poll::Ready((0..this.children.len()).map(|index| this.child(index).fetch()).collect())
    }
}

impl<F, T> fmt::Debug for GatherAll<F, T> {
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
pub struct TupleChild<F, T>(Child<F, T>);

macro_rules! gather_tuple {
    ($($name:ident $out:ident $index:tt),+) => {
        impl<$($name: IntoFuture),+> Gather<OfTuple> for ($($name,)+) {
            type Future = GatherTuple<($(TupleChild<$name::IntoFuture, $name::Output>,)+)>;

            fn gather(self) -> Self::Future {
                GatherTuple(($(TupleChild(Child::Running(self.$index.into_future())),)+))
            }
        }

        impl<$($name: Future<Output = $out>, $out),+> Future for GatherTuple<($(TupleChild<$name, $out>,)+)> {
            type Output = ($($out,)+);

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

gather_tuple!(A AOut 0);
gather_tuple!(A AOut 0, B BOut 1);
gather_tuple!(A AOut 0, B BOut 1, C COut 2);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6, H HOut 7);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6, H HOut 7, I IOut 8);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6, H HOut 7, I IOut 8, J JOut 9);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6, H HOut 7, I IOut 8, J JOut 9, K KOut 10);
gather_tuple!(A AOut 0, B BOut 1, C COut 2, D DOut 3, E EOut 4, F FOut 5, G GOut 6, H HOut 7, I IOut 8, J JOut 9, K KOut 10, L LOut 11);
