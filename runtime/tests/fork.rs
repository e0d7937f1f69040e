//! A process that forks while it has a runtime. The parent is served as if there was no child; in the child, which has a
//! copy of the runtime without its threads, everything says so, and nothing hangs.

mod common;

use std::cell::Cell;
use std::future::Future as _;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Count, hold, panic_of, runner, watch};
use raddle::{
    FinallyExt, RunError, Runner, TcpListener, TcpStream, create_task, lookup_host, signal, sleep, to_thread, yield_now,
};
use rustix::process::{Pid, Resource, Rlimit, WaitOptions, WaitStatus, setrlimit, waitpid};

const FOREIGN: &str = "this raddle runtime belongs to the process that this one was forked from: ";

/// One test at a time: no other thread is to be in the middle of anything when the process is copied.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Forks. In the child it returns None, and whatever hangs there ends it by a signal.
fn fork() -> Option<Pid> {
    // SAFETY: the children of these tests use what the C library keeps usable in a child (memory), and what they test.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::alarm(30) };
    }
    Pid::from_raw(pid)
}

fn wait_for(child: Pid) -> WaitStatus {
    waitpid(Some(child), WaitOptions::empty()).unwrap().unwrap().1
}

/// Runs `child` in a fork of this process, which must get through it.
#[track_caller]
fn in_a_fork(child: impl FnOnce()) {
    let Some(pid) = fork() else {
        let failed = catch_unwind(AssertUnwindSafe(child)).is_err();
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(failed)) }
    };
    let status = wait_for(pid);
    assert_eq!(status.exit_status(), Some(0), "the child fails: {status:?}");
}

async fn echo(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut byte = [0];
    while stream.read(&mut byte).await.unwrap() == 1 {
        stream.write_all(&byte).await.unwrap();
    }
}

#[track_caller]
fn is_echoed(client: &mut std::net::TcpStream, byte: u8) {
    client.write_all(&[byte]).unwrap();
    let mut heard = [0];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, [byte]);
}

#[test]
fn a_handle_in_a_child_says_that_its_runtime_is_elsewhere() {
    let (_watch, _turn) = (watch(), turn());
    let background = Cell::new(Some(Runner::new().workers(2).in_background().unwrap()));
    let handle = background.take().map(|there| ((*there).clone(), background.set(Some(there))).0).unwrap();
    let listener = handle.block_on(async { TcpListener::bind("127.0.0.1:0").await.unwrap() });
    let address = listener.local_addr().unwrap();
    let server = handle.create_task(echo(listener));
    let mut client = std::net::TcpStream::connect(address).unwrap();
    is_echoed(&mut client, 1);
    in_a_fork(|| {
        let said = [
            panic_of(|| drop(handle.create_task(async {}))),
            panic_of(|| drop(handle.call_soon(|| ()))),
            panic_of(|| handle.block_on(async {})),
        ];
        said.iter().for_each(|said| assert!(said.starts_with(FOREIGN), "{said}"));
        server.cancel();
        handle.stop();
        drop(background.take());
    });
    is_echoed(&mut client, 2);
    assert!(!server.is_done());
    drop(client);
    server.join_blocking().unwrap();
}

#[test]
fn a_runner_in_a_child_runs_nothing_and_is_dropped_at_once() {
    let (_watch, _turn) = (watch(), turn());
    let dropped = Count::default();
    let runner = Cell::new(Some(runner(2)));
    let with_runner = |f: &mut dyn FnMut(&mut Runner)| {
        let mut inside = runner.take().unwrap();
        f(&mut inside);
        runner.set(Some(inside));
    };
    with_runner(&mut |runner| {
        runner.run(async {
            create_task(hold(dropped.drops())).detach();
            create_task(std::future::pending::<()>().finally(|_| async {})).detach();
            yield_now().await;
        });
    });
    in_a_fork(|| {
        with_runner(&mut |runner| {
            match runner.try_run(async { unreachable!("there is nobody to run it") }) {
                Err(RunError::Io(error)) => assert!(error.to_string().starts_with(FOREIGN), "{error}"),
                other => panic!("{other:?}"),
            }
            let said = panic_of(|| runner.run(async {}));
            assert!(said.starts_with("Runner::run: ") && said.contains(FOREIGN), "{said}");
            let said = panic_of(|| runner.run_forever());
            assert!(said.contains(FOREIGN), "{said}");
        });
        drop(runner.take());
        assert_eq!(dropped.get(), 0, "what the tasks hold is the parent's");
    });
    with_runner(&mut |runner| assert_eq!(runner.run(async { create_task(async { 5 }).await.unwrap() }), 5));
    drop(runner.take());
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_child_of_a_task_is_no_worker() {
    let (_watch, _turn) = (watch(), turn());
    for workers in [1, 2] {
        runner(workers).run(async {
            drop(signal::signal(signal::Signal::USR1).unwrap());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = create_task(echo(listener));
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(&[1]).await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            in_a_fork(|| {
                for said in [panic_of(|| drop(create_task(async {}))), panic_of(|| drop(to_thread(|| ())))] {
                    assert!(said.contains("no raddle runtime on this thread: "), "{said}");
                }
                let mut cx = Context::from_waker(Waker::noop());
                let said = panic_of(|| pin!(sleep(Duration::from_millis(1))).poll(&mut cx));
                assert!(said.starts_with(FOREIGN), "{said}");
                assert!(pin!(lookup_host("localhost:1")).poll(&mut cx).is_ready());
                let error = signal::signal(signal::Signal::USR1).err().unwrap();
                assert!(error.to_string().starts_with(FOREIGN), "{error}");
            });
            client.write_all(&[2]).await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            drop(client);
            server.await.unwrap();
        });
    }
}

#[test]
fn a_child_that_returns_into_the_worker_is_ended_before_it_runs_others() {
    let (_watch, _turn) = (watch(), turn());
    for workers in [1, 2] {
        let (mut heard, said) = std::io::pipe().unwrap();
        runner(workers).run(async {
            let say = said.try_clone().unwrap();
            // Behind the one that forks, in the line of the same worker, or that of another, which the child has not.
            let forking = create_task(async {
                let child = fork();
                if child.is_none() {
                    be_quiet();
                }
                child
            });
            let other = create_task(async move { (&say).write_all(b"x").unwrap() });
            let status = wait_for(forking.await.unwrap().unwrap());
            assert_eq!(status.terminating_signal(), Some(libc::SIGABRT), "{status:?}");
            other.await.unwrap();
        });
        drop(said);
        let mut all = Vec::new();
        heard.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"x", "the child has run a task of its parent's");
    }
}

/// This process leaves no core, and what it says on its way out is not for whoever reads the outcome of the tests.
fn be_quiet() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let null = OwnedFd::from(std::fs::File::options().write(true).open("/dev/null").unwrap());
    // SAFETY: both are open, and nobody in this process relies on stderr.
    unsafe { libc::dup2(null.as_raw_fd(), 2) };
}
