//! What hyper asks a runtime for, with the feature `hyper`: an executor, a timer, and I/O.
//!
//! [`TcpStream`](crate::TcpStream) implements hyper's `Read` and `Write` itself, so that it is given to hyper as it is.
//!
//! # Examples
//! ```
//! use std::convert::Infallible;
//! use hyper::body::Incoming;
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use raddle::{HyperTimer, TcpListener, TcpStream, create_task};
//!
//! async fn hello(_request: Request<Incoming>) -> Result<Response<String>, Infallible> {
//!     Ok(Response::new("hello".to_owned()))
//! }
//!
//! raddle::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let mut client = TcpStream::connect(listener.local_addr()?).await?;
//!     let (stream, _peer) = listener.accept().await?;
//!     let server = create_task(http1::Builder::new().timer(HyperTimer::new()).serve_connection(stream, service_fn(hello)));
//!     client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
//!     let mut answer = [0; 12];
//!     client.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"HTTP/1.1 200");
//!     drop(client);
//!     let _ = server.await;
//!     std::io::Result::Ok(())
//! }).unwrap();
//! ```

pub use super::futures_io::FuturesIo;
pub use super::hyper_executor::HyperExecutor;
pub use super::hyper_timer::HyperTimer;
