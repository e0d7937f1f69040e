//! One connection of the load: send, wait, compare, again; a new one when it fails.

use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use raddle::{Instant, TcpStream, sleep, sleep_until, timeout_at};

use super::options::Load;
use super::page::Page;
use super::schedule::Schedule;
use super::tally::Tally;

/// Between a failure and the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends messages until `end`.
pub(crate) async fn run(
    options: Load,
    number: usize,
    stream: Option<TcpStream>,
    schedule: Option<Schedule>,
    end: Instant,
    tally: Arc<Tally>,
) {
    let page = options.http.as_ref().map(|path| Page::new(&options.addr, path));
    let mut connection = Connection { options, schedule, end, page, message: Vec::new(), sent: 0, number, tally };
    // Whatever is under way then is given up.
    _ = timeout_at(end, connection.until_cancelled(stream)).await;
    connection.count_unfinished();
}

struct Connection {
    options: Load,
    schedule: Option<Schedule>,
    end: Instant,
    /// What is asked for over HTTP instead of echoes.
    page: Option<Page>,
    message: Vec<u8>,
    sent: u64,
    number: usize,
    tally: Arc<Tally>,
}

impl Connection {
    async fn until_cancelled(&mut self, mut stream: Option<TcpStream>) {
        self.message = (0..self.options.size).map(|at| (at * 31 + self.number * 7) as u8).collect();
        loop {
            if let Err(error) = self.converse(stream.take()).await {
                self.tally.error(format!("connection {}: {error}", self.number));
                sleep(PAUSE).await;
            }
        }
    }

    /// Uses one stream after the other, until the first error.
    async fn converse(&mut self, stream: Option<TcpStream>) -> io::Result<()> {
        let mut back = vec![0; self.message.len()];
        if self.options.reconnect {
            loop {
                let from = self.turn().await;
                let mut stream = connect(&self.options.addr).await?;
                self.exchange(&mut stream, &mut back).await?;
                stream.shutdown(Shutdown::Write)?;
                if stream.read(&mut [0]).await? > 0 {
                    return Err(unexpected("more came back than was sent".into()));
                }
                drop(stream);
                self.settle(from);
            }
        }
        let mut stream = match stream {
            Some(stream) => stream,
            None => connect(&self.options.addr).await?,
        };
        loop {
            let from = self.turn().await;
            self.exchange(&mut stream, &mut back).await?;
            self.settle(from);
        }
    }

    /// Waits until the next message should leave. Its latency counts from the time that this returns.
    async fn turn(&self) -> Instant {
        let Some(schedule) = &self.schedule else { return Instant::now() };
        let due = schedule.due();
        if due >= self.end {
            // The end comes first.
            return pending().await;
        }
        if due > Instant::now() {
            sleep_until(due).await;
            self.tally.lateness(due.elapsed());
        }
        due
    }

    async fn exchange(&mut self, stream: &mut TcpStream, back: &mut [u8]) -> io::Result<()> {
        if let Some(page) = &mut self.page {
            return page.exchange(stream).await;
        }
        // No two messages in a row are alike.
        self.sent += 1;
        let stamp = self.sent.to_le_bytes();
        self.message.iter_mut().zip(stamp).for_each(|(byte, stamp)| *byte = stamp);
        stream.write_all(&self.message).await?;
        stream.read_exact(back).await?;
        match self.message.iter().zip(&*back).position(|(sent, back)| sent != back) {
            None => Ok(()),
            Some(at) => Err(unexpected(format!(
                "byte {at} of message {} came back as {} and not as {}",
                self.sent, back[at], self.message[at]
            ))),
        }
    }

    fn settle(&mut self, from: Instant) {
        self.tally.message(self.number, from.elapsed());
        self.schedule.iter_mut().for_each(Schedule::advance);
    }

    /// What should have left before the end and is not back has taken this long at least.
    fn count_unfinished(&mut self) {
        let Some(schedule) = &mut self.schedule else { return };
        while schedule.due() < self.end {
            self.tally.unfinished(self.number, self.end - schedule.due());
            schedule.advance();
        }
    }
}

pub(super) async fn connect(addr: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(super) fn unexpected(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
