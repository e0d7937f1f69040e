//! Several futures that may fail, in place.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::frame::Frame;
use super::gather::{OfIterable, OfTuple};
use super::turns::Turns;

/// Awaits several futures side by side, in this task, and gives all values in argument order, or the first error.
///
/// The first error drops the others, whose async cleanup is awaited before the error is returned.
/// [`keep_going`](TryGathering::keep_going) lets them end instead.
///
/// Takes a tuple of up to twelve futures of `Result`s with one type of error, or anything that iterates over such
/// futures, which gives a `Vec`. For tasks: `try_gather(tasks.into_iter().map(Task::flatten))`.
///
/// # Errors
/// The first error that happened; of several in one poll, the first in the list.
///
/// # Cancel safety
/// Dropping it drops the futures that have not ended and the values of those that have.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let parse = |text: &'static str| async move { text.parse::<u32>() };
///     assert_eq!(raddle::try_gather(["1", "2"].map(parse)).await, Ok(vec![1, 2]));
///     assert!(raddle::try_gather((parse("1"), parse("two"))).await.is_err());
/// });
/// ```
pub fn try_gather<M, G: TryGather<M>>(futures: G) -> TryGathering<G::State> {
    TryGathering { error: None, cancelled: false, keep_going: false, state: futures.state() }
}

/// What [`try_gather`] takes. `M` is a marker that inference fills in.
pub trait TryGather<M> {
    /// The futures, and what they gave.
    type State: TryGatherState;
    /// Makes it.
    fn state(self) -> Self::State;
}

/// The futures of a [`try_gather`], and what they gave so far.
pub trait TryGatherState {
    /// All values together.
    type Values;
    /// The error.
    type Error;
    /// Polls those that run; keeps the first error in `error`. True: all have ended.
    #[doc(hidden)]
    fn poll_all(self: Pin<&mut Self>, error: &mut Option<Self::Error>, cx: &mut Context<'_>) -> bool;
    /// Drops those that run.
    #[doc(hidden)]
    fn cancel(self: Pin<&mut Self>);
    /// Awaits what those left that were dropped.
    #[doc(hidden)]
    fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
    /// The values of futures that have all ended well.
    #[doc(hidden)]
    fn values(self: Pin<&mut Self>) -> Self::Values;
}

pin_project! {
    /// The values of several futures, or the first error. Made by [`try_gather`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TryGathering<S: TryGatherState> {
        error: Option<S::Error>,
        cancelled: bool,
        keep_going: bool,
        #[pin]
        state: S,
    }
}

impl<S: TryGatherState> TryGathering<S> {
    /// Lets the others end by themselves after an error, as asyncio's `gather` does; the first error is returned when
    /// all have ended.
    pub fn keep_going(mut self) -> TryGathering<S> {
        self.keep_going = true;
        self
    }
}

impl<S: TryGatherState> Future for TryGathering<S> {
    type Output = Result<S::Values, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.cancelled {
            let ended = this.state.as_mut().poll_all(this.error, cx);
            if this.error.is_none() {
                return if ended { Poll::Ready(Ok(this.state.values())) } else { Poll::Pending };
            }
            if !ended {
                if *this.keep_going {
                    return Poll::Pending;
                }
                this.state.as_mut().cancel();
            }
            *this.cancelled = true;
        }
        ready!(this.state.poll_cleanup(cx));
        Poll::Ready(Err(this.error.take().expect("polled again after it was ready")))
    }
}

impl<S: TryGatherState> fmt::Debug for TryGathering<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cancelled { "<try_gather, failed>" } else { "<try_gather>" })
    }
}

pin_project! {
    /// One future, then its value.
    #[doc(hidden)]
    pub struct Attempt<F, T> {
        #[pin]
        frame: Frame<F>,
        value: Option<T>,
    }
}

impl<F, T, E> Attempt<F, T>
where
    F: Future<Output = Result<T, E>>,
{
    fn new(future: F) -> Attempt<F, T> {
        Attempt { frame: Frame::new(future), value: None }
    }

    /// True: it has ended, now or before.
    fn poll(self: Pin<&mut Self>, error: &mut Option<E>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        if !this.frame.is_running() {
            return true;
        }
        match this.frame.poll_future(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(value)) => *this.value = Some(value),
            // Later ones are nobody's: the one that counts is the first.
            Poll::Ready(Err(failed)) if error.is_none() => *error = Some(failed),
            Poll::Ready(Err(_)) => {}
        }
        true
    }

    fn cancel(self: Pin<&mut Self>) {
        self.project().frame.cancel();
    }

    fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().frame.poll_cleanup(cx)
    }

    fn take(self: Pin<&mut Self>) -> T {
        self.project().value.take().expect("all have ended well")
    }
}

/// The futures of an iterable.
#[expect(missing_debug_implementations, reason = "of use to `try_gather` alone")]
pub struct TryAll<F, T> {
    children: Pin<Box<[Attempt<F, T>]>>,
    running: usize,
    turns: Turns,
}

impl<F, T> Unpin for TryAll<F, T> {}

impl<F, T> TryAll<F, T> {
    fn child(&mut self, index: usize) -> Pin<&mut Attempt<F, T>> {
        // SAFETY: an element of a pinned slice is pinned.
        unsafe { self.children.as_mut().map_unchecked_mut(|children| &mut children[index]) }
    }
}

impl<I, T, E> TryGather<OfIterable> for I
where
    I: IntoIterator,
    I::Item: IntoFuture<Output = Result<T, E>>,
{
    type State = TryAll<<I::Item as IntoFuture>::IntoFuture, T>;

    fn state(self) -> Self::State {
        let children: Box<[_]> = self.into_iter().map(|item| Attempt::new(item.into_future())).collect();
        let running = children.len();
        TryAll { children: children.into(), running, turns: Turns::default() }
    }
}

impl<F, T, E> TryGatherState for TryAll<F, T>
where
    F: Future<Output = Result<T, E>>,
{
    type Values = Vec<T>;
    type Error = E;

    fn poll_all(mut self: Pin<&mut Self>, error: &mut Option<E>, cx: &mut Context<'_>) -> bool {
        let this = &mut *self;
        let mut turns = std::mem::take(&mut this.turns);
        turns.each(this.children.len(), cx, |index, cx| {
            if this.children[index].frame.is_running() && this.child(index).poll(error, cx) {
                this.running -= 1;
            }
        });
        this.turns = turns;
        this.running == 0
    }

    fn cancel(mut self: Pin<&mut Self>) {
        (0..self.children.len()).for_each(|index| self.child(index).cancel());
    }

    fn poll_cleanup(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let all = 0..self.children.len();
        let waiting = all.filter(|&index| self.child(index).poll_cleanup(cx).is_pending()).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    fn values(mut self: Pin<&mut Self>) -> Vec<T> {
        (0..self.children.len()).map(|index| self.child(index).take()).collect()
    }
}

macro_rules! try_gather_tuple {
    ($($name:ident $value:ident $index:tt),+) => {
        impl<Err, $($name, $value),+> TryGather<OfTuple> for ($($name,)+)
        where
            $($name: IntoFuture<Output = Result<$value, Err>>),+
        {
            type State = ($(Attempt<$name::IntoFuture, $value>,)+);

            fn state(self) -> Self::State {
                ($(Attempt::new(self.$index.into_future()),)+)
            }
        }

        impl<Err, $($name, $value),+> TryGatherState for ($(Attempt<$name, $value>,)+)
        where
            $($name: Future<Output = Result<$value, Err>>),+
        {
            type Values = ($($value,)+);
            type Error = Err;

            fn poll_all(self: Pin<&mut Self>, error: &mut Option<Err>, cx: &mut Context<'_>) -> bool {
                // SAFETY: a pin projection to every field; none is moved.
                let children = unsafe { self.get_unchecked_mut() };
                let mut ended = true;
                // SAFETY: as above.
                $(ended &= unsafe { Pin::new_unchecked(&mut children.$index) }.poll(error, cx);)+
                ended
            }

            fn cancel(self: Pin<&mut Self>) {
                // SAFETY: as above.
                let children = unsafe { self.get_unchecked_mut() };
                // SAFETY: as above.
                $(unsafe { Pin::new_unchecked(&mut children.$index) }.cancel();)+
            }

            fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                // SAFETY: as above.
                let children = unsafe { self.get_unchecked_mut() };
                let mut waiting = false;
                // SAFETY: as above.
                $(waiting |= unsafe { Pin::new_unchecked(&mut children.$index) }.poll_cleanup(cx).is_pending();)+
                if waiting { Poll::Pending } else { Poll::Ready(()) }
            }

            fn values(self: Pin<&mut Self>) -> Self::Values {
                // SAFETY: as above.
                let children = unsafe { self.get_unchecked_mut() };
                // SAFETY: as above.
                ($(unsafe { Pin::new_unchecked(&mut children.$index) }.take(),)+)
            }
        }
    };
}

try_gather_tuple!(A AT 0);
try_gather_tuple!(A AT 0, B BT 1);
try_gather_tuple!(A AT 0, B BT 1, C CT 2);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6, H HT 7);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6, H HT 7, I IT 8);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6, H HT 7, I IT 8, J JT 9);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6, H HT 7, I IT 8, J JT 9, K KT 10);
try_gather_tuple!(A AT 0, B BT 1, C CT 2, D DT 3, E ET 4, F FT 5, G GT 6, H HT 7, I IT 8, J JT 9, K KT 10, L LT 11);
