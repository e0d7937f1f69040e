//! The futures of a channel: those of the queue and the event under it, in the channel's words.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::channel_error::SendError;
use super::event::EventWait;
use super::queue_error::PutError;
use super::queue_futures::{Get, Put};

/// The future of [`Sender::send`](super::Sender::send).
#[must_use = "nothing is sent until this is awaited"]
pub struct ChannelSend<'a, T> {
    pub(super) put: Put<'a, T>,
}

impl<T> Future for ChannelSend<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.put).poll(cx).map_err(|PutError(value)| SendError(value))
    }
}

impl<T> fmt::Debug for ChannelSend<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender::send at {}>", self.put.caller)
    }
}

/// The future of [`Receiver::recv`](super::Receiver::recv).
#[must_use = "nothing is taken until this is awaited"]
pub struct ChannelRecv<'a, T> {
    pub(super) get: Get<'a, T>,
}

impl<T> Future for ChannelRecv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.get).poll(cx).map(Result::ok)
    }
}

impl<T> fmt::Debug for ChannelRecv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Receiver::recv at {}>", self.get.caller)
    }
}

/// The future of [`Sender::closed`](super::Sender::closed).
#[must_use = "a wait does nothing until it is awaited"]
pub struct ChannelClosed<'a> {
    pub(super) wait: EventWait<'a>,
}

impl Future for ChannelClosed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(cx)
    }
}

impl fmt::Debug for ChannelClosed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender::closed at {}>", self.wait.caller)
    }
}
