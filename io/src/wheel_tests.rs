//! The wheel against a model, and what it promises about order and memory.

use std::collections::BTreeMap;

use super::*;

const MS: u64 = TICK_NS;

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small and large numbers alike.
    fn up_to_a_power_of_two(&mut self, powers: u64) -> u64 {
        let limit = 1 << self.below(powers);
        self.below(limit)
    }
}

fn waker() -> Waker {
    Waker::noop().clone()
}

/// Everything due at `now`, in batches of `limit`.
fn expire_all(wheel: &mut Wheel, now: u64, limit: usize) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    loop {
        let mut batch = Vec::new();
        let more = wheel.expire(now, &mut batch, limit);
        assert!(batch.len() <= limit);
        all.extend(batch.into_iter().map(|(when, seq, _)| (when, seq)));
        if !more {
            return all;
        }
    }
}

fn ticks(when: u64) -> u64 {
    when.div_ceil(MS)
}

/// Random inserts, cancels and jumps of the clock: the wheel delivers what a sorted map would, when it would, in the
/// same order, and names no deadline later than the map's.
#[test]
fn does_what_a_sorted_map_does() {
    for seed in 1..=40 {
        let mut random = Xorshift(0x9e37_79b9_7f4a_7c15 ^ seed);
        let mut now = random.below(1 << 50);
        let mut wheel = Wheel::new(now);
        let mut model = BTreeMap::new();
        for _ in 0..3_000 {
            match random.below(10) {
                0..5 => {
                    let ahead = random.up_to_a_power_of_two(63);
                    let when = if random.below(50) == 0 { u64::MAX } else { now.saturating_add(ahead) };
                    let when = if random.below(20) == 0 { when.saturating_sub(2 * MS) } else { when };
                    let key = wheel.insert(when, waker());
                    model.insert((when, key.seq), key);
                }
                5..7 if !model.is_empty() => {
                    let at = random.below(model.len() as u64) as usize;
                    let (id, key) = model.iter().nth(at).map(|(id, key)| (*id, *key)).unwrap();
                    assert!(wheel.cancel(key).is_some());
                    assert!(wheel.cancel(key).is_none() && wheel.waker(key).is_none());
                    model.remove(&id);
                }
                _ => {
                    now = match wheel.next_deadline() {
                        Some(next) if random.below(3) == 0 => now.max(next),
                        _ => now.saturating_add(random.up_to_a_power_of_two(45)),
                    };
                    let due = |id: &(u64, u64)| id.0 < u64::MAX && ticks(id.0) <= now / MS;
                    let expected: Vec<_> = model.keys().copied().filter(due).collect();
                    model.retain(|id, _| !due(id));
                    let got = expire_all(&mut wheel, now, 1 + random.below(300) as usize);
                    assert_eq!(got, expected, "seed {seed}");
                }
            }
            assert_eq!(wheel.len(), model.len());
            let earliest = model.keys().next().map(|(when, _)| *when).filter(|when| *when < u64::MAX);
            match (wheel.next_deadline(), earliest) {
                (Some(next), Some(when)) => assert!(next <= ticks(when).max(now / MS).saturating_mul(MS)),
                (next, earliest) => assert_eq!(next.is_some(), earliest.is_some(), "{next:?} {earliest:?}"),
            }
        }
        assert_eq!(wheel.take_all().len(), model.len());
        assert!(wheel.is_empty());
    }
}

/// Going from next_deadline to next_deadline arrives at the one timer, however far, in few steps.
#[test]
fn following_next_deadline_arrives() {
    for when in [1, MS, 63 * MS + 1, 1 << 40, 1 << 55, 1 << 62, u64::MAX - 1] {
        let mut wheel = Wheel::new(0);
        let _ = wheel.insert(when, waker());
        let mut steps = 0;
        loop {
            let next = wheel.next_deadline().expect("there is a timer");
            // The last tick of all ends after u64::MAX; no clock gets there.
            if next == u64::MAX {
                break;
            }
            let fired = expire_all(&mut wheel, next, 256);
            steps += 1;
            assert!(steps <= LEVELS + 4, "{when} takes too many steps");
            if !fired.is_empty() {
                assert!(next >= when, "{when} fired at {next}");
                break;
            }
        }
    }
}

#[test]
fn equal_deadlines_fire_in_the_order_of_insertion_and_near_ones_by_nanosecond() {
    let mut wheel = Wheel::new(0);
    let deadlines = [5 * MS + 3, 5 * MS + 1, 5 * MS + 3, 5 * MS + 2, 900 * MS, 5 * MS + 1];
    for when in deadlines {
        let _ = wheel.insert(when, waker());
    }
    let expected = [(5 * MS + 1, 1), (5 * MS + 1, 5), (5 * MS + 2, 3), (5 * MS + 3, 0), (5 * MS + 3, 2), (900 * MS, 4)];
    assert_eq!(expire_all(&mut wheel, 1000 * MS, 2), expected);
}

#[test]
fn an_entry_can_be_cancelled_between_two_batches() {
    let mut wheel = Wheel::new(0);
    let keys: Vec<_> = (0..10).map(|_| wheel.insert(MS, waker())).collect();
    let mut batch = Vec::new();
    assert!(wheel.expire(MS, &mut batch, 4));
    assert_eq!(batch.len(), 4);
    assert!(wheel.cancel(keys[0]).is_none(), "delivered");
    assert!(wheel.cancel(keys[7]).is_some(), "not delivered yet");
    batch.clear();
    assert!(!wheel.expire(MS, &mut batch, 256));
    assert_eq!(batch.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [4, 5, 6, 8, 9]);
}

#[test]
fn never_is_never_and_can_be_cancelled() {
    let mut wheel = Wheel::new(0);
    let key = wheel.insert(u64::MAX, waker());
    assert_eq!(wheel.next_deadline(), None);
    assert!(expire_all(&mut wheel, u64::MAX, 256).is_empty());
    assert!(wheel.cancel(key).is_some());
}

#[test]
fn a_million_cancelled_timers_leave_almost_nothing() {
    let mut wheel = Wheel::new(0);
    let first = wheel.insert(MS, waker());
    let keys: Vec<_> = (0..1_000_000).map(|n| wheel.insert(n * MS, waker())).collect();
    assert!(wheel.entries.reserved_bytes() >= 40_000_000);
    for key in keys {
        assert!(wheel.cancel(key).is_some());
    }
    // One chunk may stay as a spare.
    assert!(wheel.entries.reserved_bytes() <= 1_400_000, "{}", wheel.entries.reserved_bytes());
    assert!(wheel.cancel(first).is_some());
    assert!(wheel.entries.reserved_bytes() <= 64 * 40);
}

#[test]
fn chunks_that_were_given_back_are_used_again() {
    let mut wheel = Wheel::new(0);
    for round in 0..3 {
        let keys: Vec<_> = (0..200_000).map(|n| wheel.insert(n, waker())).collect();
        // From the middle outwards, so that chunks in the middle go first while later ones are in use.
        let (left, right) = keys.split_at(100_000);
        for (left, right) in left.iter().rev().zip(right) {
            assert!(wheel.cancel(*left).is_some() && wheel.cancel(*right).is_some(), "round {round}");
        }
        assert_eq!(wheel.len(), 0);
        let again = wheel.insert(7, waker());
        assert!(wheel.waker(again).is_some() && wheel.waker(keys[0]).is_none());
        assert!(wheel.cancel(again).is_some());
    }
}
