//! A `StreamReader` against a model that searches naively: what each read gives, also if it is given up and begun
//! again, and that how the bytes come changes nothing but for what says so (`read`, and lines that are too long).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use raddle::{Feeder, ReadError, StreamReader};

use super::random::{Rng, pieces};
use super::{Check, Input};

pub(crate) const CHECK: Check = Check {
    run: check,
    likely: &[b"\n", b"\r\n", b"\r", b"||", b"|", b"ab", b"aab", b"abc\n", b"xxxxxxxxxxxxxxxx", b"\r\n\r\n", b"aaaa"],
};

/// Reads of one input.
const READS: usize = 12;

/// What to read.
#[derive(Clone, Copy, Debug)]
enum Op {
    Some(usize),
    Exactly(usize),
    Line,
    Until(Separators),
    All,
}

#[derive(Clone, Copy, Debug)]
enum Separators {
    Byte,
    Two,
    Several,
    Overlapping,
}

impl Separators {
    fn all(self) -> &'static [&'static [u8]] {
        match self {
            Separators::Byte => &[b"|"],
            Separators::Two => &[b"\r\n"],
            Separators::Several => &[b"\r\n", b"|"],
            Separators::Overlapping => &[b"aab", b"ab"],
        }
    }
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Bytes(Vec<u8>),
    Incomplete(Vec<u8>, Option<usize>),
    TooLong(usize),
}

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (seed, limit) = (input.word(), 1 + input.below(40));
    let ops: Vec<Op> = (0..READS).map(|_| op(&mut input)).collect();
    let data = input.rest();
    let one = run(data, &pieces(data, &mut Rng(seed)), limit, &ops, seed);
    let other = run(data, &[data], limit, &ops, !seed);
    let depends = |(op, got): (&Op, &Got)| matches!((op, got), (Op::Some(_), _) | (Op::Line, Got::TooLong(_)));
    for (at, op) in ops.iter().enumerate() {
        if depends((op, &one[at])) || depends((op, &other[at])) {
            // From here on they may be at different places.
            break;
        }
        match (&one[at], &other[at]) {
            // How much certainly is too long depends on how much has come.
            (Got::TooLong(_), Got::TooLong(_)) => {}
            (one, other) => assert_eq!(one, other, "read {at}, {op:?}, in pieces and whole"),
        }
    }
}

fn op(input: &mut Input<'_>) -> Op {
    let (kind, size) = (input.byte(), input.byte());
    let separators = [Separators::Byte, Separators::Two, Separators::Several, Separators::Overlapping];
    match kind % 12 {
        0..2 => Op::Some(usize::from(size) % 24),
        2..4 => Op::Exactly(usize::from(size) % 24),
        4..7 => Op::Line,
        7..11 => Op::Until(separators[usize::from(size) % 4]),
        _ => Op::All,
    }
}

/// Reads as `ops` say, while the pieces come one by one whenever a read waits.
fn run(data: &[u8], pieces: &[&[u8]], limit: usize, ops: &[Op], mut seed: u64) -> Vec<Got> {
    let (feeder, mut reader) = StreamReader::pair_with_limit(limit);
    let mut model = Model { data, limit, start: 0, fetched: 0, fed: 0, is_fed_up: false, is_over: false };
    let mut source = Source { feeder: Some(feeder), pieces, fed: 0 };
    let mut results = Vec::new();
    for op in ops {
        seed = seed.rotate_left(7);
        // Sometimes more has come than is asked for.
        if seed.is_multiple_of(3) {
            source.feed(&mut model);
        }
        let gives_up = seed.is_multiple_of(5);
        let got = loop {
            if let Some(got) = read(&mut reader, *op, gives_up, &mut source, &mut model) {
                break got;
            }
        };
        assert_eq!(reader.buffered(), model.there(), "what is left after {op:?}");
        assert_eq!(reader.is_at_eof(), model.is_over && model.there().is_empty(), "is_at_eof after {op:?}");
        results.push(got);
    }
    results
}

struct Source<'a> {
    feeder: Option<Feeder>,
    pieces: &'a [&'a [u8]],
    fed: usize,
}

impl Source<'_> {
    /// The next piece, or the end.
    fn feed(&mut self, model: &mut Model<'_>) {
        match self.pieces.get(self.fed) {
            Some(piece) => {
                self.feeder.as_ref().expect("open until the end").feed_data(piece);
                self.fed += 1;
                model.fed += piece.len();
            }
            None => {
                drop(self.feeder.take());
                model.is_fed_up = true;
            }
        }
    }
}

/// One read, fed whenever it waits; `None` if it was given up then.
fn read(
    reader: &mut StreamReader,
    op: Op,
    gives_up: bool,
    source: &mut Source<'_>,
    model: &mut Model<'_>,
) -> Option<Got> {
    async fn perform(reader: &mut StreamReader, op: Op) -> Got {
        let result = match op {
            Op::Some(n) => reader.read(n).await.map_err(ReadError::from),
            Op::Exactly(n) => reader.read_exactly(n).await,
            Op::Line => reader.read_line().await,
            Op::Until(Separators::Byte) => reader.read_until(b'|').await,
            Op::Until(Separators::Two) => reader.read_until("\r\n").await,
            Op::Until(Separators::Several) => reader.read_until((b"\r\n", b"|")).await,
            Op::Until(Separators::Overlapping) => reader.read_until((b"aab", b"ab")).await,
            Op::All => reader.read_to_end().await.map_err(ReadError::from),
        };
        match result {
            Ok(bytes) => Got::Bytes(bytes.to_vec()),
            Err(ReadError::Incomplete { partial, expected }) => Got::Incomplete(partial.to_vec(), expected),
            Err(ReadError::LimitOverrun { consumed }) => Got::TooLong(consumed),
            Err(other) => panic!("{op:?}: {other}"),
        }
    }
    let mut future = pin!(perform(reader, op));
    loop {
        let expected = model.read(op);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(got) => {
                assert_eq!(Some(&got), expected.as_ref(), "{op:?}");
                return Some(got);
            }
            Poll::Pending => {
                assert_eq!(expected, None, "{op:?} waits");
                source.feed(model);
                if gives_up {
                    return None;
                }
            }
        }
    }
}

/// The whole data, and who has how much of it.
struct Model<'a> {
    data: &'a [u8],
    limit: usize,
    /// Up to here it was taken, up to here the reader has it, and up to here it was fed.
    start: usize,
    fetched: usize,
    fed: usize,
    is_fed_up: bool,
    /// The reader knows that nothing more comes.
    is_over: bool,
}

impl Model<'_> {
    fn there(&self) -> &[u8] {
        &self.data[self.start..self.fetched]
    }

    /// What a read gives now; `None`: it waits.
    fn read(&mut self, op: Op) -> Option<Got> {
        loop {
            if let Some(got) = self.attempt(op) {
                return Some(got);
            }
            if self.fetched == self.fed && !self.is_fed_up {
                return None;
            }
            // A fetch of nothing is how the reader learns of the end.
            self.is_over = self.fetched == self.fed;
            self.fetched = self.fed;
        }
    }

    fn attempt(&mut self, op: Op) -> Option<Got> {
        let there = self.there().len();
        match op {
            Op::Some(n) if n == 0 || there > 0 || self.is_over => Some(Got::Bytes(self.take(n.min(there)))),
            Op::Exactly(n) if there >= n => Some(Got::Bytes(self.take(n))),
            Op::Exactly(n) if self.is_over => Some(Got::Incomplete(self.take(there), Some(n))),
            Op::All if self.is_over => Some(Got::Bytes(self.take(there))),
            Op::Until(separators) => self.until(separators.all()),
            Op::Line => Some(match self.until(&[b"\n"])? {
                Got::Incomplete(last, _) => Got::Bytes(last),
                Got::TooLong(consumed) => {
                    let is_end_known = self.there().get(consumed) == Some(&b'\n');
                    self.take(if is_end_known { consumed + 1 } else { self.there().len() });
                    Got::TooLong(consumed)
                }
                line => line,
            }),
            _ => None,
        }
    }

    fn until(&mut self, separators: &[&[u8]]) -> Option<Got> {
        let there = self.there();
        let longest = separators.iter().map(|separator| separator.len()).max()?;
        // The first place at which one is complete; if two are, the first of them counts.
        let found = (1..=there.len()).find_map(|end| {
            let complete = separators.iter().find(|separator| there[..end].ends_with(separator));
            complete.map(|separator| (end - separator.len(), end))
        });
        match found {
            Some((start, _)) if start > self.limit => Some(Got::TooLong(start)),
            Some((_, end)) => Some(Got::Bytes(self.take(end))),
            None => {
                let certain = (there.len() + 1).saturating_sub(longest);
                if certain > self.limit {
                    return Some(Got::TooLong(certain));
                }
                let all = there.len();
                self.is_over.then(|| Got::Incomplete(self.take(all), None))
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.there()[..count].to_vec();
        self.start += count;
        taken
    }
}
