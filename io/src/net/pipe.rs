//! Pipes: two ends, of which one reads and the other writes.
//!
//! # SIGPIPE
//!
//! A write to a pipe that nobody reads any more gives EPIPE, and sends SIGPIPE to the thread, whose default action ends
//! the process. Sockets are told not to by a flag of each send; a pipe's write knew no such flag until Linux 6.18 gave
//! it one (`RWF_NOSIGNAL`). So a writer asks with the flag, and where the kernel does not know it, remembers that and
//! writes without. Then it matters what the process does with the signal: a Rust program ignores it from the start, and
//! so do Python and other hosts of extensions. Who restores the default action on an older kernel has asked for what
//! comes. Blocking the signal around each write would take two more system calls and a third to take it out again, for
//! all, and is not done.
//!
//! # Other fds
//!
//! Whatever has an fd that reads or writes like a pipe's may be taken: a FIFO, a terminal, a socket, a character device.
//! Regular files are refused, for they never say would-block: they would block their worker.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout};

use rustix::fs::FileType;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use super::byte_stream::{ByteStream, async_read, async_write};
use super::bytes::{ReadBytes, WriteBytes};
use super::transfer::{Read, ReadVectored, Write, WriteVectored};
use super::whole::{ReadExact, WriteAll};
use crate::shim::atomic::{AtomicBool, Ordering};

/// Makes a pipe: what is written to the one end is read from the other. Children do not inherit it.
///
/// # Errors
/// The kernel's, usually that the process or the system has too many open files.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// raddle::run(async {
///     let (mut reader, mut writer) = raddle::net::pipe()?;
///     writer.write_all(b"through the pipe").await?;
///     drop(writer);
///     let mut got = [0; 16];
///     reader.read_exact(&mut got).await?;
///     assert_eq!(&got, b"through the pipe");
///     assert_eq!(reader.read(&mut got).await?, 0);
///     Ok(())
/// })
/// # }
/// ```
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok((PipeReader::from_nonblocking(reader), PipeWriter::from_nonblocking(writer)))
}

/// The end of a pipe that reads: see [`pipe`].
///
/// Operations that move bytes once take `&self`: several tasks may read from one pipe, and each gets its turn.
pub struct PipeReader {
    bytes: ByteStream<ReadEnd>,
}

/// The end of a pipe that writes: see [`pipe`]. The reader sees the end when all that write are dropped.
///
/// Operations that move bytes once take `&self`: several tasks may write to one pipe, and each gets its turn. What one
/// write of up to 4096 bytes brings is not mixed with others'. `poll_close` of [`futures_io::AsyncWrite`] does nothing.
pub struct PipeWriter {
    bytes: ByteStream<WriteEnd>,
}

/// An fd that can be read.
#[derive(Debug)]
pub struct ReadEnd(OwnedFd);

/// An fd that can be written, and whether it has been found not to know the flag against SIGPIPE.
#[derive(Debug)]
pub struct WriteEnd {
    fd: OwnedFd,
    has_no_flag: AtomicBool,
}

impl PipeReader {
    fn from_nonblocking(fd: OwnedFd) -> PipeReader {
        PipeReader { bytes: ByteStream::new(ReadEnd(fd)) }
    }

    fn bytes(&self) -> &ByteStream<ReadEnd> {
        &self.bytes
    }

    /// Reads some bytes: at least one, unless nobody can write any more (0) or the buffer is empty (0).
    ///
    /// # Errors
    /// The kernel's; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing.
    #[track_caller]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, ReadEnd> {
        Read::new(&self.bytes, buffer)
    }

    /// As [`PipeReader::read`], into several buffers one after the other.
    ///
    /// # Errors
    /// As [`PipeReader::read`].
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing.
    #[track_caller]
    pub fn read_vectored<'a>(&'a self, buffers: &'a mut [IoSliceMut<'a>]) -> ReadVectored<'a, ReadEnd> {
        ReadVectored::new(&self.bytes, buffers)
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` if nobody can write any more before it is full; else as [`PipeReader::read`].
    ///
    /// # Cancel safety
    /// As [`TcpStream::read_exact`](super::TcpStream::read_exact).
    #[track_caller]
    pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> ReadExact<'a, ReadEnd> {
        ReadExact::new(&self.bytes, buffer)
    }

    /// Reads what is there without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing; else as [`PipeReader::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.try_read(buffer)
    }

    /// The fd without raddle. It is non-blocking still. What a dropped `read_exact` gave back is not in it: read that
    /// before.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.bytes.into_inner().0
    }
}

impl PipeWriter {
    fn from_nonblocking(fd: OwnedFd) -> PipeWriter {
        PipeWriter { bytes: ByteStream::new(WriteEnd { fd, has_no_flag: AtomicBool::new(false) }) }
    }

    fn bytes(&self) -> &ByteStream<WriteEnd> {
        &self.bytes
    }

    #[expect(clippy::unused_self, reason = "sockets need it")]
    fn end_writing(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes some bytes and says how many.
    ///
    /// # Errors
    /// `BrokenPipe` if nobody reads any more (on Linux 6.18 or later no SIGPIPE comes in any case, before that none comes
    /// where the process ignores it, as Rust programs do); `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has written nothing.
    #[track_caller]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, WriteEnd> {
        Write::new(&self.bytes, buffer)
    }

    /// As [`PipeWriter::write`], from several buffers one after the other.
    ///
    /// # Errors
    /// As [`PipeWriter::write`].
    ///
    /// # Cancel safety
    /// A future that is dropped has written nothing.
    #[track_caller]
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, WriteEnd> {
        WriteVectored::new(&self.bytes, buffers)
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    /// As [`PipeWriter::write`].
    ///
    /// # Cancel safety
    /// As [`TcpStream::write_all`](super::TcpStream::write_all).
    #[track_caller]
    pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> WriteAll<'a, WriteEnd> {
        WriteAll::new(&self.bytes, buffer)
    }

    /// Writes what there is room for without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else as [`PipeWriter::write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.bytes.try_write(buffer)
    }

    /// The fd without raddle. It is non-blocking still.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.bytes.into_inner().fd
    }
}

impl ReadBytes for ReadEnd {
    const SHORT_IS_ALL: bool = false;

    fn read_bytes(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, buffer)?)
    }

    fn read_bytes_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(rustix::io::readv(&self.0, buffers)?)
    }
}

/// Linux 6.18 and later: no SIGPIPE for this write.
const NO_SIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// The position of what has none.
const NO_OFFSET: u64 = u64::MAX;

impl WriteBytes for WriteEnd {
    const SHORT_IS_ALL: bool = false;

    fn write_bytes(&self, buffer: &[u8]) -> io::Result<usize> {
        self.write_bytes_vectored(&[IoSlice::new(buffer)])
    }

    fn write_bytes_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        // Relaxed: whoever does not see it asks once more.
        if !self.has_no_flag.load(Ordering::Relaxed) {
            match rustix::io::pwritev2(&self.fd, buffers, NO_OFFSET, NO_SIGNAL) {
                // The kernel or what is behind the fd does not know the flag, or nothing at all of such writes.
                Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::SPIPE) => {
                    self.has_no_flag.store(true, Ordering::Relaxed);
                }
                result => return Ok(result?),
            }
        }
        Ok(rustix::io::writev(&self.fd, buffers)?)
    }
}

/// Makes an fd non-blocking, unless it is one on which that has no effect.
fn prepare(fd: &OwnedFd) -> io::Result<()> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
    if matches!(kind, FileType::RegularFile | FileType::Directory | FileType::BlockDevice) {
        let text = format!("fd {} is a {kind:?}: expected a pipe or the like; use to_thread for files", fd.as_raw_fd());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(rustix::io::ioctl_fionbio(fd, true)?)
}

macro_rules! ends {
    ($($type:ident from $($std:ty),* ;)*) => {$(
        $(
            impl TryFrom<$std> for $type {
                type Error = io::Error;

                /// Makes it non-blocking and takes it.
                fn try_from(end: $std) -> io::Result<$type> {
                    let fd = OwnedFd::from(end);
                    prepare(&fd)?;
                    Ok($type::from_nonblocking(fd))
                }
            }
        )*

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.bytes.socket().as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.bytes.socket().as_raw_fd()
            }
        }

        impl From<$type> for OwnedFd {
            fn from(end: $type) -> OwnedFd {
                end.into_fd()
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("fd", &self.as_raw_fd()).finish()
            }
        }
    )*};
}

ends! {
    PipeReader from OwnedFd, ChildStdout, ChildStderr, std::io::PipeReader;
    PipeWriter from OwnedFd, ChildStdin, std::io::PipeWriter;
}

async_read!([] PipeReader, [] &PipeReader);
async_write!([] PipeWriter, [] &PipeWriter);

macro_rules! fds {
    ($($type:ident.$field:tt)*) => {$(
        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.$field.as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.$field.as_raw_fd()
            }
        }
    )*};
}

fds!(ReadEnd.0 WriteEnd.fd);
