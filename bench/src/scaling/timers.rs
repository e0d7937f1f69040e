//! What a wake-up takes beside more and more timers that are far from firing.

use raddle_bench::WORKERS;
use raddle_bench::engine::{Engine, Raddle, Tokio};

use super::child::{Measurer, Scaled, What};
use super::options::Scaling;
use super::part::{Curve, Part, Verdict, grouped};
use crate::progress::Progress;

const SIZES: [usize; 3] = [0, 1_000, 1_000_000];
const QUICK_SIZES: [usize; 3] = [0, 1_000, 100_000];
const MOST_GROWTH: f64 = 1.1;
const SIDES: [&str; 2] = [Raddle::NAME, Tokio::NAME];

pub(super) fn measure(options: &Scaling, progress: &Progress) -> Result<Part, String> {
    let sizes = if options.quick { QUICK_SIZES } else { SIZES };
    progress.begin(&format!("timers: {}", sizes.map(grouped).join(", ")));
    let mut cells = Vec::new();
    for side in SIDES {
        for size in sizes {
            let scaled = Scaled { what: What::Timers, of: side.into(), size, detail: WORKERS };
            let (mut measurer, _) = Measurer::start(scaled)?;
            // Warms up.
            measurer.ask(1)?;
            cells.push((measurer, Vec::new()));
        }
    }
    for round in 0..options.rounds(21, 7) {
        // Neighbours in time are one side's sizes, whose ratio is asked for.
        let turn: &mut dyn Iterator<Item = &mut (Measurer, Vec<f64>)> =
            if round % 2 == 0 { &mut cells.iter_mut() } else { &mut cells.iter_mut().rev() };
        for (measurer, values) in turn {
            values.push(measurer.ask(1)?);
        }
    }
    let mut values = cells.into_iter().map(|(_, values)| values);
    let curves =
        SIDES.map(|side| Curve::since(0, "", side, sizes.into_iter().zip(values.by_ref()).collect::<Vec<_>>())).into();
    let mut part = Part {
        name: "timers",
        what: "two tasks that signal each other, once to and fro",
        axis: "idle timers",
        unit: "ns",
        growth: "against none",
        curves,
        verdict: None,
        skipped: Vec::new(),
    };
    part.verdict = part.most_growth(Raddle::NAME).map(verdict);
    progress.end();
    Ok(part)
}

fn verdict(growth: f64) -> Verdict {
    Verdict {
        flat: growth <= MOST_GROWTH,
        found: format!(
            "two wake-ups, to and fro, take at most {growth:.2} times what they take beside no timers \
             ({MOST_GROWTH} are allowed)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_is_flat() {
        assert!(verdict(0.97).flat && verdict(1.1).flat && !verdict(1.11).flat);
    }
}
