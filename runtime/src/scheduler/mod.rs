//! The scheduler: who runs which task, who sleeps, who is woken.

pub(crate) mod blocking;
pub(crate) mod config;
#[allow(unsafe_code)]
pub(crate) mod context;
mod counter;
mod deadlock_watch;
mod ending;
#[allow(unsafe_code)]
mod fork;
mod idle;
#[allow(unsafe_code)]
mod injector;
pub(crate) mod lookups;
mod next_slot;
mod pace;
pub(crate) mod phase;
mod probe;
mod remote;
pub(crate) mod report;
mod rescue;
mod resolve;
#[cfg(raddle_ring)]
#[allow(unsafe_code)]
mod ring;
mod run_queue;
mod search;
pub(crate) mod shared;
mod starts;
mod threads;
mod turn;
mod watchdog;
#[allow(unsafe_code)]
pub(crate) mod worker;
