//! The timer wheel against a sorted map: what fires, when, in which order, and whose waker it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Wake, Waker};

use raddle_io::wheel::{Expired, Key, Wheel};

use super::{Check, Input};

pub(crate) const CHECK: Check = Check { run: check, likely: &[] };

/// A tick of the wheel.
const MS: u64 = 1_000_000;
/// As many steps as one input may have.
const STEPS: usize = 400;

/// A waker that is like no other.
struct Mark;

impl Wake for Mark {
    fn wake(self: Arc<Self>) {}
}

fn waker() -> Waker {
    Waker::from(Arc::new(Mark))
}

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let now = input.word() >> (input.byte() % 40);
    let mut pair = Pair { wheel: Wheel::new(now), now, timers: BTreeMap::new(), reserved: Vec::new() };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
        pair.agrees();
    }
    // What is reserved is in no list, hence nobody's to wake.
    for key in std::mem::take(&mut pair.reserved) {
        assert!(pair.wheel.cancel(key).is_some());
    }
    assert_eq!(pair.wheel.take_all().len(), pair.timers.len());
    assert!(pair.wheel.is_empty());
}

/// The wheel and the map, at one time.
struct Pair {
    wheel: Wheel,
    now: u64,
    /// By deadline and number.
    timers: BTreeMap<(u64, u64), (Key, Waker)>,
    reserved: Vec<Key>,
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 12 {
            0..4 => {
                let (when, waker) = (self.deadline(input), waker());
                let key = self.wheel.insert(when, waker.clone());
                self.timers.insert((when, key.seq), (key, waker));
            }
            4 => self.reserved.push(self.wheel.reserve()),
            5 => self.settle(input),
            6 => self.cancel(input),
            7 => self.replace(input),
            8 => {
                self.now = self.now.saturating_add(ahead(input));
                self.wheel.skip_to(self.now);
            }
            9 => {
                if let Some(next) = self.wheel.next_deadline() {
                    self.now = self.now.max(next);
                }
                self.expire(input);
            }
            _ => {
                self.now = self.now.saturating_add(ahead(input));
                self.expire(input);
            }
        }
    }

    /// Before now, soon, late or never.
    fn deadline(&self, input: &mut Input<'_>) -> u64 {
        match input.byte() % 16 {
            0 => u64::MAX,
            1 => self.now.saturating_sub(ahead(input)),
            2 => self.now,
            _ => self.now.saturating_add(ahead(input)),
        }
    }

    fn settle(&mut self, input: &mut Input<'_>) {
        let (when, waker) = (self.deadline(input), waker());
        if self.reserved.is_empty() {
            return;
        }
        let key = self.reserved.swap_remove(input.below(self.reserved.len()));
        assert!(self.wheel.is_reserved(key) && self.wheel.when(key).is_none());
        assert!(self.wheel.settle(key, when, waker.clone()).is_ok());
        assert!(self.wheel.settle(key, when, waker.clone()).is_err(), "a timer was settled twice");
        self.timers.insert((when, key.seq), (key, waker));
    }

    fn cancel(&mut self, input: &mut Input<'_>) {
        if let Some(id) = self.any(input) {
            let (key, waker) = self.timers.remove(&id).expect("just chosen");
            assert!(self.wheel.cancel(key).is_some_and(|cancelled| cancelled.will_wake(&waker)));
            self.is_gone(key);
        } else if let Some(key) = self.reserved.pop() {
            assert!(self.wheel.cancel(key).is_some());
            self.is_gone(key);
        }
    }

    fn replace(&mut self, input: &mut Input<'_>) {
        let Some(id) = self.any(input) else { return };
        let (key, known) = self.timers.get_mut(&id).expect("just chosen");
        let new = waker();
        let old = self.wheel.replace_waker(*key, new.clone());
        assert!(old.is_ok_and(|old| old.will_wake(known)));
        *known = new;
    }

    fn is_gone(&mut self, key: Key) {
        assert!(self.wheel.cancel(key).is_none() && self.wheel.waker(key).is_none() && self.wheel.when(key).is_none());
        assert!(!self.wheel.is_reserved(key) && self.wheel.replace_waker(key, waker()).is_err());
    }

    fn any(&self, input: &mut Input<'_>) -> Option<(u64, u64)> {
        if self.timers.is_empty() {
            return None;
        }
        self.timers.keys().nth(input.below(self.timers.len())).copied()
    }

    /// Everything that is due, in batches; between two of them something may be cancelled.
    fn expire(&mut self, input: &mut Input<'_>) {
        let limit = 1 + input.below(40);
        loop {
            let mut batch: Vec<Expired> = Vec::new();
            let more = self.wheel.expire(self.now, &mut batch, limit);
            assert!(batch.len() <= limit);
            for (when, seq, waker) in batch {
                let (id, _) = self.timers.first_key_value().expect("what fires is in the map");
                assert_eq!((when, seq), *id, "what fires is not the earliest");
                assert!(when.div_ceil(MS) <= self.now / MS, "{when} fired at {}", self.now);
                let (key, expected) = self.timers.pop_first().expect("just seen").1;
                assert!(waker.will_wake(&expected), "the wrong waker");
                self.is_gone(key);
            }
            if !more {
                break;
            }
            if input.byte().is_multiple_of(4) {
                self.cancel(input);
            }
        }
        if let Some(((when, _), _)) = self.timers.first_key_value() {
            assert!(*when == u64::MAX || when.div_ceil(MS) > self.now / MS, "{when} did not fire at {}", self.now);
        }
    }

    fn agrees(&self) {
        assert_eq!(self.wheel.len(), self.timers.len());
        let earliest = self.timers.keys().next().map(|(when, _)| *when).filter(|when| *when < u64::MAX);
        match (self.wheel.next_deadline(), earliest) {
            (Some(next), Some(when)) => {
                let latest = when.div_ceil(MS).max(self.now / MS).saturating_mul(MS);
                assert!(next <= latest, "the next look is at {next}, and {when} is the earliest");
            }
            (next, earliest) => assert_eq!(next.is_some(), earliest.is_some()),
        }
        for ((when, _), (key, waker)) in self.timers.iter().take(3) {
            assert_eq!(self.wheel.when(*key), Some(*when));
            assert!(self.wheel.waker(*key).is_some_and(|known| known.will_wake(waker)));
        }
    }
}

/// Small and large times alike.
fn ahead(input: &mut Input<'_>) -> u64 {
    let bits = u32::from(input.byte()) % 63;
    let two = u64::from(input.byte()) | u64::from(input.byte()) << 8;
    (1 << bits | two << bits.saturating_sub(10)) & (u64::MAX >> 1)
}
