//! The memory of a timer wheel: entries in chunks, linked by index, given back when a chunk is empty.
//!
//! A million sleeping tasks need 40 MB here, and when they are gone so must these be. Hence chunks of fixed sizes
//! instead of one growing `Vec`. The first is small, since most programs have few timers, the second 1.25 MiB and kept
//! when it is empty, as a spare. From the third on they are 40 MiB: a chunk reserves its memory at once and fills it
//! from the front, so what was never used is never resident, and blocks of more than 32 MiB are what glibc's allocator
//! always maps and unmaps. (Smaller ones come from its heap once the program has freed a big block, and stay there:
//! 11 to 50 MB of 180 were measured.)

use std::task::Waker;

/// No entry.
pub(super) const NIL: u32 = u32::MAX;

/// How many entries the first chunk holds.
const FIRST_CHUNK: usize = 64;

/// How many entries the second holds: 1.25 MiB.
const SECOND_CHUNK: usize = 1 << 15;

/// How many entries the others hold: 40 MiB.
const CHUNK: usize = 1 << 20;

/// One timer.
#[derive(Debug)]
pub(super) struct Entry {
    /// The next entry of the same list, or of the chunk's free list.
    pub(super) next: u32,
    /// The one before, or the list itself (see `wheel.rs`).
    pub(super) prev: u32,
    /// Given out once per wheel: tells an entry from its predecessors in the same place, and who came first.
    pub(super) seq: u64,
    /// The deadline in nanoseconds, as asked for.
    pub(super) when: u64,
    /// `None` exactly if the entry is free.
    pub(super) waker: Option<Waker>,
}

const _: () = assert!(size_of::<Entry>() == 40, "a wheel entry is 40 bytes");

#[derive(Debug)]
struct Chunk {
    entries: Vec<Entry>,
    capacity: usize,
    live: usize,
    /// The first free entry among `entries`, as an index into them.
    free: u32,
}

impl Chunk {
    fn new(capacity: usize) -> Chunk {
        Chunk { entries: Vec::with_capacity(capacity), capacity, live: 0, free: NIL }
    }

    /// A chunk that has given its memory back keeps its place, so that the indices of later chunks stay right.
    fn is_gone(&self) -> bool {
        self.entries.capacity() == 0
    }

    fn has_room(&self) -> bool {
        self.live < self.capacity
    }

    fn add(&mut self, entry: Entry) -> usize {
        if self.is_gone() {
            self.entries.reserve_exact(self.capacity);
        }
        self.live += 1;
        if self.free == NIL {
            self.entries.push(entry);
            return self.entries.len() - 1;
        }
        let at = self.free as usize;
        self.free = self.entries[at].next;
        self.entries[at] = entry;
        at
    }

    fn free_memory(&mut self) {
        assert_eq!(self.live, 0);
        self.entries = Vec::new();
        self.free = NIL;
    }
}

/// All entries of one wheel.
#[derive(Debug)]
pub(super) struct Entries {
    chunks: Vec<Chunk>,
    /// The chunk that had room last.
    roomy: usize,
    live: usize,
}

impl Entries {
    pub(super) fn new() -> Entries {
        Entries { chunks: vec![Chunk::new(FIRST_CHUNK)], roomy: 0, live: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn is_big(&self) -> bool {
        self.chunks.len() > 1
    }

    /// Stores an entry and says where.
    pub(super) fn add(&mut self, entry: Entry) -> u32 {
        debug_assert!(entry.waker.is_some());
        if !self.chunks[self.roomy].has_room() {
            self.find_room();
        }
        self.live += 1;
        let index = first_index(self.roomy) + self.chunks[self.roomy].add(entry);
        u32::try_from(index).ok().filter(|index| *index < LIMIT).expect("fewer than two thousand million timers")
    }

    /// The lowest chunk with room, so that the higher ones run empty; else a new one.
    #[cold]
    fn find_room(&mut self) {
        self.roomy = match self.chunks.iter().position(Chunk::has_room) {
            Some(place) => place,
            None => {
                self.chunks.push(Chunk::new(if self.chunks.len() == 1 { SECOND_CHUNK } else { CHUNK }));
                self.chunks.len() - 1
            }
        };
    }

    /// The entry at this place, if there is one and it is still the one of that number.
    pub(super) fn find(&self, index: u32, seq: u64) -> Option<&Entry> {
        let (chunk, at) = place(index);
        let entry = self.chunks.get(chunk)?.entries.get(at)?;
        (entry.seq == seq && entry.waker.is_some()).then_some(entry)
    }

    pub(super) fn get(&self, index: u32) -> &Entry {
        let (chunk, at) = place(index);
        &self.chunks[chunk].entries[at]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Entry {
        let (chunk, at) = place(index);
        &mut self.chunks[chunk].entries[at]
    }

    /// Frees a live entry and hands its deadline, number and waker out.
    pub(super) fn remove(&mut self, index: u32) -> (u64, u64, Waker) {
        let (place, at) = place(index);
        let chunk = &mut self.chunks[place];
        let entry = &mut chunk.entries[at];
        let waker = entry.waker.take().expect("an entry is removed once");
        let taken = (entry.when, entry.seq, waker);
        entry.next = chunk.free;
        chunk.free = at as u32;
        chunk.live -= 1;
        let chunk_is_empty = chunk.live == 0;
        self.live -= 1;
        if self.live == 0 && self.chunks.len() > 1 {
            // Nobody is left: not even the spare is worth keeping.
            self.chunks.truncate(1);
            self.roomy = 0;
        } else if chunk_is_empty && place > 1 {
            self.chunks[place].free_memory();
        }
        taken
    }

    /// How many bytes the chunks hold reserved; for tests.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.capacity() * size_of::<Entry>()).sum()
    }
}

/// Indices stay below the bit with which `wheel.rs` marks a list head.
const LIMIT: u32 = 1 << 31;

/// The index of a chunk's first entry.
fn first_index(place: usize) -> usize {
    match place {
        0 => 0,
        1 => FIRST_CHUNK,
        _ => FIRST_CHUNK + SECOND_CHUNK + (place - 2) * CHUNK,
    }
}

/// Which chunk an index lies in, and where.
fn place(index: u32) -> (usize, usize) {
    let index = index as usize;
    if index < FIRST_CHUNK {
        return (0, index);
    }
    let index = index - FIRST_CHUNK;
    if index < SECOND_CHUNK {
        return (1, index);
    }
    let index = index - SECOND_CHUNK;
    (2 + index / CHUNK, index % CHUNK)
}
