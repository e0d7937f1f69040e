//! A place in a file, and what was read ahead of it.
//!
//! A thread reads into `ahead`; a poll takes from there. So a read whose future is gone loses nothing: its bytes, the end
//! or the error lie here for the next one. The system's own position is then further on than the one that the program
//! knows of, by what lies here; before anything is written or sought, that is made good.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::shim::Arc;

/// So much is carried between the threads at once.
pub(super) const MOST_AT_ONCE: usize = 2 << 20;

pub(super) struct Cursor {
    file: Arc<std::fs::File>,
    ahead: Vec<u8>,
    /// What is taken of `ahead`.
    taken: usize,
    /// The last read has met the end of the file. Told once, like an error: the file may grow.
    ended: bool,
    /// The last read has failed.
    error: Option<io::Error>,
}

/// For polls: none of these makes a system call.
impl Cursor {
    pub(super) fn new(file: Arc<std::fs::File>) -> Cursor {
        Cursor { file, ahead: Vec::new(), taken: 0, ended: false, error: None }
    }

    fn rest(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }

    fn advance(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.ahead.len() {
            self.taken = 0;
            self.ahead.clear();
            // A large one goes back to the system; a small one is used again.
            self.ahead.shrink_to(64 << 10);
        }
    }

    /// Some bytes, if any are there; 0 at the end. None: a thread has to read.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let count = self.rest().len().min(buffer.len());
        if count > 0 {
            buffer[..count].copy_from_slice(&self.rest()[..count]);
            self.advance(count);
            return Some(Ok(count));
        }
        self.stopped().map(|stopped| stopped.map(|()| 0))
    }

    /// A full buffer. None: a thread has to read.
    pub(super) fn take_exact(&mut self, buffer: &mut [u8]) -> Option<io::Result<()>> {
        let (there, wanted) = (self.rest().len(), buffer.len());
        if there >= wanted {
            buffer.copy_from_slice(&self.rest()[..wanted]);
            self.advance(wanted);
            return Some(Ok(()));
        }
        let too_short = || {
            let text = format!("the file ended after {there} of {wanted} bytes");
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
        };
        self.stopped().map(|stopped| stopped.and_then(|()| too_short()))
    }

    /// All that is left. None: a thread has to read.
    pub(super) fn take_all(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.stopped().map(|stopped| {
            stopped.map(|()| {
                self.ahead.drain(..std::mem::take(&mut self.taken));
                std::mem::take(&mut self.ahead)
            })
        })
    }

    /// Puts back what was taken last, all of it.
    pub(super) fn put_back(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.ahead.is_empty(), "all was taken");
        self.ahead = bytes;
    }

    /// Whether reading came to an end, or failed. Told once.
    fn stopped(&mut self) -> Option<io::Result<()>> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        std::mem::take(&mut self.ended).then_some(Ok(()))
    }
}

/// For threads that may block.
impl Cursor {
    /// Reads once, at most so many bytes.
    pub(super) fn fill(&mut self, most: usize) {
        let (start, most) = (self.ahead.len(), most.min(MOST_AT_ONCE));
        self.ahead.resize(start + most, 0);
        let read = loop {
            match (&*self.file).read(&mut self.ahead[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.ahead.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(count) => self.ended = count == 0,
            Err(error) => self.error = Some(error),
        }
    }

    /// Reads until so many bytes are there.
    pub(super) fn fill_until(&mut self, count: usize) {
        while self.rest().len() < count && !self.ended && self.error.is_none() {
            self.fill(count - self.rest().len());
        }
    }

    /// Reads all that is left.
    pub(super) fn fill_all(&mut self) {
        match (&*self.file).read_to_end(&mut self.ahead) {
            Ok(_) => self.ended = true,
            Err(error) => self.error = Some(error),
        }
    }

    /// Goes back to where the program believes it is.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.ended = false;
        let ahead = self.rest().len();
        if ahead > 0 {
            match (&*self.file).seek(SeekFrom::Current(-(ahead as i64))) {
                Ok(_) => self.advance(ahead),
                // What has no positions, a named pipe or a terminal, reads and writes independently.
                Err(error) if error.kind() == io::ErrorKind::NotSeekable => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.rewind()?;
        (&*self.file).write_all(bytes)?;
        Ok(bytes.len() as u64)
    }

    pub(super) fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.rewind()?;
        (&*self.file).seek(to)
    }

    pub(super) fn set_len(&mut self, length: u64) -> io::Result<u64> {
        self.rewind()?;
        self.file.set_len(length)?;
        Ok(length)
    }
}
