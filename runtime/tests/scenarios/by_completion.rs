//! `as_completed` gives results by completion. Errors come out at their place, and later ones can still be taken. At
//! the timeout `TimeoutError` stands where the next item would be; the tasks run on.

use raddle::{as_completed, create_task, sleep};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
got fast
error bad
got slow
second is y
first is x
before timeout: in time
TimeoutError, survivor cancelled: False
later: survivor";

async fn job(out: Out, name: &'static str, ms: u32, fail: bool) -> Result<&'static str, &'static str> {
    sleep(out.ms(ms)).await;
    if fail { Err(name) } else { Ok(name) }
}

pub(crate) async fn program(out: Out) {
    let start = |name, ms, fail| create_task(job(out.clone(), name, ms, fail));
    let mut results = as_completed([start("slow", 90, false), start("fast", 30, false), start("bad", 60, true)]);
    while let Some((_, result)) = results.next().await {
        match result.unwrap() {
            Ok(name) => out.line(format!("got {name}")),
            Err(name) => out.line(format!("error {name}")),
        }
    }

    let names = ["first", "second"];
    let mut results = as_completed([start("x", 60, false), start("y", 30, false)]);
    while let Some((index, result)) = results.next().await {
        out.line(format!("{} is {}", names[index], result.unwrap().unwrap()));
    }

    let tasks = [start("survivor", 90, false), start("in time", 10, false)];
    let mut results = as_completed(tasks).timeout(out.ms(40)).detach_rest();
    let mut rest = loop {
        match results.next().await.unwrap() {
            Ok((_, result)) => out.line(format!("before timeout: {}", result.unwrap().unwrap())),
            Err(_) => break results.into_rest(),
        }
    };
    let (_, keep) = rest.pop().unwrap();
    out.line(format!("TimeoutError, survivor cancelled: {}", truth(keep.is_cancelled())));
    out.line(format!("later: {}", keep.await.unwrap().unwrap()));
}
