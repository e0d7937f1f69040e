//! Serving, and timeouts, for services of tower: axum's `Router` and the like, with the feature `tower`.
//!
//! # Examples
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! use raddle::{TcpListener, TcpStream, promise, serve};
//!
//! raddle::run(async {
//!     let router = Router::new().route("/", get(|| async { "hello" }));
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let (stop, stopped) = promise();
//!     let server = raddle::create_task(serve(listener, router).graceful(stopped));
//!
//!     let mut client = TcpStream::connect(address).await?;
//!     client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
//!     let mut answer = [0; 15];
//!     client.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"HTTP/1.1 200 OK");
//!
//!     let _ = stop.set(());
//!     server.await.unwrap()
//! }).unwrap();
//! ```

pub use super::connection::ConnectionError;
pub use super::http_service::HttpService;
pub use super::listener::Listener;
pub use super::serve::{Serve, Serving, serve};
pub use super::timeout_layer::{Timeout, TimeoutLayer, TimeoutResponse};
#[cfg(feature = "tls")]
pub use super::tls_listener::{TlsConnection, TlsListener};
