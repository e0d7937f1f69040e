//! asyncio's face: what a user calls.

pub(crate) mod as_completed;
pub(crate) mod ask;
mod asker;
pub(crate) mod background;
mod block_on;
mod bounds;
pub(crate) mod call_graph;
mod call_graph_text;
pub(crate) mod callbacks;
pub(crate) mod cancel_scope;
pub(crate) mod context_var;
pub(crate) mod deadline;
pub(crate) mod deadlock;
pub(crate) mod defer;
mod ends;
pub(crate) mod finally;
mod frame;
#[allow(unsafe_code)]
pub(crate) mod gather;
pub(crate) mod group;
pub(crate) mod group_child;
pub(crate) mod group_error;
pub(crate) mod group_start;
pub(crate) mod handle;
pub(crate) mod histogram;
pub(crate) mod inspect;
mod inspection_folder;
pub(crate) mod inspector;
mod interrupt;
mod json;
pub(crate) mod metrics;
mod prometheus;
pub(crate) mod protect;
#[allow(unsafe_code)]
pub(crate) mod race;
pub(crate) mod run_error;
#[allow(unsafe_code)]
pub(crate) mod runner;
mod runner_options;
pub(crate) mod scoped;
pub(crate) mod shield;
mod shutdown;
#[allow(unsafe_code)]
pub(crate) mod spawn;
pub(crate) mod spawn_reported;
pub(crate) mod stop;
mod summary;
pub(crate) mod task;
pub(crate) mod task_context;
pub(crate) mod timeout;
pub(crate) mod to_thread;
#[allow(unsafe_code)]
pub(crate) mod try_gather;
mod turns;
pub(crate) mod wait;
pub(crate) mod with;
mod workers;
pub(crate) mod yield_now;
