//! Code that insists on a tokio runtime, in raddle's tasks.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{eventually, runner, watch};
use raddle::{TokioContext, create_task, gather, timeout, tokio_context};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn tokio_sleeps_in_raddle_tasks() {
    let _watch = watch();
    runner(2).run(async {
        let sleeping = (0..100).map(|n| {
            create_task(tokio_context(async move {
                tokio::time::sleep(MOMENT).await;
                n
            }))
        });
        let slept = gather(sleeping).await;
        assert_eq!(slept.into_iter().map(Result::unwrap).sum::<u32>(), 4950);
    });
}

#[test]
fn tokio_sockets_in_raddle_tasks_beside_raddles_own_sleep() {
    let _watch = watch();
    let tokio = TokioContext::new().unwrap();
    runner(2).run(async {
        let listener = tokio.run(TcpListener::bind("127.0.0.1:0")).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(tokio.run(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            raddle::sleep(MOMENT).await;
            stream.write_all(&all).await.unwrap();
        }));
        let client = tokio.run(async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"over tokio").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
        assert_eq!(client.await, "over tokio");
        server.await.unwrap();
    });
}

#[test]
fn the_handle_is_there_in_polls_and_in_the_drop_and_nowhere_else() {
    let _watch = watch();
    struct Drops(Arc<std::sync::Mutex<Option<bool>>>);
    impl Drop for Drops {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(tokio::runtime::Handle::try_current().is_ok());
        }
    }
    runner(1).run(async {
        let seen = Arc::default();
        let guard = Drops(Arc::clone(&seen));
        let inside = tokio_context(async move {
            let _guard = guard;
            tokio::runtime::Handle::current();
            std::future::pending::<()>().await
        });
        assert!(timeout(Duration::ZERO, inside).await.is_err());
        assert_eq!(*seen.lock().unwrap(), Some(true));
        assert!(tokio::runtime::Handle::try_current().is_err());
    });
}

#[test]
fn spawned_work_runs_on_the_driver_and_ends_with_the_context() {
    let _watch = watch();
    let held = Arc::new(());
    let tokio = TokioContext::new().unwrap();
    runner(1).run(tokio.run({
        let held = held.clone();
        async move {
            let blocking = tokio::task::spawn_blocking(|| 3);
            let name = tokio::spawn(async { std::thread::current().name().map(str::to_owned) });
            assert_eq!(name.await.unwrap().as_deref(), Some("raddle-tokio"));
            assert_eq!(blocking.await.unwrap(), 3);
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
    }));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(tokio);
    eventually("the driver has dropped what was left", || Arc::strong_count(&held) == 1);
}
