//! The scheduler: who runs which task, who sleeps, who is woken.

pub(crate) mod blocking;
pub(crate) mod config;
#[allow(unsafe_code)]
pub(crate) mod context;
mod counter;
mod deadlock_watch;
mod ending;
#[allow(unsafe_code)]
mod envelope;
#[allow(unsafe_code)]
mod fork;
pub(crate) mod histogram;
mod idle;
#[allow(unsafe_code)]
mod injector;
pub(crate) mod lookups;
mod next_slot;
mod pace;
pub(crate) mod phase;
mod probe;
pub(crate) mod remote;
pub(crate) mod report;
mod rescue;
mod rescue_calls;
mod resolve;
#[cfg(raddle_ring)]
#[allow(unsafe_code)]
mod ring;
mod run_queue;
pub(crate) mod samples;
mod search;
pub(crate) mod shared;
mod slow_poll;
mod spare_watch;
pub(crate) mod spares;
mod starts;
mod threads;
mod turn;
mod virtual_park;
mod virtual_time;
mod watchdog;
#[allow(unsafe_code)]
pub(crate) mod worker;
