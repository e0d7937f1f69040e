//! Ciphertext as it comes, for rustls by the whole record.
//!
//! rustls can be given it in any pieces, and keeps those of a record in a buffer that doubles: up to 32 KiB for a record
//! of 16, which it gives back with the next read, and a peer that has to wait does not come to that one. Here no more is
//! kept than has come, and nothing of a record while rustls has it. Only a handshake message in several records stays
//! there until it is complete.

use std::io;

use bytes::{Buf, Bytes};

use super::transport::Transport;

/// A record's kind, its version and its length.
const HEAD: usize = 5;
/// What a record may hold, by TLS 1.2: 16 KiB, and what ciphering adds.
const MOST_HELD: usize = 16 * 1024 + 2048;
/// Room for the largest record.
pub(super) const ROOM: usize = HEAD + MOST_HELD;

/// What has come, and was not deciphered yet.
pub(super) struct Records {
    /// What a reader had fetched before there was TLS; it comes before what the socket has.
    early: Bytes,
    /// What came after that: a piece of a record, or what follows records that are to be read first.
    kept: Box<[u8]>,
}

impl Records {
    pub(super) fn new(early: Bytes) -> Records {
        Records { early, kept: Box::default() }
    }

    /// What was kept, with what has come behind it if that is no whole record yet. None: the stream has ended.
    ///
    /// # Errors
    /// `WouldBlock`, and the socket's; what was kept stays.
    pub(super) fn fetch<'a>(&mut self, socket: &Transport, room: &'a mut [u8; ROOM]) -> io::Result<Option<&'a [u8]>> {
        let mut count = self.kept.len();
        room[..count].copy_from_slice(&self.kept);
        if first(&room[..count]).is_none() {
            match self.read(socket, &mut room[count..])? {
                0 => return Ok(None),
                more => count += more,
            }
        }
        self.kept = Box::default();
        Ok(Some(&room[..count]))
    }

    /// Puts back what is not to be deciphered yet.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.kept = rest.into();
    }

    fn read(&mut self, socket: &Transport, into: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return socket.try_read(into);
        }
        let count = self.early.len().min(into.len());
        self.early.copy_to_slice(&mut into[..count]);
        if self.early.is_empty() {
            self.early = Bytes::new();
        }
        Ok(count)
    }
}

/// How long the first record is, if it is there as a whole. What cannot be one counts as it is: rustls knows what to say
/// to it, and the peer is not waited for.
pub(super) fn first(bytes: &[u8]) -> Option<usize> {
    let may_be = |at: usize, expected: &[u8]| bytes.get(at).is_none_or(|byte| expected.contains(byte));
    if !may_be(0, &[20, 21, 22, 23, 24]) || !may_be(1, &[3]) {
        return Some(bytes.len());
    }
    let held = usize::from(u16::from_be_bytes([*bytes.get(3)?, *bytes.get(4)?]));
    if held > MOST_HELD {
        return Some(bytes.len());
    }
    (bytes.len() >= HEAD + held).then_some(HEAD + held)
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn a_record_counts_when_it_is_there_as_a_whole() {
        let record = [&[23, 3, 3, 1, 0][..], &[7; 256]].concat();
        for count in 0..record.len() {
            assert_eq!(first(&record[..count]), None, "{count} bytes");
        }
        assert_eq!(first(&record), Some(record.len()));
        assert_eq!(first(&[&record[..], &record].concat()), Some(record.len()));
    }

    #[test]
    fn what_cannot_be_a_record_is_not_waited_for() {
        for bytes in [&b"G"[..], b"\x16\x02", b"\x16\x03\x03\xff\xff", b"\x17\x03\x03\x48\x01"] {
            assert_eq!(first(bytes), Some(bytes.len()), "{bytes:?}");
        }
    }
}
