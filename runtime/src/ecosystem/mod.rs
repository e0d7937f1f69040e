//! Where other people's libraries meet raddle, each behind a feature of its own.
//!
//! ```text
//!   tower > serve > server > connection > requests > http_service        HTTP/1 and 2 for a tower service
//!                   server > listener, server_tasks, write_limit > requests       serve > tls_listener > listener: HTTPS
//!   tower > timeout_layer
//!   hyper > hyper_executor, hyper_timer, futures_io                       what hyper asks a runtime for
//!   tokio_context                                                         a tokio handle around each poll
//! ```
//!
//! Nothing below knows of this room, and nothing here has an entrance that users lack: these are users of raddle's own
//! tasks, sleeps and sockets. The sockets' side of the bargain, the traits, lives in raddle-io with the sockets.

#[cfg(feature = "tower")]
mod connection;
#[cfg(feature = "hyper")]
mod futures_io;
#[cfg(feature = "tower")]
mod http_service;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "hyper")]
mod hyper_executor;
#[cfg(feature = "hyper")]
mod hyper_timer;
#[cfg(feature = "tower")]
mod listener;
#[cfg(feature = "tower")]
mod requests;
#[cfg(feature = "tower")]
mod serve;
#[cfg(feature = "tower")]
mod server;
#[cfg(feature = "tower")]
mod server_tasks;
#[cfg(feature = "tower")]
mod timeout_layer;
#[cfg(all(feature = "tower", feature = "tls"))]
mod tls_listener;
#[cfg(feature = "tokio-context")]
pub(crate) mod tokio_context;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "tower")]
mod write_limit;
