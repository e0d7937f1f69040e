//! The seam for proof: the only file that names std's or parking_lot's atomics, locks and cells.
//!
//! It has two faces. The std face is what programs run. The loom face (cfg `raddle_loom`) puts loom's types behind
//! the same names, so that the protocol files, which import nothing but this module and their siblings, are
//! model-checked as they are. There is no condition variable here: a worker parks in its reactor.

#[cfg(not(raddle_loom))]
mod face {
    pub use parking_lot::{Mutex, MutexGuard};
    pub use std::sync::{Arc, OnceLock};
    pub use std::thread::yield_now;

    /// Atomic integers and pointers.
    pub mod atomic {
        pub use std::sync::atomic::{
            AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
        };
    }

    /// A hint that this thread waits for another one's next few instructions.
    #[inline]
    pub fn spin_loop() {
        std::hint::spin_loop();
    }

    /// A cell whose accesses are bracketed, so that loom can see who touches it when.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps a value.
        pub const fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        /// Reads through a shared pointer.
        #[inline(always)]
        pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Writes through an exclusive pointer.
        #[inline(always)]
        pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(raddle_loom)]
mod face {
    pub use loom::cell::UnsafeCell;
    pub use loom::sync::{Arc, MutexGuard};
    pub use loom::thread::yield_now;

    pub use crate::shim::loom_atomic as atomic;

    /// Under loom a spinning thread yields, or the search would never end.
    pub fn spin_loop() {
        loom::thread::yield_now();
    }

    /// loom's mutex with parking_lot's signatures (no poison).
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Wraps a value.
        pub fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a model thread panicked while it held the lock")
        }

        /// Takes the lock if it is free.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        /// Gives the value back.
        pub fn into_inner(self) -> T {
            self.0.into_inner().expect("a model thread panicked while it held the lock")
        }
    }

    /// std's cell, with an atomic of loom's in front of it, so that loom sees who looks before it is written.
    #[derive(Debug, Default)]
    pub struct OnceLock<T> {
        is_set: atomic::AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        /// Makes an empty cell.
        pub fn new() -> OnceLock<T> {
            OnceLock { is_set: atomic::AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        /// The value, if there is one.
        pub fn get(&self) -> Option<&T> {
            // Acquire: pairs with the Release in `set`.
            if self.is_set.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
        }

        /// The value, if there is one, to be changed.
        pub fn get_mut(&mut self) -> Option<&mut T> {
            self.value.get_mut()
        }

        /// Writes the value. One thread at a time may try.
        ///
        /// # Errors
        ///
        /// The value, if there is one already.
        pub fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)?;
            self.is_set.store(true, atomic::Ordering::Release);
            Ok(())
        }

        /// Gives the value back.
        pub fn into_inner(self) -> Option<T> {
            self.value.into_inner()
        }
    }
}

/// Atomic integers and pointers.
#[cfg(raddle_loom)]
#[path = "loom_atomic.rs"]
pub mod loom_atomic;

pub use face::*;
/// Declares a function that is `const` on the std face; loom's types cannot be made in constants.
#[doc(hidden)]
#[macro_export]
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty $body:block) => {
        #[cfg(not(raddle_loom))]
        $(#[$meta])*
        $vis const fn $name($($arg: $ty),*) -> $ret $body
        #[cfg(raddle_loom)]
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}

pub use crate::const_unless_loom;
