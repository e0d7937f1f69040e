//! asyncio's streams: connections that are read by the line, written without waiting, and served by a function.
//!
//! ```text
//!    open_connection, open_unix_connection          start_server, start_unix_server
//!                open                                server > accepting > listen
//!                    \                                 /        clients
//!        reader > reads > separators             writer > writer_futures
//!                    \                                 /
//!                      connection > flush > outgoing          start_tls, writer_tls
//!                              parting                            with the feature `tls`
//!                              transport > feed, tls > session
//! ```
//!
//! A connection is one transport behind two handles. The **reader** keeps what has arrived and nobody has taken: every
//! operation looks there first, fetches more until it has what it wants, and only then takes it out. So a read that is
//! dropped half way has taken nothing. Nothing is fetched ahead of a read that asks for it: the kernel's buffer is the
//! flow control, and a reader whose buffer is empty holds no memory.
//!
//! The **writer** never waits: it sends at once what the kernel takes, and keeps the rest. As long as there is a rest, a
//! task of the runtime sends it (`flush`), so bytes that were written leave also if nobody ever drains, if the writer is
//! closed or dropped, and while the runtime ends, within its grace. `drain` waits where too much is kept.

mod accepting;
mod clients;
mod connection;
mod failure;
mod feed;
mod flush;
mod listen;
mod open;
mod outgoing;
#[cfg(feature = "tls")]
mod parting;
mod read_error;
mod reader;
mod reads;
#[cfg(feature = "tls")]
mod records;
mod securing;
mod separators;
mod server;
#[cfg(feature = "tls")]
mod session;
#[cfg(feature = "tls")]
mod start_tls;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_builders;
#[cfg(feature = "tls")]
mod tls_options;
mod transport;
mod writer;
mod writer_futures;
#[cfg(feature = "tls")]
mod writer_tls;

pub use accepting::HandlerOutput;
pub use feed::Feeder;
pub use open::{OpenConnection, Opening, open_connection, open_unix_connection};
pub use read_error::ReadError;
pub use reader::StreamReader;
pub use reads::{Read, ReadExactly, ReadLine, ReadToEnd, ReadUntil};
pub use separators::Separators;
pub use server::{ServeForever, Server, ServerClosed, StartServer, Starting, start_server, start_unix_server};
#[cfg(all(feature = "tls", feature = "tower"))]
pub(crate) use start_tls::secure_accepted;
#[cfg(feature = "tls")]
pub use start_tls::{StartTls, StartingTls, start_tls};
#[cfg(feature = "tls")]
pub use tls_options::TlsSide;
pub use writer::StreamWriter;
pub use writer_futures::{Drain, WaitClosed};

/// Bytes that a reader looks through for a separator at most, unless it was told otherwise.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;
