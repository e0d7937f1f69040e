//! `ulimit -v`: a program that gets no memory ends and says so, as any Rust program whose allocation fails.

use std::future::pending;

use raddle::create_task;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::victim::{Victim, is_victim};
use crate::common::{runner, watch};

/// What the process has mapped so far.
fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg_attr(raddle_malloc, ignore = "tasks come from the heap, which has ends of its own")]
fn a_program_without_memory_for_tasks_ends_and_says_so() {
    let test = "a_program_without_memory_for_tasks_ends_and_says_so";
    let _watch = watch();
    let body = || {
        runner(1).run(async {
            create_task(async {}).await.unwrap();
            let limit = Some(mapped() + (16 << 20));
            setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
            // Far more than a thousand of these go into 16 MiB.
            for _ in 0..1_000_000 {
                let large = [0u8; 1000];
                create_task(async move { (pending::<()>().await, large) }).detach();
            }
        });
    };
    if is_victim(test, body) {
        return;
    }
    let said = Victim::start(module_path!(), test, test, &[]).abort();
    assert!(said.contains("memory allocation of "), "{said}");
}
