//! From the kernel's token to a source, with generations against events that come too late.
//!
//! A token is a place in a slab and a generation that is never used twice within 2^32 registrations. An event that was
//! fetched before its source was deregistered carries an old generation; it is ignored and counted. A place is free
//! again only after the batch of events that was under way when it was given up: that alone would make generations
//! superfluous with one poller, and generations alone would do with wrapping counters that are wide enough; together
//! neither has to be perfect.

use slab::Slab;

use super::source::Source;
use crate::shim::Arc;

/// Bits of a token that are the place in the slab.
const PLACE_BITS: u32 = 32;

/// Names one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub usize);

impl Token {
    fn new(place: usize, generation: u32) -> Token {
        Token((generation as usize) << PLACE_BITS | place)
    }

    fn place(self) -> usize {
        self.0 & ((1 << PLACE_BITS) - 1)
    }

    fn generation(self) -> u32 {
        (self.0 >> PLACE_BITS) as u32
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    /// `None`: given up, but an event may be under way.
    content: Option<(Arc<Source>, T)>,
}

/// All registrations of one reactor. `T` is what the reactor needs to take one back.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Slab<Slot<T>>,
    given_up: Vec<usize>,
    next_generation: u32,
    closed: bool,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Slab::new(), given_up: Vec::new(), next_generation: 0, closed: false }
    }
}

impl<T> Slots<T> {
    /// How many sources are registered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slots.len() - self.given_up.len()
    }

    /// Adds a source; `None` if the reactor has ended.
    #[must_use]
    pub fn insert(&mut self, source: Arc<Source>, with: T) -> Option<Token> {
        if self.closed {
            return None;
        }
        // Skips the last generation: all ones with the last place is the token of the reactor's own waker.
        let generation = self.next_generation;
        self.next_generation = (generation + 1) % u32::MAX;
        let place = self.slots.insert(Slot { generation, content: Some((source, with)) });
        Some(Token::new(place, generation))
    }

    /// Gives a registration up. `None`: the reactor has taken it back before. The source is dropped by the caller,
    /// since wakers may go with it.
    #[must_use = "sources are dropped with no lock held"]
    pub fn remove(&mut self, token: Token) -> Option<Arc<Source>> {
        let slot = self.slots.get_mut(token.place()).filter(|slot| slot.generation == token.generation())?;
        let (source, _) = slot.content.take()?;
        self.given_up.push(token.place());
        Some(source)
    }

    /// The source an event is for; `None` if it has come too late.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&Source> {
        let slot = self.slots.get(token.place()).filter(|slot| slot.generation == token.generation())?;
        slot.content.as_ref().map(|(source, _)| &**source)
    }

    /// A batch of events is done: the places given up before may be used again.
    pub fn batch_done(&mut self) {
        for place in self.given_up.drain(..) {
            self.slots.remove(place);
        }
        if self.slots.is_empty() && self.slots.capacity() > KEPT {
            self.slots = Slab::new();
            self.given_up = Vec::new();
        }
    }

    /// Takes everything back and refuses more.
    #[must_use = "each source has to be told"]
    pub fn close(&mut self) -> Vec<(Arc<Source>, T)> {
        self.closed = true;
        self.given_up = Vec::new();
        std::mem::take(&mut self.slots).into_iter().filter_map(|(_, slot)| slot.content).collect()
    }
}

/// Room for how many sources is kept when the last one goes.
const KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_token_finds_nothing_though_the_place_is_used_again() {
        let mut slots = Slots::default();
        let old = slots.insert(Arc::new(Source::new()), ()).unwrap();
        assert!(slots.remove(old).is_some());
        assert!(slots.remove(old).is_none());
        let other = slots.insert(Arc::new(Source::new()), ()).unwrap();
        assert_ne!(other.place(), old.place(), "the place is not free before the batch is done");
        slots.batch_done();
        let new = slots.insert(Arc::new(Source::new()), ()).unwrap();
        assert_eq!(new.place(), old.place());
        assert!(slots.get(old).is_none() && slots.get(new).is_some());
        assert_eq!(slots.count(), 2);
    }

    #[test]
    fn closed_slots_hand_everything_out_and_take_nothing() {
        let mut slots = Slots::default();
        let token = slots.insert(Arc::new(Source::new()), 7).unwrap();
        assert_eq!(slots.close().len(), 1);
        assert!(slots.remove(token).is_none());
        assert!(slots.insert(Arc::new(Source::new()), 8).is_none());
    }
}
