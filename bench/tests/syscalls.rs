//! What raddle asks of the system for an operation is within the budget: nothing for a wake-up of a task that the same
//! worker runs, and little more than a read and a write for an echo. strace counts.

mod support;

use std::path::Path;

use raddle_bench::budget::{self, ECHO, Figure};
use raddle_bench::engine::{Engine, Raddle};
use raddle_bench::strace;

use self::support::skip;

const BENCH: &str = env!("CARGO_BIN_EXE_raddle-bench");

#[test]
fn no_local_operation_makes_a_system_call() {
    if let Some(why) = strace::is_missing() {
        return skip("no_local_operation_makes_a_system_call", &why);
    }
    let mut excesses = Vec::new();
    for budget in budget::ALL.iter().filter(|budget| budget.row != ECHO) {
        let Some(allowed) = budget.syscalls else { continue };
        let calls = strace::of_row(Path::new(BENCH), budget.row, Raddle::NAME).unwrap();
        println!("{:16} {calls:8.3} of {allowed:.3}", budget.row);
        excesses.extend(budget::excess(budget.row, Figure::SystemCalls, calls, allowed));
    }
    assert!(excesses.is_empty(), "\n{}", excesses.join("\n"));
}

#[test]
fn a_busy_server_makes_a_read_and_a_write_for_an_echo_and_little_else() {
    if let Some(why) = strace::is_missing() {
        return skip("a_busy_server_makes_a_read_and_a_write_for_an_echo_and_little_else", &why);
    }
    let echo = budget::ALL.iter().find(|budget| budget.row == ECHO).expect("it is in the table");
    let allowed = echo.syscalls.expect("it is held to system calls");
    let calls = strace::of_echo(Path::new(BENCH)).unwrap();
    println!("{calls:.3} of {allowed:.3}");
    // A connection whose client comes and goes, which is what is subtracted, may have been looked at once more.
    assert!(calls >= 1.95, "an echo is a read and a write, and {calls:.3} were seen");
    assert_eq!(budget::excess(ECHO, Figure::SystemCalls, calls, allowed), None);
}
