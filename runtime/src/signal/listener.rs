//! Awaiting signals.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::number::Signal;
use super::table;
use crate::sync::BellWait;
use crate::waiting::{self, Kind};

/// Waits for Ctrl-C (SIGINT), from this call on. asyncio's `add_signal_handler(SIGINT, …)`.
///
/// While the future exists Ctrl-C does nothing else: neither does it end the process, nor does it cancel a main whose
/// runner [handles it](crate::Runner::handle_ctrl_c). Works under any executor.
///
/// # Panics
/// When the system refuses a thread or an eventfd; [`signal`] returns that as an error.
///
/// # Cancel safety
/// A Ctrl-C that came before the future is dropped is gone with it.
///
/// # Examples
/// ```standalone_crate
/// raddle::run(async {
///     let ctrl_c = raddle::signal::ctrl_c();
/// #   rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
///     ctrl_c.await;
///     println!("goodbye");
/// });
/// ```
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    match signal(Signal::INT) {
        Ok(signals) => CtrlC { wait: BellWait::new(&table::slot(Signal::INT).bell), signals },
        Err(error) => panic!("ctrl_c: {error}"),
    }
}

/// Listens to a signal, from this call on, in the place of its usual effect. asyncio's `add_signal_handler`.
///
/// Every listener of a signal is told. When the last is dropped, the signal has its usual effect again. Works under any
/// executor.
///
/// # Errors
/// `InvalidInput` for what no handler can do anything about (SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE) and for
/// numbers that are no signals; what the system says when it refuses a thread or an eventfd.
///
/// # Examples
/// ```
/// use raddle::{Signal, signal};
///
/// let refused = signal(Signal::KILL).unwrap_err();
/// assert_eq!(refused.to_string(), "SIGKILL cannot be listened to: the system lets no program see it");
/// ```
#[track_caller]
pub fn signal(signal: Signal) -> io::Result<Signals> {
    let seen = table::listen(signal)?;
    Ok(Signals { signal, seen, caller: Location::caller() })
}

/// A listener of one signal. Made by [`signal`].
pub struct Signals {
    signal: Signal,
    /// How many of them were told, or came before.
    seen: u64,
    caller: &'static Location<'static>,
}

impl Signals {
    /// Waits until the signal comes, or has come since the last time.
    ///
    /// Signals are no queue: those that come before they are looked at count as one.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use raddle::{Signal, signal};
    ///
    /// let mut alarms = signal(Signal::ALRM)?;
    /// # rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::ALARM).unwrap();
    /// raddle::run(alarms.recv());
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> SignalRecv<'_> {
        let wait = BellWait::new(&table::slot(self.signal).bell);
        SignalRecv { wait, signals: self, caller: Location::caller() }
    }

    /// The signal that is listened to.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    fn poll(&mut self, wait: &mut BellWait<'_>, cx: &mut Context<'_>) -> Poll<()> {
        let slot = table::slot(self.signal);
        let polled = wait.poll(cx, || slot.heard() != self.seen);
        if polled.is_ready() {
            self.seen = slot.heard();
        }
        polled
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        table::leave(self.signal);
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Signals of {} from {}>", self.signal, self.caller)
    }
}

/// The future of [`Signals::recv`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct SignalRecv<'a> {
    wait: BellWait<'static>,
    signals: &'a mut Signals,
    caller: &'static Location<'static>,
}

impl Future for SignalRecv<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let polled = this.signals.poll(&mut this.wait, cx);
        if polled.is_pending() {
            waiting::note(Kind::Signal, 0, this.caller);
        }
        polled
    }
}

impl fmt::Debug for SignalRecv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Signals::recv of {} at {}>", self.signals.signal, self.caller)
    }
}

/// The future of [`ctrl_c`].
#[must_use = "while it exists, Ctrl-C has no other effect; await it"]
pub struct CtrlC {
    wait: BellWait<'static>,
    signals: Signals,
}

impl Future for CtrlC {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let polled = this.signals.poll(&mut this.wait, cx);
        if polled.is_pending() {
            waiting::note(Kind::Signal, 0, this.signals.caller);
        }
        polled
    }
}

impl fmt::Debug for CtrlC {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ctrl_c at {}>", self.signals.caller)
    }
}
