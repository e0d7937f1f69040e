//! What a sleeping task costs, and that the memory of a peak goes back. Alone in its binary, since it measures the
//! process.

mod common;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::{scaled, watch_for};
use raddle::{Handle, Runner, Task, create_task, sleep, to_thread, yield_now};

/// Resident memory in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Waits until at most `allowed` bytes are resident, some seconds at most, in a plain thread.
fn settled(allowed: usize) -> usize {
    for _ in 0..50 {
        if resident() <= allowed {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    resident()
}

/// Makes a million sleepers and cancels them. Returns what was resident before and at the peak.
async fn peak(count: usize, workers: usize) -> (usize, usize) {
    let handle = Handle::current();
    // Everything that is made once, workers and their first pages among it, is there.
    common::on_each_worker(workers, |_| ()).await;
    let warm: Vec<_> = (0..1000).map(|_| create_task(sleep(Duration::from_millis(1)))).collect();
    for task in warm {
        task.await.unwrap();
    }
    let start = resident();
    let mut tasks: Vec<Task<()>> = Vec::with_capacity(count);
    for n in 0..count {
        tasks.push(create_task(sleep(Duration::from_secs(3600))));
        if n % 1000 == 0 {
            yield_now().await;
        }
    }
    while handle.metrics().workers.iter().map(|worker| worker.timers).sum::<usize>() < count {
        sleep(Duration::from_millis(10)).await;
    }
    let peak = resident();
    let each = (peak - start - count * size_of::<Task<()>>()) / count;
    println!("{workers} workers: {each} bytes per sleeping task, {peak} at the peak");
    assert!(each <= 200, "{each} bytes per sleeping task");
    for task in &tasks {
        task.cancel();
    }
    for task in tasks {
        task.await.unwrap_err();
    }
    (start, peak)
}

/// glibc keeps freed blocks the longer the bigger the blocks were that a program freed before, unless this is set.
const MALLOC_SETTING: &str = "MALLOC_MMAP_THRESHOLD_";

/// Runs this test once more in a process whose malloc keeps nothing that was freed.
fn again_with_plain_malloc() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--nocapture", "--exact", "a_million_sleeping_tasks"]).env(MALLOC_SETTING, "131072");
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    println!("{text}");
}

#[test]
fn a_million_sleeping_tasks() {
    // An hour each; a task, its timer and its share of everything else stay within 200 bytes. After all are
    // cancelled, at most 5 % of the peak stays beyond the start, within a few seconds: of a runtime that is idle, and
    // of one that has a little to do all the time.
    let _watch = watch_for(Duration::from_secs(120));
    if std::env::var_os(MALLOC_SETTING).is_none() {
        return again_with_plain_malloc();
    }
    let count = scaled(1_000_000);
    let mut failures = Vec::new();
    for (workers, busy) in [(1, false), (2, false), (1, true), (2, true)] {
        Runner::new().workers(workers).run(async {
            let (start, peak) = peak(count, workers).await;
            let ticker = create_task(async move {
                let pause = Duration::from_millis(if busy { 50 } else { 3_600_000 });
                loop {
                    sleep(pause).await;
                }
            });
            let left = to_thread(move || settled(start + peak / 20)).await.unwrap();
            ticker.cancel();
            let text =
                format!("{workers} workers, busy: {busy}: {start} bytes before, {peak} at the peak, {left} after");
            println!("{text}");
            if left > start + peak / 20 {
                failures.push(text);
            }
        });
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
