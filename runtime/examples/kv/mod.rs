//! A store that speaks RESP2, without its sockets: whoever has some can serve it, on any runtime.
//!
//! ```text
//!   session                              bytes in, bytes out
//!   hear    client > commands            what is waited for; a client; the table of commands
//!           connection strings counters keys lists channels
//!   resp > inline      reply             the protocol
//!   hub > outbox       store > shard     the state
//! ```

mod channels;
mod client;
mod commands;
mod connection;
mod counters;
pub(crate) mod hear;
mod hub;
mod inline;
mod keys;
mod lists;
mod outbox;
mod reply;
pub(crate) mod resp;
pub(crate) mod session;
mod shard;
mod store;
mod strings;

pub(crate) use client::Shared;
