//! What `load` is told.

use crate::args::{count, value};

/// How to load which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) addr: String,
    pub(crate) connections: usize,
    /// The path of a page that is asked for over HTTP/1.1, from a server that does not echo.
    pub(crate) http: Option<String>,
    /// Bytes of a message.
    pub(crate) size: usize,
    /// Messages per second over all connections; `None`: as fast as they come back.
    pub(crate) rate: Option<usize>,
    pub(crate) seconds: usize,
    /// Further connections that do nothing.
    pub(crate) idle: usize,
    /// A new connection for each message.
    pub(crate) reconnect: bool,
    pub(crate) workers: usize,
    pub(crate) json: bool,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            addr: String::new(),
            connections: 1,
            http: None,
            size: 64,
            rate: None,
            seconds: 5,
            idle: 0,
            reconnect: false,
            workers: 1,
            json: false,
        }
    }
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Load, String> {
    let mut options = Load::default();
    while let Some(option) = args.next() {
        match option.as_str() {
            "--addr" => options.addr = value(&option, args)?,
            "--connections" => options.connections = count(&option, args)?,
            "--http" => options.http = Some(value(&option, args)?),
            "--size" => options.size = count(&option, args)?,
            "--rate" => options.rate = Some(count(&option, args)?),
            "--seconds" => options.seconds = count(&option, args)?,
            "--idle" => options.idle = count(&option, args)?,
            "--workers" => options.workers = count(&option, args)?,
            "--reconnect" => options.reconnect = true,
            "--json" => options.json = true,
            other => return Err(format!("unknown option `{other}` of load")),
        }
    }
    if options.addr.is_empty() { Err("load needs --addr HOST:PORT".into()) } else { Ok(options) }
}
