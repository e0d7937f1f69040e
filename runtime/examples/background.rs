//! A runtime in the background of a program that is not async: one thread runs it, all others hand it work.
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use raddle::{Handle, Runner, sleep, timeout};

async fn fetch(n: u32) -> u32 {
    sleep(Duration::from_millis(10)).await;
    n * n
}

/// Starts the runtime. The thread ends after `Handle::stop`, when what was left has been cancelled and cleaned up.
fn start() -> (Handle, thread::JoinHandle<()>) {
    let (give, given) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut runner = Runner::new().name("background");
        give.send(runner.handle()).expect("`start` waits for it");
        runner.run_forever();
    });
    (given.recv().expect("sent before the runtime runs"), thread)
}

fn main() {
    let (handle, thread) = start();

    // Start work now, wait for it later: it runs meanwhile.
    let tasks: Vec<_> = (1..=3).map(|n| handle.create_task(fetch(n))).collect();
    for task in tasks {
        println!("{:?}", task.join_blocking());
    }
    // Or wait at once, with a future that may borrow from this thread.
    let words = [String::from("one"), String::from("two")];
    let length = handle.block_on(async {
        let n = timeout(Duration::from_secs(1), fetch(2)).await;
        n.map(|n| n as usize + words[1].len())
    });
    println!("{length:?}");

    handle.create_task(std::future::pending::<()>()).detach(); // is cancelled by the end
    handle.stop();
    thread.join().expect("the runtime does not panic");
}
