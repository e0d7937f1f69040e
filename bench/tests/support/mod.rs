//! What the tests of budgets have in common.

use std::env;
use std::io::Write;

/// Says, past the capture of the test harness, that a test was not made. Where `RADDLE_FAULTS=all` says that all of
/// them can be, that is a failure.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(
        env::var("RADDLE_FAULTS").as_deref() != Ok("all"),
        "RADDLE_FAULTS=all, but {test} has to be skipped: {why}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
