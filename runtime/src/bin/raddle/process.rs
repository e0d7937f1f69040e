//! What the system knows of a process.

use std::fs;

/// A process, told from others that get its number later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) number: u32,
    pub(crate) name: String,
    /// When it was started, in the system's ticks.
    started: String,
}

impl Process {
    /// None: there is no such process.
    pub(crate) fn find(number: u32) -> Option<Process> {
        let (name, fields) = stat(&format!("/proc/{number}/stat"))?;
        // The 22nd field; the third comes first here.
        let started = fields.split(' ').nth(19)?.to_owned();
        // Dead, and waiting for its parent to take note.
        (!fields.starts_with(['Z', 'X'])).then_some(Process { number, name, started })
    }

    pub(crate) fn lives(&self) -> bool {
        Process::find(self.number).is_some_and(|found| found.started == self.started)
    }

    /// What a thread of it is doing, as the system tells: running, or asleep.
    pub(crate) fn doing(&self, thread: u32) -> Option<&'static str> {
        let (_, fields) = stat(&format!("/proc/{}/task/{thread}/stat", self.number))?;
        match fields.chars().next()? {
            'R' => Some("on a processor, or waiting for one"),
            'S' => Some("blocked in a system call"),
            'D' => Some("waiting for the disk or the like"),
            'T' | 't' => Some("stopped"),
            _ => None,
        }
    }
}

/// The name, which may have spaces and parentheses, and what follows it.
fn stat(path: &str) -> Option<(String, String)> {
    let text = fs::read_to_string(path).ok()?;
    let (before, fields) = text.rsplit_once(") ")?;
    Some((before.split_once('(')?.1.to_owned(), fields.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_with_its_number_from_before_does_not() {
        let this = Process::find(std::process::id()).unwrap();
        assert!(this.lives());
        assert!(!Process { started: "1".into(), ..this.clone() }.lives());
        assert_eq!(Process::find(u32::MAX), None);
        assert!(this.doing(std::process::id()).is_some());
    }
}
