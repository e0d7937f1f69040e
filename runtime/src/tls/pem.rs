//! Configurations of PEM files.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// How a server shows who it is: its certificate, followed by those up to the authority's, and the certificate's key,
/// both in PEM. It asks clients for none.
///
/// `alpn` are the protocols that it speaks, the best first: `["h2", "http/1.1"]`. If it names some, a client that speaks
/// none of them is refused; with none named nobody is asked.
///
/// # Errors
/// `InvalidInput`, with what is wrong with the PEM: there is none of the kind, it is damaged, or the key does not fit.
///
/// # Examples
/// ```
/// let error = raddle::tls::server_config_from_pem("no PEM", "no PEM", &[]).unwrap_err();
/// assert!(error.to_string().contains("no certificate"), "{error}");
/// ```
pub fn server_config_from_pem(
    chain: impl AsRef<[u8]>,
    key: impl AsRef<[u8]>,
    alpn: &[&str],
) -> io::Result<Arc<ServerConfig>> {
    let chain = certificates("the certificate chain", chain.as_ref())?;
    let key = PrivateKeyDer::from_pem_slice(key.as_ref()).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            let expected = r#"expected "-----BEGIN PRIVATE KEY-----" of PKCS #8, or that of an RSA or EC key"#;
            wrong("the key", format!("no private key in the PEM: {expected}"))
        }
        error => wrong("the key", error),
    })?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong("the server", error))?.with_no_client_auth();
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| wrong("the certificate chain and its key", error))?;
    config.alpn_protocols = protocols(alpn);
    Ok(Arc::new(config))
}

/// Whom a client trusts: servers with certificates of these authorities, in PEM. It shows none itself.
///
/// `alpn` are the protocols that it speaks, the best first, or none.
///
/// # Errors
/// `InvalidInput`, with what is wrong with the PEM.
///
/// # Examples
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let roots = std::fs::read("/etc/ssl/certs/ca-certificates.crt")?;
/// let config = raddle::tls::client_config_with_roots_pem(roots, &["http/1.1"])?;
/// # drop(config);
/// # Ok(())
/// # }
/// ```
pub fn client_config_with_roots_pem(roots: impl AsRef<[u8]>, alpn: &[&str]) -> io::Result<Arc<ClientConfig>> {
    let mut store = RootCertStore::empty();
    for (index, root) in certificates("the roots", roots.as_ref())?.into_iter().enumerate() {
        store.add(root).map_err(|error| wrong("the roots", format!("certificate {}: {error}", index + 1)))?;
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong("the client", error))?;
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = protocols(alpn);
    Ok(Arc::new(config))
}

fn certificates(of: &str, pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        found.push(certificate.map_err(|error| wrong(of, format!("certificate {}: {error}", found.len() + 1)))?);
    }
    if found.is_empty() {
        return Err(wrong(of, r#"no certificate in the PEM: expected "-----BEGIN CERTIFICATE-----""#));
    }
    Ok(found)
}

fn wrong(of: &str, error: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{of} cannot be used: {error}"))
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Named, and not the process's default: that may be another's, or nobody's if a dependency brings a second one along.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
