//! A small server that stops in an orderly way.
//!
//! ```text
//! cargo run -p raddle --example graceful
//! ```
//!
//! Press Ctrl-C: no customer is let in any more, those inside are served to the end, and the program returns. Press it
//! twice: they are sent away, and the till is still counted. Three times: nobody is waited for. `kill` does as Ctrl-C
//! does. `--customers 3` lets it end by itself.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use raddle::{Exit, FinallyExt, RunError, Runner, TaskGroup, run_until_stopped, sleep, task_group};

const ONE_COMES_EVERY: Duration = Duration::from_millis(400);
const SERVING_TAKES: Duration = Duration::from_millis(1500);
const COUNTING_TAKES: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

async fn serve(customer: u32) {
    println!("customer {customer} comes in");
    let served = sleep(SERVING_TAKES).finally(move |exit| async move {
        if exit == Exit::Cancelled {
            println!("customer {customer} is sent away");
        }
    });
    served.await;
    println!("customer {customer} is served");
}

/// Lets customers in until there are no more, or the program is asked to stop; returns when the last one has left.
async fn open_shop(customers: u32) -> u32 {
    let shop = task_group(async |group: TaskGroup| {
        for customer in 1..=customers {
            group.create_task(serve(customer));
            if run_until_stopped(sleep(ONE_COMES_EVERY)).await.is_none() {
                println!("closing: nobody is let in any more; once more Ctrl-C sends away who is there");
                return Ok(customer);
            }
        }
        Ok(customers)
    });
    shop.await.expect("customers do not fail")
}

async fn count_the_till(_exit: Exit) {
    println!("counting the till");
    sleep(COUNTING_TAKES).await;
    println!("the till is counted");
}

fn main() -> ExitCode {
    let customers = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => u32::MAX,
        [option, count] if option == "--customers" && count.parse::<u32>().is_ok() => {
            count.parse().expect("just parsed")
        }
        other => {
            eprintln!("graceful: `--customers NUMBER`, or nothing, was expected, and not {other:?}");
            return ExitCode::from(2);
        }
    };
    println!("open; press Ctrl-C to close");
    match Runner::new().graceful(PATIENCE).try_run(open_shop(customers).finally(count_the_till)) {
        Ok(served) => {
            println!("closed after {served} customers");
            ExitCode::SUCCESS
        }
        Err(RunError::Interrupted) => {
            println!("closed in a hurry");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("graceful: {error}");
            ExitCode::FAILURE
        }
    }
}
