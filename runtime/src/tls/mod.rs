//! TLS for [streams](crate::streams): rustls, and the shortest ways to its configurations. With the feature `tls`.
//!
//! [`open_connection(..).tls(..)`](crate::OpenConnection::tls) and [`start_server(..).tls(..)`](crate::StartServer::tls)
//! take rustls's own configurations, so whatever it offers can be used. The functions here make the usual ones, of PEM
//! files. The cryptography is ring's. Which certificates a client trusts is always said: there is no default.
//!
//! A connection is closed by a `close_notify` behind the last bytes, and the peer's answer is waited for, up to
//! `tls_shutdown_timeout`. One whose socket ends without a `close_notify` was cut by somebody: its reader gets
//! `UnexpectedEof`, and not the end of the stream. [`shutdown_write`](crate::StreamWriter::shutdown_write) closes one
//! direction alone, as far as the peer goes along: rustls and OpenSSL do.
//!
//! # Examples
//! ```
//! use raddle::{open_connection, start_server, tls};
//!
//! # let (chain, key, roots) = (
//! #     include_bytes!("../../tests/tls_support/leaf.pem"),
//! #     include_bytes!("../../tests/tls_support/leaf.key"),
//! #     include_bytes!("../../tests/tls_support/ca.pem"),
//! # );
//! raddle::run(async {
//!     let config = tls::server_config_from_pem(chain, key, &["greeting"])?;
//!     let server = start_server("localhost:0", async |_, mut writer| writer.write(b"hello")).tls(config).await?;
//!
//!     let config = tls::client_config_with_roots_pem(roots, &["greeting"])?;
//!     let address = ("localhost", server.local_addrs()[0].port());
//!     let (mut reader, writer) = open_connection(address).tls(config).await?;
//!     assert_eq!(writer.alpn_protocol().as_deref(), Some(&b"greeting"[..]));
//!     assert_eq!(reader.read_to_end().await?, "hello");
//!     Ok::<_, std::io::Error>(())
//! })
//! .unwrap();
//! ```

mod pem;

pub use pem::{client_config_with_roots_pem, server_config_from_pem};
#[doc(no_inline)]
pub use rustls;

#[doc(no_inline)]
pub use crate::streams::{StartTls, StartingTls, TlsSide, start_tls};
