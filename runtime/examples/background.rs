//! A runtime in the background of a program that is not async: a thread runs it, and all others hand it work.
use std::time::Duration;

use raddle::{RunError, Runner, sleep, timeout};

async fn fetch(n: u32) -> u32 {
    sleep(Duration::from_millis(10)).await;
    n * n
}

fn main() -> Result<(), RunError> {
    let runtime = Runner::new().name("fetcher").in_background()?;

    // Start work now, wait for it later: it runs meanwhile.
    let tasks: Vec<_> = (1..=3).map(|n| runtime.create_task(fetch(n))).collect();
    for task in tasks {
        println!("{:?}", task.join_blocking());
    }
    // Or wait at once, with a future that may borrow from this thread.
    let words = [String::from("one"), String::from("two")];
    let length = runtime.block_on(async {
        let n = timeout(Duration::from_secs(1), fetch(2)).await;
        n.map(|n| n as usize + words[1].len())
    });
    println!("{length:?}");

    runtime.create_task(std::future::pending::<()>()).detach();
    Ok(()) // Dropping the runtime cancels that, and waits until it is cleaned up.
}
