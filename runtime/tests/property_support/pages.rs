//! Task pages against a map of what is out: no byte is given out twice, what is out stays as it was, walkers see it, and
//! when the arena has closed and the last slot is back, nothing is left.

#[allow(dead_code, reason = "the runtime uses the rest")]
#[path = "../../src/task/arena.rs"]
mod arena;
#[allow(dead_code, reason = "the runtime uses the rest")]
#[path = "../../src/task/chunk.rs"]
mod chunk;
#[path = "../../src/task/remote_free.rs"]
mod remote_free;
#[allow(dead_code, reason = "the runtime uses the rest")]
#[path = "../../src/task/size_class.rs"]
mod size_class;
#[allow(dead_code, reason = "the runtime uses the rest")]
#[path = "../../src/task/state.rs"]
mod state;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::arena::{Arena, ArenaShared, Place, arena_of, free_foreign, runtime_of};
use self::remote_free::FreeSlot;
use self::size_class::{SIZES, SLOT_ALIGN};
use super::{Check, Input};

pub(crate) const CHECK: Check = Check { run: check, likely: &[] };

/// As many slots as may be out at a time.
const OUT_AT_MOST: usize = 600;
const STEPS: usize = 200;

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let keep = Arc::new(());
    let shared = ArenaShared::new(7);
    let mut pair =
        Pair { arena: Arena::new(shared.clone()), shared, keep: keep.clone(), out: BTreeMap::new(), made: 0 };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
    }
    pair.walk();
    let Pair { arena, shared, keep: ours, out, .. } = pair;
    drop(ours);
    let has_chunks = Arc::strong_count(&keep) > 1;
    arena.close();
    assert_eq!(Arc::strong_count(&keep) > 1, !out.is_empty() && has_chunks, "chunks with and without slots out");
    for (address, mut slot) in out {
        slot.is_intact(address);
        // SAFETY: the slot is out, and this is its end.
        unsafe { free_foreign(slot.give_back()) };
    }
    assert_eq!(Arc::strong_count(&keep), 1, "a chunk was left");
    assert_eq!(Arc::strong_count(&shared), 1, "a chunk was left that knows its arena");
}

/// An arena and a map of the slots that are out, by address.
struct Pair {
    arena: Arena,
    shared: Arc<ArenaShared>,
    keep: Arc<()>,
    out: BTreeMap<usize, Slot>,
    made: u64,
}

/// A slot that is out, full of its number.
struct Slot {
    start: NonNull<u8>,
    class: usize,
    number: u64,
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0..6 => {
                let class = input.below(SIZES.len());
                let many = 1 + input.below(40);
                (0..many).for_each(|_| self.allocate(class));
            }
            6..9 => {
                for _ in 0..1 + input.below(40) {
                    self.free(input);
                }
            }
            9..11 => {
                for _ in 0..1 + input.below(40) {
                    self.free_foreign(input);
                }
            }
            11 => self.arena.collect(),
            12 => {
                self.arena.trim();
                assert!(!self.arena.is_trimmable(), "a trimmed arena has more to give");
            }
            13 => self.walk(),
            // A page, or all, run empty.
            14 => {
                let class = input.below(SIZES.len());
                let all: Vec<_> = self.out.iter().filter(|(_, slot)| slot.class == class).map(|(at, _)| *at).collect();
                all.into_iter().for_each(|address| self.free_at(address));
            }
            _ => {
                let all: Vec<_> = self.out.keys().copied().collect();
                all.into_iter().for_each(|address| self.free_at(address));
            }
        }
    }

    fn allocate(&mut self, class: usize) {
        if self.out.len() >= OUT_AT_MOST {
            return;
        }
        let keep = self.keep.clone();
        let runtime = ptr::without_provenance(0xabc0);
        let start = self.arena.allocate(class, runtime, || -> Arc<dyn Any + Send + Sync> { keep });
        self.made += 1;
        let mut slot = Slot { start, class, number: self.made };
        let (address, size) = (start.addr().get(), slot.size());
        assert!(address.is_multiple_of(SLOT_ALIGN));
        if let Some((before, other)) = self.out.range(..=address).next_back() {
            assert!(before + other.size() <= address, "a slot lies in one that is out");
        }
        if let Some((after, _)) = self.out.range(address..).next() {
            assert!(address + size <= *after, "a slot reaches into one that is out");
        }
        assert_eq!(slot.word().load(Ordering::Relaxed), 0, "a free slot's word");
        // SAFETY: the slot is out.
        let (home, of) = unsafe { (arena_of(start).home, runtime_of(start)) };
        assert_eq!((home, of), (7, runtime));
        slot.fill();
        self.out.insert(address, slot);
    }

    fn choose(&self, input: &mut Input<'_>) -> Option<usize> {
        let near = input.below(self.out.len().max(1));
        self.out.keys().nth(near).copied()
    }

    fn free(&mut self, input: &mut Input<'_>) {
        if let Some(address) = self.choose(input) {
            self.free_at(address);
        }
    }

    fn free_at(&mut self, address: usize) {
        let mut slot = self.out.remove(&address).expect("it is out");
        slot.is_intact(address);
        // SAFETY: the slot is of this arena, and this is its end.
        unsafe { self.arena.free(slot.give_back()) };
    }

    fn free_foreign(&mut self, input: &mut Input<'_>) {
        let Some(address) = self.choose(input) else { return };
        let mut slot = self.out.remove(&address).expect("it is out");
        slot.is_intact(address);
        // SAFETY: the slot is out, and this is its end.
        unsafe { free_foreign(slot.give_back()) };
        assert!(self.shared.has_remote());
    }

    /// A walker sees every slot that is out, once, and apart from those only free ones.
    fn walk(&mut self) {
        let mut seen = BTreeSet::new();
        let mut next = Some(Place::default());
        while let Some(place) = next {
            next = self.shared.walk_page(place, |state| {
                let start = NonNull::from(state).cast::<u8>();
                // SAFETY: walkers are shown slots, which begin with their word.
                let word = unsafe { start.cast::<FreeSlot>().as_ref() }.word.load(Ordering::Relaxed);
                let expected = self.out.get(&start.addr().get()).map_or(0, |slot| slot.number);
                assert_eq!(word, expected, "the word that a walker sees");
                assert!(seen.insert(start.addr().get()), "a walker saw a slot twice");
            });
        }
        assert!(self.out.keys().all(|address| seen.contains(address)), "a walker missed a slot");
        self.out.iter_mut().for_each(|(address, slot)| slot.is_intact(*address));
    }
}

impl Slot {
    fn size(&self) -> usize {
        usize::from(SIZES[self.class])
    }

    fn word(&self) -> &std::sync::atomic::AtomicU64 {
        // SAFETY: slots begin with their word, and this one is out.
        &unsafe { self.start.cast::<FreeSlot>().as_ref() }.word
    }

    /// The bytes behind the word.
    fn contents(&mut self) -> &mut [u8] {
        let behind_word = size_of::<u64>();
        // SAFETY: the slot is out, so its bytes behind the word are its owner's alone, which this is.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(behind_word), self.size() - behind_word) }
    }

    fn fill(&mut self) {
        self.word().store(self.number, Ordering::Relaxed);
        let byte = self.number as u8;
        self.contents().fill(byte);
    }

    fn is_intact(&mut self, address: usize) {
        assert_eq!(self.word().load(Ordering::Relaxed), self.number, "the word of slot {address:#x}");
        let expected = self.number as u8;
        assert!(self.contents().iter().all(|byte| *byte == expected), "the bytes of slot {address:#x}");
    }

    fn give_back(self) -> NonNull<FreeSlot> {
        self.word().store(0, Ordering::Relaxed);
        self.start.cast()
    }
}
