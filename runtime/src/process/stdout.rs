//! What the process says on its standard output and standard error.
//!
//! Each piece is written by a thread for blocking calls, under the lock of `std`, so that it is not mixed up with what
//! `println!` writes elsewhere. The buffer is that of `std`, too: the standard output goes out with each end of a line,
//! standard error at once.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use crate::fs::errand::Errand;
use crate::waiting::{self, Kind};

/// So much is carried to a thread at once.
const MOST_AT_ONCE: usize = 2 << 20;

/// The standard output of this process.
///
/// Whoever reads it may be slow: a pipe is full at some point, and a terminal stops at Ctrl-S. `println!` then blocks its
/// worker; this keeps a thread for blocking calls waiting instead. As `println!` does, it keeps back what is not the end
/// of a line until [`Stdout::flush`]. The end of a run waits for what is under way, up to the grace period.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let mut stdout = raddle::stdout();
///     stdout.write_all(b"one line\n").await?;
///     stdout.flush().await
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn stdout() -> Stdout {
    Stdout { printer: Printer::new(Target::Stdout) }
}

/// The standard error of this process; see [`stdout`].
///
/// # Examples
/// ```
/// raddle::run(async { raddle::stderr().write_all(b"it did not work\n").await })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr { printer: Printer::new(Target::Stderr) }
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Stdout,
    Stderr,
}

impl Target {
    fn write(self, bytes: &[u8]) -> io::Result<u64> {
        match self {
            Target::Stdout => io::stdout().lock().write_all(bytes)?,
            Target::Stderr => io::stderr().lock().write_all(bytes)?,
        }
        Ok(bytes.len() as u64)
    }

    fn flush(self) -> io::Result<u64> {
        match self {
            Target::Stdout => io::stdout().flush()?,
            Target::Stderr => io::stderr().flush()?,
        }
        Ok(0)
    }
}

/// What [`Stdout`] and [`Stderr`] are.
struct Printer {
    target: Target,
    errand: Errand,
    /// A `poll_flush` has sent its call.
    flushing: bool,
}

impl Printer {
    fn new(target: Target) -> Printer {
        Printer { target, errand: Errand::new(), flushing: false }
    }

    /// Waits for what is under way, and tells the error of a write that nobody waited for.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.errand.poll_idle(cx));
        self.flushing = false;
        Poll::Ready(self.errand.take_owed().map_or(Ok(()), Err))
    }

    fn start_write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let (target, bytes) = (self.target, buffer[..buffer.len().min(MOST_AT_ONCE)].to_vec());
        let count = bytes.len();
        self.errand.start_owing(move || target.write(&bytes)).map(|()| count)
    }

    /// Whoever calls after somebody who did not wait for the end of a flush gets the end of that flush: nothing can have
    /// been written in between.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.flushing {
            ready!(self.poll_settled(cx))?;
            let target = self.target;
            self.errand.start_owing(move || target.flush())?;
            self.flushing = true;
        }
        let flushed = ready!(self.errand.poll_outcome(cx));
        self.flushing = false;
        Poll::Ready(flushed.map(drop))
    }
}

/// Writes behind, as [`File`](crate::fs::File) does: an error comes with what is done next.
impl AsyncWrite for Printer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(self.start_write(buffer))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Printer::poll_flush(&mut self, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Printer::poll_flush(&mut self, cx)
    }
}

macro_rules! printers {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        pub struct $name {
            printer: Printer,
        }

        impl $name {
            /// Writes bytes and says how many: all of the buffer, or the first 2 MiB of it.
            ///
            /// # Errors
            /// As those of `write_all`.
            ///
            /// # Cancel safety
            /// Bytes that were handed to a thread are written even when the future is dropped.
            #[track_caller]
            pub fn write<'a>(&'a mut self, buffer: &'a [u8]) -> PrintSome<'a> {
                let count = buffer.len().min(MOST_AT_ONCE);
                PrintSome { print: self.write_all(&buffer[..count]), count }
            }

            /// Writes the whole buffer, 2 MiB at a time; each such piece stays in one.
            ///
            /// # Errors
            /// The system's, `BrokenPipe` if nobody reads any more; some of the bytes may have been written. Also the
            /// error of an earlier write whose future was dropped.
            ///
            /// # Cancel safety
            /// A piece that was handed to a thread is written even when the future is dropped.
            #[track_caller]
            pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> Print<'a> {
                Print { printer: &mut self.printer, rest: buffer, handed: None }
            }

            /// Lets go of what the buffer of `std` keeps back, and waits for writes whose futures were dropped.
            ///
            /// # Errors
            /// The system's.
            ///
            /// # Cancel safety
            /// Once begun it is finished.
            #[track_caller]
            pub fn flush(&mut self) -> Flush<'_> {
                Flush { printer: &mut self.printer }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.printer).poll_write(cx, buffer)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.printer.poll_flush(cx)
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.printer.poll_flush(cx)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "<{}>", stringify!($name))
            }
        }
    )*};
}

printers! {
    /// The standard output of this process. Made by [`stdout`]. The trait of `futures_io` writes behind: an error comes
    /// with what is done next.
    Stdout;
    /// The standard error of this process. Made by [`stderr`]. The trait of `futures_io` writes behind: an error comes
    /// with what is done next.
    Stderr;
}

/// The future of [`Stdout::write_all`] and [`Stderr::write_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct Print<'a> {
    printer: &'a mut Printer,
    rest: &'a [u8],
    handed: Option<usize>,
}

impl Future for Print<'_> {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note(Kind::Stdout, 0, caller);
        }
        polled
    }
}

impl Print<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self;
        loop {
            if let Some(count) = this.handed {
                let written = ready!(this.printer.errand.poll_outcome(cx));
                this.handed = None;
                written?;
                this.rest = &this.rest[count..];
            } else {
                ready!(this.printer.poll_settled(cx))?;
            }
            if this.rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.handed = Some(this.printer.start_write(this.rest)?);
        }
    }
}

impl fmt::Debug for Print<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes to {:?}>", self.rest.len(), self.printer.target)
    }
}

/// The future of [`Stdout::write`] and [`Stderr::write`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct PrintSome<'a> {
    print: Print<'a>,
    count: usize,
}

impl Future for PrintSome<'_> {
    type Output = io::Result<usize>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (count, caller) = (self.count, Location::caller());
        let polled = Pin::new(&mut self.print).poll(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled.map_ok(|()| count)
    }
}

/// The future of [`Stdout::flush`] and [`Stderr::flush`].
#[must_use = "futures do nothing unless awaited"]
pub struct Flush<'a> {
    printer: &'a mut Printer,
}

impl Future for Flush<'_> {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let caller = Location::caller();
        let polled = self.poll_step(cx);
        if polled.is_pending() {
            waiting::note(Kind::Stdout, 0, caller);
        }
        polled
    }
}

impl Flush<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.printer.poll_flush(cx)
    }
}

impl fmt::Debug for Flush<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<flush {:?}>", self.printer.target)
    }
}
