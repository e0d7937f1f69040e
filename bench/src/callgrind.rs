//! What an operation of a row takes in instructions and on the heap, as valgrind's callgrind counts both: it knows how
//! often each function was called, and so how often `malloc` was.
//!
//! That is why no program here has an allocator that counts: it would be another allocator than the one under which
//! times are measured, or a program of its own that may be older than this one.
//!
//! Instructions are those of the thread that runs the workload, so that how often the watchdog looked while valgrind
//! was slow says nothing. Allocations are those of all threads: nobody allocates by the clock.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use raddle_bench::budget::per_operation;
use raddle_bench::scratch::Scratch;

use crate::profile::{SUBCOMMAND, this_program};

/// What allocates, by its name in the C library.
const ALLOCATE: [&str; 6] = ["malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"];

/// Of an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

struct Counted {
    operations: u64,
    instructions: u64,
    allocations: u64,
}

/// Why callgrind can't be used here, if so.
pub(crate) fn is_missing() -> Option<String> {
    match Command::new("valgrind").args(["--tool=callgrind", "--version"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("valgrind fails: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("valgrind does not start: {error}; apt-get install valgrind")),
    }
}

/// Runs a row small and large: the difference is what the operations of the difference took, without start and end.
pub(crate) fn of_row(row: &str, engine: &str) -> Result<Counts, String> {
    let (small, large) = (counted(row, engine, true)?, counted(row, engine, false)?);
    let per = |of: fn(&Counted) -> u64| {
        per_operation(row, |quick| {
            let run = if quick { &small } else { &large };
            Ok((of(run), run.operations))
        })
    };
    Ok(Counts { instructions: per(|run| run.instructions)?, allocations: per(|run| run.allocations)? })
}

fn counted(row: &str, engine: &str, quick: bool) -> Result<Counted, String> {
    let mut args = vec![SUBCOMMAND, row, "--engine", engine];
    if quick {
        args.push("--quick");
    }
    let Run { said, instructions, allocations } = run(&args, "")?;
    let operations = said.trim().parse().map_err(|_| format!("`{said}` is no number of operations"))?;
    Ok(Counted { operations, instructions, allocations })
}

/// What this program did under callgrind.
pub(crate) struct Run {
    pub(crate) said: String,
    /// Of its first thread, which is the worker.
    pub(crate) instructions: u64,
    allocations: u64,
}

/// Runs this program under callgrind.
pub(crate) fn run(args: &[&str], input: &str) -> Result<Run, String> {
    let scratch = Scratch::new()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "--compress-strings=no", "-q"]);
    command.arg(format!("--callgrind-out-file={}", scratch.file("counts").display())).arg(this_program()?).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("valgrind does not start: {error}; is it installed?"))?;
    let mut stdin = child.stdin.take().expect("piped above");
    // Who does not read it fails, and is heard below.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| format!("valgrind can't be waited for: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed under valgrind: {}", args.join(" "), said.trim()));
    }
    // The file of thread 1, which is the worker.
    let worker = scratch.file("counts-01");
    let text = fs::read_to_string(&worker).map_err(|error| format!("{}: {error}", worker.display()))?;
    let instructions = total(&text).ok_or_else(|| format!("{} has no total", worker.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Run { said, instructions, allocations: allocations_in(scratch.path())? })
}

/// Of all threads, each of which has a file.
fn allocations_in(folder: &Path) -> Result<u64, String> {
    let mut sum = 0;
    for file in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.flatten() {
        let text = fs::read_to_string(file.path()).map_err(|error| format!("{}: {error}", file.path().display()))?;
        sum += allocations(&text);
    }
    Ok(sum)
}

/// The sum in a file of callgrind's.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))?;
    line.trim().parse().ok()
}

/// How often something was called that allocates: a call is a line with the name and one with the number.
fn allocations(text: &str) -> u64 {
    let mut called = "";
    let mut sum = 0;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ALLOCATE.contains(&called)
        {
            sum += calls.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found() {
        assert_eq!(total("version: 1\nsummary: 12345\n\nfn=(1)\n"), Some(12_345));
        assert_eq!(total("events: Ir\n0 7\ntotals: 42\n"), Some(42));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn what_the_c_library_calls_itself_is_no_allocation() {
        let text = "fn=main\n12 3\ncfn=malloc\ncalls=112 3281 \n14 900\ncfn=_int_malloc\ncalls=7 1\n15 9\n\
                    cfi=malloc.c\ncfn=realloc\ncalls=2 3394 \n16 8\n";
        assert_eq!(allocations(text), 114);
    }
}
