//! Limits and ends of a reader that is fed by hand. A line that is too long is an error and is thrown away up to its end
//! if that is known; a separator that is too far away leaves the data in place; too short a stream gives what there was.
//!
//! Adapted: a second read at the same time does not compile here, and so does not print its line.

use std::future::Future;
use std::io;

use bytes::Bytes;
use raddle::{Feeder, ReadError, StreamReader, create_task, sleep, wait};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = r"readline -> b'one\n'
readline -> b'two\n'
readline -> b'tail'
readline -> b''
at_eof True
readline long -> ValueError
readline next -> b'ok\n'
readuntil far -> LimitOverrunError consumed 13
still there -> b'0123456789ABC|'
readuntil none -> IncompleteReadError partial b'rest' expected None
eaten -> b''
two separators -> b'xx\r\n'
two separators -> b'yy||'
readexactly(5) -> IncompleteReadError partial b'zz' expected 5
readexactly(0) -> b''
read at eof -> b''
read(10) gives what is there -> b'abc'
after a cancelled readexactly nothing is lost -> b'1234'
readline raised ConnectionResetError('peer')";

fn reader(chunks: &[&[u8]]) -> (Feeder, StreamReader) {
    let (feeder, reader) = StreamReader::pair_with_limit(8);
    chunks.iter().for_each(|chunk| feeder.feed_data(chunk));
    (feeder, reader)
}

fn ended(chunks: &[&[u8]]) -> StreamReader {
    // Dropping the feeder ends the stream.
    reader(chunks).1
}

/// As Python prints bytes.
fn python(bytes: &Bytes) -> String {
    format!("b'{}'", bytes.escape_ascii())
}

async fn attempt<E: Into<ReadError>>(out: &Out, what: &str, read: impl Future<Output = Result<Bytes, E>>) {
    let text = match read.await.map_err(Into::into) {
        Ok(bytes) => python(&bytes),
        Err(ReadError::Incomplete { partial, expected }) => {
            let expected = expected.map_or("None".to_owned(), |n| n.to_string());
            format!("IncompleteReadError partial {} expected {expected}", python(&partial))
        }
        Err(ReadError::LimitOverrun { .. }) if what.starts_with("readline") => "ValueError".to_owned(),
        Err(ReadError::LimitOverrun { consumed }) => format!("LimitOverrunError consumed {consumed}"),
        Err(other) => format!("{other:?}"),
    };
    out.line(format!("{what} -> {text}"));
}

pub(crate) async fn program(out: Out) {
    let mut r = ended(&[b"one\ntwo\n", b"tail"]);
    for _ in 0..4 {
        attempt(&out, "readline", r.read_line()).await;
    }
    out.line(format!("at_eof {}", truth(r.is_at_eof())));

    let mut r = ended(&[b"a line far too long\nok\n"]);
    attempt(&out, "readline long", r.read_line()).await;
    attempt(&out, "readline next", r.read_line()).await;

    let mut r = ended(&[b"0123456789ABC|rest"]);
    attempt(&out, "readuntil far", r.read_until(b"|")).await;
    attempt(&out, "still there", r.read_exactly(14)).await;
    attempt(&out, "readuntil none", r.read_until(b"|")).await;
    attempt(&out, "eaten", r.read_to_end()).await;

    let mut r = ended(&[b"xx\r\nyy||zz"]);
    attempt(&out, "two separators", r.read_until((b"\r\n", b"||"))).await;
    attempt(&out, "two separators", r.read_until((b"\r\n", b"||"))).await;
    attempt(&out, "readexactly(5)", r.read_exactly(5)).await;
    attempt(&out, "readexactly(0)", r.read_exactly(0)).await;
    attempt(&out, "read at eof", r.read(10)).await;

    let (feeder, mut r) = reader(&[b"abc"]);
    attempt(&out, "read(10) gives what is there", r.read(10)).await;
    let r = std::sync::Arc::new(raddle::Mutex::new(r));
    let theirs = r.clone();
    let mut t = [create_task(async move { theirs.lock().await.read_exactly(4).await })];
    sleep(out.ms(2)).await;
    feeder.feed_data(b"12");
    sleep(out.ms(2)).await;
    t[0].cancel();
    wait(&mut t).await;
    feeder.feed_data(b"34");
    feeder.feed_eof();
    attempt(&out, "after a cancelled readexactly nothing is lost", r.lock().await.read_to_end()).await;

    let (feeder, mut r) = reader(&[b"part"]);
    let t = create_task(async move { r.read_line().await });
    sleep(out.ms(2)).await;
    feeder.set_exception(io::Error::new(io::ErrorKind::ConnectionReset, "peer"));
    match t.await.unwrap() {
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
            out.line(format!("readline raised ConnectionResetError('{error}')"));
        }
        other => out.line(format!("readline: {other:?}")),
    }
}
