//! What a signal does to a program that does not handle it.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;

use super::number::Signal;

/// Whether the signal is at its default action: nobody handles or ignores it.
pub(crate) fn is_default(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null new action only asks, and the old one is written where there is room for it.
    unsafe {
        libc::sigaction(signal.as_raw(), ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_DFL
    }
}

/// Lets the signal do what it does by default, to this process, now. Returns where that is nothing, or a stop that is
/// over; then whoever handled the signal handles it again.
pub(crate) fn raise_default(signal: Signal) {
    // SAFETY: all zeroes are a valid action: the default one, no flags, an empty mask. The sets are initialised before
    // they are used, and every pointer is to a local of the right type.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let mut before = MaybeUninit::<libc::sigaction>::uninit();
        if libc::sigaction(signal.as_raw(), &raw const default, before.as_mut_ptr()) != 0 {
            return;
        }
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal.as_raw());
        let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), mask.as_mut_ptr());
        libc::raise(signal.as_raw());
        libc::pthread_sigmask(libc::SIG_SETMASK, mask.as_ptr(), ptr::null_mut());
        libc::sigaction(signal.as_raw(), before.as_ptr(), ptr::null_mut());
    }
}
