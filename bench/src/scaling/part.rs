//! What a part found: curves, how much each grows, and whether that is flat.

use crate::measure::Spread;

/// One question and its answer.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What is measured.
    pub(super) what: &'static str,
    /// What there are more and more of.
    pub(super) axis: &'static str,
    pub(super) unit: &'static str,
    /// What the growth of a curve is.
    pub(super) growth: &'static str,
    pub(super) curves: Vec<Curve>,
    /// Nothing, if what it takes was not there.
    pub(super) verdict: Option<Verdict>,
    /// What was left out, and why.
    pub(super) skipped: Vec<String>,
}

/// One side's figures of one workload.
#[derive(Debug)]
pub(super) struct Curve {
    /// Empty where the part has a single one.
    pub(super) workload: &'static str,
    pub(super) side: &'static str,
    pub(super) points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: usize,
    pub(super) cost: Spread,
    /// Against the point that the part takes as its base.
    pub(super) growth: f64,
}

/// Whether raddle's curves are as flat as they should be.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) flat: bool,
    /// What was found, without the word for it.
    pub(super) found: String,
}

impl Part {
    /// One of which nothing could be measured.
    pub(super) fn without(mut self, why: String) -> Part {
        self.skipped.push(why);
        self
    }

    /// The curves of each workload; they stand together.
    pub(super) fn by_workload(&self) -> impl Iterator<Item = &[Curve]> {
        self.curves.chunk_by(|one, other| one.workload == other.workload)
    }

    /// The largest growth of a side, if it has any.
    pub(super) fn most_growth(&self, side: &str) -> Option<f64> {
        let points = self.curves.iter().filter(|curve| curve.side == side).flat_map(|curve| &curve.points);
        points.map(|point| point.growth).reduce(f64::max)
    }
}

impl Curve {
    /// Of values at each size, the growth being that of the medians since the size `base`.
    pub(super) fn since(
        base: usize,
        workload: &'static str,
        side: &'static str,
        values: Vec<(usize, Vec<f64>)>,
    ) -> Curve {
        let costs: Vec<(usize, Spread)> = values.into_iter().map(|(at, values)| (at, Spread::of(values))).collect();
        let first = costs.iter().find(|(at, _)| *at == base).map_or(f64::NAN, |(_, cost)| cost.median);
        let points = costs.into_iter().map(|(at, cost)| Point { at, cost, growth: cost.median / first }).collect();
        Curve { workload, side, points }
    }

    pub(super) fn at(&self, at: usize) -> Option<&Point> {
        self.points.iter().find(|point| point.at == at)
    }
}

impl Verdict {
    pub(super) fn sentence(&self) -> String {
        format!("{}: {}", if self.flat { "flat" } else { "not flat" }, self.found)
    }
}

/// The median over the rounds of one value over the other of the same round: what slows both down changes nothing.
pub(super) fn quotient(values: &[f64], bare: &[f64]) -> f64 {
    Spread::of(values.iter().zip(bare).map(|(value, bare)| value / bare).collect()).median
}

/// By how much the largest of some values exceeds the smallest: 0.05 is five percent.
pub(super) fn difference(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    most / least - 1.0
}

/// A number as people write it: 10,000.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn part() -> Part {
        let values = |factor: f64| vec![(0, vec![factor, 2.0 * factor, 9.0 * factor]), (1000, vec![3.0 * factor])];
        Part {
            name: "timers",
            what: "a wake-up",
            axis: "idle timers",
            unit: "ns",
            growth: "against none",
            curves: vec![Curve::since(0, "", "raddle", values(1.0)), Curve::since(0, "", "tokio", values(10.0))],
            verdict: Some(Verdict { flat: false, found: "1.5 times".into() }),
            skipped: vec!["a \"million\"".into()],
        }
    }

    #[test]
    fn growth_is_that_of_the_medians() {
        let part = part();
        let growths: Vec<f64> = part.curves[0].points.iter().map(|point| point.growth).collect();
        assert_eq!(growths, [1.0, 1.5]);
        assert_eq!((part.most_growth("tokio"), part.most_growth("bare")), (Some(1.5), None));
        assert_eq!(part.by_workload().count(), 1);
    }

    #[test]
    fn growth_without_a_base_is_no_number() {
        let curve = Curve::since(7, "", "raddle", vec![(1, vec![2.0])]);
        assert!(curve.points[0].growth.is_nan() && curve.at(7).is_none());
    }

    #[test]
    fn a_quotient_is_taken_round_by_round() {
        // The machine was ten times slower in the second round, for both.
        assert_eq!(quotient(&[2.0, 20.0, 3.0], &[1.0, 10.0, 1.0]), 2.0);
    }

    #[test]
    fn differences_are_between_the_ends() {
        assert!((difference([100.0, 105.0, 102.0].into_iter()) - 0.05).abs() < 1e-12);
        assert_eq!(difference([7.0].into_iter()), 0.0);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 10_000_000].map(grouped), ["0", "999", "1,000", "10,000,000"]);
    }
}
