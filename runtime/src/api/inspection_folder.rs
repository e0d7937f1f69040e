//! The folder in which programs that may be inspected have their sockets.
//!
//! It is the user's alone (mode 0700, else it is not used): nobody else can put a socket of theirs in its place, and nobody
//! else reaches one of ours. A socket is called after its process and a number, and taken away when its runtime ends. One
//! that a process had no time to take away is found by the next program that comes: the process is gone, and nobody
//! listens. Both are asked for, since the folder may be shared with processes that have other numbers here.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, geteuid, test_kill_process};

/// Where this process puts its sockets.
pub(super) fn own_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("raddle"),
        None => folder_of_user(geteuid().as_raw()),
    }
}

/// Where the processes of a user put theirs that have no `XDG_RUNTIME_DIR`.
pub(super) fn folder_of_user(user: u32) -> PathBuf {
    format!("/tmp/raddle-{user}").into()
}

/// Makes the folder, or sees that it is this user's alone.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(io::Error::new(error.kind(), format!("cannot make {}: {error}", folder.display())))
        }
        _ if is_of(folder, geteuid().as_raw()) => Ok(()),
        _ => {
            let text = format!("{} has to be a folder of this user alone (mode 0700), and is not", folder.display());
            Err(io::Error::new(ErrorKind::PermissionDenied, text))
        }
    }
}

/// Whether a folder belongs to that user, and to nobody else.
pub(super) fn is_of(folder: &Path, user: u32) -> bool {
    // Of a link it is the link that is looked at, which is no folder.
    fs::symlink_metadata(folder).is_ok_and(|seen| seen.is_dir() && seen.uid() == user && seen.mode() & 0o077 == 0)
}

/// A socket, by its name.
pub(super) struct Socket {
    pub(super) process: u32,
    /// The first runtime of the process has the lowest.
    pub(super) number: u32,
    pub(super) path: PathBuf,
}

/// The sockets in a folder.
pub(super) fn sockets(folder: &Path) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let numbers = name.to_str().and_then(|name| name.strip_suffix(".sock")?.split_once('-'));
        let numbers = numbers.and_then(|(process, number)| Some((process.parse().ok()?, number.parse().ok()?)));
        sockets.extend(numbers.map(|(process, number)| Socket { process, number, path: entry.path() }));
    }
    Ok(sockets)
}

/// Takes away what processes have left behind that were killed. What cannot be looked at stays.
pub(super) fn sweep(folder: &Path) {
    for Socket { process, path, .. } in sockets(folder).unwrap_or_default() {
        if !lives(process) && is_deserted(&path) {
            _ = fs::remove_file(path);
        }
    }
}

/// Whether there is such a process, as far as is known.
fn lives(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
}

/// Whether nobody listens there. Does not wait for those who do: a process that is gone while somebody listens is in another
/// container, or has forked.
fn is_deserted(path: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let connected = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|socket| connect(&socket, &SocketAddrUnix::new(path)?));
    connected == Err(Errno::CONNREFUSED)
}
