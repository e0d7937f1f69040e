//! Which signals came, and who is told.
//!
//! Per signal there are two numbers that only go up: how often it came while somebody listened (`heard`), and how often
//! while nobody did (`unheard`). Which one a signal adds to is decided where it arrives, by the handler, so it cannot
//! both be given to a listener and, the listener having gone, have its usual effect. A listener remembers the number
//! that it has seen; a signal is never "pending" anywhere and cannot be lost or given to the wrong one.
//!
//! The handler then sets the signal's bit in `CAME` and writes to the eventfd, in that order; the thread reads the
//! eventfd and then takes the bits. So a bit set after the thread took them is followed by a write that the thread has
//! not read.
//!
//! Someone who waits leaves a waker and then looks at the number; the handler changes the number before the thread
//! rings. See `sync/bell.rs`.

use std::io;
use std::os::fd::OwnedFd;

use raddle_io::fork::Process;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};

use super::action::Actions;
use super::number::Signal;
use crate::scheduler::report::{ExceptionContext, catch, forget_payload, report};
use crate::shim::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex, OnceLock};
use crate::sync::Bell;

/// Signals have the numbers 1 to 64.
pub(super) const SIGNALS: usize = 65;

/// What is known about one signal.
pub(super) struct Slot {
    heard: AtomicU64,
    unheard: AtomicU64,
    listeners: AtomicUsize,
    pub(super) bell: Bell,
}

static SLOTS: [Slot; SIGNALS] = [const { Slot::new() }; SIGNALS];
/// A bit per signal that the thread has not looked at.
static CAME: AtomicU64 = AtomicU64::new(0);
/// What the handler writes to, and the process that reads it; made before the first handler is installed.
static WAKE: OnceLock<(Process, OwnedFd)> = OnceLock::new();
static STATE: Mutex<State> = Mutex::new(State::new());

struct State {
    actions: Actions,
    is_thread_started: bool,
    substitutes: Vec<Substitute>,
    numbered: u64,
}

/// Somebody who acts on a signal in the place of its default action.
struct Substitute {
    number: u64,
    signal: Signal,
    /// The signals that came before are not for it.
    since: u64,
    /// Those that came before were acted on, or are not for it.
    seen: u64,
    act: Arc<dyn Fn(Signal) + Send + Sync>,
}

impl Slot {
    const fn new() -> Slot {
        Slot { heard: AtomicU64::new(0), unheard: AtomicU64::new(0), listeners: AtomicUsize::new(0), bell: Bell::new() }
    }

    /// How often the signal came while somebody listened.
    pub(super) fn heard(&self) -> u64 {
        // Acquire: pairs with the Release in `note`; who sees a signal sees what its sender, if it was a thread of
        // this process, did before.
        self.heard.load(Ordering::Acquire)
    }
}

impl State {
    const fn new() -> State {
        State { actions: Actions::new(), is_thread_started: false, substitutes: Vec::new(), numbered: 0 }
    }

    /// Puts back what was there before, if nobody wants the signal any more.
    fn restore_if_unused(&mut self, signal: Signal) {
        // Relaxed: changed under this lock alone.
        let listeners = slot(signal).listeners.load(Ordering::Relaxed);
        if listeners == 0 && !self.substitutes.iter().any(|substitute| substitute.signal == signal) {
            self.actions.restore(signal);
        }
    }
}

/// Whether anybody listens to any signal.
pub(crate) fn is_any_listened_to() -> bool {
    // Relaxed: for those who look.
    SLOTS.iter().any(|slot| slot.listeners.load(Ordering::Relaxed) > 0)
}

/// What the handler does. Safe in the middle of anything: atomics, and a system call that does not block.
pub(super) fn note(number: i32) {
    let Some(slot) = usize::try_from(number).ok().and_then(|index| SLOTS.get(index)) else { return };
    // Acquire: pairs with the Release in `listen`; a listener that was there before the signal was sent is seen.
    let came = if slot.listeners.load(Ordering::Acquire) > 0 { &slot.heard } else { &slot.unheard };
    // Release: pairs with the Acquire in `heard` and in `serve`.
    came.fetch_add(1, Ordering::Release);
    // Release: pairs with the Acquire of the thread that takes the bits, which then sees the number.
    CAME.fetch_or(1 << (number - 1), Ordering::Release);
    // A fork has the handler, too, and nobody who would be told.
    if let Some((process, wake)) = WAKE.get()
        && process.is_current()
    {
        // It fails only if the program closed a file that was not its own.
        let _ = write(wake, &1u64.to_ne_bytes());
    }
}

/// The signal's place. Only for signals that [`check`] let pass.
pub(super) fn index(signal: Signal) -> usize {
    usize::try_from(signal.as_raw()).expect("the number was checked")
}

pub(super) fn slot(signal: Signal) -> &'static Slot {
    &SLOTS[index(signal)]
}

/// Adds a listener; signals count from here on. Returns what it has seen.
pub(super) fn listen(signal: Signal) -> io::Result<u64> {
    check(signal)?;
    let slot = slot(signal);
    let mut state = STATE.lock();
    start(&mut state)?;
    // Release: pairs with the Acquire in `note`. Before the number is read: what comes in between counts.
    slot.listeners.fetch_add(1, Ordering::Release);
    let seen = slot.heard();
    if let Err(error) = state.actions.install(signal) {
        slot.listeners.fetch_sub(1, Ordering::Relaxed);
        state.restore_if_unused(signal);
        return Err(io::Error::new(error.kind(), format!("{signal} cannot be listened to: {error}")));
    }
    Ok(seen)
}

/// A listener leaves.
pub(super) fn leave(signal: Signal) {
    let mut state = STATE.lock();
    // Release: as in `listen`.
    slot(signal).listeners.fetch_sub(1, Ordering::Release);
    state.restore_if_unused(signal);
}

/// A right to act on signals in the place of their default action, given back when dropped.
pub(crate) struct Substitution {
    number: u64,
    signals: Vec<Signal>,
}

/// Calls `act`, in the thread `raddle-signal`, for each of those signals that comes while nobody listens to it. Signals
/// whose action is not the default one are left alone; `None`: all of them.
pub(crate) fn substitute(
    signals: &[Signal],
    act: Arc<dyn Fn(Signal) + Send + Sync>,
) -> io::Result<Option<Substitution>> {
    let mut state = STATE.lock();
    let signals: Vec<Signal> = signals.iter().copied().filter(|signal| state.actions.is_default(*signal)).collect();
    if signals.is_empty() {
        return Ok(None);
    }
    start(&mut state)?;
    state.numbered += 1;
    let substitution = Substitution { number: state.numbered, signals };
    for signal in substitution.signals.iter().copied() {
        // Relaxed: what the number stands for came before this call, or is taken for that.
        let since = slot(signal).unheard.load(Ordering::Relaxed);
        let (number, act) = (substitution.number, act.clone());
        state.substitutes.push(Substitute { number, signal, since, seen: since, act });
    }
    let installed = substitution.signals.iter().try_for_each(|signal| state.actions.install(*signal));
    drop(state);
    installed.map(|()| Some(substitution))
}

impl Substitution {
    /// Whether one of the signals has come, acted on or not yet.
    pub(crate) fn has_come(&self) -> bool {
        let state = STATE.lock();
        let mut own = state.substitutes.iter().filter(|substitute| substitute.number == self.number);
        // Acquire: pairs with the Release in `note`.
        own.any(|substitute| slot(substitute.signal).unheard.load(Ordering::Acquire) > substitute.since)
    }
}

impl Drop for Substitution {
    /// Gives the signals their default action again. What came before is acted on before this returns, if not in the
    /// thread `raddle-signal`, then here; a call that is under way there goes on.
    fn drop(&mut self) {
        let mut state = STATE.lock();
        let (mut own, others) = std::mem::take(&mut state.substitutes)
            .into_iter()
            .partition::<Vec<_>, _>(|substitute| substitute.number == self.number);
        state.substitutes = others;
        self.signals.iter().for_each(|signal| state.restore_if_unused(*signal));
        let due: Vec<_> = own.iter_mut().map(|substitute| (substitute.signal, substitute.due())).collect();
        drop(state);
        drop(own);
        due.into_iter().for_each(|(signal, due)| due.act(signal));
    }
}

impl Substitute {
    /// What has come and was not acted on. Under the lock, so that it is acted on once.
    fn due(&mut self) -> Due {
        // Acquire: pairs with the Release in `note`.
        let unheard = slot(self.signal).unheard.load(Ordering::Acquire);
        let times = unheard - std::mem::replace(&mut self.seen, unheard);
        Due { act: self.act.clone(), times }
    }
}

/// To be done when the lock is gone.
struct Due {
    act: Arc<dyn Fn(Signal) + Send + Sync>,
    times: u64,
}

impl Due {
    fn act(self, signal: Signal) {
        (0..self.times).for_each(|_| guard(|| (self.act)(signal)));
    }
}

/// Refuses numbers that are no signals, and signals that a handler can do nothing about.
fn check(signal: Signal) -> io::Result<()> {
    let why = match signal {
        Signal::KILL | Signal::STOP => "the system lets no program see it".to_owned(),
        Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE => {
            "it comes from a faulty instruction, which would be repeated for ever".to_owned()
        }
        _ if (1..SIGNALS as i32).contains(&signal.as_raw()) => return Ok(()),
        _ => format!("signals have the numbers 1 to {}", SIGNALS - 1),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} cannot be listened to: {why}")))
}

/// Makes the eventfd and starts the thread, unless they are there.
fn start(state: &mut State) -> io::Result<()> {
    if let Some((process, _)) = WAKE.get() {
        process.check()?;
    }
    if state.is_thread_started {
        return Ok(());
    }
    let (_, wake) = match WAKE.get() {
        Some(wake) => wake,
        None => {
            let fresh = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| {
                io::Error::new(io::Error::from(error).kind(), format!("no eventfd for signals: {error}"))
            })?;
            WAKE.get_or_init(|| (Process::current(), fresh))
        }
    };
    std::thread::Builder::new()
        .name("raddle-signal".to_owned())
        .spawn(move || serve(wake))
        .map_err(|error| io::Error::new(error.kind(), format!("no thread for signals: {error}")))?;
    state.is_thread_started = true;
    Ok(())
}

/// The life of the thread.
fn serve(wake: &OwnedFd) {
    loop {
        match read(wake, &mut [0; 8]) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                let text = "signals are not noticed any more; did the program close a file that was not its own?";
                return report(None, &ExceptionContext::new(text).with_error(error.to_string()));
            }
        }
        // Acquire: pairs with the Release in `note`.
        let mut came = CAME.swap(0, Ordering::Acquire);
        while came != 0 {
            deliver(Signal::from_raw(came.trailing_zeros() as i32 + 1));
            came &= came - 1;
        }
    }
}

fn deliver(signal: Signal) {
    guard(|| slot(signal).bell.ring());
    let mut state = STATE.lock();
    let own = state.substitutes.iter_mut().filter(|substitute| substitute.signal == signal);
    let due: Vec<Due> = own.map(Substitute::due).collect();
    drop(state);
    due.into_iter().for_each(|due| due.act(signal));
}

/// Foreign wakers are called here.
fn guard(f: impl FnOnce()) {
    if let Err(panic) = catch(f) {
        let text = "a waker panicked while a signal was passed on";
        report(None, &ExceptionContext::new(text).with_panic(panic.message()));
        forget_payload(panic.into_payload());
    }
}
