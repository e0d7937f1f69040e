//! The system's table of handlers: one action per signal and process.
//!
//! Others have handlers, too. What was there before ours is remembered and called after ours, so that it sees every
//! signal. Who comes after us and remembers ours does the same; then ours is no longer the one in the system's table
//! and must stay where it is: put in again, it would call the other one, which calls ours, and so on. So ours is put
//! back only where it is on top, and put in again only where nobody can be calling it: nothing is in the table but the
//! default or "ignore".
//!
//! (A crate exists for this, signal-hook-registry. It never puts anything back: with it, a program that has once waited
//! for Ctrl-C can never again be ended by it, and if its handler is replaced by hand, those who use the crate later go
//! without one.)

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;

use libc::{SA_ONSTACK, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN, c_int, c_void, sigaction, siginfo_t};

use super::number::Signal;
use super::table;
use crate::shim::atomic::{AtomicPtr, Ordering};

/// What was there before ours, by signal; null where ours was never installed. Read by the handler, so what it points
/// to stays for ever; it is made anew only where another action is found.
static FORMER: [AtomicPtr<sigaction>; table::SIGNALS] = [const { AtomicPtr::new(ptr::null_mut()) }; table::SIGNALS];

/// Where our handler is. The table keeps it under its lock.
pub(super) struct Actions {
    installed: [bool; table::SIGNALS],
}

impl Actions {
    pub(super) const fn new() -> Actions {
        Actions { installed: [false; table::SIGNALS] }
    }

    /// Installs our handler, unless it is there.
    pub(super) fn install(&mut self, signal: Signal) -> io::Result<()> {
        let index = table::index(signal);
        let former = current(signal)?;
        let is_called = is_ours(&former) || self.installed[index] && !is_plain(&former);
        if !is_called {
            // Before the handler can run. Who replaces the action between these lines is called no more than in any
            // program whose threads install handlers at once.
            remember(index, former);
            replace(signal, &our_action())?;
        }
        self.installed[index] = true;
        Ok(())
    }

    /// Puts back what was there before.
    pub(super) fn restore(&mut self, signal: Signal) {
        let index = table::index(signal);
        if !self.installed[index] || !current(signal).is_ok_and(|action| is_ours(&action)) {
            return;
        }
        if let Some(former) = former(index) {
            // An error would mean that the system does not know the action that it gave us.
            let _ = replace(signal, former);
            self.installed[index] = false;
        }
    }

    /// Whether the signal has its default action, but for us.
    pub(super) fn is_default(&self, signal: Signal) -> bool {
        let Ok(action) = current(signal) else { return false };
        let before_us = if is_ours(&action) { former(table::index(signal)) } else { Some(&action) };
        before_us.is_some_and(|action| action.sa_sigaction == SIG_DFL)
    }
}

/// Ends the process the way the signal does, so that whoever started it sees why: 128 + its number in a shell.
pub(crate) fn end_process(signal: Signal) -> ! {
    let _ = replace(signal, &default_action());
    // A process that is killed loses what it has printed of a line. If this hangs, the signal ends it from now on.
    let _ = io::stdout().flush();
    // SAFETY: an all-zero set is valid memory for `sigemptyset` to write to, and from then on a set; `raise` has no
    // preconditions.
    unsafe {
        let mut only = MaybeUninit::zeroed().assume_init();
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal.as_raw());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, ptr::null_mut());
        libc::raise(signal.as_raw());
    }
    // The first process of a container is spared by the system.
    std::process::exit(128 + signal.as_raw())
}

/// Our handler. It interrupts a thread in the middle of anything: no lock, no allocation, no panic.
extern "C" fn on_signal(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // Our part leaves `errno` alone: rustix asks the system directly.
    table::note(number);
    let Some(former) = usize::try_from(number).ok().and_then(former) else { return };
    if is_plain(former) {
        return;
    }
    let handler = ptr::with_exposed_provenance::<()>(former.sa_sigaction);
    if former.sa_flags & SA_SIGINFO != 0 {
        // SAFETY: an action with SA_SIGINFO that is neither SIG_DFL nor SIG_IGN is a function of this type.
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = unsafe { std::mem::transmute(handler) };
        handler(number, info, context);
    } else {
        // SAFETY: and without SA_SIGINFO of this one.
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
        handler(number);
    }
}

/// Neither we nor anybody else is called.
fn is_plain(action: &sigaction) -> bool {
    matches!(action.sa_sigaction, SIG_DFL | SIG_IGN)
}

fn is_ours(action: &sigaction) -> bool {
    action.sa_sigaction == our_action().sa_sigaction
}

fn our_action() -> sigaction {
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_signal;
    sigaction {
        sa_sigaction: (handler as *const ()).expose_provenance(),
        // System calls of threads that know nothing of us are not disturbed.
        sa_flags: SA_SIGINFO | SA_RESTART | SA_ONSTACK,
        ..default_action()
    }
}

fn default_action() -> sigaction {
    // SAFETY: all zeros are a valid action: SIG_DFL, no flags, nothing blocked meanwhile.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn former(index: usize) -> Option<&'static sigaction> {
    // Acquire: pairs with the Release in `remember`.
    let action = FORMER.get(index)?.load(Ordering::Acquire);
    // SAFETY: null, or leaked by `remember`.
    unsafe { action.as_ref() }
}

fn remember(index: usize, action: sigaction) {
    // The C library adds a flag of its own to what it puts back; for an action without a handler flags mean nothing.
    let is_same = |known: &sigaction| {
        known.sa_sigaction == action.sa_sigaction && (is_plain(&action) || known.sa_flags == action.sa_flags)
    };
    let is_known = former(index).is_some_and(is_same);
    if !is_known {
        // Release: pairs with the Acquire in `former`.
        FORMER[index].store(Box::leak(Box::new(action)), Ordering::Release);
    }
}

/// What is in the system's table.
fn current(signal: Signal) -> io::Result<sigaction> {
    let mut action = default_action();
    // SAFETY: no new action, and room for the present one.
    check(unsafe { libc::sigaction(signal.as_raw(), ptr::null(), &mut action) })?;
    Ok(action)
}

fn replace(signal: Signal, action: &sigaction) -> io::Result<()> {
    // SAFETY: the action is the default, or one that the system gave us, or ours, whose handler does nothing that a
    // handler must not do.
    check(unsafe { libc::sigaction(signal.as_raw(), action, ptr::null_mut()) })
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
