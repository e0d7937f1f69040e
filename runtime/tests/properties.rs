//! Random bytes against models, by seeds: what a fuzzer does to the same checks, for a moment in each test run.
//!
//! Each check turns bytes into something to do and fails by a panic. `loom-tests/fuzz` hands it bytes that a fuzzer
//! chose; here they are made of pieces that reach the depths of a grammar, and of noise.

mod property_support;

use property_support::{Check, HTTP, PAGES, RESP, Rng, STREAM_READER, WHEEL};
// The files of the task pages name it so.
pub(crate) use raddle_io::shim;

/// Runs a check on many inputs. `seed` is printed when one fails, and so is the input.
fn try_many(check: &Check, seed: u64, many: usize) {
    let mut rng = Rng(seed);
    for round in 0..many {
        let longest = [8, 64, 400][rng.below(3)];
        let length = 8 + rng.below(longest);
        let mut input: Vec<u8> = (0..8).map(|_| rng.below(256) as u8).collect();
        while input.len() < length {
            if check.likely.is_empty() || rng.below(8) == 0 {
                input.push(rng.below(256) as u8);
            } else {
                input.extend_from_slice(check.likely[rng.below(check.likely.len())]);
            }
        }
        let told = Told { seed, round, input: &input };
        (check.run)(told.input);
        std::mem::forget(told);
    }
}

/// Prints the input when the check panics.
struct Told<'a> {
    seed: u64,
    round: usize,
    input: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        eprintln!("seed {:#x}, round {}: {:?}", self.seed, self.round, self.input);
    }
}

#[test]
fn a_stream_reader_gives_what_a_model_gives_however_its_bytes_come() {
    try_many(&STREAM_READER, 0x5eed_0001, 3000);
}

#[test]
fn resp_means_the_same_in_any_pieces() {
    try_many(&RESP, 0x5eed_0002, 5000);
}

#[test]
fn http_is_answered_the_same_in_any_pieces() {
    try_many(&HTTP, 0x5eed_0003, 5000);
}

#[test]
fn the_timer_wheel_does_what_a_sorted_map_does() {
    try_many(&WHEEL, 0x5eed_0004, 1500);
}

#[test]
fn task_pages_never_give_out_a_byte_twice_and_leave_nothing() {
    try_many(&PAGES, 0x5eed_0005, 400);
}
