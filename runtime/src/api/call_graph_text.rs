//! A call graph for those who are not in the program: a list, and JSON.

use std::fmt::Write;

use super::call_graph::{CallGraph, CallGraphEntry};
use super::json::{list, or_null, quote};
use crate::task::id::TaskId;
use crate::task::wait_info::{WaitInfo, WaitsOn};

impl CallGraph {
    /// The tasks, one a line, and what keeps them from going on.
    pub(super) fn list(&self) -> String {
        let mut text = String::new();
        for entry in &self.tasks {
            _ = writeln!(text, "{}", self.line_of(entry));
        }
        _ = write!(text, "{}", self.deadlocks);
        text
    }

    /// Everything, as one line of JSON.
    pub(super) fn to_json(&self) -> String {
        let tasks = list(&self.tasks, |entry| self.task_to_json(entry));
        let cycles = list(&self.deadlocks.cycles, |cycle| {
            let tasks = list(&cycle.tasks, |task| task.id.to_string());
            format!(r#"{{"tasks":{tasks},"certain":{}}}"#, cycle.is_certain)
        });
        format!("{{\"tasks\":{tasks},\"deadlocks\":{cycles},\"stalled\":{}}}\n", self.deadlocks.stalled)
    }

    fn task_to_json(&self, entry: &CallGraphEntry) -> String {
        let CallGraphEntry { task, awaits, awaited_by } = entry;
        let ids = |ids: &[TaskId]| list(ids, TaskId::to_string);
        format!(
            r#"{{"id":{},"name":{},"status":"{}","future":{},"spawned_at":{},"parent":{},"waits":{},"awaits":{},"awaited_by":{}}}"#,
            task.id,
            quote(&task.name),
            task.status,
            quote(&task.future),
            quote(task.spawned_at),
            or_null(task.parent),
            task.waiting.as_ref().map_or_else(|| "null".to_owned(), |wait| self.wait_to_json(wait)),
            ids(awaits),
            ids(awaited_by),
        )
    }

    fn wait_to_json(&self, wait: &WaitInfo) -> String {
        let on = match wait.on {
            WaitsOn::Nothing => String::new(),
            WaitsOn::Fd(fd) => format!(r#","fd":{fd}"#),
            WaitsOn::Task(id) => format!(r#","task":{id}"#),
            WaitsOn::Object(number) => format!(r#","object":"{number:x}""#),
            WaitsOn::Lock { held_by, taken_at } => {
                format!(r#","held_by":{},"taken_at":{}"#, or_null(held_by), or_null(taken_at.map(quote)))
            }
        };
        let (op, at, seconds) = (quote(wait.op), or_null(wait.at.map(quote)), self.waited(wait).as_secs_f64());
        format!(r#"{{"op":{op},"at":{at},"seconds":{seconds:.1}{on}}}"#)
    }
}
