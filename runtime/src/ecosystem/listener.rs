//! What connections come from.

use std::fmt::Debug;
use std::future::Future;
use std::io;

use ::hyper::rt::{Read, Write};
use raddle_io::net::{TcpListener, TcpStream};

/// Something that [`serve`](super::tower::serve) takes connections from.
pub trait Listener: Send + Sync + 'static {
    /// A connection.
    type Connection: Read + Write + Unpin + Send + 'static;

    /// Who is at its other end, for the text of errors.
    type Peer: Debug + Send + 'static;

    /// Waits for the next connection. What takes long, such as a TLS handshake, belongs into the first read of the
    /// connection: the next one waits for this.
    ///
    /// # Errors
    /// Those of `InvalidInput` end the server. After others it tries again, soon and then less soon.
    ///
    /// # Cancel safety
    /// A future that is dropped must not have taken a connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Connection, Self::Peer)>> + Send;
}

impl Listener for TcpListener {
    type Connection = TcpStream;
    type Peer = std::net::SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, std::net::SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // An answer is written in one go, and its last bytes must not wait for the client's acknowledgement. A
        // connection that is gone already will say so when it is read.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }
}
