//! Waiting for signals.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::hub::{Guard, on_signal};
use super::number::Signal;
use crate::shim::{Arc, Mutex};

/// Listens to a signal from now on. It loses its default action for as long as anybody does.
///
/// # Panics
/// For a signal that no program can listen to (SIGKILL, SIGSTOP, and those that tell of a bug: SIGSEGV, SIGILL, SIGFPE),
/// and when the system refuses the thread or the sockets that it takes.
///
/// # Examples
/// ```
/// use raddle::signal::{Signal, signal};
///
/// let mut changes = signal(Signal::WINDOW_CHANGE);
/// raddle::run(async {
///     assert!(raddle::timeout(std::time::Duration::from_millis(1), changes.recv()).await.is_err());
/// });
/// ```
#[track_caller]
pub fn signal(signal: Signal) -> Signals {
    assert!(signal.can_be_caught(), "signal({signal}): no program can listen to it");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let of_callback = seen.clone();
    let callback = Arc::new(move || {
        let mut seen = of_callback.lock();
        seen.pending = true;
        let waker = seen.waker.take();
        drop(seen);
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    match on_signal(signal, false, callback) {
        Ok(guard) => Signals { signal, seen, _guard: guard },
        Err(error) => panic!("signal({signal}): {error}"),
    }
}

#[derive(Default)]
struct Seen {
    pending: bool,
    waker: Option<Waker>,
}

/// A signal being listened to. Made by [`signal`].
pub struct Signals {
    signal: Signal,
    seen: Arc<Mutex<Seen>>,
    _guard: Guard,
}

impl Signals {
    /// Waits until the signal has come, since [`signal`] was called or since the last one that was received. Several
    /// that come before this is awaited are received as one.
    ///
    /// # Cancel safety
    /// A signal is received when this is ready, and not before.
    pub fn recv(&mut self) -> Recv<'_> {
        Recv(self)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut seen = self.seen.lock();
        let came = std::mem::take(&mut seen.pending);
        let unused = if came { Some(waker) } else { seen.waker.replace(waker) };
        drop(seen);
        drop(unused);
        if came { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Signals {}>", self.signal)
    }
}

/// The next signal. Made by [`Signals::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a>(&'a mut Signals);

impl Future for Recv<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

/// Waits for Ctrl-C (SIGINT), from the call on. While this is there, Ctrl-C does nothing else.
///
/// # Panics
/// As [`signal`].
///
/// # Cancel safety
/// Dropping it ends the listening.
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    CtrlC(signal(Signal::INTERRUPT))
}

/// The next Ctrl-C. Made by [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC(Signals);

impl Future for CtrlC {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}
