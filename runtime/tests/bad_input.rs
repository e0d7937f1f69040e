//! What is said to those who ask for what cannot be, and what is done for those who ask for much.

mod common;

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{panic_of, runner, virtual_runner, watch};
use raddle::{
    Handle, Instant, Runner, TcpListener, TcpStream, call_at, call_later, call_soon, create_local_task, create_task,
    gather, interval, move_on_after, run, sleep, sleep_until, timeout, timeout_at, to_thread, wait_for,
};

const NO_RUNTIME: &str = "no raddle runtime on this thread: ";

/// Polls a future once, on a thread that is no worker.
fn poll_here<F: IntoFuture>(future: F) -> Poll<F::Output> {
    pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn run_inside_run_says_what_to_do_instead() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let expected =
                "raddle::run inside a running task would stop its worker: `.await` the future, or use `create_task`";
            assert_eq!(panic_of(|| run(async {})), expected);
            assert_eq!(panic_of(|| Runner::new().run(async {})), expected);
            let in_task = create_task(async move { panic_of(|| run(async {})) });
            assert_eq!(in_task.await.unwrap(), expected);
            // On a thread of its own it is all right.
            assert_eq!(to_thread(|| run(async { create_task(async { 3 }).await.unwrap() })).await.unwrap(), 3);
        });
    }
}

#[test]
fn what_needs_a_runtime_says_so_where_there_is_none() {
    type Case = (&'static str, fn());
    let cases: [Case; 9] = [
        ("create_task", || drop(create_task(async {}))),
        ("create_local_task", || drop(create_local_task(async {}))),
        ("call_soon", || drop(call_soon(|| ()))),
        ("call_later", || drop(call_later(Duration::from_secs(1), || ()))),
        ("call_at", || drop(call_at(Instant::now(), || ()))),
        ("to_thread", || drop(to_thread(|| ()))),
        ("Handle::current", || drop(Handle::current())),
        ("sleep", || assert!(poll_here(sleep(Duration::from_secs(1))).is_ready())),
        ("timeout", || assert!(poll_here(timeout(Duration::from_secs(1), std::future::pending::<()>())).is_ready())),
    ];
    for (name, call) in cases {
        let text = panic_of(call);
        assert!(text.contains(NO_RUNTIME), "{name}: {text}");
    }
    assert!(Handle::try_current().is_none());
    assert_eq!(
        panic_of(|| poll_here(sleep(Duration::from_secs(1)))),
        "no raddle runtime on this thread: await this inside raddle::run, or in a task"
    );
}

#[test]
fn sockets_outside_a_runtime_give_an_error() {
    // Listening needs no runtime; waiting does.
    let listening = TcpListener::bind("127.0.0.1:0").into_future();
    let Poll::Ready(Ok(listener)) = poll_here(listening) else { panic!("listening waits for nobody") };
    let is_told = |error: io::Error| {
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert!(error.to_string().contains(NO_RUNTIME), "{error}");
    };
    let Poll::Ready(Err(error)) = poll_here(listener.accept()) else { panic!("accept ends with an error") };
    is_told(error);
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = TcpStream::try_from(stream).unwrap();
    let mut buffer = [0; 1];
    let Poll::Ready(Err(error)) = poll_here(stream.read(&mut buffer)) else { panic!("read ends with an error") };
    is_told(error);
    let Poll::Ready(Err(error)) = poll_here(TcpStream::connect("localhost:1")) else { panic!("no name is found") };
    is_told(error);
}

#[test]
fn numbers_of_workers_are_checked() {
    assert_eq!(panic_of(|| Runner::new().workers(0)), "workers(0): at least 1");
    assert!(panic_of(|| Runner::new().blocking_threads(0)).contains("at least 1"));
    assert!(panic_of(|| Runner::new().workers(100_000)).contains("at most"));
}

#[test]
fn a_port_in_use_is_named() {
    let _watch = watch();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.contains("cannot listen on") && text.contains(&address.to_string()), "{text}");
        drop(listener);
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert_eq!(TcpListener::bind("no address").await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn the_longest_duration_means_never() {
    let _watch = watch();
    for mut runner in [runner(1), runner(2), virtual_runner()] {
        runner.run(async {
            let tasks = [
                create_task(sleep(Duration::MAX)),
                create_task(sleep_until(Instant::now() + Duration::MAX)),
                create_task(sleep_until(Instant::FAR_FUTURE)),
                create_task(async { drop(timeout(Duration::MAX, std::future::pending::<()>()).await) }),
            ];
            call_later(Duration::MAX, || panic!("never"));
            call_at(Instant::FAR_FUTURE, || panic!("never"));
            assert_eq!(timeout(Duration::MAX, async { 1 }).await.unwrap(), 1);
            assert_eq!(timeout_at(Instant::FAR_FUTURE, async { 2 }).await.unwrap(), 2);
            assert_eq!(wait_for(async { 3 }, Duration::MAX).await.unwrap(), 3);
            assert_eq!(move_on_after(Duration::MAX, async { 4 }).await, Some(4));
            let mut rare = interval(Duration::MAX);
            rare.tick().await;
            assert!(timeout(Duration::from_millis(1), rare.tick()).await.is_err());
            // A long sleep that is not for ever, beside them.
            let long = create_task(sleep(Duration::from_secs(u64::from(u32::MAX) * 4)));
            sleep(Duration::from_millis(1)).await;
            assert!(!long.is_done());
            assert!(tasks.iter().all(|task| !task.is_done()));
        });
    }
}

#[test]
fn zero_durations_are_all_right() {
    let _watch = watch();
    for mut runner in [runner(1), runner(2), virtual_runner()] {
        runner.run(async {
            sleep(Duration::ZERO).await;
            assert!(timeout(Duration::ZERO, std::future::pending::<()>()).await.is_err());
            assert_eq!(timeout(Duration::ZERO, async { 1 }).await.unwrap(), 1);
            let (said, heard) = raddle::promise();
            call_later(Duration::ZERO, move || common::tell(said, 1));
            assert_eq!(heard.await.unwrap(), 1);
        });
    }
    assert!(panic_of(|| interval(Duration::ZERO)).contains("longer than zero"));
}

#[test]
fn blocking_a_worker_by_waiting_for_a_future_is_refused() {
    let _watch = watch();
    runner(2).run(async {
        let handle = Handle::current();
        let text = panic_of(|| handle.block_on(async {}));
        assert_eq!(text, "Handle::block_on on a worker thread would stop its other tasks: use `.await`");
        let text = panic_of(|| create_task(async {}).join_blocking());
        assert_eq!(text, "join_blocking on a worker thread would stop its other tasks: use `task.await`");
    });
}

#[test]
fn an_empty_gather_is_ready_at_once() {
    let _watch = watch();
    run(async {
        assert_eq!(gather(Vec::<std::future::Ready<u8>>::new()).await, [0u8; 0]);
        assert!(poll_here(gather(std::iter::empty::<std::future::Pending<()>>())).is_ready());
    });
}

#[test]
fn a_callback_that_drops_the_last_of_everything_is_harmless() {
    // The exception handler owns a handle of the runtime it is asked by.
    let _watch = watch();
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None::<Handle>));
    let handler = kept.clone();
    let mut runner = runner(2).on_exception(move |_| drop(handler.lock().unwrap().clone()));
    *kept.lock().unwrap() = Some(runner.handle());
    runner.run(async {
        create_task(async { panic!("reported") }).detach();
        sleep(Duration::from_millis(1)).await;
    });
    drop(runner);
    *kept.lock().unwrap() = None;
}
