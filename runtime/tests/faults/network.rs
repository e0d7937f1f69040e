//! A network that loses packets, resets connections, falls silent or is pulled out for a while: what arrives is right to
//! the byte, a reset is an error at once, silence is one where somebody asked for it, and nothing is left behind.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use raddle::{BoxError, Handle, TcpSocket, TcpStream, create_task, gather, sleep, timeout};

use super::namespaces::{Network, SERVER, Side, is_apart};
use super::victim::{Victim, is_victim, open_sockets, orders, say};
use crate::common::{Reports, runner, watch};

const CLIENTS: usize = 8;

async fn echo(stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => {
                let mut sent = 0;
                while sent < length {
                    sent += stream.write(&buffer[sent..length]).await?;
                }
            }
        }
    }
}

/// Asks a silent peer after a second, and gives it up two seconds later; one that owes an answer to what was sent, as
/// well: nobody is asked then.
fn ask_when_silent(socket: &TcpSocket) {
    socket.set_user_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.set_keepalive_time(Duration::from_secs(1)).unwrap();
    socket.set_keepalive_interval(Duration::from_secs(1)).unwrap();
    socket.set_keepalive_retries(2).unwrap();
}

/// The server's part: echoes, asks after clients that say nothing if it is to, and says when all of them are gone.
fn serve(asks: bool) {
    assert!(is_apart());
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let orders = orders();
        let socket = TcpSocket::new_v4().unwrap();
        if asks {
            ask_when_silent(&socket);
        }
        socket.bind(format!("{SERVER}:0").parse().unwrap()).unwrap();
        let listener = socket.listen(100).unwrap();
        say(format!("listening {}", listener.local_addr().unwrap()));
        create_task(async move {
            loop {
                create_task(echo(listener.accept().await.unwrap().0)).detach();
            }
        })
        .detach();
        let (sockets, tasks) = (open_sockets(), Handle::current().metrics().tasks_alive);
        while let Ok(order) = orders.get().await {
            assert_eq!(order, "all gone");
            while open_sockets() > sockets || Handle::current().metrics().tasks_alive > tasks {
                sleep(Duration::from_millis(5)).await;
            }
            say(order);
        }
    });
    assert_eq!(reports.take(), [""; 0]);
}

/// The client's part, which gets the server's address as its first order.
fn client<F: Future<Output = Result<(), BoxError>>>(body: impl FnOnce(SocketAddr) -> F) {
    assert!(is_apart());
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let sockets = open_sockets();
        let address = hear().await.parse().unwrap();
        body(address).await.unwrap();
        assert_eq!(open_sockets(), sockets);
    });
    assert_eq!(reports.take(), [""; 0]);
}

/// The next order. There is time: nobody reads ahead.
async fn hear() -> String {
    raddle::to_thread(super::victim::heard).await.unwrap().expect("an order")
}

/// Both parts in place and introduced to each other. None: this is one of them, or there is no network to be had.
fn meet(test: &str, asks: bool, clients_part: impl FnOnce()) -> Option<(Network, Victim, Victim, SocketAddr)> {
    let (server, client) = (format!("{test} server"), format!("{test} client"));
    if is_victim(&server, || serve(asks)) || is_victim(&client, clients_part) {
        return None;
    }
    let network = Network::lay(test)?;
    let mut server = network.victim(Side::Server, module_path!(), test, &server);
    let address = server.hear("listening ");
    let mut client = network.victim(Side::Client, module_path!(), test, &client);
    client.tell(&address);
    Some((network, server, client, address.parse().unwrap()))
}

/// Sends bytes that say where they are, and checks that they come back.
async fn exchange(stream: &TcpStream, number: usize, length: usize) -> Result<(), BoxError> {
    let expected: Vec<u8> = (0..length).map(|at| (at / 7 + at * number) as u8).collect();
    let sending = async {
        let mut sent = 0;
        while sent < length {
            sent += stream.write(&expected[sent..length.min(sent + 3000)]).await?;
        }
        std::io::Result::Ok(())
    };
    let receiving = async {
        let (mut received, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
        while received.len() < length {
            match stream.read(&mut buffer).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => received.extend_from_slice(&buffer[..length]),
            }
        }
        std::io::Result::Ok(received)
    };
    let (sent, received) = gather((sending, receiving)).await;
    sent?;
    assert!(received? == expected, "client {number} got other bytes than it sent");
    Ok(())
}

async fn connected(address: SocketAddr) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

/// All of them at a time.
async fn exchange_all(streams: Vec<TcpStream>, length: usize) -> Vec<TcpStream> {
    let exchanging = streams.into_iter().enumerate().map(|(number, stream)| {
        create_task(async move {
            exchange(&stream, number, length).await.unwrap();
            stream
        })
    });
    let exchanged = gather(exchanging.collect::<Vec<_>>()).await;
    exchanged.into_iter().map(Result::unwrap).collect()
}

#[test]
fn a_fifth_of_all_packets_lost_loses_no_byte() {
    let test = "a_fifth_of_all_packets_lost_loses_no_byte";
    let _watch = watch();
    let body = |address| async move {
        let streams = connected(address).await;
        say("connected");
        hear().await;
        exchange_all(streams, 100_000).await;
        say("lossy");
        Ok(())
    };
    let Some((network, mut server, mut client_, _)) = meet(test, false, || client(body)) else { return };
    client_.hear("connected");
    // A connection that is being made would be tried again after a second, then two, then four.
    network.rule("tcp flags & syn == 0 numgen random mod 100 < 20 counter drop");
    client_.ask("lossy");
    assert!(network.met() > 20, "packets lost: {}", network.met());
    network.rule("accept");
    client_.finish();
    server.ask("all gone");
    server.finish();
}

#[test]
fn a_reset_is_an_error_at_once() {
    let test = "a_reset_is_an_error_at_once";
    let _watch = watch();
    let body = |address| async move {
        let streams = exchange_all(connected(address).await, 10_000).await;
        let ends: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                create_task(async move {
                    // Until that is over.
                    loop {
                        if let Err(error) = exchange(&stream, 3, 10_000).await {
                            return error.downcast::<std::io::Error>().unwrap().kind();
                        }
                    }
                })
            })
            .collect();
        say("exchanging");
        for end in gather(ends).await {
            let kind = end.unwrap();
            assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind}");
        }
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(refused.to_string(), format!("cannot connect to {address}: Connection refused (os error 111)"));
        say("reset");
        hear().await;
        exchange_all(connected(address).await, 10_000).await;
        Ok(())
    };
    let Some((network, mut server, mut client_, address)) = meet(test, true, || client(body)) else { return };
    client_.hear("exchanging");
    network.rule(&format!("tcp dport {} counter reject with tcp reset", address.port()));
    client_.hear("reset");
    network.rule("accept");
    // It was told nothing: what it sent last, or asks now, is answered by a reset.
    server.ask("all gone");
    client_.tell("again");
    client_.finish();
    server.ask("all gone");
    server.finish();
}

#[test]
fn silence_is_an_error_where_somebody_asked() {
    let test = "silence_is_an_error_where_somebody_asked";
    let _watch = watch();
    let body = |address| async move {
        let connect = async |prepare: fn(&TcpSocket)| {
            let socket = TcpSocket::new_v4().unwrap();
            prepare(&socket);
            socket.connect(address).await
        };
        let impatient: fn(&TcpSocket) = |socket| socket.set_user_timeout(Some(Duration::from_secs(2))).unwrap();
        let asking = connect(ask_when_silent).await?;
        let sending = connect(impatient).await?;
        let neither = connect(|_| ()).await?;
        for stream in [&asking, &sending, &neither] {
            exchange(stream, 1, 10_000).await?;
        }
        say("connected");
        hear().await;
        let read = async { asking.read(&mut [0]).await.unwrap_err().kind() };
        let write = async {
            // Accepted by the kernel at first.
            loop {
                if let Err(error) = exchange(&sending, 1, 10_000).await {
                    return error.downcast::<std::io::Error>().unwrap().kind();
                }
            }
        };
        let not_asked = timeout(Duration::from_secs(4), async { neither.read(&mut [0]).await });
        let unanswered = async { connect(impatient).await.unwrap_err().kind() };
        let given_up = timeout(Duration::from_millis(100), TcpStream::connect(address));
        let ends = gather((read, write, not_asked, unanswered, given_up)).await;
        assert_eq!([ends.0, ends.1, ends.3], [ErrorKind::TimedOut; 3]);
        assert!(ends.2.is_err(), "it waits, as TCP does for ever");
        assert!(ends.4.is_err());
        say("silent");
        hear().await;
        // The server has asked in vain, and knows nothing of it any more.
        let error = exchange(&neither, 2, 10_000).await.unwrap_err().downcast::<std::io::Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        exchange(&connect(ask_when_silent).await?, 2, 10_000).await
    };
    let Some((network, mut server, mut client_, _)) = meet(test, true, || client(body)) else { return };
    client_.hear("connected");
    network.silence();
    client_.tell("now");
    client_.hear("silent");
    server.ask("all gone");
    network.rule("accept");
    client_.tell("over");
    client_.finish();
    server.ask("all gone");
    server.finish();
}

#[test]
fn a_cable_that_is_pulled_out_for_a_while_costs_time_and_nothing_else() {
    let test = "a_cable_that_is_pulled_out_for_a_while_costs_time_and_nothing_else";
    let _watch = watch();
    let body = |address| async move {
        let mut streams = connected(address).await;
        say("connected");
        let orders = orders();
        let mut rounds = 0;
        loop {
            streams = exchange_all(streams, 20_000).await;
            rounds += 1;
            match orders.try_get().as_deref() {
                Ok("rounds") => say(format!("rounds {rounds}")),
                Ok(_) => break,
                Err(_) => {}
            }
        }
        Ok(())
    };
    let Some((network, mut server, mut client_, _)) = meet(test, false, || client(body)) else { return };
    client_.hear("connected");
    let before: usize = client_.ask("rounds").parse().unwrap();
    network.set_link(Side::Server, false).unwrap();
    thread::sleep(Duration::from_millis(1500));
    network.set_link(Side::Server, true).unwrap();
    let after: usize = client_.ask("rounds").parse().unwrap();
    assert!(after > before);
    client_.tell("enough");
    client_.finish();
    server.ask("all gone");
    server.finish();
}
