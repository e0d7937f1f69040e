//! Messages of 64 bytes that come back over loopback. Each connection has a task; its client, one plain thread for all
//! of them, writes a message to every connection and then reads every answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::Sample;

const MESSAGE: [u8; 64] = [b'e'; 64];

/// At least so many `messages` over so many `connections`; the clock runs while all of them are open.
pub fn over<E: Engine>(engine: &mut E, connections: usize, messages: usize) -> Sample {
    let rounds = messages.div_ceil(connections);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let (accepted, is_accepted) = mpsc::channel();
    let client = thread::spawn(move || {
        let mut streams = Vec::with_capacity(connections);
        for _ in 0..connections {
            streams.push(connect(address).expect("the listener listens"));
            // Not more of them than the backlog holds.
            is_accepted.recv().expect("the server accepts it");
        }
        talk(&mut streams, rounds).expect("the server answers")
    });
    let answered = engine.in_task(async move {
        let mut servers = Vec::with_capacity(connections);
        for _ in 0..connections {
            let again = listener.try_clone().expect("a listener may be had twice");
            let stream = E::accept(again).await.expect("a client comes");
            servers.push(E::spawn(serve::<E>(stream)));
            accepted.send(()).expect("the client waits for this");
        }
        let mut bytes = 0;
        for server in servers {
            bytes += server.await;
        }
        bytes / MESSAGE.len()
    });
    Sample::time(client.join().expect("a client does not panic"), answered)
}

/// How many bytes came, and went back.
async fn serve<E: Engine>(mut stream: E::Stream) -> usize {
    let (mut buffer, mut bytes) = (MESSAGE, 0);
    loop {
        let count = E::read(&mut stream, &mut buffer).await.expect("the client lives");
        if count == 0 {
            return bytes;
        }
        E::write_all(&mut stream, &buffer[..count]).await.expect("the client reads");
        bytes += count;
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn talk(streams: &mut [TcpStream], rounds: usize) -> io::Result<Duration> {
    let start = Instant::now();
    let mut answer = [0; MESSAGE.len()];
    for _ in 0..rounds {
        for stream in &mut *streams {
            stream.write_all(&MESSAGE)?;
        }
        for stream in &mut *streams {
            stream.read_exact(&mut answer)?;
        }
    }
    Ok(start.elapsed())
}
