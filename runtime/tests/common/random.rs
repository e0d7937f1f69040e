//! Random numbers by seed, and bytes cut as a network might cut them.

/// Marsaglia's xorshift64* (2003).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // Zero would stay zero.
        self.0 |= u64::from(self.0 == 0);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % end
    }
}

/// Cuts `bytes` into pieces, none of them empty, at random places.
pub(crate) fn pieces<'b>(mut bytes: &'b [u8], rng: &mut Rng) -> Vec<&'b [u8]> {
    let longest = [1, 3, 20, 1000, 5000][rng.below(5)];
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + rng.below(longest)).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
