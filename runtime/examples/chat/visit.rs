//! One guest's visit: a task that reads what the guest types and writes what the others say, side by side.

use std::io;
use std::sync::Arc;

use raddle::{BroadcastReceiver, Mutex, ReadError, RecvError, Server, StreamReader, StreamWriter, race, start_server};

use crate::room::{Guest, Message, Room};

/// The longest line, without its end.
pub(crate) const LONGEST_LINE: usize = 1024;

/// How many bytes wait for a guest that reads slowly, before messages do.
const MOST_UNSENT: usize = 16 * 1024;

/// How many guests may stand at the door at a time.
const BACKLOG: u32 = 1024;

const HELP: &str = "* /nick NAME takes a name, /who tells who is there, /quit leaves";

/// Opens a room at this address.
pub(crate) async fn open(addr: &str) -> io::Result<Server> {
    let room = Room::new();
    let visits = move |reader, writer| visit(room.clone(), reader, writer);
    start_server(addr, visits).limit(LONGEST_LINE).backlog(BACKLOG).await
}

async fn visit(room: Arc<Room>, reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    writer.set_write_buffer_limits(MOST_UNSENT, MOST_UNSENT / 4);
    let (guest, messages) = room.enter();
    let number = guest.number;
    let writer = Mutex::new(writer);
    write(&writer, &format!("* welcome, {}\n{HELP}", guest.name())).await?;
    // Neither waits for the other: who does not read can still speak. Whichever ends first ends the visit.
    race((speak(&room, guest, reader, &writer), listen(number, messages, &writer))).await
}

/// Says what the guest types, until the guest leaves.
async fn speak(
    room: &Room,
    mut guest: Guest,
    mut reader: StreamReader,
    writer: &Mutex<StreamWriter>,
) -> io::Result<()> {
    loop {
        let line = match reader.read_line().await {
            Ok(line) if line.is_empty() => return Ok(()),
            Ok(line) => line,
            Err(ReadError::LimitOverrun { .. }) => {
                // Where the next line begins is anybody's guess.
                return write(writer, &format!("* a line has at most {LONGEST_LINE} bytes; goodbye")).await;
            }
            Err(error) => return Err(error.into()),
        };
        let text = printable(&line);
        let answer = match text.split_once(' ').map_or((text.as_str(), ""), |(word, rest)| (word, rest.trim())) {
            ("", _) => continue,
            ("/quit", _) => return write(writer, "* goodbye").await,
            ("/who", _) => format!("* {}", room.names().join(", ")),
            ("/nick", name) => match guest.rename(name) {
                Ok(()) => format!("* you are called {name} now"),
                Err(why) => format!("* {why}"),
            },
            (command, _) if command.starts_with('/') => format!("* what is {command}?\n{HELP}"),
            _ => {
                guest.say(&text);
                continue;
            }
        };
        write(writer, &answer).await?;
    }
}

/// Writes what the others say.
async fn listen(own: u64, mut messages: BroadcastReceiver<Message>, writer: &Mutex<StreamWriter>) -> io::Result<()> {
    loop {
        match messages.recv().await {
            Ok(message) if message.from == own => {}
            Ok(message) => write(writer, &message.text).await?,
            Err(RecvError::Lagged(missed)) => {
                write(writer, &format!("* you read too slowly and have missed {missed} messages")).await?;
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Writes a line, and waits while too much of what was written is not sent yet.
async fn write(writer: &Mutex<StreamWriter>, line: &str) -> io::Result<()> {
    let mut writer = writer.lock().await;
    writer.write_vectored([line.as_bytes(), b"\n"]);
    writer.drain().await
}

/// A line as others may see it: what is no text is replaced, and what could steer their terminals is left out.
fn printable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|letter| !letter.is_control()).collect::<String>().trim().to_owned()
}
