//! What lies between two looks: how much was done in each second.

use crate::snapshot::{Runtime, Snapshot};

/// Of one runtime, for each second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// By worker.
    pub(crate) polls: Vec<f64>,
    pub(crate) steals: Vec<f64>,
    /// What being inspected has taken of a core, in seconds, and in how many.
    pub(crate) spent: f64,
    pub(crate) seconds: f64,
}

impl Figures {
    /// Nothing is known of a runtime that was not there before.
    pub(crate) fn between(before: &Snapshot, now: &Snapshot, runtime: usize) -> Option<Figures> {
        let (before, now) = (before.runtimes.get(runtime)?, now.runtimes.get(runtime)?);
        let seconds = now.uptime - before.uptime;
        if seconds <= 0.0 {
            return None;
        }
        let per_second = |get: fn(&Runtime, usize) -> u64| {
            let workers = 0..now.workers.len().min(before.workers.len());
            // A worker counts up only; what counts down is another program's.
            workers.map(|worker| get(now, worker).saturating_sub(get(before, worker)) as f64 / seconds).collect()
        };
        Some(Figures {
            polls: per_second(|runtime, worker| runtime.workers[worker].polls),
            steals: per_second(|runtime, worker| runtime.workers[worker].steals),
            spent: (now.cost - before.cost).max(0.0),
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(uptime: f64, polls: u64, cost: f64) -> Snapshot {
        let answer = format!(r#"{{"uptime":{uptime},"cost":{cost},"workers":[{{"polls":{polls},"steals":4}}]}}"#);
        Snapshot::parse(&[answer]).unwrap()
    }

    #[test]
    fn rates_are_by_the_programs_own_time() {
        let (before, now) = (snapshot(10.0, 100, 0.5), snapshot(12.0, 400, 0.6));
        let figures = Figures::between(&before, &now, 0).unwrap();
        assert_eq!((figures.polls, figures.steals), (vec![150.0], vec![0.0]));
        assert!((figures.spent - 0.1).abs() < 1e-9 && (figures.seconds - 2.0).abs() < 1e-9);
        assert_eq!(Figures::between(&now, &now, 0), None);
        assert_eq!(Figures::between(&before, &now, 1), None);
    }
}
