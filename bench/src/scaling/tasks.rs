//! What a task takes when more and more of them are alive at once, beside memory of the same size.

use std::fs;

use raddle_bench::WORKERS;
use raddle_bench::engine::{Engine, Raddle, Tokio};

use super::child::{Measurer, Scaled, What};
use super::options::Scaling;
use super::part::{Curve, Part, Verdict, grouped, quotient};
use crate::progress::Progress;

const SIZES: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const QUICK_SIZES: usize = 3;
/// Here both fit into a cache, and neither is ruled by what happens once.
const BASE: usize = 10_000;
/// One round has at least so many tasks: fewer would be over too soon.
const AT_LEAST: usize = 200_000;
const MOST_GROWTH: f64 = 2.0;
/// So much of the memory is left to others.
const RESERVE: f64 = 2.0 * GIB;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

const SIDES: [&str; 3] = [Raddle::NAME, Tokio::NAME, "bare"];

pub(super) fn sizes(options: &Scaling) -> &'static [usize] {
    if options.quick { &SIZES[..QUICK_SIZES] } else { &SIZES }
}

pub(super) fn measure(options: &Scaling, progress: &Progress) -> Result<Part, String> {
    let mut part = Part {
        name: "tasks",
        what: "wall time of a task from its birth to its end, all of them being alive at once",
        axis: "tasks alive at once",
        unit: "ns",
        growth: "(time ÷ bare) ÷ the same at 10,000; of bare: since 10,000",
        curves: Vec::new(),
        verdict: None,
        skipped: Vec::new(),
    };
    // What one takes at its peak, with its promise and its handle: that is what memory is measured with.
    let [raddle, tokio] = [Raddle::NAME, Tokio::NAME].map(|side| Ok::<_, String>(start(side, AT_LEAST, 0)?.1));
    let bytes = [raddle?, tokio?];
    eprintln!("a task that waits on a promise: {:.0} B, {:.0} B with tokio", bytes[0], bytes[1]);
    let mut values: [Vec<(usize, Vec<f64>)>; 3] = Default::default();
    for &size in sizes(options) {
        progress.begin(&format!("tasks: {}", grouped(size)));
        let sides = sides(size, bytes, available(), &mut part.skipped);
        let rounds = if size >= SIZES[4] { options.rounds(3, 3) } else { options.rounds(9, 5) };
        for (side, of_side) in at(size, sides, bytes[0], rounds)? {
            values[side].push((size, of_side));
        }
        progress.end();
    }
    part.curves = curves(values);
    part.verdict = part.most_growth(Raddle::NAME).map(verdict);
    Ok(part)
}

/// Values of one size, by side, taken in turn.
fn at(size: usize, sides: &[usize], bytes: f64, rounds: usize) -> Result<Vec<(usize, Vec<f64>)>, String> {
    let start = |&side: &usize| Ok((side, start(SIDES[side], size, block(bytes))?.0));
    let mut measurers = sides.iter().map(start).collect::<Result<Vec<_>, String>>()?;
    let mut values: Vec<(usize, Vec<f64>)> = sides.iter().map(|&side| (side, Vec::new())).collect();
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let time = measurers[place].1.ask(AT_LEAST.div_ceil(size))?;
            values[place].1.push(time / size as f64);
        }
    }
    Ok(values)
}

fn start(side: &str, size: usize, block: usize) -> Result<(Measurer, f64), String> {
    let (what, detail) = if side == SIDES[2] { (What::Bare, block) } else { (What::Tasks, WORKERS) };
    Measurer::start(Scaled { what, of: side.into(), size, detail })
}

/// Bytes as an allocator gives them.
fn block(bytes: f64) -> usize {
    (bytes as usize).next_multiple_of(16)
}

/// Which sides there is memory for. Their processes are there at the same time, and none need give back what it had at
/// its peak.
fn sides(size: usize, bytes: [f64; 2], available: f64, skipped: &mut Vec<String>) -> &'static [usize] {
    let [raddle, tokio] = bytes.map(|bytes| bytes * size as f64);
    let free = available - RESERVE;
    let mut skip = |who: &str, needed: f64| {
        skipped.push(format!(
            "{who} with {} tasks: {:.1} GiB are needed, and {:.1} are free beside a reserve",
            grouped(size),
            needed / GIB,
            free.max(0.0) / GIB
        ));
    };
    if 2.0 * raddle + tokio <= free {
        &[0, 1, 2]
    } else if 2.0 * raddle <= free {
        skip(Tokio::NAME, 2.0 * raddle + tokio);
        &[0, 2]
    } else {
        skip("all sides", 2.0 * raddle);
        &[]
    }
}

/// Bytes that programs can still have.
fn available() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").expect("Linux has /proc");
    of_meminfo(&text).expect("every kernel tells what is available")
}

fn of_meminfo(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}

/// The growth of a runtime is that beyond what memory itself grows by.
fn curves(values: [Vec<(usize, Vec<f64>)>; 3]) -> Vec<Curve> {
    let bare = values[2].clone();
    let against = |at: usize, values: &[f64]| {
        let of_bare = bare.iter().find(|(size, _)| *size == at).map(|(_, values)| values.as_slice());
        of_bare.map_or(f64::NAN, |of_bare| quotient(values, of_bare))
    };
    let mut curves = Vec::new();
    for (side, values) in SIDES.into_iter().zip(values) {
        let quotients: Vec<f64> = values.iter().map(|(at, values)| against(*at, values)).collect();
        let first =
            values.iter().zip(&quotients).find(|((at, _), _)| *at == BASE).map_or(f64::NAN, |(_, first)| *first);
        let mut curve = Curve::since(BASE, "", side, values);
        if side != SIDES[2] {
            curve.points.iter_mut().zip(quotients).for_each(|(point, quotient)| point.growth = quotient / first);
        }
        curves.push(curve);
    }
    curves
}

fn verdict(growth: f64) -> Verdict {
    Verdict {
        flat: growth <= MOST_GROWTH,
        found: format!(
            "the time of a task grows at most {growth:.2} times as much as that of bare memory \
             ({MOST_GROWTH} are allowed)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_growth_of_memory_itself_is_taken_out() {
        let values = |first: f64, second: f64| vec![(BASE, vec![first]), (1_000_000, vec![second])];
        let curves = curves([values(100.0, 450.0), values(1000.0, 3000.0), values(10.0, 30.0)]);
        let growths: Vec<f64> = curves.iter().map(|curve| curve.points[1].growth).collect();
        assert_eq!(growths, [1.5, 1.0, 3.0]);
    }

    #[test]
    fn what_there_is_no_memory_for_is_said() {
        let mut skipped = Vec::new();
        let size = 10_000_000;
        let mut of = |available: f64| sides(size, [200.0, 500.0], available * GIB, &mut skipped);
        assert_eq!([of(64.0), of(8.0), of(3.0)], [&[0, 1, 2][..], &[0, 2], &[]]);
        assert_eq!(skipped[0], "tokio with 10,000,000 tasks: 8.4 GiB are needed, and 6.0 are free beside a reserve");
        assert!(
            skipped[1].starts_with("all sides with 10,000,000 tasks: 3.7 GiB") && skipped.len() == 2,
            "{skipped:?}"
        );
    }

    #[test]
    fn memory_is_told_in_kibibytes() {
        assert_eq!(of_meminfo("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2.0 * 1024.0 * 1024.0));
        assert_eq!(of_meminfo("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn twice_is_flat_and_more_is_not() {
        assert!(verdict(2.0).flat && !verdict(2.01).flat && !verdict(f64::NAN).flat);
        assert!(verdict(2.01).sentence().starts_with("not flat: "));
    }
}
