//! Hostile clients by the hundred, the servers that they are let loose on, and a client that is served all the while.
//!
//! ```text
//!   assault > attack > wire        good          many attackers and what they cost; a client that behaves
//!   assault > target > products > counting       a server in a process of its own, and what it holds
//!   http    others                               the attacks
//! ```
//!
//! Attackers are plain blocking sockets in the test's process, the server is alone in its own: what that process holds
//! is what the clients cost.

pub(crate) mod assault;
pub(crate) mod attack;
pub(crate) mod counting;
mod good;
pub(crate) mod http;
pub(crate) mod others;
pub(crate) mod products;
pub(crate) mod target;
mod wire;
