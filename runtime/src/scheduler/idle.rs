//! Who sleeps and who looks for work: one word of counts, and a mask that says which workers sleep.
//!
//! The word holds the number of PARKED workers (unstarted ones count as parked), the number of SEARCHING ones, the
//! flag WATCHDOG_ASLEEP and the number of spares that are about. It is only ever changed by read-modify-writes; those
//! are totally ordered, and each reads what its predecessor released. That is the whole argument against lost
//! wake-ups, without any fence:
//!
//! * A parker announces itself (one read-modify-write), *then* looks at the queues once more, then parks.
//! * A pusher publishes its task, *then* does one read-modify-write, then decides by what it read.
//!
//! Whichever comes second sees the other: either the pusher reads the parker's announcement and wakes it, or the
//! parker's second look finds the task. A push onto the pusher's own deque needs none of this: the pusher is awake.
//!
//! **Tokens.** Which worker is parked is a bit per worker, set before the announcement. Whoever wants to end a park,
//! the waker or the worker itself (an event came, or the second look found something), first takes a *token*: it
//! lowers PARKED. Then it clears a bit. At every moment
//!
//! ```text
//! bits set = PARKED + tokens taken and not yet used + workers between setting their bit and announcing
//! ```
//!
//! so a waker with a token always finds a bit; if another token's holder takes the one it looked at, it tries the
//! next. A worker that leaves on its own takes a token and clears its own bit. Is that bit gone already, a waker has
//! claimed this very worker and the worker's own token is one too many: it goes back to PARKED. Does it find PARKED
//! at zero, then there are as many tokens out as bits set, but for workers that have set their bit and not announced
//! themselves yet. So either a waker is about to clear this worker's bit, or it takes the bit of such a worker instead
//! and that one's announcement makes PARKED positive. The leaver looks at both until one happens, which takes another
//! thread a few instructions. (Looking at the bit alone waits for ever in the second case; a model found that.)
//! For the same reason a claim of one particular worker goes by its bit: PARKED at zero with the bit set may be the
//! moment in which a leaver holds a token that it is about to give back, and the worker stays parked.
//!
//! **Searching.** A waker raises SEARCHING for the worker it wakes, in the transition that takes the token: a worker
//! is born searching, and one search at a time is enough, so a burst of pushes wakes one worker. The last searcher
//! that leaves with work looks at the queues again and wakes the next one (`stop_searching` says whether it was the
//! last): pushes that came while it searched relied on it. The last one that parks is told by `announce`, and looks at all
//! queues in its second look.
//!
//! **Alone.** Who sees all others parked, and no spare about, need not search: whoever parks has looked at its own queue
//! after its announcement, and what is queued since then is queued by somebody who has left its park. Feared: one leaves
//! after that look, and queues tasks while nobody is parked or searching, so that it wakes nobody; then the lone one
//! parks. But it parks while nobody searches, so it looks at all queues once more, as a searcher would.
//!
//! **Spares** (`spares.rs`) never park here, so nobody claims them, and never count as searching: a push must not rely on
//! one that is about to be sent away. The word holds how many are ABOUT: nobody is alone beside one, and the watchdog must
//! not sleep while one may do something, so whoever comes takes WATCHDOG_ASLEEP off in the transition that counts it.

use crate::shim::atomic::{AtomicU64, Ordering};
use crate::shim::spin_loop;

const SEARCHING_ONE: u64 = 1;
const SEARCHING_MASK: u64 = 0xffff;
const WATCHDOG_ASLEEP: u64 = 1 << 16;
const ABOUT_ONE: u64 = 1 << 17;
const ABOUT_MASK: u64 = 0x7fff << 17;
const PARKED_SHIFT: u32 = 32;
const PARKED_ONE: u64 = 1 << PARKED_SHIFT;

/// How a worker's park ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Somebody claimed this worker and counted it as searching.
    pub(crate) searching: bool,
    /// The watchdog sleeps and has to be unparked.
    pub(crate) wake_watchdog: bool,
}

/// A worker that the caller must unpark (or start).
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) worker: usize,
    pub(crate) wake_watchdog: bool,
}

/// The idle word and the mask.
#[derive(Debug)]
pub(crate) struct Idle {
    word: AtomicU64,
    /// A bit per parked or unstarted worker.
    mask: Box<[AtomicU64]>,
    workers: usize,
}

fn parked(word: u64) -> u64 {
    word >> PARKED_SHIFT
}

fn searching(word: u64) -> u64 {
    word & SEARCHING_MASK
}

fn nobody_about(word: u64) -> bool {
    word & ABOUT_MASK == 0
}

impl Idle {
    /// Worker 0 runs, all others are unstarted.
    pub(crate) fn new(workers: usize) -> Idle {
        let mask = (0..workers.div_ceil(64)).map(|word| {
            let bits = (0..64).filter(|bit| (1..workers).contains(&(word * 64 + bit)));
            AtomicU64::new(bits.fold(0, |mask, bit| mask | 1 << bit))
        });
        Idle { word: AtomicU64::new((workers as u64 - 1) * PARKED_ONE), mask: mask.collect(), workers }
    }

    /// Whether a push should wake somebody: a cheap look, for a pusher that is a worker and will look again.
    #[inline]
    pub(crate) fn may_wake(&self) -> bool {
        // Relaxed: a stale answer is corrected after the next poll.
        let word = self.word.load(Ordering::Relaxed);
        parked(word) > 0 && searching(word) == 0
    }

    /// After publishing work where a parked worker would not see it: claims a worker to unpark, if one is needed.
    pub(crate) fn claim_after_push(&self) -> Option<Claimed> {
        // AcqRel: the read-modify-write that the essay speaks of; pairs with `announce`.
        let word = self.word.fetch_or(0, Ordering::AcqRel);
        self.claim_from(word, true)
    }

    /// Claims a worker if one is parked and nobody searches.
    pub(crate) fn claim_one(&self) -> Option<Claimed> {
        self.claim_from(self.word.load(Ordering::Relaxed), true)
    }

    /// Claims a parked worker whoever else searches: the watchdog needs a rescuer.
    pub(crate) fn claim_any(&self) -> Option<Claimed> {
        self.claim_from(self.word.load(Ordering::Relaxed), false)
    }

    fn claim_from(&self, mut word: u64, only_if_nobody_searches: bool) -> Option<Claimed> {
        loop {
            if parked(word) == 0 || (only_if_nobody_searches && searching(word) > 0) {
                return None;
            }
            match self.take_token(word, SEARCHING_ONE) {
                Ok(wake_watchdog) => return Some(Claimed { worker: self.claim_a_bit(), wake_watchdog }),
                Err(seen) => word = seen,
            }
        }
    }

    /// After publishing work that only `worker` can do: claims it if it is parked.
    pub(crate) fn claim_worker(&self, worker: usize) -> Option<Claimed> {
        // AcqRel: as in `claim_after_push`.
        let mut word = self.word.fetch_or(0, Ordering::AcqRel);
        let (cell, bit) = self.bit(worker);
        loop {
            // Acquire: pairs with the Release that set the bit. No bit: the worker is awake, or somebody else's.
            if cell.load(Ordering::Acquire) & bit == 0 {
                return None;
            }
            if parked(word) == 0 {
                // Not "nobody is parked": the token may be with somebody who gives it back. See the essay.
                spin_loop();
                word = self.word.load(Ordering::Relaxed);
                continue;
            }
            match self.take_token(word, SEARCHING_ONE) {
                Err(seen) => word = seen,
                Ok(wake_watchdog) => {
                    if self.clear_bit(worker) {
                        return Some(Claimed { worker, wake_watchdog });
                    }
                    // Somebody else claimed it meanwhile: our token and our searcher go back.
                    word = self.give_token_back(SEARCHING_ONE);
                }
            }
        }
    }

    /// One token, and what else changes with it. Ok: whether the watchdog has to be unparked.
    fn take_token(&self, word: u64, add: u64) -> Result<bool, u64> {
        let next = ((word - PARKED_ONE) & !WATCHDOG_ASLEEP) + add;
        // AcqRel: Acquire sees the bits that were set before each announcement; Release carries the pusher's work on
        // to the worker that will read this word when it leaves the searching state.
        match self.word.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(word & WATCHDOG_ASLEEP != 0),
            Err(seen) => Err(seen),
        }
    }

    fn give_token_back(&self, sub: u64) -> u64 {
        let add = PARKED_ONE - sub;
        self.word.fetch_add(add, Ordering::AcqRel) + add
    }

    fn bit(&self, worker: usize) -> (&AtomicU64, u64) {
        (&self.mask[worker / 64], 1 << (worker % 64))
    }

    /// Clears the worker's bit. False: somebody else did.
    fn clear_bit(&self, worker: usize) -> bool {
        let (cell, bit) = self.bit(worker);
        // AcqRel: pairs with the Release that set the bit, and with the owner's Acquire that finds it cleared.
        cell.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// Uses a token: clears the lowest bit that it can get. Started workers come before unstarted ones that way.
    fn claim_a_bit(&self) -> usize {
        loop {
            for (index, cell) in self.mask.iter().enumerate() {
                let mut bits = cell.load(Ordering::Acquire);
                while bits != 0 {
                    let worker = index * 64 + bits.trailing_zeros() as usize;
                    if self.clear_bit(worker) {
                        return worker;
                    }
                    bits &= bits - 1;
                }
            }
            spin_loop();
        }
    }

    /// Whether all other workers are parked or unstarted and unclaimed, and no spare is about: then nobody has anything
    /// queued. By a worker that is awake.
    #[inline]
    pub(crate) fn is_alone(&self) -> bool {
        // Acquire: pairs with `announce`; what each of them did before it parked is seen.
        let word = self.word.load(Ordering::Acquire);
        parked(word) as usize + 1 == self.workers && nobody_about(word)
    }

    /// Starts searching, unless half of the workers do already.
    pub(crate) fn start_searching(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        if searching(word) as usize * 2 >= self.workers {
            return false;
        }
        self.word.fetch_add(SEARCHING_ONE, Ordering::AcqRel);
        true
    }

    /// Stops searching, with work in hand. True: this was the last searcher, which has to look at the queues again.
    #[must_use]
    pub(crate) fn stop_searching(&self) -> bool {
        // AcqRel: acquires the work of pushers that saw a searcher and left.
        searching(self.word.fetch_sub(SEARCHING_ONE, Ordering::AcqRel)) == 1
    }

    /// Says that `worker` is about to park. The caller then looks at the queues once more before it does. True: nobody
    /// searches now, so nobody else answers for the others' deques.
    pub(crate) fn announce(&self, worker: usize, was_searching: bool) -> bool {
        let (cell, bit) = self.bit(worker);
        // Release: pairs with the Acquire of whoever claims the bit.
        cell.fetch_or(bit, Ordering::AcqRel);
        let searcher = if was_searching { SEARCHING_ONE } else { 0 };
        // AcqRel: the read-modify-write that the essay speaks of; pairs with `claim_after_push`.
        searching(self.word.fetch_add(PARKED_ONE - searcher, Ordering::AcqRel)) == searcher
    }

    /// Ends the park of `worker`, by its own thread.
    pub(crate) fn leave(&self, worker: usize) -> Left {
        let (cell, bit) = self.bit(worker);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if parked(word) == 0 {
                // Acquire: pairs with the Release of the claimer that cleared the bit.
                if cell.load(Ordering::Acquire) & bit == 0 {
                    return Left { searching: true, wake_watchdog: false };
                }
                // A token is out for this bit, or for that of a worker which has not announced itself yet: look at
                // both again.
                spin_loop();
                word = self.word.load(Ordering::Relaxed);
                continue;
            }
            match self.take_token(word, 0) {
                Err(seen) => word = seen,
                Ok(wake_watchdog) => {
                    let own = self.clear_bit(worker);
                    if !own {
                        self.give_token_back(0);
                    }
                    return Left { searching: !own, wake_watchdog };
                }
            }
        }
    }

    /// An unstarted worker that failed to start may be claimed again.
    pub(crate) fn readmit(&self, worker: usize) {
        let _ = self.announce(worker, false);
    }

    /// All workers are parked and none will do anything without an event. False: not so, stay awake.
    pub(crate) fn watchdog_may_sleep(&self) -> bool {
        // AcqRel: one word, so either a worker that leaves its park sees the flag, or this sees it awake.
        let word = self.word.fetch_or(WATCHDOG_ASLEEP, Ordering::AcqRel);
        if self.are_all_at_rest(word) {
            return true;
        }
        self.word.fetch_and(!WATCHDOG_ASLEEP, Ordering::AcqRel);
        false
    }

    /// A spare comes, or goes on. True: the watchdog sleeps and has to be unparked.
    #[must_use]
    pub(crate) fn spare_comes(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let next = (word & !WATCHDOG_ASLEEP) + ABOUT_ONE;
            // AcqRel: the read-modify-write that pairs with `watchdog_may_sleep`.
            match self.word.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return word & WATCHDOG_ASLEEP != 0,
                Err(seen) => word = seen,
            }
        }
    }

    /// A spare leaves, or rests until somebody needs it.
    pub(crate) fn spare_goes(&self) {
        // AcqRel: as above.
        self.word.fetch_sub(ABOUT_ONE, Ordering::AcqRel);
    }

    fn are_all_at_rest(&self, word: u64) -> bool {
        parked(word) as usize == self.workers && nobody_about(word)
    }

    /// Whether all workers are parked or unstarted, and unclaimed, but for so many. By a worker that has announced itself;
    /// yes is an answer that holds for as long as nobody claims a worker or leaves its park. Spares are not asked about:
    /// a virtual clock, whose question this is, has none.
    pub(crate) fn are_all_parked_but(&self, n: usize) -> bool {
        // Acquire: pairs with `announce`, so that who gets a yes sees what each of them did before it parked.
        parked(self.word.load(Ordering::Acquire)) as usize + n == self.workers
    }

    /// All workers are parked, and no spare is about.
    pub(crate) fn all_parked(&self) -> bool {
        self.are_all_at_rest(self.word.load(Ordering::Relaxed))
    }

    /// How many workers are parked or unstarted, but for those that are claimed already.
    pub(crate) fn parked_workers(&self) -> usize {
        parked(self.word.load(Ordering::Relaxed)) as usize
    }

    /// Whether `worker` is parked or unstarted, as far as a passer-by can tell.
    pub(crate) fn is_parked(&self, worker: usize) -> bool {
        let (cell, bit) = self.bit(worker);
        cell.load(Ordering::Relaxed) & bit != 0
    }
}
