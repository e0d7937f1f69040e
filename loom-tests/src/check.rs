//! Running a model.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use loom::model::Builder;

/// Every interleaving, for models of two threads.
#[must_use]
pub fn unbounded() -> Builder {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    // Whatever the environment says: a search that was cut looks exactly like one that found nothing.
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.max_branches = 10_000;
    builder
}

/// Every interleaving with at most so many preemptions, for models of three threads; with more if the environment asks
/// for a longer search, by RADDLE_LOOM_DEEPER.
#[must_use]
pub fn bounded(preemptions: usize) -> Builder {
    let mut builder = unbounded();
    builder.preemption_bound = Some(preemptions + deeper());
    builder
}

/// As [`bounded`], and never more, for a model in which two threads may wait for a third by spinning. To change from one
/// such thread to another is no preemption, and a longer search has them take turns until loom gives up.
#[must_use]
pub fn bounded_for_good(preemptions: usize) -> Builder {
    let mut builder = unbounded();
    builder.preemption_bound = Some(preemptions);
    builder
}

/// How many preemptions more than a model says. One more takes five to ten times as long; `cargo loom` sets it to 1.
const DEEPER: &str = "RADDLE_LOOM_DEEPER";

fn deeper() -> usize {
    let Some(more) = std::env::var_os(DEEPER) else { return 0 };
    let number = more.to_str().and_then(|more| more.parse().ok());
    number.unwrap_or_else(|| panic!("{DEEPER} is {more:?}; it says how many preemptions more, as a number: 1"))
}

/// Runs a model in every order that the builder admits, and prints in how many.
pub fn check(name: &str, builder: Builder, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = executions.clone();
    let start = Instant::now();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    let bound = builder.preemption_bound.map_or("all".to_owned(), |bound| format!("{bound} preemptions"));
    println!("{name}: {} executions ({bound}), {:.1?}", executions.load(Relaxed), start.elapsed());
}
