//! Receiving for those who lend memory that nobody has written to.
//!
//! Writing into such memory, and saying so, takes unsafe code on both sides, and there is none in this crate. To fill it
//! with zeros first would touch all of it, however little comes. So the kernel writes into a piece of the stack, which is
//! not filled with anything either, and the bytes that came are copied from there.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, recv};

use crate::evented::Progress;

/// The most that is received at once. What is left is there for the next call.
const MOST: usize = 16 * 1024;

/// Receives at most `room` bytes and gives them to `put`.
pub(super) fn receive_into(socket: impl AsFd, room: usize, put: impl FnOnce(&[u8])) -> io::Result<Progress<()>> {
    let mut space = [const { MaybeUninit::<u8>::uninit() }; MOST];
    let space = &mut space[..room.min(MOST)];
    let wanted = space.len();
    let ((received, _rest), _) = recv(socket, space, RecvFlags::empty())?;
    put(received);
    let Progress { value: _, drained } = Progress::transfer(received.len(), wanted);
    Ok(Progress { value: (), drained })
}
