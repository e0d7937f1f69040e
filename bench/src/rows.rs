//! The table of rows: a name, a group, what is measured, and the workload on either side.

use crate::engine::{Bare, Engine, Raddle, Smol, Tokio};
use crate::sample::{Sample, Scale};
use crate::workloads::{
    blocking, broadcast, chained_spawn, channel, coarse, event, fib, memory, mutex, ping_pong, semaphore, sleep, spawn,
    stall, stall_all, stall_crowd, startup, timeout, watch, yielding,
};

/// Rows that are reported together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Scheduler,
    Sync,
    Timers,
    Blocking,
    Lifecycle,
    Context,
    Control,
    Stall,
    Memory,
    Network,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Scheduler => "scheduler",
            Group::Sync => "sync",
            Group::Timers => "timers",
            Group::Blocking => "blocking",
            Group::Lifecycle => "lifecycle",
            Group::Context => "context",
            Group::Control => "control",
            Group::Stall => "stall",
            Group::Memory => "memory",
            Group::Network => "network",
        }
    }

    /// Whether its rows do a number of operations as fast as they can, in this process: then each has a cost.
    pub fn is_counted(self) -> bool {
        !matches!(self, Group::Stall | Group::Memory | Group::Network)
    }

    /// Whether one thread without a runtime can do what its rows ask for: not if they are about several processors, other
    /// threads, or who goes on while somebody blocks.
    fn has_floor(self) -> bool {
        !matches!(self, Group::Blocking | Group::Control | Group::Stall | Group::Network)
    }
}

/// One figure of a row.
#[derive(Debug)]
pub struct Metric {
    /// Follows the row's name; empty when the row has one metric.
    pub suffix: &'static str,
    pub unit: &'static str,
}

/// One workload on all engines.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub group: Group,
    pub metrics: &'static [Metric],
    pub raddle: fn(&mut Raddle, Scale) -> Sample,
    pub tokio: fn(&mut Tokio, Scale) -> Sample,
    /// On smol, where it has what the workload asks for.
    pub smol: Option<fn(&mut Smol, Scale) -> Sample>,
    /// Without a runtime.
    pub floor: Option<fn(Scale) -> Sample>,
    /// For rows that take long or hardly vary; `None` leaves it to the command line.
    pub most_pairs: Option<usize>,
}

const NS: &[Metric] = &[Metric { suffix: "", unit: "ns" }];
const MS: &[Metric] = &[Metric { suffix: "", unit: "ms" }];
const CONTEXT: &[Metric] = &[Metric { suffix: " none", unit: "ns" }, Metric { suffix: " one", unit: "ns" }];
const SLEEPS: &[Metric] = &[
    Metric { suffix: " cpu", unit: "ns" },
    Metric { suffix: " late p50", unit: "ms" },
    Metric { suffix: " late p99", unit: "ms" },
];
const ASLEEP: &[Metric] = &[Metric { suffix: "", unit: "B" }, Metric { suffix: " spawn", unit: "ns" }];
const CROWD: &[Metric] = &[Metric { suffix: " p90", unit: "ms" }, Metric { suffix: " max", unit: "ms" }];
/// Of a hog in a task, and of the same on a thread of its own.
const BESIDE: &[Metric] = &[
    Metric { suffix: " p50", unit: "ms" },
    Metric { suffix: " p99.9", unit: "ms" },
    Metric { suffix: " max", unit: "ms" },
    Metric { suffix: " thread p50", unit: "ms" },
    Metric { suffix: " thread p99.9", unit: "ms" },
    Metric { suffix: " thread max", unit: "ms" },
];
const WAITING: &[Metric] = &[
    Metric { suffix: "", unit: "B" },
    Metric { suffix: " spawn", unit: "ns" },
    Metric { suffix: " kept after", unit: "B" },
];

macro_rules! row {
    ($name:literal, $group:ident, $metrics:expr, $($workload:ident)::+ $(::<$($count:tt),+>)? $(, at most $pairs:literal)?) => {
        Row {
            name: $name,
            group: Group::$group,
            metrics: $metrics,
            raddle: $($workload)::+::<Raddle $($(, $count)+)?>,
            tokio: $($workload)::+::<Tokio $($(, $count)+)?>,
            smol: Some($($workload)::+::<Smol $($(, $count)+)?>),
            floor: Group::$group
                .has_floor()
                .then_some(|scale| $($workload)::+::<Bare $($(, $count)+)?>(&mut Bare::build(()), scale)),
            most_pairs: [$(Some($pairs),)? None][0],
        }
    };
}

/// Every row, group by group.
pub fn all() -> Vec<Row> {
    vec![
        row!("spawn_local", Scheduler, NS, spawn::local),
        row!("spawn_main", Scheduler, NS, spawn::main),
        row!("spawn_remote", Scheduler, NS, spawn::remote),
        row!("spawn_join", Scheduler, NS, spawn::join),
        row!("yield_many", Scheduler, NS, yielding::many),
        row!("ping_pong", Scheduler, NS, ping_pong::oneshots),
        row!("chained_spawn", Scheduler, NS, chained_spawn::chains),
        row!("fib", Scheduler, NS, fib::tree),
        row!("queue_1_1", Sync, NS, channel::one_to_one),
        row!("queue_4_1", Sync, NS, channel::four_to_one),
        row!("queue_4_4", Sync, NS, channel::four_to_four),
        row!("mutex", Sync, NS, mutex::contended),
        row!("semaphore", Sync, NS, semaphore::contended),
        row!("event", Sync, NS, event::ping_pong),
        row!("broadcast", Sync, NS, broadcast::one_to_four),
        Row { smol: None, ..row!("watch", Sync, NS, watch::ping_pong) },
        row!("timeout_ready", Timers, NS, timeout::ready),
        row!("timeout_pending", Timers, NS, timeout::pending),
        row!("timeout_pending_main", Timers, NS, timeout::pending_in_main),
        row!("sleep_insert", Timers, NS, sleep::insert),
        row!("sleeps_100k", Timers, SLEEPS, sleep::many, at most 5),
        row!("blocking_one", Blocking, NS, blocking::one_by_one),
        row!("blocking_burst", Blocking, NS, blocking::bursts),
        Row { floor: Some(startup::of_threads), ..row!("startup", Lifecycle, NS, startup::and_stop) },
        Row { smol: None, ..row!("spawn_context", Context, CONTEXT, spawn::in_context) },
        row!("coarse", Control, NS, coarse::spins),
        row!("blocked_parent_1", Stall, MS, stall::parent::<1>),
        row!("blocked_parent_2", Stall, MS, stall::parent::<2>),
        row!("blocked_parent_100", Stall, MS, stall::parent::<100>),
        row!("blocked_first_parent", Stall, MS, stall::first_parent),
        row!("blocked_timer", Stall, MS, stall::timer),
        row!("blocked_connection", Stall, MS, stall::connection),
        row!("blocked_crowd", Stall, CROWD, stall_crowd::first_words),
        row!("blocked_all_timer", Stall, MS, stall_all::all_blocked::<{ stall_all::TIMER }>),
        row!("blocked_all_echo", Stall, MS, stall_all::all_blocked::<{ stall_all::ECHO }>),
        row!("stall_long_sleep_timer", Stall, BESIDE, stall_all::neighbour::<{ stall_all::SLEEP }, { stall_all::TIMER }>, at most 1),
        row!("stall_long_sleep_echo", Stall, BESIDE, stall_all::neighbour::<{ stall_all::SLEEP }, { stall_all::ECHO }>, at most 1),
        row!("stall_long_spin_timer", Stall, BESIDE, stall_all::neighbour::<{ stall_all::SPIN }, { stall_all::TIMER }>, at most 1),
        row!("stall_long_spin_echo", Stall, BESIDE, stall_all::neighbour::<{ stall_all::SPIN }, { stall_all::ECHO }>, at most 1),
        row!("parked_asleep", Memory, ASLEEP, memory::asleep, at most 3),
        row!("parked_oneshot", Memory, WAITING, memory::on_a_oneshot, at most 3),
    ]
}

/// The rows whose name or group begins with one of `wanted`; all of them if nothing is wanted.
pub fn chosen(wanted: &[String]) -> Result<Vec<Row>, String> {
    let matches = |row: &Row, want: &String| row.name.starts_with(want) || row.group.name().starts_with(want);
    let rows = all();
    if let Some(unknown) = wanted.iter().find(|want| !rows.iter().any(|row| matches(row, want))) {
        return Err(format!("no row is called `{unknown}`; `compare --list` tells the names"));
    }
    Ok(rows.into_iter().filter(|row| wanted.is_empty() || wanted.iter().any(|want| matches(row, want))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str]) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<String> = wanted.iter().map(|want| want.to_string()).collect();
        chosen(&wanted).map(|rows| rows.iter().map(|row| row.name).collect())
    }

    #[test]
    fn rows_are_chosen_by_name_and_by_group() {
        assert_eq!(names(&["fib", "queue_4"]), Ok(vec!["fib", "queue_4_1", "queue_4_4"]));
        assert_eq!(names(&["lifecycle"]), Ok(vec!["startup"]));
        assert!(names(&["nothing"]).unwrap_err().contains("`nothing`"));
        assert_eq!(names(&[]).unwrap().len(), all().len());
    }

    #[test]
    fn the_mean_is_taken_over_eight_rows() {
        let rows = all();
        assert_eq!(rows.iter().filter(|row| row.group == Group::Scheduler).count(), 8);
    }

    #[test]
    fn only_rows_about_several_threads_have_no_floor() {
        for row in all() {
            let of_one = !matches!(row.group, Group::Blocking | Group::Control | Group::Stall);
            assert_eq!(row.floor.is_some(), of_one, "{}", row.name);
        }
    }

    /// `startup` is one that has a floor of its own.
    #[test]
    fn a_floor_does_as_many_operations_as_the_others() {
        for row in chosen(&["yield_many".into(), "mutex".into(), "startup".into()]).unwrap() {
            let scale = Scale { quick: true };
            let floor = row.floor.expect("has a floor")(scale);
            let raddle = (row.raddle)(&mut Raddle::build(1), scale);
            assert_eq!(floor.operations, raddle.operations, "{}", row.name);
        }
    }

    #[test]
    fn groups_stand_together_and_names_are_unique() {
        let rows = all();
        let mut groups: Vec<_> = rows.iter().map(|row| row.group.name()).collect();
        groups.dedup();
        assert_eq!(
            groups,
            ["scheduler", "sync", "timers", "blocking", "lifecycle", "context", "control", "stall", "memory"]
        );
        let mut names: Vec<_> = rows.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows.len());
    }
}
