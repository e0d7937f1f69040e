//! Checks that turn bytes into something to do, and panic if it comes out otherwise than a model says.

mod http;
mod pages;
#[path = "../common/random.rs"]
mod random;
mod resp;
mod resp_words;
mod stream_reader;
mod wheel;

pub(crate) use self::http::CHECK as HTTP;
pub(crate) use self::pages::CHECK as PAGES;
#[allow(unused_imports, reason = "a fuzzer has its own")]
pub(crate) use self::random::Rng;
pub(crate) use self::resp::CHECK as RESP;
pub(crate) use self::stream_reader::CHECK as STREAM_READER;
pub(crate) use self::wheel::CHECK as WHEEL;

/// A property of any bytes.
pub(crate) struct Check {
    pub(crate) run: fn(&[u8]),
    /// Pieces of which inputs that get far are made. Whoever has a fuzzer needs none.
    #[allow(dead_code, reason = "a fuzzer finds its own")]
    pub(crate) likely: &'static [&'static [u8]],
}

/// Bytes that say what to do next; zeros when there are none left.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, at| word | u64::from(self.byte()) << (8 * at))
    }

    /// Less than `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let two = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        two % end
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
