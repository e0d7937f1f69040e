//! Bytes that go back to their stream: what a `read_exact` had taken when it was dropped.
//!
//! `read_exact` fills a buffer in several system calls. If it is dropped in between, because a timeout has come or
//! somebody else was faster, what it has read is in a buffer of which nobody knows how full it is, and the kernel takes
//! nothing back. So the stream keeps it, and whoever reads next is given it first.
//!
//! What that costs the other reads is one relaxed load each. Why relaxed is enough: a `read_exact` has its stream for
//! itself, by `&mut`, and puts bytes back while it still has it. Whoever reads afterwards got the stream from there, in
//! some way that orders its memory. Bytes go back at no other time, so a flag that is seen unset was not being set. It
//! may be seen set when several readers share what is there; then the lock says who gets what, and one that finds
//! nothing goes to the kernel.
//!
//! One way leads around `&mut`: the write half of a stream knows the whole stream, and can be made to read. Two readers
//! at a time mix their bytes in any case; one that waits there while a `read_exact` is dropped here sees what went back
//! when it is polled next. It is not woken for it.
//!
//! Rejected: to put nothing back but say how much was read. That helps nobody who writes `timeout(read_exact)`, for the
//! future is gone when the timeout speaks. (It is offered as well, for those who poll by hand.) Also rejected: to peek
//! until there is enough. A buffer larger than the kernel's would wait for ever.

use std::collections::VecDeque;
use std::io::IoSliceMut;

use crate::shim::Mutex;
use crate::shim::atomic::{AtomicBool, Ordering};

/// The most that is given to a lender at once.
const MOST: usize = 16 * 1024;

/// What went back to a stream; usually nothing.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Whether there is something: a copy for readers without the lock.
    any: AtomicBool,
    #[expect(clippy::box_collection, reason = "streams are many and few of them have this, so it shall be small")]
    bytes: Mutex<Option<Box<VecDeque<u8>>>>,
}

impl Returned {
    /// Gives bytes back, in front of what is there. To be called by whoever has the stream for itself.
    #[cold]
    pub(super) fn put_back(&self, bytes: &[u8]) {
        let mut fresh = Box::new(VecDeque::from(bytes.to_vec()));
        let mut held = self.bytes.lock();
        if let Some(older) = &mut *held {
            fresh.append(older);
        }
        *held = Some(fresh);
        // Relaxed: see above.
        self.any.store(true, Ordering::Relaxed);
    }

    /// Whether there is something.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        // Relaxed: see above.
        self.any.load(Ordering::Relaxed)
    }

    /// Takes as much as there is and fits; `None` if there is nothing.
    #[inline]
    pub(super) fn take(&self, buffer: &mut [u8]) -> Option<usize> {
        if self.is_any() { self.take_slow(buffer) } else { None }
    }

    /// As `take`, into several buffers.
    #[inline]
    pub(super) fn take_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> Option<usize> {
        if !self.is_any() {
            return None;
        }
        let counts = buffers.iter_mut().map_while(|buffer| self.take_slow(buffer));
        counts.reduce(|one, other| one + other)
    }

    /// As `take`, for those who lend memory in other ways than as a slice: gives `put` all that there is, but not more
    /// than `room` bytes.
    #[inline]
    pub(super) fn take_with(&self, room: usize, put: impl FnOnce(&[u8])) -> Option<usize> {
        if !self.is_any() {
            return None;
        }
        let mut bytes = vec![0; room.min(MOST)];
        let count = self.take_slow(&mut bytes)?;
        put(&bytes[..count]);
        Some(count)
    }

    /// As `take`, but leaves it there.
    #[inline]
    pub(super) fn peek(&self, buffer: &mut [u8]) -> Option<usize> {
        if self.is_any() { self.peek_slow(buffer) } else { None }
    }

    #[cold]
    fn take_slow(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut held = self.bytes.lock();
        let bytes = held.as_mut()?;
        let count = copy(bytes, buffer);
        bytes.drain(..count);
        if bytes.is_empty() {
            *held = None;
            // Relaxed: see above.
            self.any.store(false, Ordering::Relaxed);
        }
        Some(count)
    }

    #[cold]
    fn peek_slow(&self, buffer: &mut [u8]) -> Option<usize> {
        self.bytes.lock().as_ref().map(|bytes| copy(bytes, buffer))
    }
}

fn copy(bytes: &VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let count = bytes.len().min(buffer.len());
    buffer.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    count
}
