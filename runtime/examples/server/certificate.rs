//! `--tls`, or `--cert FILE --key FILE`: with which certificate to serve HTTPS.

use std::fs;
use std::io;

/// What is shown if no file is named: the certificate of the tests, for localhost.
const CERT: &[u8] = include_bytes!("../../tests/tls_support/leaf.pem");
const KEY: &[u8] = include_bytes!("../../tests/tls_support/leaf.key");

/// A certificate chain and its key, in PEM.
#[derive(Debug)]
pub(crate) enum Certificate {
    OfTheTests,
    Files { cert: String, key: String },
}

impl Certificate {
    /// Takes what is about TLS out of the arguments.
    pub(crate) fn take_from(args: &mut Vec<String>) -> Result<Option<Certificate>, String> {
        let (cert, key) = (value(args, "--cert")?, value(args, "--key")?);
        let before = args.len();
        args.retain(|arg| arg != "--tls");
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Certificate::Files { cert, key })),
            (None, None) => Ok((args.len() < before).then_some(Certificate::OfTheTests)),
            _ => Err("--cert FILE and --key FILE go together".to_owned()),
        }
    }

    pub(crate) fn read(&self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let read =
            |name: &str| fs::read(name).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")));
        match self {
            Certificate::OfTheTests => Ok((CERT.to_vec(), KEY.to_vec())),
            Certificate::Files { cert, key } => Ok((read(cert)?, read(key)?)),
        }
    }
}

fn value(args: &mut Vec<String>, option: &str) -> Result<Option<String>, String> {
    let Some(at) = args.iter().position(|arg| arg == option) else { return Ok(None) };
    if at + 1 == args.len() {
        return Err(format!("{option} needs a FILE"));
    }
    args.remove(at);
    Ok(Some(args.remove(at)))
}
