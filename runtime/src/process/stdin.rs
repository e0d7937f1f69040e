//! What the process is told on its standard input.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead};
use raddle_io::budget;

use super::stdin_source as source;
use crate::sync::BellWait;
use crate::waiting::{self, Kind, NOWHERE};

/// The standard input of this process.
///
/// A thread of its own reads, and only while somebody asks. The end of a run does not wait for it, nor does the end of
/// the process: a program whose user types nothing more ends all the same. Works under any executor.
///
/// Several of these read from one input and take it away from each other; what one has not used when it is dropped is
/// there for the next. While one waits, `std::io::stdin()` is locked.
///
/// # Examples
/// ```no_run
/// raddle::run(async {
///     let mut stdin = raddle::stdin();
///     while let Some(line) = stdin.next_line().await? {
///         println!("you said {line}");
///     }
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn stdin() -> Stdin {
    Stdin { ahead: Vec::new(), used: 0, wait: source::wait() }
}

/// The standard input of this process. Made by [`stdin`].
pub struct Stdin {
    ahead: Vec<u8>,
    /// What is used of `ahead`.
    used: usize,
    wait: BellWait<'static>,
}

impl Stdin {
    /// Reads some bytes: at least one, unless the input is at its end (0) or the buffer is empty (0).
    ///
    /// # Errors
    /// The system's; what it says when it refuses a thread.
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing: what comes later is there for the next.
    #[track_caller]
    pub fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> StdinRead<'a> {
        StdinRead { stdin: self, buffer }
    }

    /// Reads a line with its end. At the end of the input what is left is a line without; then comes the empty text.
    ///
    /// # Errors
    /// `InvalidData` for what is no UTF-8; the line is still there, to be [read](Stdin::read). Else as [`Stdin::read`].
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing: half a line is there for the next.
    #[track_caller]
    pub fn read_line(&mut self) -> StdinReadLine<'_> {
        StdinReadLine { stdin: self, looked_at: 0 }
    }

    /// Reads a line and gives it without its end; `None` at the end of the input.
    ///
    /// # Errors
    /// As [`Stdin::read_line`].
    ///
    /// # Cancel safety
    /// As [`Stdin::read_line`].
    #[track_caller]
    pub fn next_line(&mut self) -> StdinNextLine<'_> {
        StdinNextLine { line: self.read_line() }
    }

    /// Reads all there is, to the end of the input, and says how much that was.
    ///
    /// # Errors
    /// As [`Stdin::read`]. What was read before is there for the next.
    ///
    /// # Cancel safety
    /// Nothing is lost: all is added to the vector in one go, or nothing.
    #[track_caller]
    pub fn read_to_end<'a>(&'a mut self, bytes: &'a mut Vec<u8>) -> StdinReadToEnd<'a> {
        StdinReadToEnd { stdin: self, bytes }
    }

    fn rest(&self) -> &[u8] {
        &self.ahead[self.used..]
    }

    fn advance(&mut self, count: usize) {
        self.used = (self.used + count).min(self.ahead.len());
        if self.used == self.ahead.len() {
            self.used = 0;
            self.ahead.clear();
        }
    }

    /// Fetches more, behind what is there. 0: the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(budget::poll_proceed(cx));
        loop {
            source::ask()?;
            let polled = self.wait.poll(cx, source::has_something);
            if polled.is_pending() {
                waiting::note(Kind::Stdin, 0, NOWHERE);
            }
            ready!(polled);
            if let Some(brought) = source::take(&mut self.ahead) {
                return Poll::Ready(brought);
            }
        }
    }

    /// Takes the first bytes as text.
    fn take_text(&mut self, count: usize) -> io::Result<String> {
        let text = std::str::from_utf8(&self.rest()[..count]);
        let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?.to_owned();
        self.advance(count);
        Ok(text)
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        if !self.rest().is_empty() {
            source::put_back(self.rest());
        }
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Stdin>")
    }
}

impl AsyncBufRead for Stdin {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.rest().is_empty() {
            ready!(this.poll_more(cx))?;
        }
        Poll::Ready(Ok(this.rest()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.advance(count);
    }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let there = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        self.advance(count);
        Poll::Ready(Ok(count))
    }
}

/// The future of [`Stdin::read`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct StdinRead<'a> {
    stdin: &'a mut Stdin,
    buffer: &'a mut [u8],
}

impl Future for StdinRead<'_> {
    type Output = io::Result<usize>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled
    }
}

impl StdinRead<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self;
        Pin::new(&mut *this.stdin).poll_read(cx, this.buffer)
    }
}

/// The future of [`Stdin::read_line`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct StdinReadLine<'a> {
    stdin: &'a mut Stdin,
    /// So much of what is there has no end of a line.
    looked_at: usize,
}

impl Future for StdinReadLine<'_> {
    type Output = io::Result<String>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<String>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled
    }
}

impl StdinReadLine<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<String>> {
        let this = &mut *self;
        loop {
            let rest = this.stdin.rest();
            if let Some(at) = rest[this.looked_at..].iter().position(|byte| *byte == b'\n') {
                let count = this.looked_at + at + 1;
                this.looked_at = 0;
                return Poll::Ready(this.stdin.take_text(count));
            }
            this.looked_at = rest.len();
            if ready!(this.stdin.poll_more(cx))? == 0 {
                let count = std::mem::take(&mut this.looked_at);
                return Poll::Ready(this.stdin.take_text(count));
            }
        }
    }
}

/// The future of [`Stdin::next_line`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct StdinNextLine<'a> {
    line: StdinReadLine<'a>,
}

impl Future for StdinNextLine<'_> {
    type Output = io::Result<Option<String>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled
    }
}

impl StdinNextLine<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        let mut line = ready!(Pin::new(&mut self.line).poll(cx))?;
        if line.is_empty() {
            return Poll::Ready(Ok(None));
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Poll::Ready(Ok(Some(line)))
    }
}

/// The future of [`Stdin::read_to_end`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct StdinReadToEnd<'a> {
    stdin: &'a mut Stdin,
    bytes: &'a mut Vec<u8>,
}

impl Future for StdinReadToEnd<'_> {
    type Output = io::Result<usize>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled
    }
}

impl StdinReadToEnd<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while ready!(this.stdin.poll_more(cx))? > 0 {}
        let count = this.stdin.rest().len();
        this.bytes.extend_from_slice(this.stdin.rest());
        this.stdin.advance(count);
        Poll::Ready(Ok(count))
    }
}
