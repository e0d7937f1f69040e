//! The first of several futures.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::frame::Frame;
use super::gather::{OfIterable, OfTuple};
use super::turns::Turns;

/// Awaits several futures side by side, in this task, and gives the output of the one that ends first.
///
/// The others are dropped, and their async cleanup is awaited, before this returns. Each of them has been polled once
/// by then: a [`Task`](crate::Task) among them is cancelled, never left behind. Of several that end at once, the first
/// in the list wins.
///
/// Takes a tuple of up to twelve futures with one type of output, or anything that iterates over futures.
///
/// # Panics
/// When there is nothing to race: that would never end.
///
/// # Cancel safety
/// Dropping it drops all of them.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{race, sleep};
///
/// raddle::run(async {
///     let slow = async {
///         sleep(Duration::from_secs(60)).await;
///         "tortoise"
///     };
///     assert_eq!(race((slow, async { "hare" })).await, "hare");
/// });
/// ```
#[track_caller]
pub fn race<M, G: Race<M>>(futures: G) -> G::Future {
    futures.race()
}

/// What [`race`] takes. `M` is a marker that inference fills in.
pub trait Race<M> {
    /// The future of the first output.
    type Future: Future;
    /// Makes it.
    fn race(self) -> Self::Future;
}

/// What a race and its kin do to each of their children, in order.
trait Field {
    type Output;
    fn poll_first(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Self::Output>;
    fn cancel(self: Pin<&mut Self>);
    fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

/// Polls the field until there is a winner; then cancels the others and waits for them.
fn poll_race<F: Field>(
    mut field: Pin<&mut F>,
    winner: &mut Option<F::Output>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    if winner.is_none() {
        match field.as_mut().poll_first(cx) {
            Some(first) => *winner = Some(first),
            None => return Poll::Pending,
        }
        field.as_mut().cancel();
    }
    match field.poll_cleanup(cx) {
        Poll::Ready(()) => Poll::Ready(winner.take().expect("set above")),
        Poll::Pending => Poll::Pending,
    }
}

/// The first output of an iterable of futures. Made by [`race`].
#[must_use = "futures do nothing unless awaited"]
pub struct RaceAll<F, T> {
    field: Pin<Box<[Frame<F>]>>,
    turns: Turns,
    winner: Option<T>,
}

impl<F, T> Unpin for RaceAll<F, T> {}

impl<I> Race<OfIterable> for I
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    type Future = RaceAll<<I::Item as IntoFuture>::IntoFuture, <I::Item as IntoFuture>::Output>;

    #[track_caller]
    fn race(self) -> Self::Future {
        let field: Box<[_]> = self.into_iter().map(|item| Frame::new(item.into_future())).collect();
        assert!(!field.is_empty(), "race of no futures at all: nobody could win");
        RaceAll { field: field.into(), turns: Turns::default(), winner: None }
    }
}

struct All<'a, F>(&'a mut Pin<Box<[Frame<F>]>>, &'a mut Turns);

impl<F> All<'_, F> {
    fn child(&mut self, index: usize) -> Pin<&mut Frame<F>> {
        // SAFETY: an element of a pinned slice is pinned.
        unsafe { self.0.as_mut().map_unchecked_mut(|field| &mut field[index]) }
    }
}

impl<F: Future> Field for All<'_, F> {
    type Output = F::Output;

    fn poll_first(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<F::Output> {
        let this = self.get_mut();
        let mut first: Option<(usize, F::Output)> = None;
        let mut turns = std::mem::take(this.1);
        turns.each(this.0.len(), cx, |index, cx| {
            if this.0[index].is_running()
                && let Poll::Ready(output) = this.child(index).poll_future(cx)
                && first.is_none()
            {
                first = Some((index, output));
            }
        });
        *this.1 = turns;
        first.map(|(_, output)| output)
    }

    fn cancel(self: Pin<&mut Self>) {
        let this = self.get_mut();
        (0..this.0.len()).for_each(|index| this.child(index).cancel());
    }

    fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let waiting = (0..this.0.len()).filter(|&index| this.child(index).poll_cleanup(cx).is_pending()).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<F: Future<Output = T>, T> Future for RaceAll<F, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let mut field = All(&mut this.field, &mut this.turns);
        poll_race(Pin::new(&mut field), &mut this.winner, cx)
    }
}

impl<F, T> fmt::Debug for RaceAll<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<race of {}>", self.field.len())
    }
}

/// The first output of a tuple of futures. Made by [`race`].
#[must_use = "futures do nothing unless awaited"]
pub struct RaceTuple<T, O> {
    field: T,
    winner: Option<O>,
}

impl<T, O> fmt::Debug for RaceTuple<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<race of a tuple>")
    }
}

/// The runners of a tuple; named by the public impls, of no use elsewhere.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "hidden")]
pub struct Racer<F>(Frame<F>);

macro_rules! race_tuple {
    ($($name:ident $index:tt),+) => {
        impl<Out, $($name: IntoFuture<Output = Out>),+> Race<OfTuple> for ($($name,)+) {
            type Future = RaceTuple<($(Racer<$name::IntoFuture>,)+), Out>;

            fn race(self) -> Self::Future {
                RaceTuple { field: ($(Racer(Frame::new(self.$index.into_future())),)+), winner: None }
            }
        }

        impl<Out, $($name: Future<Output = Out>),+> Field for ($(Racer<$name>,)+) {
            type Output = Out;

            fn poll_first(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Out> {
                // SAFETY: a pin projection to every field; none is moved.
                let field = unsafe { self.get_unchecked_mut() };
                let mut first = None;
                // All are polled, also behind a winner: see `race`.
                // SAFETY: as above.
                $(if let Poll::Ready(output) = unsafe { Pin::new_unchecked(&mut field.$index.0) }.poll_future(cx)
                    && first.is_none()
                {
                    first = Some(output);
                })+
                first
            }

            fn cancel(self: Pin<&mut Self>) {
                // SAFETY: as above.
                let field = unsafe { self.get_unchecked_mut() };
                // SAFETY: as above.
                $(unsafe { Pin::new_unchecked(&mut field.$index.0) }.cancel();)+
            }

            fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                // SAFETY: as above.
                let field = unsafe { self.get_unchecked_mut() };
                let mut waiting = false;
                // SAFETY: as above.
                $(waiting |= unsafe { Pin::new_unchecked(&mut field.$index.0) }.poll_cleanup(cx).is_pending();)+
                if waiting { Poll::Pending } else { Poll::Ready(()) }
            }
        }

        impl<Out, $($name: Future<Output = Out>),+> Future for RaceTuple<($(Racer<$name>,)+), Out> {
            type Output = Out;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Out> {
                // SAFETY: the field stays pinned; the winner never is.
                let this = unsafe { self.get_unchecked_mut() };
                // SAFETY: as above.
                poll_race(unsafe { Pin::new_unchecked(&mut this.field) }, &mut this.winner, cx)
            }
        }
    };
}

race_tuple!(A 0);
race_tuple!(A 0, B 1);
race_tuple!(A 0, B 1, C 2);
race_tuple!(A 0, B 1, C 2, D 3);
race_tuple!(A 0, B 1, C 2, D 3, E 4);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
race_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
