//! A program that needs no thread starts none. Alone in its binary, since it counts the threads of the process.

mod common;

use std::fs;
use std::time::Duration;

use raddle::{Runner, TcpListener, TcpStream, gather, run, sleep, yield_now};

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn main_alone_starts_no_thread() {
    // Counted inside main, after it has waited for timers, sockets and itself, with few and many workers allowed.
    let _watch = common::watch();
    let before = threads();
    run(async { assert_eq!(threads(), before) });
    for workers in [1, 2, 8, 64] {
        let open = files();
        Runner::new().workers(workers).run(async {
            assert!(files() <= open + 4, "an epoll by two numbers, an eventfd and a timerfd");
            sleep(Duration::from_millis(1)).await;
            yield_now().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (accepted, connected) = gather((listener.accept(), TcpStream::connect(address))).await;
            drop((accepted.unwrap(), connected.unwrap()));
            assert_eq!(threads(), before);
        });
        assert_eq!((threads(), files()), (before, open));
    }
}
