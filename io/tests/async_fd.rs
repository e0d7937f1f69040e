//! What is promised for file descriptors that are only watched.

mod common;

use std::future::{Future as _, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use common::{Counter, new_reactor, poll_once, run, run_on, spawn};
use raddle_io::net::{AsyncFd, Readable, ReadyGuard};

fn pair() -> (AsyncFd<StdUnixStream>, StdUnixStream) {
    let (ours, theirs) = StdUnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (AsyncFd::new(ours).unwrap(), theirs)
}

async fn read(fd: &AsyncFd<StdUnixStream>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let guard = fd.readable().await?;
        if let Ok(result) = guard.try_io(|mut socket| socket.read(buffer)) {
            return result;
        }
    }
}

#[test]
fn readable_waits_and_would_block_clears() {
    run(async {
        let (fd, mut peer) = pair();
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        peer.write_all(b"ab").unwrap();
        let guard = fd.readable().await.unwrap();
        let mut byte = [0];
        // A short or a full read says nothing about what is left: the fd stays ready until an attempt would block.
        assert_eq!(guard.try_io(|mut socket| socket.read(&mut byte)).unwrap().unwrap(), 1);
        drop(guard);
        let guard = fd.readable().await.unwrap();
        assert_eq!(guard.try_io(|mut socket| socket.read(&mut byte)).unwrap().unwrap(), 1);
        drop(guard);
        let guard = fd.readable().await.unwrap();
        let would_block = guard.try_io(|mut socket| socket.read(&mut byte)).unwrap_err();
        assert_eq!(io::Error::from(would_block).kind(), io::ErrorKind::WouldBlock);
        drop(guard);
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        peer.write_all(b"c").unwrap();
        assert_eq!(read(&fd, &mut byte).await.unwrap(), 1);
    });
}

/// An fd that no reactor knows is not thought to be ready: it may be one that blocks.
#[test]
fn readiness_is_the_kernels_word_from_the_first_wait_on() {
    run(async {
        let (ours, mut theirs) = StdUnixStream::pair().unwrap();
        let fd = AsyncFd::new(ours).unwrap(); // a blocking one
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        theirs.write_all(b"x").unwrap();
        let guard = fd.readable().await.unwrap();
        let mut socket = guard.get_ref();
        assert_eq!(socket.read(&mut [0; 8]).unwrap(), 1);
    });
}

/// The event comes between the guard and the clearing: it must not be lost.
#[test]
fn an_event_after_the_guard_is_not_cleared() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (fd, mut peer) = pair();
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        peer.write_all(b"a").unwrap();
        let mut guard = fd.readable().await.unwrap();
        peer.write_all(b"b").unwrap();
        // A write to a socket is in the epoll when it returns; nobody waits, so nobody is woken.
        assert_eq!(reactor.drain(), 0);
        guard.clear_ready();
        drop(guard);
        assert!(poll_once(&mut fd.readable()).await.is_ready());
    });
}

#[test]
fn clear_ready_waits_for_the_next_event() {
    run(async {
        let (fd, mut peer) = pair();
        peer.write_all(b"a").unwrap();
        let mut guard = fd.readable().await.unwrap();
        guard.clear_ready();
        drop(guard);
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        peer.write_all(b"b").unwrap();
        assert_eq!(read(&fd, &mut [0; 8]).await.unwrap(), 2);
    });
}

#[test]
fn several_waiters_each_get_their_turn() {
    run(async {
        let (fd, mut peer) = pair();
        let fd = Rc::new(fd);
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let fd = fd.clone();
                spawn(async move {
                    let mut byte = [0];
                    read(&fd, &mut byte).await.unwrap();
                    byte[0]
                })
            })
            .collect();
        common::yield_now().await;
        peer.write_all(b"abcde").unwrap();
        let mut got = Vec::new();
        for reader in readers {
            got.push(reader.await);
        }
        got.sort();
        assert_eq!(got, b"abcde");
    });
}

/// One event, one turn; it stays with the guard, and goes on when the guard is dropped with the fd still ready.
#[test]
fn a_guard_is_the_turn() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (fd, mut peer) = pair();
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut first, mut second) = (fd.readable(), fd.readable());
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        peer.write_all(b"ab").unwrap();
        while first_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        let Poll::Ready(guard) = Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)) else { panic!() };
        drop(first);
        assert_eq!(second_count.count(), 0, "the guard has the turn, not the future");
        drop(guard);
        assert_eq!(second_count.count(), 1);
    });
}

#[test]
fn a_dropped_wait_passes_its_turn_on() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (fd, mut peer) = pair();
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut first, mut second) = (fd.readable(), fd.readable());
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        peer.write_all(b"ab").unwrap();
        while first_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        drop(first);
        assert_eq!(second_count.count(), 1);
    });
}

#[test]
fn writable_waits_for_room() {
    run(async {
        let (fd, mut peer) = pair();
        let block = [7; 1 << 16];
        let mut sent = 0;
        loop {
            let guard = fd.writable().await.unwrap();
            match guard.try_io(|mut socket| socket.write(&block)) {
                Ok(count) => sent += count.unwrap(),
                Err(_) => break,
            }
        }
        let mut writable = fd.writable();
        assert!(poll_once(&mut writable).await.is_pending());
        peer.set_nonblocking(true).unwrap();
        let mut got = vec![0; sent];
        peer.read_exact(&mut got).unwrap();
        drop(writable.await.unwrap());
    });
}

#[test]
fn the_end_of_the_other_side_makes_it_readable() {
    run(async {
        let (fd, peer) = pair();
        let mut readable = fd.readable();
        assert!(poll_once(&mut readable).await.is_pending());
        drop(peer);
        drop(readable.await.unwrap());
        assert_eq!(read(&fd, &mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn poll_functions_do_the_same() {
    run(async {
        let (fd, mut peer) = pair();
        drop(poll_fn(|cx| fd.poll_writable(cx)).await.unwrap());
        assert!(poll_fn(|cx| Poll::Ready(fd.poll_readable(cx).is_pending())).await);
        let waiting = spawn(async move {
            let guard = poll_fn(|cx| fd.poll_readable(cx)).await.unwrap();
            guard.try_io(|mut socket| socket.read(&mut [0; 8])).unwrap().unwrap()
        });
        common::yield_now().await;
        peer.write_all(b"abc").unwrap();
        assert_eq!(waiting.await, 3);
    });
}

/// The writer of a FIFO goes and another one comes. The end that the first one left must not keep the fd ready for ever.
#[test]
fn an_end_that_another_writer_follows_is_cleared_by_would_block() {
    let scratch = common::Scratch::new();
    let path = scratch.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    run(async {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let fifo = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&path).unwrap();
        let fd = AsyncFd::new(fifo).unwrap();
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        writer.write_all(b"a").unwrap();
        drop(writer);
        drop(fd.readable().await.unwrap());
        let mut buffer = [0; 8];
        assert_eq!(fd.get_ref().read(&mut buffer).unwrap(), 1);
        assert_eq!(fd.get_ref().read(&mut buffer).unwrap(), 0);
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let guard = fd.readable().await.unwrap();
        assert!(guard.try_io(|mut fifo| fifo.read(&mut buffer)).is_err());
        drop(guard);
        let mut readable = fd.readable();
        assert!(poll_once(&mut readable).await.is_pending());
        writer.write_all(b"b").unwrap();
        drop(readable.await.unwrap());
    });
}

/// What waiting for a child process needs.
#[test]
fn the_end_of_a_process_makes_its_pidfd_readable() {
    run(async {
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK).unwrap();
        let pidfd = AsyncFd::new(pidfd).unwrap();
        let mut ended = pidfd.readable();
        assert!(poll_once(&mut ended).await.is_pending());
        drop(child.stdin.take());
        drop(ended.await.unwrap());
        assert!(child.try_wait().unwrap().is_some());
        drop(pidfd.readable().await.unwrap());
    });
}

#[test]
fn what_epoll_does_not_take_says_so() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let error = AsyncFd::new(file).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("regular file"), "{error}");
    run(async {
        // Not a regular file, but none that epoll takes.
        let null = AsyncFd::new(std::fs::File::open("/dev/null").unwrap()).unwrap();
        let error = null.readable().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("cannot wait for fd "), "{error}");

        let (fd, _peer) = pair();
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        let again = AsyncFd::new(fd.as_fd()).unwrap();
        let error = again.readable().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("through another object"), "{error}");
    });
}

#[test]
fn outside_a_runtime_it_can_be_made_but_not_awaited() {
    let (fd, _peer) = pair();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = Pin::new(&mut fd.readable()).poll(&mut cx) else { panic!("it cannot wait") };
    assert!(error.to_string().contains("no raddle runtime"), "{error}");
}

#[test]
fn into_inner_stops_the_watch() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (mut fd, _peer) = pair();
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        assert_eq!(reactor.source_count(), 1);
        assert!(fd.get_mut().take_error().unwrap().is_none());
        let socket = fd.into_inner();
        assert_eq!(reactor.source_count(), 0);
        assert!(AsyncFd::new(socket).unwrap().writable().await.is_ok());
    });
}

#[test]
fn it_moves_to_another_reactor_when_its_own_ends() {
    let (fd, mut peer) = pair();
    let first = new_reactor();
    run_on(&first, async { assert!(poll_once(&mut fd.readable()).await.is_pending()) });
    first.shut_down();
    run(async {
        assert!(poll_once(&mut fd.readable()).await.is_pending());
        peer.write_all(b"x").unwrap();
        assert_eq!(read(&fd, &mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn types_can_cross_threads() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<AsyncFd<StdUnixStream>>();
    send_and_sync::<ReadyGuard<'_, StdUnixStream>>();
    send_and_sync::<Readable<'_, StdUnixStream>>();
}
