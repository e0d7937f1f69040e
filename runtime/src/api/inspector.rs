//! The inspection of a running program from outside: a thread that answers on a Unix socket.
//!
//! A thread of its own, so that it answers when every worker is stuck, and sleeps when nobody asks. It is there only where
//! it was asked for. Each connection is one question, a line, and one answer, until its end.
//!
//! Who may ask: the program's own user, and root. The sockets lie in a folder that is the user's alone (mode 0700, else it
//! is not used), and the kernel says who is at the other end.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{geteuid, getpid};

use super::call_graph::CallGraph;
use crate::scheduler::report::{ExceptionContext, catch, report};
use crate::scheduler::shared::Shared;
use crate::shim::atomic::{AtomicU32, Ordering};

/// A client that is slower than this gets no answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// No question is longer.
const LONGEST_QUESTION: u64 = 64;

/// The thread; dropping this ends it.
pub(super) struct Inspector {
    path: PathBuf,
    /// The thread sees the other end of this hang up.
    hold: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Inspector {
    /// Starts one for a runtime; says so through `on_exception` if it cannot.
    pub(super) fn start(shared: &Arc<Shared>) -> Option<Inspector> {
        Inspector::try_start(shared)
            .inspect_err(|error| {
                let context = ExceptionContext::new("this runtime cannot be inspected from outside");
                shared.report(&context.with_error(error.to_string()));
            })
            .ok()
    }

    fn try_start(shared: &Arc<Shared>) -> io::Result<Inspector> {
        static RUNTIMES: AtomicU32 = AtomicU32::new(1);
        let folder = own_folder();
        prepare(&folder)?;
        // Relaxed: only the number counts.
        let number = RUNTIMES.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}.sock", getpid()));
        // One that an earlier process with this number has left behind.
        _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        let (hold, held) = UnixStream::pair()?;
        let runtime = Arc::downgrade(shared);
        let thread = thread::Builder::new().name(format!("{}-inspect", shared.config.name));
        let thread = thread.spawn(move || serve(&listener, &held, &runtime))?;
        Ok(Inspector { path, hold: Some(hold), thread: Some(thread) })
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
        drop(self.hold.take());
        // A panic of it was caught, and reported.
        _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(listener: &UnixListener, held: &UnixStream, runtime: &Weak<Shared>) {
    loop {
        let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(held, PollFlags::IN)];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let Some(shared) = runtime.upgrade().filter(|_| fds[1].revents().is_empty()) else { return };
        let Ok((client, _)) = listener.accept() else { continue };
        // A client that goes away has no answer to complain about.
        if let Err(panic) = catch(|| _ = answer(client, &shared)) {
            let context = ExceptionContext::new("the inspection panicked").with_panic(panic.message());
            report(shared.config.on_exception.as_ref(), &context);
        }
    }
}

fn answer(mut client: UnixStream, shared: &Shared) -> io::Result<()> {
    let peer = rustix::net::sockopt::socket_peercred(client.as_fd())?;
    if peer.uid != geteuid() && !peer.uid.is_root() {
        return Ok(());
    }
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    (&client).take(LONGEST_QUESTION).read_to_string(&mut question)?;
    let graph = CallGraph::of(shared);
    let answer = match question.trim() {
        "ps" => graph.list(),
        "pstree" => graph.to_string(),
        "json" => graph.to_json(),
        other => format!("no such question: {other}; there are ps, pstree and json\n"),
    };
    client.write_all(answer.as_bytes())
}

/// Where this process puts its sockets.
fn own_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("raddle"),
        None => PathBuf::from(format!("/tmp/raddle-{}", geteuid().as_raw())),
    }
}

/// Makes the folder, or sees that it is this user's alone.
fn prepare(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(io::Error::new(error.kind(), format!("cannot make {}: {error}", folder.display())))
        }
        _ if is_of(folder, geteuid().as_raw()) => Ok(()),
        _ => {
            let text = format!("{} has to be a folder of this user alone (mode 0700), and is not", folder.display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        }
    }
}

/// Whether a folder belongs to that user, and to nobody else.
fn is_of(folder: &Path, user: u32) -> bool {
    // Of a link it is the link that is looked at, which is no folder.
    fs::symlink_metadata(folder).is_ok_and(|seen| seen.is_dir() && seen.uid() == user && seen.mode() & 0o077 == 0)
}

/// Asks the runtimes of a process: `ps`, `pstree` or `json`. One answer for each.
///
/// # Errors
/// When there is no such process, or it answers no questions: it was not asked to.
#[doc(hidden)]
pub fn ask(process: u32, question: &str) -> io::Result<Vec<String>> {
    let no_process = |_| io::Error::new(io::ErrorKind::NotFound, format!("there is no process {process}"));
    let user = fs::metadata(format!("/proc/{process}")).map_err(no_process)?.uid();
    let mut folders = vec![PathBuf::from(format!("/run/user/{user}/raddle")), format!("/tmp/raddle-{user}").into()];
    if !folders.contains(&own_folder()) {
        folders.push(own_folder());
    }
    let mut answers = Vec::new();
    for folder in folders.iter().filter(|folder| is_of(folder, user)) {
        for path in sockets_of(folder, process)? {
            // One that refuses is left of a runtime that has ended.
            if let Ok(server) = UnixStream::connect(path) {
                answers.push(ask_one(server, question)?);
            }
        }
    }
    if answers.is_empty() {
        let text = format!(
            "process {process} answers no questions: start it with RADDLE_INSPECT=1, or call Runner::inspect(true)"
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(answers)
}

/// The sockets of a process in a folder, in the order in which its runtimes were made.
fn sockets_of(folder: &Path, process: u32) -> io::Result<Vec<PathBuf>> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(&format!("{process}-"))?.strip_suffix(".sock")?.parse::<u32>().ok());
        sockets.extend(number.map(|number| (number, entry.path())));
    }
    sockets.sort();
    Ok(sockets.into_iter().map(|(_, path)| path).collect())
}

fn ask_one(mut server: UnixStream, question: &str) -> io::Result<String> {
    server.set_read_timeout(Some(2 * PATIENCE))?;
    server.write_all(question.as_bytes())?;
    server.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    Ok(answer)
}
