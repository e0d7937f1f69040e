//! The loop: what epoll tells, what it is told to look for, and who comes and goes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, SocketFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use super::Protocol;
use super::connection::{Connection, Tools, Wait};

/// How many events are taken from the kernel at once.
const EVENTS: usize = 1024;

/// How often a process that had no file descriptor left looks whether it has one again.
const RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Clients are told of once for each time that something comes (edge-triggered): where epoll looked at each of them again
/// in the next call (level-triggered), a request to `echo_server_epoll` cost 4.8 % more with one client and 1.2 % with 64,
/// one to `http_hello_epoll` 3.3 %, and one to `kv_server_epoll` 1.9 % (medians of nine pairs).
const CLIENT: EventFlags = EventFlags::ET;

/// The listener is level-triggered and accepts one client for each event: a loop that ends when nobody is left makes a
/// call in vain for nearly every client where they come one by one, and took 5 % more for each of them.
const LISTENER: EventFlags = EventFlags::IN;

/// What is told together with, or instead of, the bytes that came last.
const ENDING: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);

/// A server and its clients.
pub(super) struct Server<P: Protocol> {
    epoll: OwnedFd,
    listener: OwnedFd,
    /// If the protocol sweeps.
    timer: Option<OwnedFd>,
    /// Each at the number of its file descriptor, which epoll knows it by.
    clients: Vec<Option<Client<P>>>,
    tools: Tools,
    shared: P::Shared,
    cannot_accept: bool,
}

struct Client<P> {
    connection: Connection<P>,
    /// As epoll was told last.
    waits: Wait,
}

impl<P: Protocol> Server<P> {
    pub(super) fn new(listener: OwnedFd, shared: P::Shared) -> io::Result<Server<P>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, data(listener.as_raw_fd()), LISTENER)?;
        let timer = P::BETWEEN_SWEEPS.map(ticks).transpose()?;
        if let Some(timer) = &timer {
            epoll::add(&epoll, timer, data(timer.as_raw_fd()), EventFlags::IN)?;
        }
        let (clients, tools) = (Vec::new(), Tools::new(P::READ_SIZE));
        Ok(Server { epoll, listener, timer, clients, tools, shared, cannot_accept: false })
    }

    /// Serves until epoll itself fails.
    pub(super) fn run(mut self) -> io::Result<()> {
        let (listener, timer) = (self.listener.as_raw_fd(), self.timer.as_ref().map(OwnedFd::as_raw_fd));
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let timeout = self.cannot_accept.then_some(&RETRY);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if self.cannot_accept {
                self.accept()?;
            }
            for event in events.drain(..) {
                let (place, flags) = (event.data.u64() as RawFd, event.flags);
                match place {
                    _ if place == listener => self.accept()?,
                    _ if Some(place) == timer => self.sweep()?,
                    _ => self.go_on(place, flags.intersects(ENDING)),
                }
            }
            while let Some(place) = self.tools.woken.pop() {
                self.go_on(place, false);
            }
        }
    }

    /// Without a file descriptor to spare, the listener is not looked at, but tried again in a while.
    fn accept(&mut self) -> io::Result<()> {
        let error = match net::accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => self.welcome(socket).err(),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => None,
            Err(error) => Some(error),
        };
        if error.is_some() != self.cannot_accept {
            self.cannot_accept = error.is_some();
            let flags = if self.cannot_accept { EventFlags::empty() } else { LISTENER };
            epoll::modify(&self.epoll, &self.listener, data(self.listener.as_raw_fd()), flags)?;
            if let Some(error) = error {
                eprintln!("cannot accept for now: {error}");
            }
        }
        Ok(())
    }

    fn welcome(&mut self, socket: OwnedFd) -> Result<(), Errno> {
        let place = socket.as_raw_fd();
        epoll::add(&self.epoll, &socket, data(place), Wait::Bytes.flags())?;
        if self.clients.len() <= place as usize {
            self.clients.resize_with(place as usize + 1, || None);
        }
        let connection = Connection::new(socket, P::new(&self.shared));
        self.clients[place as usize] = Some(Client { connection, waits: Wait::Bytes });
        Ok(())
    }

    /// A client whose connection fails has gone, and that is all.
    fn go_on(&mut self, place: RawFd, is_ending: bool) {
        // Whom a message was for may have gone since.
        let Some(client) = &mut self.clients[place as usize] else { return };
        let stays = match client.connection.go_on(is_ending, &mut self.tools) {
            Ok(Some(waits)) => client.wait(waits, &self.epoll).is_ok(),
            Ok(None) | Err(_) => false,
        };
        if !stays {
            self.clients[place as usize] = None;
        }
    }

    /// While there is more to do the timer is left unread, so that epoll tells of it again after everybody else.
    fn sweep(&mut self) -> io::Result<()> {
        if let Some(timer) = &self.timer
            && !P::sweep(&self.shared)
        {
            rustix::io::read(timer, &mut [0; 8])?;
        }
        Ok(())
    }
}

impl<P: Protocol> Client<P> {
    /// A client that waits for its turn is told of at once, behind those who wait already: epoll looks whenever it is told
    /// something.
    fn wait(&mut self, waits: Wait, epoll: &OwnedFd) -> Result<(), Errno> {
        if waits == self.waits && waits != Wait::Turn {
            return Ok(());
        }
        self.waits = waits;
        epoll::modify(epoll, &self.connection, data(self.connection.as_raw_fd()), waits.flags())
    }
}

impl Wait {
    fn flags(self) -> EventFlags {
        match self {
            Wait::Room => CLIENT | EventFlags::OUT,
            Wait::Bytes | Wait::Turn => CLIENT | EventFlags::IN | EventFlags::RDHUP,
        }
    }
}

fn data(place: RawFd) -> EventData {
    EventData::new_u64(place as u64)
}

/// A timer that can be read every so often.
fn ticks(between: Duration) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let between = Timespec::try_from(between).map_err(io::Error::other)?;
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: between, it_value: between })?;
    Ok(timer)
}
