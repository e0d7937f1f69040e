//! What a connection has still to send, as plain data: no I/O, and nobody is woken here.
//!
//! ```text
//!   Open ──shutdown_write──> EndingWrites ──sent──> Ended ──close──> Closed
//!     └─────────close──────────────> Closing ───sent────────────────────^
//!   any ──error, abort──────────────────────────────────────────────────┘
//! ```
//!
//! Bytes are in one of three places: `kept`, behind what was written before; with the one task that sends them
//! (`in_flight`); or `unflushed`: the transport has taken them, and holds back some of what it made of them, as TLS
//! does where the kernel takes no more. These leave first. `is_sending` says that there is that task, or a writer that
//! sends on the spot; whoever leaves something to do without them starts the task. So bytes leave in the order in which
//! they were written, and whoever closes meanwhile leaves the end of the connection to them.
//!
//! The marks: above `high` the writer is `paused`, and `drain` waits; at `low` it goes on. Above `limit` nothing more is
//! accepted, and the connection has failed.

use std::io;
use std::task::Waker;

use super::failure::Failure;

/// As asyncio's: above this much a writer is asked to wait …
const HIGH_MARK: usize = 64 * 1024;
/// … down to this.
const LOW_MARK: usize = 16 * 1024;
/// A writer that never drains is reported at so many times the high mark.
const REPORT_AT: usize = 16;
/// Marks below this one count as this there: a mark of 0 says that one waits for all to leave, not that nothing may wait.
const LEAST_REPORTED: usize = 4 * 1024;

/// How far the connection's sending side has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// No more is accepted. When all has been sent, the peer is told so.
    EndingWrites,
    Ended,
    /// When all has been sent, both directions end.
    Closing,
    Closed,
}

/// What a write comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Nothing is before it: the caller is the one who sends, up to [`Outgoing::end_at_once`].
    AtOnce,
    /// It was kept.
    Kept,
    /// It was not accepted: the stream is closed for writing. That is the connection's error now.
    Refused,
    /// It was not accepted: more is kept than the limit allows. The connection has failed.
    TooMuch,
}

/// What a write on the spot leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    /// Bytes, or an end that came meanwhile: the task that sends is to be started.
    ToSend,
    /// More than the limit allows. The connection has failed.
    TooMuch,
}

/// What the task that sends has to do.
#[derive(Debug)]
pub(super) enum Next {
    /// So many bytes were taken by the transport, which has not let go of all of them.
    Flush(usize),
    Send(Vec<u8>),
    /// Everything is sent: tell the peer.
    EndWriting,
    /// Everything is sent: end both directions.
    Close,
    /// Nothing is left, and the task is the sender no more.
    Nothing,
}

/// The sending side of a connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    kept: Vec<u8>,
    in_flight: usize,
    unflushed: usize,
    is_sending: bool,
    phase: Phase,
    is_paused: bool,
    high: usize,
    low: usize,
    limit: usize,
    is_reported: bool,
    error: Option<Failure>,
    /// Who polls until there is room, or nothing left.
    waiter: Option<Waker>,
    /// How many of reader and writer are there.
    handles: u8,
}

impl Outgoing {
    pub(super) fn new() -> Outgoing {
        Outgoing {
            kept: Vec::new(),
            in_flight: 0,
            unflushed: 0,
            is_sending: false,
            phase: Phase::Open,
            is_paused: false,
            high: HIGH_MARK,
            low: LOW_MARK,
            limit: usize::MAX,
            is_reported: false,
            error: None,
            waiter: None,
            handles: 2,
        }
    }

    /// How many bytes have not been sent.
    pub(super) fn len(&self) -> usize {
        self.kept.len() + self.in_flight + self.unflushed
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether `drain` has to wait.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused && self.error.is_none() && self.phase != Phase::Closed
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_idle(&self) -> bool {
        self.len() == 0 && !matches!(self.phase, Phase::EndingWrites | Phase::Closing)
    }

    pub(super) fn error(&self) -> Option<io::Error> {
        self.error.as_ref().map(Failure::to_error)
    }

    /// Puts in whom to wake when something was sent, or takes it out. Returns whom it replaces.
    pub(super) fn wait(&mut self, waiter: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut self.waiter, waiter)
    }

    pub(super) fn set_marks(&mut self, high: usize, low: usize) {
        (self.high, self.low) = (high, low.min(high));
        self.mind_marks();
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Decides about bytes that are to be written; keeps them if others are before them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Write {
        if self.phase != Phase::Open {
            if self.error.is_none() {
                let text = "written after the stream was closed for writing; write before shutdown_write and close";
                self.error = Some(Failure::new(io::ErrorKind::BrokenPipe, text.to_owned()));
            }
            return Write::Refused;
        }
        if !self.is_sending && self.len() == 0 {
            self.is_sending = true;
            return Write::AtOnce;
        }
        if self.keep(bytes) { Write::Kept } else { Write::TooMuch }
    }

    /// Keeps bytes to be sent. False: they are too many.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        if self.len() + bytes.len() > self.limit {
            let text = format!(
                "more than the limit of {} bytes were written and not sent: the peer does not read, or nobody drains",
                self.limit
            );
            self.fail(Failure::new(io::ErrorKind::OutOfMemory, text));
            return false;
        }
        self.kept.extend_from_slice(bytes);
        self.mind_marks();
        true
    }

    /// Ends a write on the spot: keeps what is left of its bytes, behind so many that the transport has taken and holds
    /// back.
    pub(super) fn end_at_once(&mut self, held_back: usize, rest: &[u8]) -> Rest {
        self.is_sending = false;
        if self.phase == Phase::Closed {
            // Given up by somebody else meanwhile.
            if held_back > 0 || !rest.is_empty() {
                self.error.get_or_insert_with(Failure::aborted);
            }
            return Rest::Nothing;
        }
        self.unflushed += held_back;
        if !self.keep(rest) {
            return Rest::TooMuch;
        }
        if self.begin_sending() { Rest::ToSend } else { Rest::Nothing }
    }

    /// One of the two handles has gone. True: it was the last.
    pub(super) fn handle_is_gone(&mut self) -> bool {
        self.handles -= 1;
        self.handles == 0
    }

    /// With the marks and the limit of another.
    #[cfg(feature = "tls")]
    pub(super) fn set_as(&mut self, other: &Outgoing) {
        (self.high, self.low, self.limit) = (other.high, other.low, other.limit);
    }

    /// Whether a writer that does not drain is to be reported; true once.
    pub(super) fn should_report(&mut self) -> bool {
        let is_due = !self.is_reported && self.len() / REPORT_AT > self.high.max(LEAST_REPORTED);
        self.is_reported |= is_due;
        is_due
    }

    /// Accepts no more, and ends the sending side when all is sent.
    pub(super) fn end_writing(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::EndingWrites;
        }
    }

    /// Accepts no more, and ends both directions when all is sent.
    pub(super) fn close(&mut self) {
        if self.phase < Phase::Closing {
            self.phase = Phase::Closing;
        }
    }

    /// Makes the caller the one who sends, if there is something to do and nobody does it.
    pub(super) fn begin_sending(&mut self) -> bool {
        let begins = !self.is_sending && !self.is_idle();
        self.is_sending |= begins;
        begins
    }

    /// What the sender does next.
    pub(super) fn next(&mut self) -> Next {
        debug_assert!(self.in_flight == 0, "{self:?}");
        if self.unflushed > 0 {
            self.in_flight = std::mem::take(&mut self.unflushed);
            return Next::Flush(self.in_flight);
        }
        if !self.kept.is_empty() {
            let bytes = std::mem::take(&mut self.kept);
            self.in_flight = bytes.len();
            return Next::Send(bytes);
        }
        match self.phase {
            Phase::EndingWrites => Next::EndWriting,
            Phase::Closing => Next::Close,
            Phase::Open | Phase::Ended | Phase::Closed => {
                self.is_sending = false;
                Next::Nothing
            }
        }
    }

    /// The sender got rid of so many bytes. True: who drains may go on.
    pub(super) fn sent(&mut self, count: usize) -> bool {
        if self.phase == Phase::Closed {
            // Given up by somebody else meanwhile, with all that was in flight.
            return false;
        }
        self.in_flight -= count;
        let was_paused = self.is_paused;
        self.mind_marks();
        was_paused && !self.is_paused
    }

    /// The peer was told that no more comes.
    pub(super) fn writing_ended(&mut self) {
        if self.phase == Phase::EndingWrites {
            self.phase = Phase::Ended;
        }
    }

    /// Both directions have ended. True: just now.
    pub(super) fn closed(&mut self) -> bool {
        let was_open = self.phase != Phase::Closed;
        (self.kept, self.in_flight, self.unflushed) = (Vec::new(), 0, 0);
        (self.is_sending, self.is_paused) = (false, false);
        self.phase = Phase::Closed;
        was_open
    }

    /// Both directions end at once, whatever is left.
    pub(super) fn abort(&mut self) {
        if self.len() > 0 {
            self.error.get_or_insert_with(Failure::aborted);
        }
        self.closed();
    }

    /// Nothing more can be sent. The first error is the one that is told.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.error.get_or_insert(failure);
        (self.kept, self.unflushed) = (Vec::new(), 0);
        self.close();
    }

    fn mind_marks(&mut self) {
        let len = self.len();
        if len > self.high {
            self.is_paused = true;
        } else if len <= self.low {
            self.is_paused = false;
        }
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
