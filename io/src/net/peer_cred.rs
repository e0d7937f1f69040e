//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::AsFd;

/// The process, user and group at the other end of a [`UnixStream`](super::UnixStream), as the kernel noted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCred {
    pid: Option<u32>,
    uid: u32,
    gid: u32,
}

impl PeerCred {
    pub(super) fn of(socket: impl AsFd) -> io::Result<PeerCred> {
        let cred = rustix::net::sockopt::socket_peercred(socket)?;
        let pid = u32::try_from(cred.pid.as_raw_nonzero().get()).ok();
        Ok(PeerCred { pid, uid: cred.uid.as_raw(), gid: cred.gid.as_raw() })
    }

    /// The process; `None` if this one cannot see it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid.filter(|pid| *pid != 0)
    }

    /// The effective user.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The effective group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }
}
