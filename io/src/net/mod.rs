//! Sockets of all kinds, and the addresses they take; and any other fd that is to be waited for.

mod accept;
mod addr;
mod async_fd;
mod byte_stream;
mod bytes;
mod connect;
#[cfg(feature = "hyper")]
mod hyper_traits;
mod pause;
mod peer_cred;
mod pipe;
mod poll_into;
mod ready_guard;
mod returned;
mod split;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod tcp_stream_traits;
#[cfg(feature = "tokio")]
mod tokio_traits;
mod transfer;
mod udp_futures;
mod udp_options;
mod udp_socket;
#[cfg(any(feature = "hyper", feature = "tokio"))]
mod uninit;
mod unix_addr;
mod unix_connect;
mod unix_datagram;
mod unix_datagram_transfer;
mod unix_listener;
mod unix_stream;
mod whole;

pub use accept::Accept;
pub use addr::{Resolve, ToSocketAddrs, lookup_host};
pub use async_fd::{AsyncFd, Readable, Writable};
pub use connect::Connect;
pub use peer_cred::PeerCred;
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use ready_guard::{ReadyGuard, WouldBlock};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Bind, TcpListener};
pub use tcp_socket::{ConnectSocket, TcpSocket};
pub use tcp_stream::TcpStream;
pub use transfer::{Peek, Read, ReadVectored, Write, WriteVectored};
pub use udp_futures::{UdpBind, UdpConnect, UdpPeek, UdpPeekFrom, UdpRecv, UdpRecvFrom, UdpSend, UdpSendTo};
pub use udp_socket::UdpSocket;
pub use unix_connect::UnixConnect;
pub use unix_datagram::UnixDatagram;
pub use unix_datagram_transfer::{UnixRecv, UnixRecvFrom, UnixSend, UnixSendTo};
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
pub use whole::{ReadExact, WriteAll};
