//! Why a queue did not take or give an item. What was to be put comes back in the error.

use std::any::type_name;
use std::error::Error;
use std::fmt;

/// The queue was shut down before it took the item, which is in here.
///
/// # Examples
///
/// ```
/// let queue = raddle::Queue::unbounded();
/// queue.shutdown();
/// let raddle::PutError(item) = raddle::run(queue.put(7)).unwrap_err();
/// assert_eq!(item, 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(
    /// The item that was not put.
    pub T,
);

impl<T> PutError<T> {
    /// Gives the item back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutError(..)")
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_shut_down::<T>(f)
    }
}

impl<T> Error for PutError<T> {}

/// The queue did not take the item at once; it is in here.
///
/// # Examples
///
/// ```
/// let queue = raddle::Queue::bounded(1);
/// queue.try_put(1).unwrap();
/// assert!(matches!(queue.try_put(2), Err(raddle::TryPutError::Full(2))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryPutError<T> {
    /// There is no room, or what room there is belongs to putters that waited for it.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
}

impl<T> TryPutError<T> {
    /// Gives the item back.
    pub fn into_inner(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::ShutDown(_) => "ShutDown(..)",
        })
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPutError::Full(_) => write!(
                f,
                "the queue of {} has no room for another item; await put() to wait for room, or try again later",
                type_name::<T>()
            ),
            TryPutError::ShutDown(_) => fmt_shut_down::<T>(f),
        }
    }
}

impl<T> Error for TryPutError<T> {}

fn fmt_shut_down<T>(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the queue of {} was shut down and takes no more items; put before shutdown(), the item is in the error",
        type_name::<T>()
    )
}

/// The queue was shut down and has no items left.
///
/// # Examples
///
/// ```
/// let queue = raddle::Queue::<u8>::unbounded();
/// queue.shutdown();
/// assert_eq!(raddle::run(queue.get()), Err(raddle::QueueShutDown));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueShutDown;

impl fmt::Display for QueueShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was shut down and has no items left; a getter should end its loop here")
    }
}

impl Error for QueueShutDown {}

/// The queue had no item to give at once.
///
/// # Examples
///
/// ```
/// let queue = raddle::Queue::<u8>::unbounded();
/// assert_eq!(queue.try_get(), Err(raddle::TryGetError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryGetError {
    /// There is no item, or those that are there belong to getters that waited for them.
    Empty,
    /// The queue was shut down and has no items left.
    ShutDown,
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryGetError::Empty => f.write_str("the queue has no item now; await get() to wait for one"),
            TryGetError::ShutDown => QueueShutDown.fmt(f),
        }
    }
}

impl Error for TryGetError {}
