//! Asking a running program, from another process.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::inspection_folder::{folder_of_user, is_of, own_folder, sockets};

/// A program that takes longer is not going to answer. Where others ask for much, it may take a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// One of too many who ask at once is sent away, and comes again after this.
const PAUSE: Duration = Duration::from_millis(50);
/// So often.
const TRIES: u32 = 20;
/// No honest answer is longer: a few million tasks.
const LONGEST_ANSWER: u64 = 1 << 32;

/// Asks the runtimes of a process: `ps`, `pstree`, `json` or `top`. One answer for each.
///
/// # Errors
/// When there is no such process, or it answers no questions: it was not asked to.
#[doc(hidden)]
pub fn ask(process: u32, question: &str) -> io::Result<Vec<String>> {
    let no_process = |_| io::Error::new(ErrorKind::NotFound, format!("there is no process {process}"));
    let user = fs::metadata(format!("/proc/{process}")).map_err(no_process)?.uid();
    if is_stopped(process) {
        let text = format!("process {process} is stopped, and answers when it goes on (kill -CONT {process})");
        return Err(io::Error::new(ErrorKind::TimedOut, text));
    }
    let mut answers = Vec::new();
    for folder in folders(process, user).iter().filter(|folder| is_of(folder, user)) {
        let mut found = sockets(folder).map_err(|error| not_allowed(process, error))?;
        found.retain(|socket| socket.process == process);
        found.sort_by_key(|socket| socket.number);
        for socket in found {
            answers.extend(ask_one(process, &socket.path, question)?);
        }
    }
    if answers.is_empty() {
        let text = format!(
            "process {process} answers no questions: start it with RADDLE_INSPECT=1, or call Runner::inspect(true)"
        );
        return Err(io::Error::new(ErrorKind::NotFound, text));
    }
    Ok(answers)
}

fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with(['T', 't']))
}

/// Where the sockets of a process may be.
fn folders(process: u32, user: u32) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(format!("/run/user/{user}/raddle")), folder_of_user(user)];
    for other in [told_by_environment(process), Some(own_folder())].into_iter().flatten() {
        if !folders.contains(&other) {
            folders.push(other);
        }
    }
    folders
}

/// Where the process was told to put them, if it may be asked about that.
fn told_by_environment(process: u32) -> Option<PathBuf> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let folder = variables.find_map(|variable| variable.strip_prefix(b"XDG_RUNTIME_DIR="))?;
    (!folder.is_empty()).then(|| Path::new(std::ffi::OsStr::from_bytes(folder)).join("raddle"))
}

/// The answer of one runtime; none if it has ended.
fn ask_one(process: u32, path: &Path, question: &str) -> io::Result<Option<String>> {
    for _ in 1..TRIES {
        match try_ask(path, question) {
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                return Ok(None);
            }
            // Others want to know, too.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                thread::sleep(PAUSE);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let text = format!("process {process} does not answer; too many ask it, or it has no processor");
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            asked => return asked.map(Some).map_err(|error| not_allowed(process, error)),
        }
    }
    Err(io::Error::other(format!("process {process} sends those away who ask: too many do")))
}

fn not_allowed(process: u32, error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            let text = format!("process {process} is another user's: that user and root may ask it");
            io::Error::new(ErrorKind::PermissionDenied, text)
        }
        _ => error,
    }
}

fn try_ask(path: &Path, question: &str) -> io::Result<String> {
    let mut server = UnixStream::connect(path)?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.write_all(question.as_bytes())?;
    server.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    server.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}
