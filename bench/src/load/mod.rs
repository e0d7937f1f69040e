//! Load for a TCP server that echoes: how long messages take, how many there are, and whether they come back intact. Or,
//! with `--http PATH`, for one that has a page.
//!
//! Without a rate each connection sends its next message when the last one is back, which measures what the server can
//! do. With a rate, messages have times at which they should leave, dealt to the connections in turn; latency counts
//! from there and not from when the message left. Otherwise a server that stands still for a second would delay
//! one message of each connection where its users would have sent thousands (coordinated omission). For the same reason
//! messages that were due and never came back count as well, with the time that they have been waited for at least.

mod connection;
mod options;
mod outcome;
mod page;
mod schedule;
mod tally;

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;

use raddle::{Instant, Runner, TcpStream, create_task, gather, sleep};

pub(crate) use self::options::{Load, parse};
use self::outcome::Outcome;
pub(crate) use self::outcome::{messages_in_json, p999_in_json};
use self::schedule::Schedule;
use self::tally::Tally;

/// How many connections are made at once.
const CONNECTING: usize = 64;

pub(crate) fn run(options: &Load) -> Result<(), String> {
    let outcome = Runner::new().workers(options.workers).run(measure(options))?;
    println!("{}", if options.json { outcome.json() } else { outcome.table() });
    match &outcome.first_error {
        None => Ok(()),
        Some(first) => Err(format!("{} errors, the first of them: {first}", outcome.errors)),
    }
}

/// Loads the server for as long as `options` say.
pub(crate) async fn measure(options: &Load) -> Result<Outcome, String> {
    let idle = connections(options, "idle ", options.idle).await?;
    // What each has from the beginning; who takes a new one for each message has none.
    let busy = if options.reconnect { 0 } else { options.connections };
    let mut busy = connections(options, "", busy).await?.into_iter();
    let tally = Arc::new(Tally::new());
    let start = Instant::now();
    let end = start + Duration::from_secs(options.seconds as u64);
    let connections: Vec<_> = (0..options.connections)
        .map(|number| {
            let schedule = options.rate.map(|rate| Schedule::new(start, rate, number, options.connections));
            let stream = busy.next();
            create_task(connection::run(options.clone(), number, stream, schedule, end, tally.clone()))
        })
        .collect();
    let progress = create_task(progress(tally.clone()));
    for ended in gather(connections).await {
        ended.map_err(|error| format!("a connection's task ended badly: {error}"))?;
    }
    progress.cancel();
    for stream in idle {
        if let Some(what) = disturbance(&stream) {
            tally.error(format!("an idle connection {what}"));
        }
    }
    Ok(Outcome::new(options, start.elapsed(), &tally))
}

/// So many connections, before anything is sent: what they take is in no figure.
async fn connections(options: &Load, what: &str, wanted: usize) -> Result<Vec<TcpStream>, String> {
    let mut streams = Vec::with_capacity(wanted);
    while streams.len() < wanted {
        let count = CONNECTING.min(wanted - streams.len());
        let connecting: Vec<_> = (0..count).map(|_| connection::connect(&options.addr)).collect();
        for connected in gather(connecting).await {
            let number = streams.len() + 1;
            streams.push(connected.map_err(|error| format!("{what}connection {number} of {wanted}: {error}"))?);
        }
    }
    Ok(streams)
}

/// What happened to a connection on which nothing should.
fn disturbance(stream: &TcpStream) -> Option<String> {
    match stream.try_read(&mut [0]) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(error) => Some(format!("failed: {error}")),
        Ok(0) => Some("was closed".into()),
        Ok(_) => Some("was sent something".into()),
    }
}

/// A line each second, for who sits in front of it.
async fn progress(tally: Arc<Tally>) {
    if !stderr().is_terminal() {
        return;
    }
    let mut before = 0;
    for second in 1.. {
        sleep(Duration::from_secs(1)).await;
        let (messages, errors) = tally.so_far();
        eprintln!("{second:4} s {:9} messages/s, {errors} errors", messages - before);
        before = messages;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raddle::{TcpListener, timeout};

    /// An echo server that spoils the message with this number, counted over all, if any.
    async fn serve(listener: TcpListener, spoiled: Option<usize>) {
        let (stream, _) = listener.accept().await.unwrap();
        create_task(async move {
            let (mut stream, mut buffer) = (stream, [0; 64]);
            for number in 0.. {
                if stream.read_exact(&mut buffer).await.is_err() {
                    return;
                }
                if spoiled == Some(number) {
                    buffer[63] ^= 1;
                }
                stream.write_all(&buffer).await.unwrap();
            }
        });
        std::future::pending().await
    }

    fn outcome_of(spoiled: Option<usize>, rate: Option<usize>) -> Outcome {
        Runner::new().workers(1).run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let options =
                Load { addr: listener.local_addr().unwrap().to_string(), seconds: 1, rate, ..Load::default() };
            create_task(serve(listener, spoiled)).detach();
            timeout(Duration::from_secs(60), measure(&options)).await.unwrap().unwrap()
        })
    }

    #[test]
    fn a_good_server_has_no_errors() {
        let outcome = outcome_of(None, None);
        assert_eq!((outcome.errors, outcome.first_error), (0, None));
        assert!(outcome.messages > 0);
    }

    #[test]
    fn a_rate_is_kept_and_nothing_due_is_left_out() {
        let outcome = outcome_of(None, Some(200));
        assert_eq!(outcome.errors, 0);
        assert_eq!(outcome.messages + outcome.unfinished, 200);
    }

    #[test]
    fn a_spoiled_message_is_noticed() {
        let outcome = outcome_of(Some(3), None);
        assert!(outcome.errors >= 1);
        assert!(outcome.first_error.unwrap().contains("byte 63"));
    }
}
