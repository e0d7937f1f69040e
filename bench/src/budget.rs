//! What an operation of a row may cost: the one table that `raddle-bench budgets` and the tests here hold raddle to.
//!
//! Only what can be counted is here. Counts are the same on a slow machine and on a fast one, so that whoever exceeds a
//! budget has changed something; times would only tell how busy the machine was.
//!
//! Instructions are those of this workspace's release profile, and of the thread that runs the workload. A budget is
//! 3 % above what the row took when it was set: the compiler lays a program out otherwise when anything in it changes,
//! and that alone moves a row by up to 2.5 %. Allocations are those of all threads. System calls are those of the
//! thread that runs the workload, or of the threads that serve an echo. Two thousandths of one are what a heap that
//! grows may take now and then: that means none.

/// A figure that has a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    Instructions,
    Allocations,
    SystemCalls,
}

impl Figure {
    pub const ALL: [Figure; 3] = [Figure::Instructions, Figure::Allocations, Figure::SystemCalls];

    /// For people, in a table.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Instructions => "instructions",
            Figure::Allocations => "allocations",
            Figure::SystemCalls => "system calls",
        }
    }
}

/// What one operation of a row with one worker may cost at most; `None`: it is not held to anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// A row of [`rows`](crate::rows), or [`ECHO`].
    pub row: &'static str,
    pub instructions: Option<f64>,
    pub allocations: Option<f64>,
    pub syscalls: Option<f64>,
}

/// The row of the server of [`echo`](crate::echo), which shares a core with its clients.
pub const ECHO: &str = "echo_64";

/// For what must not happen at all.
const NONE: f64 = 0.002;
/// For what happens once in many operations: a queue or an arena that grows.
const RARE: f64 = 0.01;

impl Budget {
    pub fn of(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Instructions => self.instructions,
            Figure::Allocations => self.allocations,
            Figure::SystemCalls => self.syscalls,
        }
    }
}

/// A row that does its work in tasks of one worker.
const fn local(row: &'static str, instructions: f64, allocations: f64) -> Budget {
    Budget { row, instructions: Some(instructions), allocations: Some(allocations), syscalls: Some(NONE) }
}

/// Every budget.
pub const ALL: &[Budget] = &[
    local("spawn_local", 409.0, RARE),
    local("spawn_main", 409.0, RARE),
    local("spawn_join", 752.0, RARE),
    local("yield_many", 129.0, RARE),
    // A promise either way, and each is on the heap.
    local("ping_pong", 1855.0, 2.02),
    local("chained_spawn", 484.0, RARE),
    local("fib", 608.0, RARE),
    local("queue_1_1", 217.0, RARE),
    local("queue_4_4", 230.0, RARE),
    local("mutex", 756.0, RARE),
    local("semaphore", 758.0, RARE),
    local("event", 961.0, RARE),
    // One for four receivers.
    local("broadcast", 210.5, 0.27),
    // One for each change, of which there are two.
    local("watch", 1511.0, 2.02),
    local("timeout_ready", 44.3, RARE),
    local("timeout_pending", 698.0, RARE),
    local("sleep_insert", 711.0, RARE),
    Budget { row: "spawn_remote", instructions: None, allocations: Some(RARE), syscalls: None },
    Budget { row: ECHO, instructions: None, allocations: None, syscalls: Some(2.1) },
];

/// From what a small run (true) and a large one take, and their operations: what an operation takes.
pub fn per_operation(what: &str, mut run: impl FnMut(bool) -> Result<(u64, u64), String>) -> Result<f64, String> {
    let ((small, few), (large, many)) = (run(true)?, run(false)?);
    if few >= many {
        return Err(format!("{what}: this row is always of one size, so nothing can be told"));
    }
    Ok(large.saturating_sub(small) as f64 / (many - few) as f64)
}

/// What is wrong with a figure, and what to do about it; `None`: it is within its budget.
pub fn excess(row: &str, figure: Figure, measured: f64, budget: f64) -> Option<String> {
    // Nothing is within any budget but a number.
    if measured <= budget {
        return None;
    }
    let what = match figure {
        Figure::Instructions => "`raddle-bench profile` of the row, change by change, tells where they came from",
        Figure::Allocations => {
            "Look for what a task, a waker or a wait puts on the heap; `valgrind --tool=dhat` says where"
        }
        Figure::SystemCalls => "`strace -f` of the program says which; look for wake-ups that nobody needed",
    };
    Some(format!(
        "{row}: {measured:.3} {name} per operation, where {budget:.3} is the budget. {what}. If it is worth its price, \
         raise the budget in bench/src/budget.rs, and say why.",
        name = figure.name(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn every_budget_is_that_of_a_row() {
        for budget in ALL {
            let is_row = rows::all().iter().any(|row| row.name == budget.row);
            assert!(is_row || budget.row == ECHO, "{}", budget.row);
            assert_eq!(ALL.iter().filter(|other| other.row == budget.row).count(), 1, "{}", budget.row);
            assert!(Figure::ALL.iter().any(|figure| budget.of(*figure).is_some()), "{}", budget.row);
        }
    }

    #[test]
    fn an_excess_names_row_figure_and_budget() {
        assert_eq!(excess("fib", Figure::Instructions, 608.0, 608.0), None);
        let said = excess("fib", Figure::Instructions, 608.1, 608.0).unwrap();
        assert!(said.starts_with("fib: 608.100 instructions per operation, where 608.000 is the budget."), "{said}");
        assert!(excess("fib", Figure::SystemCalls, f64::NAN, 1.0).is_some());
    }

    #[test]
    fn start_and_end_do_not_count() {
        assert_eq!(per_operation("a row", |quick| Ok(if quick { (107, 10) } else { (207, 60) })), Ok(2.0));
        assert!(per_operation("a row", |_| Ok((107, 10))).unwrap_err().contains("one size"));
    }
}
