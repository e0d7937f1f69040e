//! A forked child has the very epoll and eventfd of its parent, and a copy of everything else: whatever it does with its
//! copy of a reactor, the parent goes on as if there was no child. In a file of its own, for a fork copies the process.

mod common;

use std::cell::RefCell;
use std::fs;
use std::future::Future as _;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{new_reactor, poll_once, run_on};
use raddle_io::fork::{FOREIGN, note_child};
use raddle_io::net::TcpStream;
use raddle_io::{Instant, sleep};
use rustix::process::{Pid, WaitOptions, waitpid};

const MS: Duration = Duration::from_millis(1);

/// One test at a time: no other thread is to be in the middle of anything when the process is copied.
static TURN: Mutex<()> = Mutex::new(());

type Handler = Option<unsafe extern "C" fn()>;

unsafe extern "C" {
    fn fork() -> i32;
    fn _exit(status: i32) -> !;
    fn alarm(seconds: u32) -> u32;
    fn pthread_atfork(before: Handler, in_parent: Handler, in_child: Handler) -> i32;
}

/// What the runtime does, which is not here.
unsafe extern "C" fn in_child() {
    note_child();
}

/// Runs `child` in a fork of this process, which must get through it.
fn in_a_fork(child: impl FnOnce()) {
    // SAFETY: `fork` may be called anywhere; the child ends in this block, before anything of this process's is run twice.
    let pid = unsafe { fork() };
    if pid == 0 {
        // SAFETY: neither has preconditions.
        unsafe {
            alarm(30);
            _exit(i32::from(catch_unwind(AssertUnwindSafe(child)).is_err()))
        }
    }
    let (_, status) = waitpid(Pid::from_raw(pid), WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0), "the child fails: {status:?}");
}

fn notice_forks() {
    // SAFETY: the handler counts, and nothing else.
    assert_eq!(unsafe { pthread_atfork(None, None, Some(in_child)) }, 0);
}

fn pair() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (TcpStream::try_from(listener.accept().unwrap().0).unwrap(), peer)
}

/// Whether the system has the file in the epoll.
fn is_watched(epoll: &impl AsRawFd, file: &impl AsRawFd) -> bool {
    let known = fs::read_to_string(format!("/proc/self/fdinfo/{}", epoll.as_raw_fd())).unwrap();
    let mut watched = known.lines().filter_map(|line| line.strip_prefix("tfd:"));
    watched.any(|line| line.split_whitespace().next() == Some(&file.as_raw_fd().to_string()))
}

#[test]
fn a_child_takes_nothing_from_its_parent() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    notice_forks();
    let reactor = new_reactor();
    run_on(&reactor, async {
        let ((stream, mut peer), (other, _other_peer)) = (pair(), pair());
        for waiting in [&stream, &other] {
            assert!(poll_once(&mut waiting.read(&mut [0])).await.is_pending());
        }
        let stream = RefCell::new(Some(stream));
        reactor.turn();
        in_a_fork(|| {
            drop(stream.take());
            reactor.unpark();
        });
        assert!(is_watched(&reactor, stream.borrow().as_ref().unwrap()), "the child has taken it out of the epoll");
        let before = Instant::now();
        reactor.park(Some(5 * MS)).unwrap();
        assert!(before.elapsed() >= 5 * MS, "the child has unparked its parent");

        // There is somebody who waits, and an event that nobody has fetched.
        let stream = stream.take().unwrap();
        let mut byte = [0];
        let mut read = stream.read(&mut byte);
        assert!(poll_once(&mut read).await.is_pending());
        peer.write_all(b"x").unwrap();
        in_a_fork(|| {
            assert_eq!((reactor.turn(), reactor.drain()), (0, 0));
            reactor.shut_down();
        });
        assert!(is_watched(&reactor, &other));
        assert_eq!(read.await.unwrap(), 1);
        assert_eq!(byte, *b"x");
    });
}

#[test]
fn whoever_would_wait_in_a_child_is_told_why_not() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    notice_forks();
    let reactor = new_reactor();
    run_on(&reactor, async {
        let ((known, _known_peer), (fresh, _fresh_peer)) = (pair(), pair());
        assert!(poll_once(&mut known.read(&mut [0])).await.is_pending());
        let mut waker = Context::from_waker(Waker::noop());
        in_a_fork(|| {
            assert_eq!(reactor.park(None).unwrap_err().to_string(), FOREIGN);
            let mut byte = [0];
            let mut read = fresh.read(&mut byte);
            match Pin::new(&mut read).poll(&mut waker) {
                Poll::Ready(Err(error)) => assert_eq!(error.to_string(), FOREIGN),
                other => panic!("{other:?}"),
            }
            let sleeping = catch_unwind(|| {
                let mut waker = Context::from_waker(Waker::noop());
                pin!(sleep(MS)).poll(&mut waker)
            });
            assert_eq!(sleeping.unwrap_err().downcast_ref::<String>().unwrap(), FOREIGN);
        });
        sleep(MS).await;
    });
}
