//! What a program has said of itself at one moment.
//!
//! The command may be older or younger than the program's raddle: what is not said is zero, or nothing.

use serde_json::Value;

use crate::clean::clean;

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) runtimes: Vec<Runtime>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Runtime {
    pub(crate) name: String,
    /// In seconds.
    pub(crate) uptime: f64,
    /// The processor time that being inspected has taken, in seconds.
    pub(crate) cost: f64,
    pub(crate) tasks: u64,
    pub(crate) injected: u64,
    pub(crate) blocking: u64,
    pub(crate) blocking_threads: u64,
    pub(crate) workers: Vec<Worker>,
    pub(crate) groups: Vec<Group>,
    /// Tasks that wait for each other, as text.
    pub(crate) deadlocks: Vec<String>,
    pub(crate) stalled: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) thread: u32,
    pub(crate) state: String,
    pub(crate) polls: u64,
    pub(crate) steals: u64,
    pub(crate) queue: u64,
    pub(crate) timers: u64,
    pub(crate) sockets: u64,
    pub(crate) task: Option<Task>,
    /// How long it has been in that.
    pub(crate) seconds: Option<f64>,
}

/// The task that a worker is in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) future: String,
    pub(crate) spawned_at: String,
}

/// The tasks of one line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) name: Option<String>,
    pub(crate) future: String,
    pub(crate) spawned_at: String,
    pub(crate) tasks: u64,
    pub(crate) ready: u64,
    pub(crate) running: u64,
    pub(crate) waits: Vec<Wait>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Wait {
    pub(crate) op: String,
    pub(crate) at: Option<String>,
    pub(crate) tasks: u64,
    pub(crate) seconds: f64,
}

impl Snapshot {
    /// From an answer for each runtime.
    pub(crate) fn parse(answers: &[String]) -> Result<Snapshot, String> {
        let runtimes = answers.iter().map(|answer| {
            let value: Value = serde_json::from_str(answer).map_err(|_| strange(answer))?;
            Ok(Runtime::of(&value))
        });
        Ok(Snapshot { runtimes: runtimes.collect::<Result<_, String>>()? })
    }
}

fn strange(answer: &str) -> String {
    let beginning: String = answer.chars().take(60).collect();
    format!("the program answers strangely, it may have another version of raddle: {}", clean(&beginning))
}

impl Runtime {
    fn of(value: &Value) -> Runtime {
        Runtime {
            name: text(value, "runtime").unwrap_or_default(),
            uptime: real(value, "uptime"),
            cost: real(value, "cost"),
            tasks: number(value, "tasks"),
            injected: number(value, "injected"),
            blocking: number(value, "blocking"),
            blocking_threads: number(value, "blocking_threads"),
            workers: list(value, "workers", Worker::of),
            groups: list(value, "groups", Group::of),
            deadlocks: list(value, "deadlocks", |cycle| text(cycle, "text").unwrap_or_default()),
            stalled: number(value, "stalled"),
        }
    }
}

impl Worker {
    fn of(value: &Value) -> Worker {
        Worker {
            number: number(value, "worker"),
            thread: u32::try_from(number(value, "thread")).unwrap_or(0),
            state: text(value, "state").unwrap_or_default(),
            polls: number(value, "polls"),
            steals: number(value, "steals"),
            queue: number(value, "queue"),
            timers: number(value, "timers"),
            sockets: number(value, "sockets"),
            task: value.get("task").filter(|task| task.is_object()).map(Task::of),
            seconds: value.get("seconds").and_then(Value::as_f64),
        }
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.state == "stuck"
    }
}

impl Task {
    fn of(value: &Value) -> Task {
        Task {
            id: number(value, "id"),
            name: text(value, "name"),
            future: text(value, "future").unwrap_or_default(),
            spawned_at: text(value, "spawned_at").unwrap_or_default(),
        }
    }
}

impl Group {
    fn of(value: &Value) -> Group {
        Group {
            name: text(value, "name"),
            future: text(value, "future").unwrap_or_default(),
            spawned_at: text(value, "spawned_at").unwrap_or_default(),
            tasks: number(value, "tasks"),
            ready: number(value, "ready"),
            running: number(value, "running"),
            waits: list(value, "waits", Wait::of),
        }
    }

    /// What it goes by.
    pub(crate) fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.future)
    }

    /// The longest that one of them has waited, in seconds.
    pub(crate) fn longest(&self) -> f64 {
        self.waits.iter().map(|wait| wait.seconds).fold(0.0, f64::max)
    }
}

impl Wait {
    fn of(value: &Value) -> Wait {
        Wait {
            op: text(value, "op").unwrap_or_default(),
            at: text(value, "at"),
            tasks: number(value, "tasks"),
            seconds: real(value, "seconds"),
        }
    }
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn real(value: &Value, key: &str) -> f64 {
    value.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

fn text(value: &Value, key: &str) -> Option<String> {
    Some(clean(value.get(key)?.as_str()?))
}

fn list<T>(value: &Value, key: &str, of: impl Fn(&Value) -> T) -> Vec<T> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_nothing_and_what_is_no_json_is_told() {
        let said = |answer: &str| Snapshot::parse(&[answer.to_owned()]);
        let snapshot = said(r#"{"tasks":3,"workers":[{"task":null}],"groups":[{"future":"a\u001bb"}]}"#).unwrap();
        assert_eq!((snapshot.runtimes[0].tasks, snapshot.runtimes[0].workers.len()), (3, 1));
        assert_eq!(snapshot.runtimes[0].groups[0].title(), "a\u{fffd}b");
        assert!(said("no such question: top").unwrap_err().contains("another version"));
    }
}
