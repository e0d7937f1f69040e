//! What can carry bytes: the seam between the futures that move them and the sockets and pipes that know how.
//!
//! The traits are implemented for what the kernel has, std's sockets and bare fds. They can be seen in the bounds of
//! public types and cannot be named, so nobody else implements them.

use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::os::fd::AsRawFd;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

use crate::evented::Progress;

/// Bytes can be read from it.
pub trait ReadBytes: AsRawFd {
    /// Whether a read that does not fill its buffer has emptied the kernel's. Sockets promise it, pipes do not.
    const SHORT_IS_ALL: bool;

    /// The system call.
    fn read_bytes(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// The system call, for several buffers.
    fn read_bytes_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
}

/// Bytes can be looked at and left there.
pub trait PeekBytes: ReadBytes {
    /// The system call.
    fn peek_bytes(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Bytes can be written to it, and no signal comes of it.
pub trait WriteBytes: AsRawFd {
    /// Whether a write that is not taken whole has filled the kernel's buffer.
    const SHORT_IS_ALL: bool;

    /// The system call.
    fn write_bytes(&self, buffer: &[u8]) -> io::Result<usize>;

    /// The system call, for several buffers.
    fn write_bytes_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;
}

pub(super) fn read<S: ReadBytes>(socket: &S, buffer: &mut [u8]) -> io::Result<Progress<usize>> {
    let count = socket.read_bytes(buffer)?;
    Ok(progress(count, buffer.len(), S::SHORT_IS_ALL))
}

pub(super) fn read_vectored<S: ReadBytes>(socket: &S, buffers: &mut [IoSliceMut<'_>]) -> io::Result<Progress<usize>> {
    let wanted = buffers.iter().map(|buffer| buffer.len()).sum();
    let count = socket.read_bytes_vectored(buffers)?;
    Ok(progress(count, wanted, S::SHORT_IS_ALL))
}

pub(super) fn peek<S: PeekBytes>(socket: &S, buffer: &mut [u8]) -> io::Result<Progress<usize>> {
    // Whatever was seen is still there, so nothing was drained.
    socket.peek_bytes(buffer).map(Progress::some)
}

pub(super) fn write<S: WriteBytes>(socket: &S, buffer: &[u8]) -> io::Result<Progress<usize>> {
    let count = socket.write_bytes(buffer)?;
    Ok(progress(count, buffer.len(), S::SHORT_IS_ALL))
}

pub(super) fn write_vectored<S: WriteBytes>(socket: &S, buffers: &[IoSlice<'_>]) -> io::Result<Progress<usize>> {
    // More than the kernel takes at once would be an error.
    let buffers = &buffers[..buffers.len().min(MOST_SLICES)];
    let wanted = buffers.iter().map(|buffer| buffer.len()).sum();
    let count = socket.write_bytes_vectored(buffers)?;
    Ok(progress(count, wanted, S::SHORT_IS_ALL))
}

fn progress(count: usize, wanted: usize, short_is_all: bool) -> Progress<usize> {
    if short_is_all { Progress::transfer(count, wanted) } else { Progress::some(count) }
}

/// `UIO_MAXIOV` of the kernel.
const MOST_SLICES: usize = 1024;

macro_rules! sockets {
    ($($type:ty),*) => {$(
        impl ReadBytes for $type {
            const SHORT_IS_ALL: bool = true;

            fn read_bytes(&self, buffer: &mut [u8]) -> io::Result<usize> {
                // Not std's, which goes through libc and makes each call a place where a thread can be cancelled.
                Ok(rustix::net::recv(self, buffer, RecvFlags::empty())?.0)
            }

            fn read_bytes_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let mut socket = self;
                socket.read_vectored(buffers)
            }
        }

        impl PeekBytes for $type {
            fn peek_bytes(&self, buffer: &mut [u8]) -> io::Result<usize> {
                Ok(rustix::net::recv(self, buffer, RecvFlags::PEEK)?.0)
            }
        }

        impl WriteBytes for $type {
            const SHORT_IS_ALL: bool = true;

            fn write_bytes(&self, buffer: &[u8]) -> io::Result<usize> {
                Ok(rustix::net::send(self, buffer, SendFlags::NOSIGNAL)?)
            }

            fn write_bytes_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                // sendmsg and not writev, which knows no NOSIGNAL.
                let mut nothing_else = SendAncillaryBuffer::default();
                Ok(rustix::net::sendmsg(self, buffers, &mut nothing_else, SendFlags::NOSIGNAL)?)
            }
        }
    )*};
}

sockets!(std::net::TcpStream, std::os::unix::net::UnixStream);
