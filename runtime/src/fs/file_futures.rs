//! The futures of a file's operations.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::cursor::{Cursor, MOST_AT_ONCE};
use super::file::File;
use crate::waiting;

/// Says which line waits, if it has to.
fn at<T>(caller: &'static Location<'static>, polled: Poll<T>) -> Poll<T> {
    if polled.is_pending() {
        waiting::note_at(caller);
    }
    polled
}

macro_rules! reads {
    ($($(#[$meta:meta])* $name:ident, $buffer:ident: $type:ty, $output:ty, $fill:expr, $finish:path;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a> {
            file: &'a mut File,
            $buffer: $type,
            caller: &'static Location<'static>,
        }

        impl<'a> $name<'a> {
            #[track_caller]
            pub(super) fn new(file: &'a mut File, $buffer: $type) -> $name<'a> {
                $name { file, $buffer, caller: Location::caller() }
            }
        }

        impl Future for $name<'_> {
            type Output = io::Result<$output>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<$output>> {
                let this = &mut *self;
                let wanted = this.$buffer.len();
                let fill = move |cursor: &mut Cursor| ($fill)(cursor, wanted);
                at(this.caller, this.file.poll_taken(cx, |cursor| $finish(cursor, this.$buffer), fill))
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "<{} from {:?} at {}>", stringify!($name), self.file, self.caller)
            }
        }
    )*};
}

reads! {
    /// The future of [`File::read`].
    FileRead, buffer: &'a mut [u8], usize, Cursor::fill, take;
    /// The future of [`File::read_exact`].
    FileReadExact, buffer: &'a mut [u8], (), Cursor::fill_until, Cursor::take_exact;
    /// The future of [`File::read_to_end`].
    FileReadToEnd, bytes: &'a mut Vec<u8>, usize, fill_all, take_to_end;
    /// The future of [`File::read_to_string`].
    FileReadToString, text: &'a mut String, usize, fill_all, take_to_string;
}

fn fill_all(cursor: &mut Cursor, _there: usize) {
    cursor.fill_all();
}

fn take(cursor: &mut Cursor, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    if buffer.is_empty() { Some(Ok(0)) } else { cursor.take(buffer) }
}

fn take_to_end(cursor: &mut Cursor, bytes: &mut Vec<u8>) -> Option<io::Result<usize>> {
    let add = |mut rest: Vec<u8>| {
        let count = rest.len();
        bytes.append(&mut rest);
        count
    };
    cursor.take_all().map(|taken| taken.map(add))
}

fn take_to_string(cursor: &mut Cursor, text: &mut String) -> Option<io::Result<usize>> {
    let taken = cursor.take_all()?;
    let add = |rest: Vec<u8>| match std::str::from_utf8(&rest) {
        Ok(words) => {
            text.push_str(words);
            Ok(words.len())
        }
        Err(error) => {
            cursor.put_back(rest);
            Err(io::Error::new(io::ErrorKind::InvalidData, error))
        }
    };
    Some(taken.and_then(add))
}

/// The future of [`File::write`].
#[must_use = "futures do nothing unless awaited"]
pub struct FileWrite<'a> {
    file: &'a mut File,
    buffer: &'a [u8],
    handed: Option<usize>,
    caller: &'static Location<'static>,
}

impl<'a> FileWrite<'a> {
    #[track_caller]
    pub(super) fn new(file: &'a mut File, buffer: &'a [u8]) -> FileWrite<'a> {
        FileWrite { file, buffer, handed: None, caller: Location::caller() }
    }
}

impl Future for FileWrite<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = match this.handed {
            Some(count) => count,
            None => {
                ready!(at(this.caller, this.file.poll_settled(cx)))?;
                if this.buffer.is_empty() {
                    return Poll::Ready(Ok(0));
                }
                let buffer = this.buffer;
                *this.handed.insert(this.file.start_write(buffer)?)
            }
        };
        let written = ready!(at(this.caller, this.file.errand.poll_outcome(cx)));
        this.handed = None;
        Poll::Ready(written.map(|_| count).map_err(|error| this.file.about("write to", error)))
    }
}

impl fmt::Debug for FileWrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<FileWrite to {:?} at {}>", self.file, self.caller)
    }
}

/// The future of [`File::write_all`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct FileWriteAll<'a> {
    write: FileWrite<'a>,
}

impl<'a> FileWriteAll<'a> {
    #[track_caller]
    pub(super) fn new(file: &'a mut File, buffer: &'a [u8]) -> FileWriteAll<'a> {
        FileWriteAll { write: FileWrite::new(file, buffer) }
    }
}

impl Future for FileWriteAll<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let count = ready!(Pin::new(&mut self.write).poll(cx))?;
            debug_assert!(count == self.write.buffer.len() || count == MOST_AT_ONCE, "whole pieces");
            self.write.buffer = &self.write.buffer[count..];
            if self.write.buffer.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// The future of [`File::flush`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct FileFlush<'a> {
    file: &'a mut File,
}

impl<'a> FileFlush<'a> {
    pub(super) fn new(file: &'a mut File) -> FileFlush<'a> {
        FileFlush { file }
    }
}

impl Future for FileFlush<'_> {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        at(Location::caller(), self.file.poll_settled(cx))
    }
}

type Call = Box<dyn FnOnce(&mut Cursor) -> io::Result<u64> + Send>;

/// The future of [`File::seek`] and [`File::stream_position`].
#[must_use = "futures do nothing unless awaited"]
pub struct FileSeek<'a> {
    file: &'a mut File,
    /// Until it is begun.
    call: Option<Call>,
    attempt: &'static str,
    caller: &'static Location<'static>,
}

impl<'a> FileSeek<'a> {
    #[track_caller]
    pub(super) fn new(
        file: &'a mut File,
        attempt: &'static str,
        call: impl FnOnce(&mut Cursor) -> io::Result<u64> + Send + 'static,
    ) -> FileSeek<'a> {
        FileSeek { file, call: Some(Box::new(call)), attempt, caller: Location::caller() }
    }
}

impl Future for FileSeek<'_> {
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let this = &mut *self;
        if this.call.is_some() {
            ready!(at(this.caller, this.file.poll_settled(cx)))?;
        }
        if let Some(call) = this.call.take() {
            this.file.start_owing(call)?;
        }
        let outcome = ready!(at(this.caller, this.file.errand.poll_outcome(cx)));
        Poll::Ready(outcome.map_err(|error| this.file.about(this.attempt, error)))
    }
}

impl fmt::Debug for FileSeek<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<to {} {:?} at {}>", self.attempt, self.file, self.caller)
    }
}

/// The future of [`File::sync_all`], [`File::sync_data`] and [`File::set_len`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct FileSync<'a> {
    operation: FileSeek<'a>,
}

impl<'a> FileSync<'a> {
    #[track_caller]
    pub(super) fn new(
        file: &'a mut File,
        attempt: &'static str,
        call: impl FnOnce(&mut Cursor) -> io::Result<u64> + Send + 'static,
    ) -> FileSync<'a> {
        FileSync { operation: FileSeek::new(file, attempt, call) }
    }
}

impl Future for FileSync<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.operation).poll(cx).map_ok(drop)
    }
}

/// The future of [`File::into_std`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct IntoStd {
    file: Option<File>,
    begun: bool,
}

impl IntoStd {
    pub(super) fn new(file: File) -> IntoStd {
        IntoStd { file: Some(file), begun: false }
    }
}

impl Future for IntoStd {
    type Output = io::Result<std::fs::File>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<std::fs::File>> {
        let (this, caller) = (&mut *self, Location::caller());
        let file = this.file.as_mut().expect("polled again after it was ready");
        if !this.begun {
            ready!(at(caller, file.poll_settled(cx)))?;
            file.start_owing(|cursor| cursor.rewind().map(|()| 0))?;
            this.begun = true;
        }
        ready!(at(caller, file.errand.poll_outcome(cx))).map_err(|error| file.about("go back in", error))?;
        let shared = this.file.take().map(|file| file.file.clone()).expect("it was there");
        // A call that looks at the file beside this one may have it still.
        Poll::Ready(crate::shim::Arc::try_unwrap(shared).or_else(|shared| shared.try_clone()))
    }
}
