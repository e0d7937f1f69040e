//! What went wrong in a task group: every failure, first first.

use std::error::Error;
use std::fmt;

use crate::task::error::{Panic, TaskError};
use crate::task::status::TaskInfo;

/// One failure in a task group.
#[derive(Debug)]
pub enum Failure<E> {
    /// A child, or the body, returned an error.
    Error {
        /// The error.
        error: E,
        /// Who returned it.
        task: TaskInfo,
    },
    /// A child, or the body, panicked.
    Panicked {
        /// The panic.
        panic: Panic,
        /// Who panicked.
        task: TaskInfo,
    },
}

impl<E> Failure<E> {
    /// Who failed: a child, or the task that the body runs in.
    pub fn task(&self) -> &TaskInfo {
        match self {
            Failure::Error { task, .. } | Failure::Panicked { task, .. } => task,
        }
    }

    /// The error, unless it was a panic.
    pub fn error(&self) -> Option<&E> {
        match self {
            Failure::Error { error, .. } => Some(error),
            Failure::Panicked { .. } => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error { error, .. } => error.fmt(f),
            Failure::Panicked { panic, .. } => write!(f, "panicked: {panic}"),
        }
    }
}

/// A task group gave no value: something in it failed, or it was cancelled. Keeps every failure in the order in which
/// they happened.
///
/// Prints as a tree, in which the errors of nested groups are branches.
#[derive(Debug)]
pub struct GroupError<E> {
    failures: Vec<Failure<E>>,
}

impl<E> GroupError<E> {
    pub(super) fn new(failures: Vec<Failure<E>>) -> GroupError<E> {
        GroupError { failures }
    }

    /// The failure that ended the group; none if the group was cancelled and nothing failed.
    pub fn first(&self) -> Option<&Failure<E>> {
        self.failures.first()
    }

    /// The errors, without the panics.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.failures.iter().filter_map(Failure::error)
    }

    /// Every failure.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// Every failure, to keep.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// Whether the group ended because [`TaskGroup::cancel`](crate::TaskGroup::cancel) was called, and nothing failed.
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }

    /// The first failure as an error; a panic or a cancellation by way of [`TaskError`].
    pub fn into_first(self) -> E
    where
        E: From<TaskError>,
    {
        match self.failures.into_iter().next() {
            Some(Failure::Error { error, .. }) => error,
            Some(Failure::Panicked { panic, .. }) => TaskError::Panicked(panic).into(),
            None => TaskError::Cancelled.into(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failures.len() {
            0 => return f.write_str("task group was cancelled"),
            1 => f.write_str("1 failure in a task group")?,
            n => write!(f, "{n} failures in a task group")?,
        }
        for (place, failure) in self.failures.iter().enumerate() {
            let last = place + 1 == self.failures.len();
            let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let text = failure.to_string();
            let mut lines = text.lines();
            write!(f, "\n{branch}{}: {}", failure.task().name, lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n{below}{line}")?;
            }
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}
