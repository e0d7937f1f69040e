//! Sockets: TCP listeners and streams, and the addresses they take; and any other fd that is to be waited for.

mod accept;
mod addr;
mod async_fd;
mod byte_stream;
mod bytes;
mod connect;
mod peer_cred;
mod pipe;
mod ready_guard;
mod split;
mod tcp_listener;
mod tcp_stream;
mod tcp_stream_traits;
mod transfer;
mod unix_addr;
mod unix_connect;
mod unix_listener;
mod unix_stream;

pub use accept::Accept;
pub use addr::{Resolve, ToSocketAddrs};
pub use async_fd::{AsyncFd, Readable, Writable};
pub use connect::Connect;
pub use peer_cred::PeerCred;
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use ready_guard::{ReadyGuard, WouldBlock};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Bind, TcpListener};
pub use tcp_stream::TcpStream;
pub use transfer::{Peek, Read, ReadExact, ReadVectored, Write, WriteAll, WriteVectored};
pub use unix_connect::UnixConnect;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
