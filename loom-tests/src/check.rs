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

/// Every interleaving with at most so many preemptions, for models of three threads.
#[must_use]
pub fn bounded(preemptions: usize) -> Builder {
    let mut builder = unbounded();
    builder.preemption_bound = Some(preemptions);
    builder
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
