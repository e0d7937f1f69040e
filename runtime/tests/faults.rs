//! What becomes of a program when its surroundings fail: no file descriptors, no threads, a process that stands still,
//! system calls that fail or are interrupted, a network that loses, resets or falls silent. `raddle::faults` promises it.
//!
//! Each test has a *victim*: this binary once more, in a process of its own, so that what is done to it is done to nobody
//! else. What needs strace, or root and a network of its own (iproute2, nftables), says so and is skipped where they are
//! not to be had; with `RADDLE_FAULTS=all` that is a failure.

mod common;

use std::fs;
use std::path::Path;

mod faults {
    pub(crate) mod few_files;
    pub(crate) mod namespaces;
    pub(crate) mod network;
    pub(crate) mod no_memory;
    pub(crate) mod starting;
    pub(crate) mod stopped;
    pub(crate) mod strace;
    pub(crate) mod syscalls;
    pub(crate) mod victim;
}

/// All Rust files below a folder, one after the other.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_tests_that_there_are() {
    let mut tests = String::new();
    ["tests", "src", "../io/tests"].iter().for_each(|folder| sources(Path::new(folder), &mut tests));
    let page = fs::read_to_string("src/faults.rs").unwrap();
    let rows =
        page.lines().filter(|line| line.starts_with("//! |") && !line.contains("|---") && !line.contains("| when |"));
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names = last.split('`').skip(1).step_by(2);
        assert!(last == "the same" || names.clone().count() > 0, "no test: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}()")), "no test is called {name}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
