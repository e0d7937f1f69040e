//! The thread that reads the process's standard input, and what it has brought.
//!
//! A terminal or an inherited pipe must not be made non-blocking: the flag belongs to the open file, which the shell and
//! other processes share. So a thread reads, and only while somebody asks: what nobody has asked for is left to whoever
//! has the input after us. It is no thread of a runtime: it is started with the first read, and as it may sit in its read
//! for ever, no end of a run waits for it. The process's end does not, either.
//!
//! What it brings lies in `STATE` until it is taken, so a read that was given up loses nothing. Whoever waits changes
//! nothing by waiting: it leaves a waker at the bell, then looks; the thread puts something there, then rings.

use std::io::{self, BufRead};

use parking_lot::Condvar;

use crate::scheduler::report::{ExceptionContext, catch, forget_payload, report};
use crate::shim::Mutex;
use crate::sync::{Bell, BellWait};

/// Who waits for the thread to bring something.
static BELL: Bell = Bell::new();
/// What the thread sleeps on until somebody asks.
static ASKED: Condvar = Condvar::new();
static STATE: Mutex<State> = Mutex::new(State::new());

struct State {
    bytes: Vec<u8>,
    /// The last read met the end. Told once: a terminal goes on after Ctrl-D.
    ended: bool,
    /// The last read failed. Told once.
    error: Option<io::Error>,
    asked: bool,
    is_thread_started: bool,
}

impl State {
    const fn new() -> State {
        State { bytes: Vec::new(), ended: false, error: None, asked: false, is_thread_started: false }
    }

    fn has_something(&self) -> bool {
        !self.bytes.is_empty() || self.ended || self.error.is_some()
    }
}

/// A place among those who wait for input.
pub(super) fn wait() -> BellWait<'static> {
    BellWait::new(&BELL)
}

/// Whether the thread reads, for somebody who waits or did so.
pub(crate) fn is_read() -> bool {
    STATE.lock().asked
}

pub(super) fn has_something() -> bool {
    STATE.lock().has_something()
}

/// Sees to it that something comes: lets the thread read, unless it does already or something is there.
pub(super) fn ask() -> io::Result<()> {
    let mut state = STATE.lock();
    if state.has_something() || state.asked {
        return Ok(());
    }
    if !state.is_thread_started {
        std::thread::Builder::new()
            .name("raddle-stdin".to_owned())
            .spawn(serve)
            .map_err(|error| io::Error::new(error.kind(), format!("no thread for the standard input: {error}")))?;
        state.is_thread_started = true;
    }
    state.asked = true;
    ASKED.notify_one();
    Ok(())
}

/// Adds what is there to `bytes`, and says how much that is: 0 is the end. None: somebody else was quicker.
pub(super) fn take(bytes: &mut Vec<u8>) -> Option<io::Result<usize>> {
    let mut state = STATE.lock();
    if !state.bytes.is_empty() {
        let count = state.bytes.len();
        bytes.append(&mut state.bytes);
        return Some(Ok(count));
    }
    if let Some(error) = state.error.take() {
        return Some(Err(error));
    }
    std::mem::take(&mut state.ended).then_some(Ok(0))
}

/// Puts back what was taken and not used, before everything else.
pub(super) fn put_back(bytes: &[u8]) {
    STATE.lock().bytes.splice(..0, bytes.iter().copied());
    ring();
}

/// Wakes whoever waits; foreign wakers are called here.
fn ring() {
    if let Err(panic) = catch(|| BELL.ring()) {
        let text = "a waker panicked while standard input was passed on";
        report(None, &ExceptionContext::new(text).with_panic(panic.message()));
        forget_payload(panic.into_payload());
    }
}

/// The life of the thread.
fn serve() {
    loop {
        let mut state = STATE.lock();
        while !state.asked {
            ASKED.wait(&mut state);
        }
        drop(state);
        let read = read_once();
        let mut state = STATE.lock();
        match read {
            Ok(bytes) if bytes.is_empty() => state.ended = true,
            Ok(bytes) => state.bytes.extend(bytes),
            Err(error) => state.error = Some(error),
        }
        state.asked = false;
        drop(state);
        ring();
    }
}

/// By way of std's buffer, so that what others have left there is found.
fn read_once() -> io::Result<Vec<u8>> {
    let mut stdin = io::stdin().lock();
    loop {
        match stdin.fill_buf() {
            Ok(bytes) => {
                let bytes = bytes.to_vec();
                stdin.consume(bytes.len());
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
