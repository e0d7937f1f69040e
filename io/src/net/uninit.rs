//! Receiving for those who lend memory that nobody has written to.
//!
//! Writing into such memory, and saying so, takes unsafe code on both sides, and there is none in this crate. To fill it
//! with zeros first would touch all of it, however little comes. So the kernel writes into a piece of the stack, which is
//! not filled with anything either, and the bytes that came are copied from there.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, recv};

use super::byte_stream::ByteStream;
use crate::evented::Progress;
use crate::readiness::Direction;

/// The most that is received at once. What is left is there for the next call.
const MOST: usize = 16 * 1024;

/// Receives at most `room` bytes and gives them to `put`; none, if the stream has ended.
pub(super) fn receive_into<S: AsFd + AsRawFd>(
    stream: &ByteStream<S>,
    cx: &mut Context<'_>,
    room: usize,
    mut put: impl FnMut(&[u8]),
) -> Poll<io::Result<()>> {
    if stream.returned.take_with(room, &mut put).is_some() {
        return Poll::Ready(Ok(()));
    }
    stream.evented.poll_operation(cx, Direction::Read, 1, |socket| {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; MOST];
        let space = &mut space[..room.min(MOST)];
        let wanted = space.len();
        let ((received, _rest), _) = recv(socket, space, RecvFlags::empty())?;
        put(received);
        let Progress { value: _, drained } = Progress::transfer(received.len(), wanted);
        Ok(Progress { value: (), drained })
    })
}
