//! Sockets: TCP and UDP, and the addresses they take.

mod addr;
mod connect;
mod split;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod tcp_stream_traits;
mod transfer;
mod udp_futures;
mod udp_options;
mod udp_socket;

pub use addr::{Resolve, ToSocketAddrs, lookup_host};
pub use connect::Connect;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Accept, Bind, TcpListener};
pub use tcp_socket::{ConnectSocket, TcpSocket};
pub use tcp_stream::TcpStream;
pub use transfer::{Peek, Read, ReadExact, ReadVectored, Write, WriteAll, WriteVectored};
pub use udp_futures::{UdpBind, UdpConnect, UdpPeek, UdpPeekFrom, UdpRecv, UdpRecvFrom, UdpSend, UdpSendTo};
pub use udp_socket::UdpSocket;
