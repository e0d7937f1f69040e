//! Tasks as data: the state word, the header, the memory they live in. What polls them is in `harness`.

#[cfg(not(raddle_malloc))]
#[allow(unsafe_code)]
pub(crate) mod arena;
#[cfg(raddle_malloc)]
#[allow(unsafe_code)]
#[path = "arena_malloc.rs"]
pub(crate) mod arena;
#[cfg(not(raddle_malloc))]
#[allow(unsafe_code)]
mod chunk;
pub(crate) mod error;
#[allow(unsafe_code)]
pub(crate) mod header;
pub(crate) mod held_context;
pub(crate) mod id;
#[allow(unsafe_code)]
pub(crate) mod join;
#[allow(unsafe_code)]
pub(crate) mod remote_free;
pub(crate) mod side;
pub(crate) mod size_class;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod variables;
pub(crate) mod wait_info;
pub(crate) mod waiting;
