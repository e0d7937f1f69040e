//! What the kernel says about a file descriptor, and who waits to hear it.
//!
//! The kernel of these models is a number of bytes. An operation is `io/src/evented.rs` without a syscall: while the
//! word says ready, try; on would-block, register or clear; when it does not, put the waker in and look once more.

use std::sync::Arc;

use loom::thread;
use raddle_loom_tests::readiness::{Cleared, Direction::Read, Event};
use raddle_loom_tests::shim::atomic::{AtomicUsize, Ordering};
use raddle_loom_tests::source::{Source, Ticket};
use raddle_loom_tests::{Parker, TestWaker, bounded, check, unbounded};

const READABLE: Event = Event { readable: true, writable: false, read_closed: false, write_closed: false };
const LAST: Event = Event { readable: true, writable: false, read_closed: true, write_closed: false };

/// A socket: the kernel's side and the source.
struct Socket {
    /// Bytes that can be read. Relaxed: loom must see no order here but the source's.
    bytes: AtomicUsize,
    /// The peer has closed.
    closed: AtomicUsize,
    source: Source,
}

/// What a read gives.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Byte,
    End,
    ShutDown,
}

impl Socket {
    /// One that is in an epoll already.
    fn registered() -> Arc<Socket> {
        let socket = Socket::fresh();
        socket.source.readiness.register();
        socket
    }

    fn fresh() -> Arc<Socket> {
        Arc::new(Socket { bytes: AtomicUsize::new(0), closed: AtomicUsize::new(0), source: Source::new() })
    }

    /// The peer sends a byte.
    fn send(&self) {
        self.bytes.fetch_add(1, Ordering::Relaxed);
    }

    /// The peer sends a byte, and the reactor hears of it.
    fn send_and_tell(&self) {
        self.send();
        self.tell(READABLE);
    }

    fn tell(&self, event: Event) {
        // As in the reactor: wakers are collected under its lock, and woken after it.
        let mut batch = Vec::new();
        self.source.event(event, &mut |waker| batch.push(waker));
        batch.into_iter().for_each(std::task::Waker::wake);
    }

    /// The syscall.
    fn try_read(&self) -> Option<Got> {
        let step = |bytes: usize| bytes.checked_sub(1);
        if self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok() {
            return Some(Got::Byte);
        }
        (self.closed.load(Ordering::Relaxed) > 0).then_some(Got::End)
    }

    /// A poll of a read. `add` is the epoll ADD that makes the kernel tell.
    fn poll_read(&self, ticket: &mut Ticket, waker: &TestWaker, add: &impl Fn()) -> Option<Got> {
        let mut waiting = false;
        loop {
            let seen = self.source.readiness.snapshot();
            if !seen.is_ready(Read) {
                if waiting {
                    return None;
                }
                self.source.wait(Read, ticket, &waker.waker());
                waiting = true;
                continue;
            }
            match self.try_read() {
                Some(got) => return Some(got),
                None if seen.needs_registration() => {
                    if waiting {
                        return Some(Got::ShutDown);
                    }
                    self.source.readiness.register();
                    add();
                }
                None => _ = self.source.readiness.would_block(seen, Read),
            }
        }
    }

    /// A read to its end.
    fn read(&self, waker: &TestWaker) -> Got {
        self.read_and_add(waker, &|| ())
    }

    fn read_and_add(&self, waker: &TestWaker, add: &impl Fn()) -> Got {
        let mut ticket = Ticket::default();
        loop {
            if let Some(got) = self.poll_read(&mut ticket, waker, add) {
                self.leave(&mut ticket);
                return got;
            }
            waker.wait();
        }
    }

    fn leave(&self, ticket: &mut Ticket) {
        if let Some(next) = self.source.leave(Read, ticket) {
            next.wake();
        }
    }
}

/// A first read registers while its byte arrives: the byte is read.
#[test]
fn register_against_event() {
    check("register_against_event", unbounded(), || {
        let (socket, waker, added) = (Socket::fresh(), TestWaker::new(), Arc::new(Parker::new()));
        let (kernel, added2) = (socket.clone(), added.clone());
        let kernel = thread::spawn(move || {
            kernel.send();
            // The kernel tells of what is there when the fd is added.
            added2.park();
            kernel.tell(READABLE);
        });
        assert_eq!(socket.read_and_add(&waker, &|| added.unpark()), Got::Byte);
        added.unpark();
        kernel.join().unwrap();
        waker.assert_none_left();
    });
}

/// A waiter puts its waker in while the event comes: it is woken, or sees it in its second look.
#[test]
fn wait_against_event() {
    check("wait_against_event", unbounded(), || {
        let (socket, waker) = (Socket::registered(), TestWaker::new());
        let socket2 = socket.clone();
        let reactor = thread::spawn(move || socket2.send_and_tell());
        assert_eq!(socket.read(&waker), Got::Byte);
        reactor.join().unwrap();
        waker.assert_none_left();
    });
}

/// A reader finds the socket drained and clears the word while a second event comes: that one is not cleared.
#[test]
fn clear_against_new_event() {
    check("clear_against_new_event", unbounded(), || {
        let (socket, waker) = (Socket::registered(), TestWaker::new());
        socket.send_and_tell();
        let socket2 = socket.clone();
        let reactor = thread::spawn(move || socket2.send_and_tell());
        assert_eq!(socket.read(&waker), Got::Byte);
        assert_eq!(socket.read(&waker), Got::Byte);
        reactor.join().unwrap();
        waker.assert_none_left();
    });
}

/// The last bytes and the end of the stream come in one event, while a reader clears after a short read: the next read
/// sees the end, and readiness stays.
#[test]
fn sticky_end_against_clear() {
    check("sticky_end_against_clear", unbounded(), || {
        let (socket, waker) = (Socket::registered(), TestWaker::new());
        socket.send_and_tell();
        let socket2 = socket.clone();
        let reactor = thread::spawn(move || {
            socket2.send();
            socket2.closed.store(1, Ordering::Relaxed);
            socket2.tell(LAST);
        });
        for _ in 0..2 {
            let seen = socket.source.readiness.snapshot();
            assert_eq!(socket.read(&waker), Got::Byte);
            // A short read: nothing more is there, or so it seems.
            let _ = socket.source.readiness.clear(seen, Read);
        }
        assert_eq!(socket.read(&waker), Got::End);
        reactor.join().unwrap();
        let seen = socket.source.readiness.snapshot();
        assert_eq!(socket.source.readiness.clear(seen, Read), Cleared::StillReady);
        waker.assert_none_left();
    });
}

/// The closed bit stands for no end, so would-block takes it away, while the end comes after all: it is seen.
#[test]
fn would_block_against_the_end() {
    check("would_block_against_the_end", unbounded(), || {
        let (socket, waker) = (Socket::registered(), TestWaker::new());
        socket.tell(LAST);
        let socket2 = socket.clone();
        let reactor = thread::spawn(move || {
            socket2.closed.store(1, Ordering::Relaxed);
            socket2.tell(LAST);
        });
        assert_eq!(socket.read(&waker), Got::End);
        reactor.join().unwrap();
    });
}

/// Two tasks wait for one socket and two bytes come, one by one: each gets its own.
#[test]
fn two_waiters_two_events() {
    check("two_waiters_two_events", bounded(2), || {
        let socket = Socket::registered();
        let socket2 = socket.clone();
        let reader = thread::spawn(move || {
            let waker = TestWaker::new();
            assert_eq!(socket2.read(&waker), Got::Byte);
            waker
        });
        let socket3 = socket.clone();
        let reactor = thread::spawn(move || {
            socket3.send_and_tell();
            socket3.send_and_tell();
        });
        let waker = TestWaker::new();
        assert_eq!(socket.read(&waker), Got::Byte);
        let other = reader.join().unwrap();
        // The reactor may wake for a moment whom it has told already.
        reactor.join().unwrap();
        waker.assert_none_left();
        other.assert_none_left();
    });
}

/// Two tasks wait and two bytes come in one event, which gives one of them the turn: it passes the turn on.
#[test]
fn two_waiters_one_event() {
    check("two_waiters_one_event", bounded(3), || {
        let socket = Socket::registered();
        let socket2 = socket.clone();
        let reader = thread::spawn(move || assert_eq!(socket2.read(&TestWaker::new()), Got::Byte));
        let socket3 = socket.clone();
        let reactor = thread::spawn(move || {
            socket3.send();
            socket3.send_and_tell();
        });
        assert_eq!(socket.read(&TestWaker::new()), Got::Byte);
        reader.join().unwrap();
        reactor.join().unwrap();
    });
}

/// Two tasks wait, one byte comes, and the one that has waited longer is cancelled: the other gets the byte, also if the
/// turn had been given to the first.
#[test]
fn cancelled_waiter_passes_its_turn_on() {
    check("cancelled_waiter_passes_its_turn_on", bounded(3), || {
        let socket = Socket::registered();
        let (first, mut ticket) = (TestWaker::new(), Ticket::default());
        assert_eq!(socket.poll_read(&mut ticket, &first, &|| ()), None);
        let socket2 = socket.clone();
        let reader = thread::spawn(move || assert_eq!(socket2.read(&TestWaker::new()), Got::Byte));
        let socket3 = socket.clone();
        let reactor = thread::spawn(move || socket3.send_and_tell());
        socket.leave(&mut ticket);
        reader.join().unwrap();
        reactor.join().unwrap();
        first.assert_none_left();
    });
}

/// The reactor shuts down while a read waits: the reader learns of it.
#[test]
fn shut_down_against_wait() {
    check("shut_down_against_wait", unbounded(), || {
        let (socket, waker) = (Socket::registered(), TestWaker::new());
        let socket2 = socket.clone();
        let reactor = thread::spawn(move || {
            let mut batch = Vec::new();
            socket2.source.shut_down(&mut |waker| batch.push(waker));
            batch.into_iter().for_each(std::task::Waker::wake);
        });
        let mut ticket = Ticket::default();
        // A read that registers anew would wait for another reactor; here it is enough that it wants to.
        while !socket.source.readiness.snapshot().needs_registration() {
            socket.source.wait(Read, &mut ticket, &waker.waker());
            if socket.source.readiness.snapshot().is_ready(Read) {
                break;
            }
            waker.wait();
        }
        reactor.join().unwrap();
        assert!(socket.source.readiness.snapshot().needs_registration());
        socket.leave(&mut ticket);
        waker.assert_none_left();
    });
}
