//! Two engines in alternation, and the ratio of each pair; beside them smol, and the same without a runtime.

use raddle_bench::engine::{Engine, Raddle, Smol, Tokio};
use raddle_bench::rows::Row;
use raddle_bench::sample::{Sample, Scale};

use crate::beside::Beside;
use crate::cost::{self, Cost, Costs};

/// All runtimes, alive at the same time; one of them runs at a time.
pub(crate) struct Engines {
    pub(crate) raddle: Raddle,
    pub(crate) tokio: Tokio,
    pub(crate) smol: Smol,
}

/// A ratio is told if the upper quarter of the pairs begins at no more than this times what the lower ends at.
const MOST_SCATTERED: f64 = 2.0;

/// The figures of one metric over all pairs.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) raddle: f64,
    pub(crate) tokio: f64,
    /// tokio ÷ raddle: above 1, raddle is better.
    pub(crate) ratio: Spread,
    /// raddle in another build, and tokio ÷ that.
    pub(crate) beside: Option<(f64, f64)>,
    /// Where smol has the workload.
    pub(crate) smol: Option<f64>,
    /// What the same work takes without a runtime, as far as that can be said.
    pub(crate) floor: Option<f64>,
    pub(crate) pairs: usize,
    /// In how many pairs raddle was better.
    pub(crate) better: usize,
}

/// The middle, the quarters and the ends of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        // Between two values where it falls between them.
        let at = |share: f64| {
            let place = (values.len() - 1) as f64 * share;
            let (before, after) = (values[place.floor() as usize], values[place.ceil() as usize]);
            if before == after { before } else { before + (after - before) * place.fract() }
        };
        Spread { min: at(0.0), lower: at(0.25), median: at(0.5), upper: at(0.75), max: at(1.0) }
    }
}

/// What a row came to.
#[derive(Debug)]
pub(crate) struct Measured {
    /// One for each metric.
    pub(crate) figures: Vec<Figures>,
    /// Of rows that do a number of operations as fast as they can.
    pub(crate) costs: Option<Costs>,
}

/// One pair's samples, and those beside it.
struct Turn {
    raddle: Sample,
    tokio: Sample,
    beside: Option<Sample>,
    smol: Option<Sample>,
    floor: Option<Sample>,
    costs: Costs,
}

/// Measures `row`. A first pair warms both sides up and is thrown away, unless there is one alone, which takes long enough for
/// that. System calls are counted in a pair of their own, if `count_calls`.
pub(crate) fn compare(
    row: &Row,
    engines: &mut Engines,
    mut beside: Option<&mut Beside>,
    pairs: usize,
    scale: Scale,
    count_calls: bool,
) -> Result<Measured, String> {
    let pairs = row.most_pairs.map_or(pairs, |most| pairs.min(most));
    let warm_up = usize::from(row.most_pairs != Some(1));
    let mut turn = |number| take_turn(row, engines, beside.as_deref_mut(), scale, number % 2 == 0);
    let mut turns = (0..pairs + warm_up).map(&mut turn).collect::<Result<Vec<Turn>, String>>()?;
    turns.drain(..warm_up);
    let figures = (0..row.metrics.len()).map(|metric| figures_of(&turns, metric)).collect();
    let costs = row.group.is_counted().then(|| costs_of(row, engines, scale, &turns, count_calls));
    Ok(Measured { figures, costs })
}

/// The order changes from pair to pair, so that going second helps nobody.
fn take_turn(
    row: &Row,
    engines: &mut Engines,
    beside: Option<&mut Beside>,
    scale: Scale,
    raddle_first: bool,
) -> Result<Turn, String> {
    let (raddle, tokio);
    if raddle_first {
        raddle = Cost::of(|| (row.raddle)(&mut engines.raddle, scale));
        tokio = Cost::of(|| (row.tokio)(&mut engines.tokio, scale));
    } else {
        tokio = Cost::of(|| (row.tokio)(&mut engines.tokio, scale));
        raddle = Cost::of(|| (row.raddle)(&mut engines.raddle, scale));
    }
    let ((raddle, of_raddle), (tokio, of_tokio)) = (raddle, tokio);
    let beside = beside.map(Beside::sample).transpose()?;
    let smol = row.smol.map(|sample| sample(&mut engines.smol, scale));
    let floor = row.floor.map(|sample| sample(scale));
    for other in [Some(&tokio), beside.as_ref(), smol.as_ref(), floor.as_ref()].into_iter().flatten() {
        assert_eq!(raddle.operations, other.operations, "{}: all sides must do the same work", row.name);
    }
    assert_eq!(raddle.values.len(), row.metrics.len(), "{}: one value for each metric", row.name);
    Ok(Turn { raddle, tokio, beside, smol, floor, costs: Costs { raddle: of_raddle, tokio: of_tokio } })
}

fn figures_of(turns: &[Turn], metric: usize) -> Figures {
    let pairs: Vec<_> = turns.iter().map(|turn| (turn.raddle.values[metric], turn.tokio.values[metric])).collect();
    let others = |of: fn(&Turn) -> Option<&Sample>| -> Option<Vec<f64>> {
        turns.iter().map(|turn| of(turn)?.values.get(metric).copied()).collect()
    };
    let median = |of| others(of).map(|values| Spread::of(values).median);
    let (smol, floor) = (median(|turn| turn.smol.as_ref()), median(|turn| turn.floor.as_ref()));
    let beside = others(|turn| turn.beside.as_ref()).map(|values| {
        let pairs: Vec<_> = values.into_iter().zip(&pairs).map(|(beside, (_, tokio))| (beside, *tokio)).collect();
        let figures = Figures::of(&pairs);
        (figures.raddle, figures.ratio.median)
    });
    Figures { beside, smol, floor, ..Figures::of(&pairs) }
}

fn costs_of(row: &Row, engines: &mut Engines, scale: Scale, turns: &[Turn], count_calls: bool) -> Costs {
    let median = |of: fn(&Turn) -> Cost| Cost::median(&turns.iter().map(of).collect::<Vec<_>>());
    let (mut raddle, mut tokio) = (median(|turn| turn.costs.raddle), median(|turn| turn.costs.tokio));
    if count_calls {
        raddle.calls = cost::calls(|| (row.raddle)(&mut engines.raddle, scale));
        tokio.calls = cost::calls(|| (row.tokio)(&mut engines.tokio, scale));
    }
    Costs { raddle, tokio }
}

impl Figures {
    /// Of pairs (raddle, tokio).
    pub(crate) fn of(pairs: &[(f64, f64)]) -> Figures {
        let ratios: Vec<f64> = pairs.iter().map(|(raddle, tokio)| tokio / raddle).collect();
        Figures {
            raddle: Spread::of(pairs.iter().map(|pair| pair.0).collect()).median,
            tokio: Spread::of(pairs.iter().map(|pair| pair.1).collect()).median,
            better: ratios.iter().filter(|&&ratio| ratio > 1.0).count(),
            ratio: Spread::of(ratios),
            beside: None,
            smol: None,
            floor: None,
            pairs: pairs.len(),
        }
    }

    /// The middle half of the pairs differs so much that a ratio would say nothing.
    pub(crate) fn is_scattered(&self) -> bool {
        self.ratio.upper > self.ratio.lower * MOST_SCATTERED
    }

    /// The sign test: how often a fair coin would fall as one-sidedly as the pairs did, or more so.
    pub(crate) fn chance(&self) -> f64 {
        let fewer = self.better.min(self.pairs - self.better);
        // Pascal's triangle, one number after the other.
        let mut ways = 1.0;
        let mut sum = 0.0;
        for sided in 0..=fewer {
            sum += ways;
            ways *= (self.pairs - sided) as f64 / (sided + 1) as f64;
        }
        (2.0 * sum / 2_f64.powi(self.pairs as i32)).min(1.0)
    }
}

/// The names of both sides, in the order of the columns.
pub(crate) const NAMES: [&str; 2] = [Raddle::NAME, Tokio::NAME];

/// `None` of nothing.
pub(crate) fn geometric_mean(values: &[f64]) -> Option<f64> {
    let logs: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (logs / values.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_pairs_not_the_ratio_of_medians() {
        let figures = Figures::of(&[(1.0, 8.0), (10.0, 20.0), (100.0, 300.0)]);
        assert_eq!((figures.raddle, figures.tokio, figures.pairs), (10.0, 20.0, 3));
        assert_eq!(figures.ratio, Spread { min: 2.0, lower: 2.5, median: 3.0, upper: 5.5, max: 8.0 });
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Spread::of(vec![4.0, 1.0]), Spread { min: 1.0, lower: 1.75, median: 2.5, upper: 3.25, max: 4.0 });
    }

    #[test]
    fn pairs_that_agree_on_nothing_are_scattered() {
        let scattered =
            |ratios: &[f64]| Figures::of(&ratios.iter().map(|&ratio| (1.0, ratio)).collect::<Vec<_>>()).is_scattered();
        assert!(scattered(&[0.3, 0.5, 1.0, 2.0, 4.0]));
        assert!(!scattered(&[0.1, 1.0, 1.1, 1.2, 9.0]), "what lies far off is not what most pairs say");
    }

    #[test]
    fn the_sign_test_is_two_sided() {
        let figures = |ratios: &[f64]| Figures::of(&ratios.iter().map(|&ratio| (1.0, ratio)).collect::<Vec<_>>());
        assert_eq!(figures(&[2.0; 5]).chance(), 0.0625);
        assert_eq!(figures(&[0.5; 5]).chance(), 0.0625);
        assert_eq!(figures(&[2.0, 2.0, 2.0, 2.0, 0.5]).chance(), 0.375);
        assert_eq!(figures(&[2.0, 0.5]).chance(), 1.0);
        assert_eq!(figures(&[2.0, 2.0, 0.5]).better, 2);
    }

    #[test]
    fn geometric_means() {
        assert_eq!(geometric_mean(&[]), None);
        assert!((geometric_mean(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-12);
    }
}
