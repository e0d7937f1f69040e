//! Neighbours of tasks that block their workers again and again: how late is a 1 ms timer, how long is an echo under way?
//!
//! In a row `stall_long` one task holds its worker 50 ms out of every 60, asleep or busy, for half a minute. Beside that the
//! same hog runs on a thread of its own, which no runtime has to rescue anybody from: that is what the machine allows.
//! In `blocked_all` there are as many hogs as workers, and they leave them no time at all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale, millis, percentile};

const HELD: Duration = Duration::from_millis(50);
const LET_GO: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(1);

/// How a worker is held.
pub const SLEEP: u8 = 0;
pub const SPIN: u8 = 1;

/// Who is late.
pub const TIMER: u8 = 0;
pub const ECHO: u8 = 1;

/// Long enough for 3,000 delays behind a whole stall each.
fn long(scale: Scale) -> Duration {
    Duration::from_secs(scale.of(30, 2) as u64)
}

fn hold(how: u8) {
    if how == SLEEP {
        return thread::sleep(HELD);
    }
    let begun = Instant::now();
    while begun.elapsed() < HELD {
        std::hint::spin_loop();
    }
}

/// Median, p99.9 and maximum in ms of a neighbour's delays: with the hog in a task, then with the hog on a thread.
pub fn neighbour<E: Engine, const HOW: u8, const WHO: u8>(engine: &mut E, scale: Scale) -> Sample {
    let mut values = Vec::new();
    for in_task in [true, false] {
        let over = Arc::new(AtomicBool::new(false));
        let hog = Hog { how: HOW, over: over.clone() };
        let thread = (!in_task).then(|| {
            let hog = Hog { how: HOW, over: over.clone() };
            thread::spawn(move || hog.run_here())
        });
        let mut delays = engine.in_task(async move {
            let hog = in_task.then(|| E::spawn(async move { hog.run::<E>(LET_GO).await }));
            let delays = delays::<E>(WHO, long(scale)).await;
            over.store(true, Ordering::Relaxed);
            if let Some(hog) = hog {
                hog.await;
            }
            delays
        });
        if let Some(thread) = thread {
            thread.join().expect("a hog does not panic");
        }
        values.extend([0.5, 0.999, 1.0].map(|share| percentile(&mut delays, share)));
    }
    Sample { values, operations: 1 }
}

/// The largest delay in ms of a timer and of an echo, while as many tasks as there are workers block one after the other.
pub fn all_blocked<E: Engine, const WHO: u8>(engine: &mut E, scale: Scale) -> Sample {
    let for_so_long = Duration::from_secs(scale.of(3, 1) as u64);
    let worst = engine.in_task(async move {
        let over = Arc::new(AtomicBool::new(false));
        let hogs = [(); crate::WORKERS].map(|()| {
            let hog = Hog { how: SLEEP, over: over.clone() };
            E::spawn(async move { hog.run::<E>(Duration::ZERO).await })
        });
        let mut delays = delays::<E>(WHO, for_so_long).await;
        over.store(true, Ordering::Relaxed);
        for hog in hogs {
            hog.await;
        }
        percentile(&mut delays, 1.0)
    });
    Sample { values: vec![worst], operations: 1 }
}

struct Hog {
    how: u8,
    over: Arc<AtomicBool>,
}

impl Hog {
    async fn run<E: Engine>(self, let_go: Duration) {
        while !self.over.load(Ordering::Relaxed) {
            hold(self.how);
            if let_go == Duration::ZERO {
                E::yield_now().await;
            } else {
                E::sleep(let_go).await;
            }
        }
    }

    fn run_here(&self) {
        while !self.over.load(Ordering::Relaxed) {
            hold(self.how);
            thread::sleep(LET_GO);
        }
    }
}

/// The delays of a neighbour for so long.
async fn delays<E: Engine>(who: u8, for_so_long: Duration) -> Vec<f64> {
    if who == TIMER { E::spawn(timer::<E>(for_so_long)).await } else { echo::<E>(for_so_long).await }
}

/// How much later than they should 1 ms timers end.
async fn timer<E: Engine>(for_so_long: Duration) -> Vec<f64> {
    let (begun, mut delays) = (Instant::now(), Vec::new());
    while begun.elapsed() < for_so_long {
        let deadline = Instant::now() + TICK;
        E::sleep(TICK).await;
        delays.push(millis(Instant::now() - deadline));
    }
    delays
}

/// Round trips over a connection to a task, from a plain thread that asks once a millisecond.
async fn echo<E: Engine>(for_so_long: Duration) -> Vec<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let server = E::spawn(async move {
        let mut stream = E::accept(listener).await.expect("a client comes");
        let mut byte = [0];
        while E::read(&mut stream, &mut byte).await.expect("the client lives") == 1 {
            E::write_all(&mut stream, &byte).await.expect("the client reads");
        }
    });
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("the listener listens");
        stream.set_nodelay(true).expect("a connected socket");
        let (begun, mut delays) = (Instant::now(), Vec::new());
        while begun.elapsed() < for_so_long {
            let asked = Instant::now();
            stream.write_all(b"e").expect("the server lives");
            stream.read_exact(&mut [0]).expect("the server answers");
            delays.push(millis(asked.elapsed()));
            thread::sleep(TICK);
        }
        delays
    });
    server.await;
    client.join().expect("a client does not panic")
}
