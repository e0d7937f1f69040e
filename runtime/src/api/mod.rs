//! asyncio's face: what a user calls.

mod block_on;
pub(crate) mod callbacks;
pub(crate) mod defer;
pub(crate) mod finally;
mod frame;
#[allow(unsafe_code)]
pub(crate) mod gather;
pub(crate) mod group;
pub(crate) mod group_child;
pub(crate) mod group_error;
pub(crate) mod group_start;
pub(crate) mod handle;
pub(crate) mod inspect;
pub(crate) mod metrics;
pub(crate) mod protect;
#[allow(unsafe_code)]
pub(crate) mod runner;
mod shutdown;
#[allow(unsafe_code)]
pub(crate) mod spawn;
pub(crate) mod task;
pub(crate) mod timeout;
pub(crate) mod to_thread;
pub(crate) mod with;
pub(crate) mod yield_now;
