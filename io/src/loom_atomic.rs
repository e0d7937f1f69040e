//! loom's atomics, with every order of looks and writes explored, and none that cannot be.
//!
//! loom searches all orders of accesses that depend on each other, and remembers one access per atomic, the last, to
//! find those. Two looks do not depend on each other. So a thread that looks at an atomic and then writes it, as every
//! loop around a compare-exchange does, hides an earlier look of another thread behind its own: that its write might
//! come before that look is not explored. (Seen with loom 0.7.3: one thread loads, another loads and adds one; the
//! first is never shown the sum.) Hence the second atomic here: each look writes it, which makes looks depend on each
//! other. Those writes are Relaxed, and nobody reads them: they order nothing.
//!
//! The other way round, loom lets things happen that cannot: it does not conclude that a plain store which comes after
//! what a read-modify-write has read must come after what that has written, too, and may show the older of the two for
//! the newest. Hence a store looks at the newest value first. So writes to one atomic have one order, in which loom
//! executes them; that a reader may see them late is explored as before.
//!
//! Either pair is one step: nothing is explored between its halves.

use std::fmt;
use std::ops::{Deref, DerefMut};

use loom::sync::atomic;
pub use loom::sync::atomic::{Ordering, fence};

/// An atomic, as loom's but for `load`, `store` and `fetch_update`.
pub struct Seen<A> {
    atomic: A,
    looks: atomic::AtomicBool,
}

impl<A> Seen<A> {
    fn wrap(atomic: A) -> Seen<A> {
        Seen { atomic, looks: atomic::AtomicBool::new(false) }
    }

    fn note_look(&self) {
        one_step(|| self.looks.store(true, Ordering::Relaxed));
    }
}

impl<A> Deref for Seen<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.atomic
    }
}

impl<A> DerefMut for Seen<A> {
    fn deref_mut(&mut self) -> &mut A {
        &mut self.atomic
    }
}

impl<A: fmt::Debug> fmt::Debug for Seen<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.atomic.fmt(f)
    }
}

impl<A: Default> Default for Seen<A> {
    fn default() -> Seen<A> {
        Seen::wrap(A::default())
    }
}

/// Carries out what belongs to the step before it.
fn one_step(rest: impl FnOnce()) {
    loom::stop_exploring();
    rest();
    loom::explore();
}

macro_rules! atomics {
    ($($name:ident $([$parameter:ident])?: $value:ty),* $(,)?) => {$(
        #[doc = concat!("loom's `", stringify!($name), "`.")]
        pub type $name$(<$parameter>)? = Seen<atomic::$name$(<$parameter>)?>;

        impl$(<$parameter>)? Seen<atomic::$name$(<$parameter>)?> {
            /// Makes an atomic with this value.
            #[must_use]
            pub fn new(value: $value) -> Self {
                Seen::wrap(atomic::$name::new(value))
            }

            /// The value, or an earlier one.
            #[must_use]
            pub fn load(&self, order: Ordering) -> $value {
                let value = self.atomic.load(order);
                self.note_look();
                value
            }

            /// Writes, after all writes that there have been.
            pub fn store(&self, value: $value, order: Ordering) {
                // One that fails looks at the newest value, and after that this thread's write comes later.
                let _ = self.atomic.compare_exchange(value, value, Ordering::Relaxed, Ordering::Relaxed);
                one_step(|| self.atomic.store(value, order));
            }

            /// Looks, and exchanges what it saw for what `step` makes of it, until that succeeds.
            ///
            /// # Errors
            /// What it saw, if `step` makes nothing of that.
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut step: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(fetch);
                while let Some(next) = step(seen) {
                    match self.atomic.compare_exchange_weak(seen, next, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }
        }
    )*};
}

atomics! {
    AtomicBool: bool,
    AtomicIsize: isize,
    AtomicPtr[T]: *mut T,
    AtomicU8: u8,
    AtomicU32: u32,
    AtomicU64: u64,
    AtomicUsize: usize,
}
