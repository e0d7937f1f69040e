//! A crowd of connections of a worker that gets stuck: each says one word during the stall. How long does it wait for its
//! answer?

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale, millis, percentile};

/// They speak when the stall has lasted for so long, so that it is not its beginning that is measured.
const BEGINNING: Duration = Duration::from_millis(10);
/// A stall ends when all have spoken; where nobody is served during it, after this.
const LONGEST: Duration = Duration::from_millis(300);

/// The ninth tenth and the maximum in ms of the delays. The tasks of the connections are children of the one that blocks, so
/// that half of them or more are its worker's.
pub fn first_words<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let count = scale.of(100, 50);
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
    let addresses: Vec<SocketAddr> =
        listeners.iter().map(|listener| listener.local_addr().expect("a bound listener has an address")).collect();
    let (stuck, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let client = thread::spawn({
        let (stuck, over) = (stuck.clone(), over.clone());
        move || speak(&addresses, &stuck, &over)
    });
    engine.in_task(async move {
        let connections: Vec<_> = listeners.into_iter().map(|listener| E::spawn(echo::<E>(listener))).collect();
        E::sleep(BEGINNING).await;
        stuck.store(true, Ordering::Release);
        let begun = Instant::now();
        while !over.load(Ordering::Acquire) && begun.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(1));
        }
        for connection in connections {
            connection.await;
        }
    });
    let mut delays = client.join().expect("a client does not panic");
    Sample { values: [0.9, 1.0].map(|share| percentile(&mut delays, share)).into(), operations: delays.len() }
}

fn speak(addresses: &[SocketAddr], stuck: &AtomicBool, over: &AtomicBool) -> Vec<f64> {
    let mut streams: Vec<TcpStream> =
        addresses.iter().map(|address| TcpStream::connect(address).expect("the listener listens")).collect();
    while !stuck.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(BEGINNING);
    let mut delays = Vec::new();
    for stream in &mut streams {
        let asked = Instant::now();
        stream.write_all(b"w").expect("the server lives");
        stream.read_exact(&mut [0]).expect("the server answers");
        delays.push(millis(asked.elapsed()));
        // So that the server's threads sleep, as with clients that speak rarely.
        thread::sleep(Duration::from_micros(300));
    }
    over.store(true, Ordering::Release);
    delays
}

async fn echo<E: Engine>(listener: TcpListener) {
    let mut stream = E::accept(listener).await.expect("a client comes");
    let mut byte = [0];
    while E::read(&mut stream, &mut byte).await.expect("the client lives") == 1 {
        E::write_all(&mut stream, &byte).await.expect("the client reads");
    }
}
