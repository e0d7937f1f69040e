//! `Server::close` stops listening at once, and connections that are open go on; `wait_closed` waits until the last of
//! them is gone. A cancelled `serve_forever` closes the server. A handler that fails is reported, and the server serves
//! on.

use std::io;

use raddle::{BoxError, StreamReader, StreamWriter, create_task, open_connection, sleep, start_server, wait};

use super::support::{Out, assert_order, truth};

pub(crate) const TEXT: &str = r"exception handler: in connection
failed connection ends with b''
b'before\n'
is_serving: False | sockets: 0
new connection refused
b'after close\n'
wait_closed done while a connection is open: False
wait_closed done
serving: True
cancelled serve_forever: True | serving: False";

async fn echo(mut r: StreamReader, mut w: StreamWriter) -> Result<(), BoxError> {
    loop {
        let line = r.read_line().await?;
        if line.is_empty() {
            break;
        }
        if line == "fail\n" {
            w.close();
            return Err("in connection".into());
        }
        w.write(&line);
        w.drain().await?;
    }
    w.close();
    Ok(())
}

pub(crate) async fn program(out: Out) {
    let server = start_server("127.0.0.1:0", echo).await.unwrap();
    let address = server.local_addrs()[0];
    let (mut r1, mut w1) = open_connection(address).await.unwrap();
    w1.write(b"fail\n");
    let end = r1.read_to_end().await.unwrap();
    out.line(format!("failed connection ends with b'{}'", end.escape_ascii()));
    w1.close();
    let (mut r, mut w) = open_connection(address).await.unwrap();
    w.write(b"before\n");
    out.line(format!("b'{}'", r.read_line().await.unwrap().escape_ascii()));
    server.close();
    let (serving, sockets) = (truth(server.is_serving()), server.local_addrs().len());
    out.line(format!("is_serving: {serving} | sockets: {sockets}"));
    if let Err(error) = open_connection(address).await
        && error.kind() == io::ErrorKind::ConnectionRefused
    {
        out.line("new connection refused");
    }
    let closing = server.clone();
    let waiting = create_task(async move { closing.wait_closed().await });
    w.write(b"after close\n");
    out.line(format!("b'{}'", r.read_line().await.unwrap().escape_ascii()));
    sleep(out.ms(20)).await;
    out.line(format!("wait_closed done while a connection is open: {}", truth(waiting.is_done())));
    w.close();
    waiting.await.unwrap();
    out.line("wait_closed done");

    let server = start_server("127.0.0.1:0", echo).await.unwrap();
    let serving = server.clone();
    let mut f = [create_task(async move { serving.serve_forever().await })];
    sleep(out.ms(10)).await;
    out.line(format!("serving: {}", truth(server.is_serving())));
    f[0].cancel();
    wait(&mut f).await;
    let cancelled = truth(f[0].is_cancelled());
    out.line(format!("cancelled serve_forever: {cancelled} | serving: {}", truth(server.is_serving())));
}

/// All but the report of the handler.
pub(crate) fn the_rest_in_order(printed: &[String]) {
    let lines: Vec<_> = TEXT.lines().skip(1).collect();
    assert_order(printed, &lines);
}
