//! A task that blocks its worker for 20 ms: what becomes of its children, its timer and its connection?

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale, millis};

const BLOCKED: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(1);

/// The mean delay in ms from the creation to the start of `CHILDREN` children, whose parent blocks right after it has
/// created them.
pub fn parent<E: Engine, const CHILDREN: usize>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(5, 2);
    engine.in_task(async move {
        let mut delays = Vec::new();
        for _ in 0..rounds {
            delays.extend(children_of_blocked::<E>(CHILDREN).await);
            // Both runtimes come to rest, so that every round begins alike.
            E::sleep(TICK).await;
        }
        mean(&delays)
    })
}

/// The same as the very first thing that a new runtime does.
pub fn first_parent<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let (recipe, rounds) = (engine.recipe(), scale.of(3, 1));
    let thread = thread::spawn(move || {
        let delays: Vec<_> = (0..rounds)
            .flat_map(|_| E::build(recipe).in_main(async { E::spawn(children_of_blocked::<E>(2)).await }))
            .collect();
        mean(&delays)
    });
    thread.join().expect("the parent does not panic")
}

fn mean(delays: &[f64]) -> Sample {
    Sample { values: vec![delays.iter().sum::<f64>() / delays.len() as f64], operations: delays.len() }
}

async fn children_of_blocked<E: Engine>(count: usize) -> Vec<f64> {
    let children: Vec<_> = (0..count)
        .map(|_| {
            let created = Instant::now();
            E::spawn(async move { millis(created.elapsed()) })
        })
        .collect();
    thread::sleep(BLOCKED);
    let mut delays = Vec::with_capacity(count);
    for child in children {
        delays.push(child.await);
    }
    delays
}

/// The largest lateness in ms of a 1 ms timer, whose worker is blocked by a task that the timer's task has created.
pub fn timer<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(10, 4);
    engine.in_task(async move {
        let mut worst = Duration::ZERO;
        for _ in 0..rounds {
            let hog = E::spawn(async { thread::sleep(BLOCKED) });
            let deadline = Instant::now() + TICK;
            E::sleep(TICK).await;
            worst = worst.max(Instant::now() - deadline);
            hog.await;
            E::sleep(TICK).await;
        }
        Sample { values: vec![millis(worst)], operations: rounds }
    })
}

/// The largest round trip in ms over a connection, whose worker is blocked by a task that the connection's task has
/// created. The client is a plain thread: byte `h` asks for the answer and then a hog, `e` for the answer alone.
pub fn connection<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(10, 4);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let hogs = Arc::new(AtomicUsize::new(0));
    let server = serve::<E>(listener, hogs.clone());
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("the listener listens");
        stream.set_nodelay(true).expect("a connected socket");
        let mut worst = Duration::ZERO;
        for _ in 0..rounds {
            round_trip(&mut stream, b'h');
            // The hog has begun by now.
            thread::sleep(TICK);
            worst = worst.max(round_trip(&mut stream, b'e'));
            thread::sleep(BLOCKED);
        }
        worst
    });
    engine.in_task(server);
    let worst = client.join().expect("the server answers");
    Sample { values: vec![millis(worst)], operations: hogs.load(Ordering::Relaxed) }
}

fn round_trip(stream: &mut TcpStream, byte: u8) -> Duration {
    let start = Instant::now();
    stream.write_all(&[byte]).expect("the server lives");
    stream.read_exact(&mut [0]).expect("the server answers");
    start.elapsed()
}

async fn serve<E: Engine>(listener: TcpListener, hogs: Arc<AtomicUsize>) {
    let mut stream = E::accept(listener).await.expect("a client comes");
    let mut byte = [0];
    while E::read(&mut stream, &mut byte).await.expect("the client lives") == 1 {
        E::write_all(&mut stream, &byte).await.expect("the client reads");
        if byte == *b"h" {
            hogs.fetch_add(1, Ordering::Relaxed);
            drop(E::spawn(async { thread::sleep(BLOCKED) }));
        }
    }
}
