//! What tasks take on more and more workers, also on more than there are cores.

use raddle_bench::engine::{Engine, Flavor, Raddle, Tokio};
use raddle_bench::rows;
use raddle_bench::sample::Scale;

use super::options::Scaling;
use super::part::{Curve, Part, Verdict};
use crate::measure::NAMES;
use crate::progress::Progress;

const WORKERS: [usize; 4] = [1, 2, 4, 8];
pub(super) const WORKLOADS: [&str; 2] = ["fib", "yield_many"];
/// A worker more than there are cores should cost next to nothing; what other programs take is in the measure as well.
const MOST_GROWTH: f64 = 1.5;

/// Both runtimes, with so many workers each.
struct Sides {
    raddle: Raddle,
    tokio: Tokio,
}

pub(super) fn measure(options: &Scaling, progress: &Progress) -> Result<Part, String> {
    let rows = rows::chosen(&WORKLOADS.map(str::to_string))?;
    let scale = Scale { quick: options.quick };
    let mut curves = Vec::new();
    let mut all: Vec<Sides> = WORKERS
        .map(|workers| Sides { raddle: Raddle::build(workers), tokio: Tokio::build((Flavor::MultiThread, workers)) })
        .into();
    for row in rows {
        progress.begin(&format!("workers: {}", row.name));
        let mut values = NAMES.map(|_| WORKERS.map(|workers| (workers, Vec::new())).to_vec());
        for round in 0..=options.rounds(15, 5) {
            let mut order: Vec<usize> = (0..WORKERS.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for place in order {
                let engines = &mut all[place];
                let pair = [(row.raddle)(&mut engines.raddle, scale), (row.tokio)(&mut engines.tokio, scale)];
                // The first one warms up.
                if round > 0 {
                    pair.iter().zip(&mut values).for_each(|(sample, side)| side[place].1.push(sample.values[0]));
                }
            }
        }
        curves.extend(NAMES.into_iter().zip(values).map(|(side, values)| Curve::since(2, row.name, side, values)));
        progress.end();
    }
    let mut part = Part {
        name: "workers",
        what: "a call of fib(20) as a tree of tasks; one yield of 200 tasks",
        axis: "workers",
        unit: "ns",
        growth: "against 2",
        curves,
        verdict: None,
        skipped: Vec::new(),
    };
    part.verdict = oversubscribed(&part.curves).map(verdict);
    Ok(part)
}

/// The largest growth of raddle's from 2 workers to more.
fn oversubscribed(curves: &[Curve]) -> Option<f64> {
    let points = curves.iter().filter(|curve| curve.side == Raddle::NAME).flat_map(|curve| &curve.points);
    points.filter(|point| point.at > 2).map(|point| point.growth).reduce(f64::max)
}

fn verdict(growth: f64) -> Verdict {
    Verdict {
        flat: growth <= MOST_GROWTH,
        found: format!(
            "on 4 and 8 workers a task takes at most {growth:.2} times what it takes on 2 ({MOST_GROWTH} are allowed)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_is_not_too_many() {
        let values = vec![(1, vec![90.0]), (2, vec![10.0]), (4, vec![12.0]), (8, vec![11.0])];
        let curves = [Curve::since(2, "fib", Raddle::NAME, values), Curve::since(2, "fib", Tokio::NAME, Vec::new())];
        assert_eq!(oversubscribed(&curves), Some(1.2));
        assert!(verdict(1.5).flat && !verdict(1.6).flat);
    }
}
