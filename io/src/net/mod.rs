//! Sockets: TCP listeners and streams, and the addresses they take.

mod addr;
mod connect;
#[cfg(feature = "hyper")]
mod hyper_traits;
mod poll_into;
mod split;
mod tcp_listener;
mod tcp_stream;
mod tcp_stream_traits;
#[cfg(feature = "tokio")]
mod tokio_traits;
mod transfer;
#[cfg(any(feature = "hyper", feature = "tokio"))]
mod uninit;

pub use addr::{Resolve, ToSocketAddrs};
pub use connect::Connect;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Accept, Bind, TcpListener};
pub use tcp_stream::TcpStream;
pub use transfer::{Peek, Read, ReadExact, ReadVectored, Write, WriteAll, WriteVectored};
