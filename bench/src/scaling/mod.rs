//! What an operation costs when there is more and more beside it, and whether that is flat.
//!
//! * `tasks`: wall time of a task when up to ten million are alive at once, beside bare memory of the same size.
//! * `instructions`: the same up to a hundred thousand, counted and not timed.
//! * `timers`: a wake-up beside up to a million timers that are far from firing.
//! * `connections`: processor time of a message beside up to 19,000 idle connections.
//! * `workers`: tasks on up to eight workers, on however many cores there are.
//!
//! Times are medians of rounds in alternation. What is not flat is said and is no failure of the command.

mod chart;
mod child;
mod connections;
mod instructions;
mod options;
mod part;
mod report;
mod tasks;
mod timers;
mod workers;

pub(crate) use self::child::{SUBCOMMAND, Scaled, parse as parse_scaled, run as scaled};
use self::options::PARTS;
pub(crate) use self::options::{Scaling, parse};
use self::part::Part;
use crate::progress::Progress;

type Measure = fn(&Scaling, &Progress) -> Result<Part, String>;

/// Beside the names, in their order.
const MEASURES: [Measure; PARTS.len()] =
    [tasks::measure, instructions::measure, timers::measure, connections::measure, workers::measure];

pub(crate) fn run(options: &Scaling) -> Result<(), String> {
    let parts: Vec<_> = PARTS.into_iter().zip(MEASURES).filter(|(name, _)| options.runs(name)).collect();
    let progress = Progress::new(parts.iter().map(|(name, _)| steps(name, options)).sum());
    let mut found = Vec::new();
    for (_, measure) in parts {
        let part = measure(options, &progress)?;
        if !options.json {
            print!("{}", report::table(&part));
        }
        if let Some(folder) = &options.svg
            && let Some(file) = chart::draw(&part, folder)?
        {
            eprintln!("{}", file.display());
        }
        found.push(part);
    }
    progress.over();
    if options.json {
        println!("{}", report::json(&found));
    }
    Ok(())
}

/// In how many steps a part tells how far it is.
fn steps(name: &str, options: &Scaling) -> usize {
    match name {
        "tasks" => tasks::sizes(options).len(),
        "instructions" => instructions::sizes(options).len(),
        "workers" => workers::WORKLOADS.len(),
        _ => 1,
    }
}
