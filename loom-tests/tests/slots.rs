//! Registrations: an event that comes too late is told to nobody, and never to the next tenant of a place.
//!
//! A file descriptor here is a cell: whoever deregisters it writes it (it is closed, and the number may be another's),
//! and the reactor reads it when it tells its source of an event. As in the reactor, one lock is around the slots, the
//! poller holds it for a batch of events, and sources are dropped after it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Waker;

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::readiness::{Direction::Read, Event};
use raddle_loom_tests::shim::{Arc, Mutex};
use raddle_loom_tests::slots::{Slots, Token};
use raddle_loom_tests::source::{Source, Ticket};
use raddle_loom_tests::{TestWaker, bounded, check, unbounded};

const READABLE: Event = Event { readable: true, writable: false, read_closed: false, write_closed: false };

/// A reactor without an epoll.
struct Reactor {
    slots: Mutex<Slots<()>>,
    late: AtomicUsize,
}

/// A registered file descriptor.
struct Socket {
    token: Token,
    source: Arc<Source>,
    fd: Arc<UnsafeCell<()>>,
}

// SAFETY: what the models are about.
unsafe impl Send for Socket {}

impl Reactor {
    fn new() -> Arc<Reactor> {
        Arc::new(Reactor { slots: Mutex::new(Slots::default()), late: AtomicUsize::new(0) })
    }

    fn register(&self) -> Option<Socket> {
        let source = Arc::new(Source::new());
        source.readiness.register();
        let token = self.slots.lock().insert(source.clone(), ())?;
        Some(Socket { token, source, fd: Arc::new(UnsafeCell::new(())) })
    }

    /// Dispatches a batch of events that were fetched before, all for this token.
    fn dispatch(&self, token: Token, fd: &UnsafeCell<()>) {
        let mut batch = Vec::new();
        let mut slots = self.slots.lock();
        match slots.get(token) {
            Some(source) => {
                fd.with(|_| ());
                source.event(READABLE, &mut |waker| batch.push(waker));
            }
            None => _ = self.late.fetch_add(1, Relaxed),
        }
        slots.batch_done();
        drop(slots);
        batch.into_iter().for_each(Waker::wake);
    }

    /// Takes the socket out and closes it.
    fn deregister(&self, socket: &Socket) {
        // Two statements: the lock first, the source after it.
        let source = self.slots.lock().remove(socket.token);
        assert!(source.is_some());
        drop(source);
        socket.fd.with_mut(|_| ());
    }

    fn shut_down(&self) {
        let sources = self.slots.lock().close();
        let mut batch = Vec::new();
        sources.iter().for_each(|(source, ())| source.shut_down(&mut |waker| batch.push(waker)));
        drop(sources);
        batch.into_iter().for_each(Waker::wake);
    }
}

/// A socket is closed while an event for it is under way: the event comes before, or is counted as late and touches
/// nothing.
#[test]
fn deregister_against_event() {
    check("deregister_against_event", unbounded(), || {
        let reactor = Reactor::new();
        let socket = reactor.register().unwrap();
        let (reactor2, token, fd) = (reactor.clone(), socket.token, socket.fd.clone());
        let poller = thread::spawn(move || reactor2.dispatch(token, &fd));
        reactor.deregister(&socket);
        poller.join().unwrap();
        let told = socket.source.readiness.snapshot().is_ready(Read);
        assert_eq!(usize::from(told) + reactor.late.load(Relaxed), 1, "told and late, or neither");
        assert_eq!(reactor.slots.lock().count(), 0);
    });
}

/// A socket is closed and another one registered while events for the first are under way, in this batch and in the
/// next: the second, which gets its place sooner or later, hears of none of them.
#[test]
fn token_reuse_against_late_event() {
    check("token_reuse_against_late_event", unbounded(), || {
        let reactor = Reactor::new();
        let old = reactor.register().unwrap();
        let (reactor2, token, fd) = (reactor.clone(), old.token, old.fd.clone());
        let poller = thread::spawn(move || (0..2).for_each(|_| reactor2.dispatch(token, &fd)));
        reactor.deregister(&old);
        let new = [reactor.register().unwrap(), reactor.register().unwrap()];
        poller.join().unwrap();
        assert!(new.iter().all(|socket| !socket.source.readiness.snapshot().is_ready(Read)), "another's event");
        assert_eq!(reactor.slots.lock().count(), 2);
    });
}

/// A socket is registered, and waited for, while the reactor shuts down: it is refused, or its reader is told.
#[test]
fn register_against_shut_down() {
    check("register_against_shut_down", bounded(4), || {
        let (reactor, waker) = (Reactor::new(), TestWaker::new());
        let reactor2 = reactor.clone();
        let ending = thread::spawn(move || reactor2.shut_down());
        if let Some(socket) = reactor.register() {
            let mut ticket = Ticket::default();
            socket.source.wait(Read, &mut ticket, &waker.waker());
            if !socket.source.readiness.snapshot().is_ready(Read) {
                waker.wait();
            }
            assert!(socket.source.readiness.snapshot().needs_registration());
            assert!(socket.source.leave(Read, &mut ticket).is_none());
        }
        ending.join().unwrap();
        assert!(reactor.register().is_none());
        waker.assert_none_left();
    });
}
