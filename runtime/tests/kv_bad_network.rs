//! Promises of the example `kv_server` behind a network that delays, splits, truncates and resets: what is answered has
//! been done, in order and once; whatever becomes of connections, others are served, and none is left at the end.

mod common;
#[path = "../examples/server/goodbye.rs"]
mod goodbye;
#[allow(dead_code, reason = "the twin in the bench uses the rest")]
#[path = "../examples/kv/mod.rs"]
mod kv;
#[path = "../../bench/src/chaos/pipe.rs"]
mod pipe;
#[path = "../../bench/src/chaos/plan.rs"]
mod plan;
#[path = "../../bench/src/chaos/proxy.rs"]
mod proxy;
#[path = "../examples/kv/serve.rs"]
mod serve;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::{runner, watch_for};
use plan::Chaos;
use raddle::{TcpListener, TcpStream, create_task, gather};

/// How often each client counts on one connection.
const COUNTS: usize = 2000;
const CLIENTS: usize = 40;

/// Counts through the proxy until the connection ends, and returns what came back.
async fn count_through(proxy: SocketAddr, number: usize) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(proxy).await?;
    let command = format!("*2\r\n$4\r\nINCR\r\n$8\r\ncount-{number:02}\r\n");
    let commands = format!("{}QUIT\r\n", command.repeat(COUNTS));
    let (reader, mut writer) = stream.into_split();
    let sending = async {
        // A connection that ends badly ends this, too.
        _ = writer.write_all(commands.as_bytes()).await;
        writer
    };
    let reading = async {
        let (mut answers, mut buffer) = (Vec::new(), [0; 1000]);
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            answers.extend_from_slice(&buffer[..length]);
        }
        answers
    };
    let (_writer, answers) = gather((sending, reading)).await;
    Ok(answers)
}

fn survives(chaos: Chaos) -> usize {
    let _watch = watch_for(Duration::from_secs(120));
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = create_task(serve::serve(listener, kv::Shared::new()));
        let bad = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bad_addr = bad.local_addr().unwrap();
        let network = create_task(proxy::proxy(bad, addr.to_string(), chaos));
        let counting = gather((0..CLIENTS).map(|number| create_task(count_through(bad_addr, number)))).await;

        let expected: String = (1..=COUNTS).map(|n| format!(":{n}\r\n")).chain(["+OK\r\n".into()]).collect();
        let mut direct = TcpStream::connect(addr).await.unwrap();
        let mut whole = 0;
        for (number, answers) in counting.into_iter().enumerate() {
            let answers = answers.unwrap().unwrap();
            let text = String::from_utf8(answers).unwrap();
            assert!(expected.starts_with(&text), "client {number}, seed {}: {text:?}", chaos.seed);
            whole += usize::from(text == expected);
            direct.write_all(format!("INCRBY count-{number:02} 0\r\n").as_bytes()).await.unwrap();
            let mut buffer = [0; 64];
            let length = direct.read(&mut buffer).await.unwrap();
            let counted: usize = std::str::from_utf8(&buffer[1..length]).unwrap().trim_end().parse().unwrap();
            let answered = text.matches(':').count().saturating_sub(usize::from(!text.ends_with('\n')));
            assert!(
                (answered..=COUNTS).contains(&counted),
                "client {number}: {answered} answers, counted to {counted}"
            );
        }
        // What the network ruined is gone; what it has left open ends with the server.
        drop(network);
        server.stop();
        drop(direct);
        server.await.unwrap();
        whole
    })
}

#[test]
fn a_slow_and_crumbling_network_loses_nothing() {
    let whole = survives(Chaos { faults: 0, delay: Duration::from_millis(1), ..Chaos::seeded(1) });
    assert_eq!(whole, CLIENTS);
}

#[test]
fn broken_connections_harm_nobody_else() {
    for seed in 1..=5 {
        let whole = survives(Chaos { faults: 40, delay: Duration::from_millis(1), ..Chaos::seeded(seed) });
        assert!(0 < whole && whole < CLIENTS, "seed {seed}: {whole} of {CLIENTS} came through");
    }
}
