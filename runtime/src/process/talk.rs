//! What is said to a child and heard from it, all at once.
//!
//! Whoever first says all and then listens waits for ever on a child that says something before it has heard all: both
//! pipes are full, and both sides write. So all three pipes are served in turns. How far it has come lies here, with the
//! child, and not in the future: one that is dropped has lost nothing, and the next goes on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use raddle_io::net::{PipeReader, PipeWriter};

/// What a pipe holds, and so the most that a read brings. Little talk is met with less.
const PIPE: usize = 64 << 10;
const LITTLE: usize = 4 << 10;

#[derive(Default)]
pub(super) struct Talk {
    begun: bool,
    input: Vec<u8>,
    said: usize,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Talk {
    /// Takes the input of the first who asks. `is_heard`: the child has a pipe for it.
    pub(super) fn begin(&mut self, input: Option<Vec<u8>>, is_heard: bool) -> io::Result<()> {
        let input = input.unwrap_or_default();
        if !input.is_empty() && self.begun && is_heard {
            let left = self.input.len() - self.said;
            return Err(refused(&format!(
                "an earlier communicate has its input still, {left} bytes of it unsaid: go on with communicate(None)"
            )));
        }
        if !input.is_empty() && !is_heard {
            return Err(refused(
                "there is no pipe for the input, or none any more: start the child with .stdin(Stdio::piped()), leave it its \
                 stdin, and say everything in the first communicate",
            ));
        }
        if !self.begun {
            self.begun = true;
            self.input = input;
        }
        Ok(())
    }

    /// Says what is left to say, then closes the pipe.
    pub(super) fn poll_say(&mut self, stdin: &mut Option<PipeWriter>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(pipe) = stdin
            && self.said < self.input.len()
        {
            match Pin::new(pipe).poll_write(cx, &self.input[self.said..]) {
                Poll::Ready(Ok(count)) => self.said += count,
                // A child may stop listening whenever it likes.
                Poll::Ready(Err(error)) if is_gone(&error) => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        *stdin = None;
        (self.input, self.said) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

/// Hears all there is, then closes the pipe.
pub(super) fn poll_hear(
    pipe: &mut Option<PipeReader>,
    heard: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while let Some(open) = pipe {
        let start = heard.len();
        heard.resize(start + start.clamp(LITTLE, PIPE), 0);
        let polled = Pin::new(open).poll_read(cx, &mut heard[start..]);
        heard.truncate(start + if let Poll::Ready(Ok(count)) = polled { count } else { 0 });
        match polled {
            Poll::Ready(Ok(0)) => *pipe = None,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(()))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
