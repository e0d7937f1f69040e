//! Who holds a lock, for those who look at a running program.
//!
//! A lock remembers which waker the future had that took it, which tells the task, and the line. That is a **hint** and takes
//! no part in the protocol: a guard that was given to another task counts as its taker's, and one of `try_lock` as
//! nobody's.
//!
//! Whoever looks must not touch the lock itself, which may be gone. So a lock that is waited for has a [`Record`] besides:
//! a place that is never freed, only handed on to another lock. Waiters note its number. While anybody waits, the lock
//! changes hands under the list's lock alone, and each change is written there too.
//!
//! **The feared interleaving** is a lock taken beside the first waiter's arrival: it is held already, and the waiter
//! copies who held it before into the record. So a release wipes the name before it frees the lock. Then that waiter
//! finds nobody, which is not the truth, but no lie.

#[cfg(not(raddle_loom))]
pub(crate) use real::holder_of;
pub(super) use real::{Holder, Record};

#[cfg(not(raddle_loom))]
mod real {
    use std::panic::Location;
    use std::task::Waker;

    use crate::location::AtomicLocation;
    use crate::shim::Mutex;
    use crate::shim::atomic::{AtomicUsize, Ordering};

    /// Who holds a lock.
    pub(crate) struct Holder {
        /// The data of the waker that came to take it; 0 for nobody that is known.
        waker: AtomicUsize,
        at: AtomicLocation,
    }

    impl Holder {
        pub(crate) const fn nobody() -> Holder {
            Holder { waker: AtomicUsize::new(0), at: AtomicLocation::none() }
        }

        // Relaxed, here and below: a hint, see above.
        #[inline]
        pub(crate) fn set(&self, waker: &Waker, at: &'static Location<'static>) {
            self.waker.store(waker.data().addr(), Ordering::Relaxed);
            self.at.set(at);
        }

        #[inline]
        pub(crate) fn wipe(&self) {
            self.waker.store(0, Ordering::Relaxed);
        }

        fn copy(&self, other: &Holder) {
            match other.at.get() {
                Some(at) => self.at.set(at),
                None => self.at.clear(),
            }
            self.waker.store(other.waker.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    struct Records {
        all: Vec<&'static Holder>,
        free: Vec<u32>,
    }

    static RECORDS: Mutex<Records> = Mutex::new(Records { all: Vec::new(), free: Vec::new() });

    /// The address that the holder's waker has, 0 if it is not known, and the line that took the lock. `number` is what its
    /// waiters noted.
    pub(crate) fn holder_of(number: u32) -> Option<(usize, Option<&'static Location<'static>>)> {
        let holder = *RECORDS.lock().all.get(number as usize)?;
        Some((holder.waker.load(Ordering::Relaxed), holder.at.get()))
    }

    /// A lock's place among those that are waited for; none until somebody waits. Under the list's lock.
    pub(crate) struct Record(Option<(u32, &'static Holder)>);

    impl Record {
        pub(crate) const fn none() -> Record {
            Record(None)
        }

        /// A waiter comes. Returns the number to be noted.
        pub(crate) fn wait(&mut self, holder: &Holder, is_first: bool) -> u32 {
            let (number, known) = *self.0.get_or_insert_with(fresh);
            if is_first {
                known.copy(holder);
            }
            number
        }

        /// The number, where somebody waits.
        pub(crate) fn number(&self) -> u32 {
            self.0.map_or(u32::MAX, |(number, _)| number)
        }

        /// The lock goes to a waiter, who has not come yet.
        pub(crate) fn grant(&self, waker: &Waker) {
            if let Some((_, known)) = self.0 {
                known.waker.store(waker.data().addr(), Ordering::Relaxed);
                known.at.clear();
            }
        }

        /// The waiter has come.
        pub(crate) fn taken(&self, waker: &Waker, at: &'static Location<'static>) {
            if let Some((_, known)) = self.0 {
                known.set(waker, at);
            }
        }
    }

    #[cold]
    fn fresh() -> (u32, &'static Holder) {
        let mut records = RECORDS.lock();
        if let Some(number) = records.free.pop() {
            return (number, records.all[number as usize]);
        }
        let number = u32::try_from(records.all.len()).expect("2^32 locks are waited for");
        records.all.push(Box::leak(Box::new(Holder::nobody())));
        (number, records.all[number as usize])
    }

    impl Drop for Record {
        fn drop(&mut self) {
            if let Some((number, holder)) = self.0.take() {
                holder.wipe();
                RECORDS.lock().free.push(number);
            }
        }
    }
}

/// The models know no tasks.
#[cfg(raddle_loom)]
mod real {
    use std::panic::Location;
    use std::task::Waker;

    pub(crate) struct Holder;

    impl Holder {
        pub(crate) const fn nobody() -> Holder {
            Holder
        }

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn set(&self, _waker: &Waker, _at: &'static Location<'static>) {}

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn wipe(&self) {}
    }

    pub(crate) struct Record;

    impl Record {
        pub(crate) const fn none() -> Record {
            Record
        }

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn wait(&mut self, _holder: &Holder, _is_first: bool) -> u32 {
            0
        }

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn number(&self) -> u32 {
            0
        }

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn grant(&self, _waker: &Waker) {}

        #[expect(clippy::unused_self, reason = "as in the other face")]
        pub(crate) fn taken(&self, _waker: &Waker, _at: &'static Location<'static>) {}
    }
}
