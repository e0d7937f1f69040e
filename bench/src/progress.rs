//! How far a comparison is, on stderr: a bar where a person watches, a line for each row where a file does.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) struct Progress {
    bar: ProgressBar,
    rows: usize,
}

impl Progress {
    pub(crate) fn new(rows: usize) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(rows as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}, {eta} left: {msg}");
        bar.set_style(style.expect("the template is well-formed"));
        Progress { bar, rows }
    }

    pub(crate) fn begin(&self, row: &str) {
        if std::io::stderr().is_terminal() {
            self.bar.set_message(row.to_string());
            // Nothing is drawn while a row is measured: the bar has no thread of its own.
            self.bar.tick();
        } else {
            eprintln!("[{}/{}] {row}", self.bar.position() + 1, self.rows);
        }
    }

    pub(crate) fn end(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn over(&self) {
        self.bar.finish_and_clear();
    }
}
