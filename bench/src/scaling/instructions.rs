//! Instructions of a task that is spawned, waits, is released and awaited, when more and more are alive at once: exact
//! where times are noise. One worker, as `profile` counts them.

use raddle_bench::engine::{Engine, Raddle, Tokio};

use super::child::{Scaled, What};
use super::options::Scaling;
use super::part::{Curve, Part, Verdict, difference, grouped};
use crate::callgrind;
use crate::progress::Progress;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const QUICK_SIZES: usize = 2;
const MOST_DIFFERENCE: f64 = 0.05;
/// So many tasks at least make the difference between a short run and a long one.
const AT_LEAST: usize = 20_000;

pub(super) fn sizes(options: &Scaling) -> &'static [usize] {
    if options.quick { &SIZES[..QUICK_SIZES] } else { &SIZES }
}

pub(super) fn measure(options: &Scaling, progress: &Progress) -> Result<Part, String> {
    let mut part = Part {
        name: "instructions",
        what: "instructions of a task from its birth to its end, on one worker, all of them being alive at once",
        axis: "tasks alive at once",
        unit: "",
        growth: "against 1,000",
        curves: Vec::new(),
        verdict: None,
        skipped: Vec::new(),
    };
    if callgrind::is_missing().is_some() {
        sizes(options).iter().for_each(|_| progress.end());
        return Ok(part.without("all of it: valgrind is not installed (apt-get install valgrind)".into()));
    }
    let mut values: [Vec<(usize, Vec<f64>)>; 2] = Default::default();
    for &size in sizes(options) {
        progress.begin(&format!("instructions: {}", grouped(size)));
        for (side, values) in [Raddle::NAME, Tokio::NAME].into_iter().zip(&mut values) {
            values.push((size, vec![of_a_task(side, size)?]));
        }
        progress.end();
    }
    let [raddle, tokio] = values;
    part.curves =
        vec![Curve::since(SIZES[0], "", Raddle::NAME, raddle), Curve::since(SIZES[0], "", Tokio::NAME, tokio)];
    part.verdict = Some(verdict(difference(part.curves[0].points.iter().map(|point| point.cost.median))));
    Ok(part)
}

/// The difference of a long run and a short one, so that neither start nor end is in it.
fn of_a_task(side: &str, size: usize) -> Result<f64, String> {
    let args = Scaled { what: What::Tasks, of: side.into(), size, detail: 1 }.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let more = AT_LEAST.div_ceil(size);
    let short = callgrind::run(&args, "1\n")?.instructions;
    let long = callgrind::run(&args, &format!("{}\n", 1 + more))?.instructions;
    Ok(long.saturating_sub(short) as f64 / (more * size) as f64)
}

fn verdict(difference: f64) -> Verdict {
    Verdict {
        flat: difference <= MOST_DIFFERENCE,
        found: format!(
            "instructions of a task differ by {:.1} % ({:.0} % are allowed)",
            difference * 100.0,
            MOST_DIFFERENCE * 100.0
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_are_flat_and_more_are_not() {
        assert_eq!(verdict(0.05).sentence(), "flat: instructions of a task differ by 5.0 % (5 % are allowed)");
        assert_eq!(verdict(0.061).sentence(), "not flat: instructions of a task differ by 6.1 % (5 % are allowed)");
    }
}
