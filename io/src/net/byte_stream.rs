//! What the streams and pipes of this crate have in common: an fd that carries bytes, and the faces for poll functions.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use super::bytes::{self, ReadBytes, WriteBytes};
use super::returned::Returned;
use crate::evented::Evented;
use crate::readiness::Direction;

/// A non-blocking fd that carries bytes.
#[derive(Debug)]
pub struct ByteStream<S> {
    pub(super) evented: Evented<S>,
    /// What is to be read before the fd is.
    pub(super) returned: Returned,
}

impl<S: AsRawFd> ByteStream<S> {
    /// Takes an fd that is non-blocking already.
    pub(super) fn new(socket: S) -> ByteStream<S> {
        ByteStream { evented: Evented::new(socket), returned: Returned::default() }
    }

    pub(super) fn socket(&self) -> &S {
        self.evented.get()
    }

    pub(super) fn into_inner(self) -> S {
        self.evented.into_inner()
    }
}

impl<S: ReadBytes> ByteStream<S> {
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(count) = self.returned.take(buffer) {
            return Ok(count);
        }
        self.evented.try_once(Direction::Read, |socket| bytes::read(socket, buffer))
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(count) = self.returned.take(buffer) {
            return Poll::Ready(Ok(count));
        }
        self.evented.poll_operation(cx, Direction::Read, 1, |socket| bytes::read(socket, buffer))
    }

    pub(super) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(count) = self.returned.take_vectored(buffers) {
            return Poll::Ready(Ok(count));
        }
        self.evented.poll_operation(cx, Direction::Read, 1, |socket| bytes::read_vectored(socket, buffers))
    }
}

impl<S: WriteBytes> ByteStream<S> {
    pub(super) fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.evented.try_once(Direction::Write, |socket| bytes::write(socket, buffer))
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Direction::Write, 1, |socket| bytes::write(socket, buffer))
    }

    pub(super) fn poll_write_vectored(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Direction::Write, 1, |socket| bytes::write_vectored(socket, buffers))
    }
}

/// Implements `AsyncRead` for types with a method `bytes` that leads to a [`ByteStream`].
macro_rules! async_read {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> futures_io::AsyncRead for $type {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffer: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.bytes().poll_read(cx, buffer)
            }

            fn poll_read_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.bytes().poll_read_vectored(cx, buffers)
            }
        }
    )*};
}
pub(super) use async_read;

/// Implements `AsyncWrite` for types with methods `bytes` and `end_writing`.
macro_rules! async_write {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> futures_io::AsyncWrite for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffer: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.bytes().poll_write(cx, buffer)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.bytes().poll_write_vectored(cx, buffers)
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn poll_close(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(self.end_writing())
            }
        }
    )*};
}
pub(super) use async_write;
