//! Why a channel, a broadcast or a watch did not take or give a value. What was to be sent comes back in the error.

use std::any::type_name;
use std::error::Error;
use std::fmt;

/// Nobody receives any more; what was to be sent is in here.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = raddle::channel(1);
/// drop(receiver);
/// let raddle::SendError(value) = raddle::run(sender.send(7)).unwrap_err();
/// assert_eq!(value, 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(
    /// The value that was not sent.
    pub T,
);

impl<T> SendError<T> {
    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_closed::<T>(f)
    }
}

impl<T> Error for SendError<T> {}

/// The channel did not take the value at once; it is in here.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = raddle::channel(1);
/// sender.try_send(1).unwrap();
/// assert!(matches!(sender.try_send(2), Err(raddle::TrySendError::Full(2))));
/// drop(receiver);
/// assert!(matches!(sender.try_send(3), Err(raddle::TrySendError::Closed(3))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room, or what room there is belongs to senders that waited for it.
    Full(T),
    /// Nobody receives any more.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Gives the value back.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => write!(
                f,
                "the channel of {} has no room for another value; await send() to wait for room, or try again later",
                type_name::<T>()
            ),
            TrySendError::Closed(_) => fmt_closed::<T>(f),
        }
    }
}

impl<T> Error for TrySendError<T> {}

fn fmt_closed<T>(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "nobody receives: each receiver of {} was dropped or closed; a sender should end here, the value is in the error",
        type_name::<T>()
    )
}

/// The channel had no value to give at once.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = raddle::channel::<u8>(1);
/// assert_eq!(receiver.try_recv(), Err(raddle::TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(raddle::TryRecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no value, or those that are there belong to receivers that waited for them.
    Empty,
    /// There is no value, and there will be none: each sender was dropped, or the channel was closed.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "the channel has no value now; await recv() to wait for one",
            TryRecvError::Closed => "the channel is closed and has no values left; a receiver should end its loop here",
        })
    }
}

impl Error for TryRecvError {}

/// Why a receiver of a broadcast got no value.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = raddle::broadcast(1);
/// sender.send('a').unwrap();
/// sender.send('b').unwrap();
/// drop(sender);
/// raddle::run(async {
///     assert_eq!(receiver.recv().await, Err(raddle::RecvError::Lagged(1)));
///     assert_eq!(receiver.recv().await, Ok('b'));
///     assert_eq!(receiver.recv().await, Err(raddle::RecvError::Closed));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The receiver was too slow: so many values, the oldest that it had not taken, made room for newer ones. The next
    /// call gives the oldest that is left.
    Lagged(u64),
    /// Each sender was dropped, and nothing is left for this receiver.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Lagged(missed) => write!(
                f,
                "the receiver was too slow and missed {missed} values; the next recv() gives the oldest that is left, \
                 and a broadcast of a larger capacity would have kept more"
            ),
            RecvError::Closed => f.write_str(
                "each sender of the broadcast was dropped and no values are left; a receiver should end here",
            ),
        }
    }
}

impl Error for RecvError {}

/// Why a receiver of a broadcast got no value at once.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = raddle::broadcast::<u8>(1);
/// assert_eq!(receiver.try_recv(), Err(raddle::BroadcastTryRecvError::Empty));
/// # drop(sender);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastTryRecvError {
    /// Nothing was sent that this receiver has not got.
    Empty,
    /// As [`RecvError::Lagged`].
    Lagged(u64),
    /// As [`RecvError::Closed`].
    Closed,
}

impl From<RecvError> for BroadcastTryRecvError {
    fn from(error: RecvError) -> BroadcastTryRecvError {
        match error {
            RecvError::Lagged(missed) => BroadcastTryRecvError::Lagged(missed),
            RecvError::Closed => BroadcastTryRecvError::Closed,
        }
    }
}

impl fmt::Display for BroadcastTryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            BroadcastTryRecvError::Empty => {
                f.write_str("the broadcast has nothing new for this receiver; await recv() to wait for it")
            }
            BroadcastTryRecvError::Lagged(missed) => RecvError::Lagged(missed).fmt(f),
            BroadcastTryRecvError::Closed => RecvError::Closed.fmt(f),
        }
    }
}

impl Error for BroadcastTryRecvError {}

/// Each sender of the watch was dropped: its value will not change any more.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = raddle::watch(1);
/// drop(sender);
/// assert_eq!(raddle::run(receiver.changed()), Err(raddle::WatchClosed));
/// assert_eq!(*receiver.borrow(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchClosed;

impl fmt::Display for WatchClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("each sender of the watch was dropped, so its value will not change; borrow() still gives the last")
    }
}

impl Error for WatchClosed {}
