//! The attributes: what they run, and with how many workers.

use std::time::Duration;

use raddle::{BoxError, Instant, create_task, sleep};

/// A test without options runs on two workers.
#[raddle::test]
async fn a_plain_test_has_two_workers() {
    assert_eq!(raddle::Handle::current().metrics().workers.len(), 2);
}

#[raddle::test(workers = 4)]
async fn a_test_says_how_many_workers_it_wants() {
    assert_eq!(raddle::Handle::current().metrics().workers.len(), 4);
}

/// An hour passes at once, to the nanosecond, and in asyncio's order.
#[raddle::test(workers = 1, clock = auto)]
async fn virtual_time_jumps_when_nothing_can_run() {
    let start = Instant::now();
    let task = create_task(async {
        sleep(Duration::from_secs(3600)).await;
        "an hour later"
    });
    assert_eq!(task.await.unwrap(), "an hour later");
    assert_eq!(start.elapsed(), Duration::from_secs(3600));
}

/// `?` works in a test, and so does an error type that the return type names.
#[raddle::test(clock = auto)]
async fn a_test_may_return_a_result() -> Result<(), BoxError> {
    sleep("7".parse::<u64>().map(Duration::from_secs)?).await;
    Ok(())
}

#[raddle::main(workers = 3)]
async fn three_workers() -> usize {
    raddle::Handle::current().metrics().workers.len()
}

#[raddle::main]
async fn all_cores() -> usize {
    raddle::Handle::current().metrics().workers.len()
}

/// `#[raddle::main]` makes a plain function of an async one, whatever its name and return type.
#[test]
fn main_is_an_ordinary_function() {
    assert_eq!(three_workers(), 3);
    assert_eq!(all_cores(), std::thread::available_parallelism().unwrap().get());
}
