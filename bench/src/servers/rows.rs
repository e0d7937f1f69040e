//! The table of rows: which server under which load.

use super::client::Client;
use super::contender::Kind;

/// One server under one load.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) client: Client,
}

/// Every row.
pub(crate) fn all() -> Vec<Row> {
    let row = |name: &str, kind, client| Row { name: name.into(), kind, client };
    vec![
        row("resp_c1", Kind::Kv, Client::RedisBenchmark { connections: 1, pipeline: 1, per_second: 8_000 }),
        row("resp_c64", Kind::Kv, Client::RedisBenchmark { connections: 64, pipeline: 1, per_second: 16_000 }),
        row("resp_p16", Kind::Kv, Client::RedisBenchmark { connections: 64, pipeline: 16, per_second: 100_000 }),
        http(1),
        http(64),
        http(512),
        axum(1),
        axum(64),
        axum(512),
        row("echo_1", Kind::Echo, Client::Load { connections: 1, reconnect: false }),
        row("echo_64", Kind::Echo, Client::Load { connections: 64, reconnect: false }),
        row("churn", Kind::Echo, Client::Load { connections: 8, reconnect: true }),
    ]
}

/// The HTTP server with so many connections.
pub(crate) fn http(connections: usize) -> Row {
    Row { name: format!("http_c{connections}"), kind: Kind::Http, client: Client::Wrk { connections } }
}

/// The server with axum's router, whose HTTP is hyper's.
fn axum(connections: usize) -> Row {
    Row { name: format!("axum_c{connections}"), kind: Kind::Axum, client: Client::Wrk { connections } }
}
