//! TCP connections, of which many end badly.
//!
//! Promises under test: what is written is read, byte for byte, also when reads and writes are given up at random;
//! several tasks may accept on one listener, and read from one stream, and each gets its turn; a peer that goes away
//! in whatever manner ends the reads and writes that wait for it; a stream may leave its runtime and live on in
//! another; and at the end no descriptor is left.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Duration;

use raddle::{Queue, Runner, Task, TcpListener, TcpStream, create_task, gather, promise, sleep, timeout, yield_now};

use super::stress_support::{Count, Part, Rng, Settings, announce, check, eventually, fail, same, stage};

static CONNECTIONS: Count = Count::new();
static BYTES: Count = Count::new();
static GIVEN_UP: Count = Count::new();
static RESETS: Count = Count::new();

pub(crate) const PART: Part = Part { name: "tcp", round, counts };

fn round(settings: Settings) {
    let mut rng = Rng::new(settings.seed);
    let descriptors = open_descriptors();
    let addresses = addresses();
    if addresses.len() == 1 {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| println!("no IPv6 here"));
    }
    for cycle in 0..settings.times(6) {
        let workers = settings.workers(cycle, [2, 1, 4, 8]);
        let address = addresses[(cycle + settings.seed as usize / 4) % addresses.len()];
        stage(format!("cycle {cycle} with {workers} workers on {address}"));
        let mut runner = Runner::new().workers(workers).grace(Duration::from_secs(600));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        runner.run(echoes(address, rng.fork(), settings));
        runner.run(churn(address, rng.fork(), settings));
        runner.run(shared_readers(address, rng.fork()));
        if workers > 1 {
            ends_amid_traffic(runner, address, rng.fork());
        } else {
            drop(runner);
        }
        same(handle.metrics().tasks_alive, 0, "tasks alive after the end");
    }
    stage("streams that change their runtime");
    for _ in 0..settings.times(4) {
        changes_runtime(addresses[0], rng.fork());
    }
    stage("the end");
    eventually("descriptors were left open", || open_descriptors() == descriptors);
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![
        ("connections", CONNECTIONS.get()),
        ("bytes", BYTES.get()),
        ("operations given up", GIVEN_UP.get()),
        ("resets", RESETS.get()),
    ]
}

/// Sockets, epolls and their like; what else is open may be a tool's.
fn open_descriptors() -> usize {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter(|target| ["socket:", "anon_inode:"].iter().any(|kind| target.to_string_lossy().starts_with(kind)))
        .count()
}

/// Where to listen. IPv6 may be missing on a machine.
fn addresses() -> Vec<SocketAddr> {
    let hosts = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let all = hosts.into_iter().map(|host| SocketAddr::new(host, 0));
    all.filter(|address| std::net::TcpListener::bind(address).is_ok()).collect()
}

async fn listen(address: SocketAddr) -> (Arc<TcpListener>, SocketAddr) {
    let listener = ok(TcpListener::bind(address).await, "bind");
    let bound = ok(listener.local_addr(), "local_addr");
    (Arc::new(listener), bound)
}

#[track_caller]
fn ok<T>(result: io::Result<T>, what: &str) -> T {
    result.unwrap_or_else(|error| fail(format_args!("{what}: {error}")))
}

/// Awaits tasks that must not fail.
async fn all(tasks: Vec<Task<()>>) {
    for task in tasks {
        check(task.await.is_ok(), "a task failed");
    }
}

/// What a stream carries: each end can say what comes at which place.
struct Pattern {
    rng: Rng,
    word: [u8; 8],
    place: usize,
}

impl Pattern {
    fn new(seed: u64) -> Pattern {
        Pattern { rng: Rng::new(seed), word: [0; 8], place: 0 }
    }

    fn next(&mut self) -> u8 {
        if self.place.is_multiple_of(8) {
            self.word = self.rng.next().to_le_bytes();
        }
        self.place += 1;
        self.word[(self.place - 1) % 8]
    }

    fn bytes(&mut self, many: usize) -> Vec<u8> {
        (0..many).map(|_| self.next()).collect()
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        BYTES.add(bytes.len() as u64);
        for byte in bytes {
            let place = self.place;
            check(*byte == self.next(), format_args!("a wrong byte at {place}"));
        }
    }
}

/// Clients whose every byte comes back.
async fn echoes(address: SocketAddr, mut rng: Rng, settings: Settings) {
    let (listener, address) = listen(address).await;
    let many = settings.times_within(24);
    let accepters = (0..3).map(|_| {
        let (listener, mut rng) = (listener.clone(), rng.fork());
        create_task(async move {
            loop {
                // Given up at random: the next in the row has to get the connection then.
                let Ok(accepted) = timeout(rng.micros(2000), listener.accept()).await else {
                    GIVEN_UP.add(1);
                    continue;
                };
                let (stream, _) = ok(accepted, "accept");
                let rng = rng.fork();
                create_task(async move { serve_echo(stream, rng).await }).detach();
            }
        })
    });
    let accepters: Vec<Task<()>> = accepters.collect();
    let clients = (0..many).map(|_| {
        let rng = rng.fork();
        create_task(async move { echo_client(address, rng).await })
    });
    all(clients.collect()).await;
    for accepter in accepters {
        check(accepter.cancel(), "an accepter has left");
        check(accepter.await.is_err(), "an accepter returned");
    }
}

async fn serve_echo(stream: TcpStream, mut rng: Rng) {
    CONNECTIONS.add(1);
    let mut buffer = vec![0; 1 + rng.below(5000) as usize];
    loop {
        let many = ok(patient_read(&stream, &mut buffer, &mut rng).await, "echo read");
        if many == 0 {
            return ok(stream.shutdown(Shutdown::Write), "echo shutdown");
        }
        ok(patient_write(&stream, &buffer[..many], &mut rng).await, "echo write");
    }
}

/// Reads, and gives up and starts again at random.
async fn patient_read(stream: &TcpStream, buffer: &mut [u8], rng: &mut Rng) -> io::Result<usize> {
    loop {
        if rng.one_in(2) {
            return stream.read(buffer).await;
        }
        match timeout(rng.micros(200), stream.read(buffer)).await {
            Ok(result) => return result,
            Err(_) => GIVEN_UP.add(1),
        }
    }
}

/// Writes all, and gives up and starts again at random.
async fn patient_write(stream: &TcpStream, mut bytes: &[u8], rng: &mut Rng) -> io::Result<()> {
    while !bytes.is_empty() {
        let some = &bytes[..bytes.len().min(1 + rng.below(4096) as usize)];
        let written = if rng.one_in(2) {
            stream.write(some).await?
        } else {
            match timeout(rng.micros(200), stream.write(some)).await {
                Ok(result) => result?,
                Err(_) => {
                    GIVEN_UP.add(1);
                    continue;
                }
            }
        };
        check(written > 0, "a write of something wrote nothing");
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Sends and checks at the same time, sometimes more than any buffer holds.
async fn echo_client(address: SocketAddr, mut rng: Rng) {
    let stream = ok(TcpStream::connect(address).await, "connect");
    ok(stream.set_nodelay(true), "nodelay");
    let total = if rng.one_in(6) { 1_000_000 } else { rng.below(20_000) as usize };
    let seed = rng.next();
    let (reader, writer) = stream.into_split();
    let (mut of_writer, mut of_reader) = (rng.fork(), rng.fork());
    let sends = create_task(async move {
        let mut pattern = Pattern::new(seed);
        let mut left = total;
        while left > 0 {
            let bytes = pattern.bytes(left.min(1 + of_writer.below(9000) as usize));
            left -= bytes.len();
            ok(patient_write(writer.stream(), &bytes, &mut of_writer).await, "client write");
            if of_writer.one_in(8) {
                sleep(of_writer.micros(200)).await;
            }
        }
        // Dropping the half says that this was all.
        drop(writer);
    });
    let mut pattern = Pattern::new(seed);
    let mut buffer = vec![0; 1 + of_reader.below(9000) as usize];
    loop {
        let many = ok(patient_read(reader.stream(), &mut buffer, &mut of_reader).await, "client read");
        if many == 0 {
            break;
        }
        pattern.expect(&buffer[..many]);
    }
    same(pattern.place, total, "bytes sent and come back");
    check(sends.await.is_ok(), "the sending half failed");
}

/// Connections that end in every manner; whoever is at the other end must learn of it.
async fn churn(address: SocketAddr, mut rng: Rng, settings: Settings) {
    let (listener, address) = listen(address).await;
    let many = settings.times_within(100);
    let (served, accepter_rng) = (Arc::new(Count::new()), rng.fork());
    let accepter = {
        let served = served.clone();
        create_task(async move { accept_churn(listener, accepter_rng, served, many).await })
    };
    let clients = (0..4).map(|_| {
        let mut rng = rng.fork();
        create_task(async move {
            for _ in 0..many.div_ceil(4) {
                churn_client(address, &mut rng).await;
            }
        })
    });
    all(clients.collect()).await;
    // A connection that was reset in the listener's queue may not come out of it: these make up for such.
    while !accepter.is_done() {
        drop(timeout(Duration::from_millis(50), TcpStream::connect(address)).await);
    }
    check(accepter.await.is_ok(), "the accepter failed");
    check(served.get() >= many as u64, "a connection was not served to its end");
}

async fn accept_churn(listener: Arc<TcpListener>, mut rng: Rng, served: Arc<Count>, many: usize) {
    let mut tasks = Vec::new();
    for _ in 0..many {
        let (stream, _) = ok(listener.accept().await, "accept");
        let (mut rng, served) = (rng.fork(), served.clone());
        tasks.push(create_task(async move {
            CONNECTIONS.add(1);
            misbehave(stream, &mut rng).await;
            served.add(1);
        }));
    }
    drop(listener);
    all(tasks).await;
}

async fn churn_client(address: SocketAddr, rng: &mut Rng) {
    match TcpStream::connect(address).await {
        Ok(stream) => misbehave(stream, rng).await,
        // The accepter has seen enough.
        Err(error) => drop(error),
    }
}

/// Does a few things with a connection and ends it, in one of many ways. Errors are expected, hangs are not.
async fn misbehave(stream: TcpStream, rng: &mut Rng) {
    let mut buffer = [0; 512];
    for _ in 0..rng.below(4) {
        let failed = match rng.below(4) {
            0 => stream.write(&buffer[..rng.below(512) as usize]).await.is_err(),
            1 => matches!(timeout(rng.micros(300), stream.read(&mut buffer)).await, Ok(Ok(0) | Err(_))),
            2 => {
                yield_now().await;
                false
            }
            _ => {
                let lent = Arc::new(&stream);
                let (mut left, mut right) = ([0; 16], [0; 16]);
                let both = gather([lent.read(&mut left), lent.read(&mut right)]);
                timeout(rng.micros(200), both).await.is_ok_and(|both| both.iter().all(Result::is_err))
            }
        };
        if failed {
            break;
        }
    }
    match rng.below(5) {
        0 => drop(stream),
        1 => {
            RESETS.add(1);
            let _ = stream.set_linger(Some(Duration::ZERO));
            drop(stream);
        }
        2 => {
            let _ = stream.shutdown(Shutdown::Write);
            drain(&stream).await;
        }
        3 => {
            // In the middle of a read by another task.
            let (reader, writer) = stream.into_split();
            let reads = create_task(async move { drain(reader.stream()).await });
            yield_now().await;
            drop(writer);
            if rng.one_in(2) {
                reads.cancel();
            }
            let _ = reads.await;
        }
        _ => {
            // In the middle of a write that cannot go on: the peer may not read.
            let much = vec![0; 1 << 20];
            let mut stream = stream;
            drop(timeout(rng.micros(500), stream.write_all(&much)).await);
        }
    }
}

/// Reads to the end, whatever it is; it has to come.
async fn drain(stream: &TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(many) = stream.read(&mut buffer).await {
        if many == 0 {
            break;
        }
    }
}

/// Several tasks read one stream, some of which are cancelled: between them they get every byte once.
async fn shared_readers(address: SocketAddr, mut rng: Rng) {
    let (listener, address) = listen(address).await;
    let (client, accepted) = gather((TcpStream::connect(address), listener.accept())).await;
    let (mut client, server) = (ok(client, "connect"), Arc::new(ok(accepted, "accept").0));
    CONNECTIONS.add(1);
    let bytes = Queue::unbounded();
    let readers = (0..4).map(|number| {
        let (server, bytes, mut rng) = (server.clone(), bytes.clone(), rng.fork());
        create_task(async move {
            let mut buffer = [0; 1];
            loop {
                let Ok(read) = timeout(rng.micros(300), server.read(&mut buffer)).await else {
                    GIVEN_UP.add(1);
                    if number > 0 && rng.one_in(20) {
                        return;
                    }
                    continue;
                };
                match ok(read, "shared read") {
                    0 => return,
                    _ => check(bytes.try_put(buffer[0]).is_ok(), "an unbounded queue is full"),
                }
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut counts = [0_usize; 256];
    for chunk in 0..20 {
        let payload: Vec<u8> = (0..rng.below(40)).map(|_| rng.next() as u8).collect();
        payload.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        ok(client.write_all(&payload).await, "write to many readers");
        if chunk % 4 == 0 {
            sleep(rng.micros(500)).await;
        }
    }
    drop(client);
    all(readers).await;
    for byte in bytes.shutdown_now() {
        BYTES.add(1);
        let count = &mut counts[usize::from(byte)];
        check(*count > 0, "a byte was read that was not written");
        *count -= 1;
    }
    check(counts.iter().all(|count| *count == 0), "a byte was lost among many readers");
}

/// The runtime ends while connections are busy on all workers.
fn ends_amid_traffic(mut runner: Runner, address: SocketAddr, mut rng: Rng) {
    runner.run(async {
        let (listener, address) = listen(address).await;
        let (started, mut signals) = (Queue::unbounded(), 0);
        for _ in 0..10 {
            let (client, accepted) = gather((TcpStream::connect(address), listener.accept())).await;
            CONNECTIONS.add(1);
            for stream in [ok(client, "connect"), ok(accepted, "accept").0] {
                let (reader, mut writer) = stream.into_split();
                let signal = started.clone();
                create_task(async move {
                    check(signal.try_put(()).is_ok(), "an unbounded queue is full");
                    let payload = [7; 3000];
                    while writer.write_all(&payload).await.is_ok() {}
                })
                .detach();
                create_task(async move { drain(reader.stream()).await }).detach();
                signals += 1;
            }
        }
        for _ in 0..signals {
            check(started.get().await.is_ok(), "a queue is shut down");
        }
        sleep(rng.micros(1000)).await;
    });
    drop(runner);
}

/// Both ends of a connection begin on one runtime and go on on another, with a read under way.
fn changes_runtime(address: SocketAddr, mut rng: Rng) {
    let (mut client, server) = Runner::new().workers(2).run(async {
        let (listener, address) = listen(address).await;
        let (client, accepted) = gather((TcpStream::connect(address), listener.accept())).await;
        let (client, server) = (ok(client, "connect"), ok(accepted, "accept").0);
        // Registered here, and given up.
        let mut buffer = [0; 8];
        check(timeout(rng.micros(300), server.read(&mut buffer)).await.is_err(), "a read of nothing");
        (client, server)
    });
    CONNECTIONS.add(1);
    Runner::new().workers(2).run(async move {
        let (tell, told) = promise();
        let reads = create_task(async move {
            let mut server = server;
            let mut buffer = [0; 64];
            let _ = tell.set(());
            ok(server.read_exact(&mut buffer).await.map(drop), "read elsewhere");
            Pattern::new(5).expect(&buffer);
        });
        check(told.await.is_ok(), "the reader did not start");
        sleep(rng.micros(300)).await;
        ok(client.write_all(&Pattern::new(5).bytes(64)).await, "write elsewhere");
        check(reads.await.is_ok(), "the reader failed");
    });
}
