//! What memory alone costs: blocks that are written, walked and freed, and no runtime.

use std::hint::black_box;
use std::time::{Duration, Instant};

const LINE: usize = 64;

/// Allocates so many blocks, writes each, walks them once more, line by line, and frees them.
pub fn blocks(blocks: usize, bytes: usize) -> Duration {
    let start = Instant::now();
    let mut all: Vec<Box<[u8]>> = (0..blocks).map(|block| vec![block as u8; bytes].into_boxed_slice()).collect();
    for block in &mut all {
        for line in black_box(block).chunks_mut(LINE) {
            line[0] = line[0].wrapping_add(1);
        }
    }
    drop(black_box(all));
    start.elapsed()
}
