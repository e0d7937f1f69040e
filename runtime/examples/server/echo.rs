//! What an echo server does with a connection.

use std::io;

use raddle::TcpStream;

/// Sends back what comes, until it ends.
pub(crate) async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // A client that does not read keeps this task waiting, and no other.
        stream.write_all(&buffer[..length]).await?;
    }
}
