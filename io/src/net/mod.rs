//! Sockets: TCP listeners and streams, and the addresses they take.

mod addr;
mod connect;
mod poll_into;
mod split;
mod tcp_listener;
mod tcp_stream;
mod tcp_stream_traits;
mod transfer;

pub use addr::{Resolve, ToSocketAddrs};
pub use connect::Connect;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Accept, Bind, TcpListener};
pub use tcp_stream::TcpStream;
pub use transfer::{Peek, Read, ReadExact, ReadVectored, Write, WriteAll, WriteVectored};
