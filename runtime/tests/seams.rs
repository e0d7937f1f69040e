//! The seam for a simulation: time, chance and the kernel's events are each asked for in one place, so that a program whose
//! clock, choices and events are made up would run the same code. Here the sources are read for what goes past it.
//!
//! Who must is named below with the reason; a name that is not needed any more is an error, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What is looked for, and the files that may have it.
struct Seam {
    name: &'static str,
    is_past: fn(&str) -> bool,
    may: &'static [(&'static str, &'static str)],
}

const SEAMS: [Seam; 4] = [
    Seam {
        name: "the time, by Instant::now and Clock::now",
        is_past: |line| {
            let std_instant = line.contains("std::time") && line.contains("Instant");
            std_instant || ["SystemTime", "clock_gettime", "Clock::real("].iter().any(|word| line.contains(word))
        },
        may: &[
            ("io/src/clock.rs", "the seam"),
            ("io/src/context.rs", "a thread without a runtime goes by the system's clock"),
            ("runtime/src/scheduler/config.rs", "a runtime does so where nothing else was asked for"),
            ("runtime/src/scheduler/watchdog.rs", "it judges threads by the time that they really take"),
            ("runtime/src/scheduler/deadlock_watch.rs", "a part of the watchdog"),
            ("runtime/src/scheduler/slow_poll.rs", "a part of the watchdog"),
            ("runtime/src/scheduler/spare_watch.rs", "a part of the watchdog"),
            ("runtime/src/api/asker.rs", "whoever asks from outside lives in real time"),
            ("runtime/src/api/inspector.rs", "a thread beside the workers; its clients live in real time"),
            ("runtime/src/bin/raddle/top.rs", "a program of its own"),
            (
                "runtime/src/scheduler/starts.rs",
                "what the system refused is tried again when it may have changed its mind",
            ),
            ("runtime/src/scheduler/threads.rs", "the end waits for threads that are stuck, within a real bound"),
            ("runtime/src/scheduler/blocking.rs", "as before, for blocking calls"),
            ("runtime/src/api/shutdown.rs", "as before: it sets the bound"),
            ("runtime/src/ecosystem/hyper_timer.rs", "hyper counts by std's clock; this translates"),
            ("runtime/src/model.rs", "says how long a search took, under loom alone"),
        ],
    },
    Seam {
        name: "chance, by Worker::rng",
        is_past: |line| {
            let words =
                ["use rand", " rand::", "fastrand", "getrandom", "RandomState", "HashMap", "HashSet", "Rng::seeded"];
            words.iter().any(|word| line.contains(word))
        },
        may: &[
            ("runtime/src/scheduler/worker.rs", "makes each worker's generator, by its number"),
            (
                "runtime/src/scheduler/shared.rs",
                "seeded by a task's number, for what is timed; nothing else depends on it",
            ),
            ("runtime/src/scheduler/envelope.rs", "as before, by the worker's number"),
            ("runtime/src/scheduler/samples.rs", "gone through for those who read the numbers"),
            ("runtime/src/api/inspector.rs", "gone through for those who look from outside"),
            ("runtime/src/api/summary.rs", "gone through for those who look from outside"),
            ("runtime/src/harness/stop.rs", "looked up, never gone through"),
            ("runtime/src/api/inspect.rs", "looked up, never gone through"),
            ("runtime/src/api/call_graph.rs", "looked up, never gone through"),
            ("runtime/src/api/deadlock.rs", "looked up, never gone through"),
        ],
    },
    Seam {
        name: "events, by Reactor::{park, wait, turn, has_news}",
        is_past: |line| line.contains("mio::") || line.contains("PollFd, ") || line.contains("event::poll("),
        may: &[
            ("io/src/reactor.rs", "the seam"),
            ("io/src/alarm.rs", "a part of the reactor"),
            ("io/src/net/poll_into.rs", "asks one socket about the state it is in, and never waits"),
            ("runtime/src/process/reaper.rs", "a thread that belongs to no runtime"),
            ("runtime/src/api/asker.rs", "a part of the inspector"),
            ("runtime/src/bin/raddle/top.rs", "a program of its own"),
            ("runtime/src/api/inspector.rs", "a thread beside the workers, which sleeps until somebody asks"),
        ],
    },
    Seam {
        name: "sleep, by Reactor::{park, wait}",
        is_past: |line| ["thread::sleep", "park_timeout", "recv_timeout"].iter().any(|word| line.contains(word)),
        may: &[
            ("runtime/src/api/ask.rs", "the command, which waits for another program"),
            ("runtime/src/bin/raddle/top.rs", "a program of its own"),
            ("runtime/src/scheduler/search.rs", "a thief gives its victim's core 50 µs"),
            ("runtime/src/scheduler/turn.rs", "the epoll is broken, and the worker must not spin"),
            ("runtime/src/process/reaper.rs", "a thread that belongs to no runtime"),
        ],
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The sources of both crates by their names, without comments.
fn sources() -> BTreeMap<String, String> {
    let (root, mut sources) = (root(), BTreeMap::new());
    let mut folders = vec![root.join("io/src"), root.join("runtime/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>();
                sources.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code.join("\n"));
            }
        }
    }
    sources
}

#[test]
fn time_chance_and_events_are_asked_for_in_one_place_each() {
    let sources = sources();
    assert!(sources.len() > 100, "these are not the sources: {:?}", sources.keys());
    for Seam { name, is_past, may } in &SEAMS {
        let past: BTreeSet<&str> = (sources.iter())
            .filter(|(_, code)| code.lines().any(is_past))
            // Tests may do as they like.
            .filter(|(file, _)| !file.ends_with("_tests.rs"))
            .map(|(file, _)| file.as_str())
            .collect();
        let may: BTreeSet<&str> = may.iter().map(|(file, _)| *file).collect();
        let more: Vec<_> = past.difference(&may).collect();
        assert!(more.is_empty(), "{name}: {more:?} go past it; if they must, say why in runtime/tests/seams.rs");
        let fewer: Vec<_> = may.difference(&past).collect();
        assert!(fewer.is_empty(), "{name}: {fewer:?} keep to it by now; take them out of runtime/tests/seams.rs");
    }
}
