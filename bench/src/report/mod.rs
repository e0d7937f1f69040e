//! Figures as a table for people, as one JSON object for programs, as Markdown for pages, and as pictures.

mod chart;
mod json;
mod markdown;
mod table;

use raddle_bench::rows::{self, Group, Row};

use crate::args::Form;
use crate::cost::Costs;
use crate::measure::{Figures, Measured, geometric_mean};

pub(crate) use self::chart::draw;
pub(crate) use self::json::number;

/// A metric of a row with its figures.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) unit: &'static str,
    pub(crate) figures: Figures,
    /// Of the row; with its first metric only.
    pub(crate) costs: Option<Costs>,
}

impl Line {
    /// A row's lines.
    pub(crate) fn of(row: &Row, measured: Measured) -> impl Iterator<Item = Line> {
        let mut costs = measured.costs;
        row.metrics.iter().zip(measured.figures).map(move |(metric, figures)| Line {
            name: format!("{}{}", row.name, metric.suffix),
            group: row.group,
            unit: metric.unit,
            figures,
            costs: costs.take(),
        })
    }
}

/// `beside` is the name of another build, if one was measured.
pub(crate) fn told(lines: &[Line], beside: Option<&str>, form: Form) -> String {
    match form {
        Form::Table => table::table(lines, beside),
        Form::Json => json::json(lines, beside),
        Form::Markdown => markdown::markdown(lines, beside),
    }
}

/// The lines of each group; they stand together.
fn by_group(lines: &[Line]) -> impl Iterator<Item = &[Line]> {
    lines.chunk_by(|one, other| one.group == other.group)
}

/// Of these groups the mean is reported.
const MEANS: [Group; 2] = [Group::Scheduler, Group::Sync];

/// The geometric means of those groups of which all rows were measured: of fewer it would mean something else.
fn means(lines: &[Line]) -> Vec<(&'static str, f64)> {
    means_of(lines, |figures| Some(figures.ratio.median))
}

/// The same of the build beside.
fn means_beside(lines: &[Line]) -> Vec<(&'static str, f64)> {
    means_of(lines, |figures| figures.beside.map(|(_, ratio)| ratio))
}

fn means_of(lines: &[Line], ratio: fn(&Figures) -> Option<f64>) -> Vec<(&'static str, f64)> {
    MEANS.iter().filter_map(|&group| Some((group.name(), mean(group, lines, ratio)?))).collect()
}

fn mean(group: Group, lines: &[Line], ratio: fn(&Figures) -> Option<f64>) -> Option<f64> {
    let ratios: Vec<f64> =
        lines.iter().filter(|line| line.group == group).filter_map(|line| ratio(&line.figures)).collect();
    let rows = rows::all().iter().filter(|row| row.group == group).count();
    (ratios.len() == rows).then(|| geometric_mean(&ratios)).flatten()
}

/// Three digits, and µs where ns grow long.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    let (value, unit) = if unit == "ns" && value >= 10_000.0 { (value / 1000.0, "µs") } else { (value, unit) };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}").trim_end().into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cost::Cost;
    use crate::measure::Spread;

    pub(crate) fn line(name: &str) -> Line {
        let ratio = Spread { min: 1.0, lower: 1.5, median: 2.0, upper: 2.5, max: f64::INFINITY };
        let figures = Figures {
            raddle: 50.0,
            tokio: 100.0,
            beside: Some((40.0, 2.5)),
            smol: Some(80.0),
            floor: Some(25.0),
            ratio,
            pairs: 9,
            better: 9,
        };
        let cost = |cpu| Cost { cpu, switches: 0.5, peak: 3.0 * 1024.0 * 1024.0, calls: None };
        let costs = Costs { raddle: cost(60.0), tokio: Cost { calls: Some(7.0), ..cost(200.0) } };
        Line { name: name.into(), group: Group::Scheduler, unit: "ns", figures, costs: Some(costs) }
    }

    /// One whose pairs say all sorts of things.
    pub(crate) fn scattered(name: &str) -> Line {
        let mut line = line(name);
        line.figures.ratio = Spread { min: 0.2, lower: 0.5, median: 1.0, upper: 3.0, max: 7.0 };
        line
    }

    #[test]
    fn the_mean_needs_all_eight_rows() {
        let mut lines: Vec<Line> = (0..7).map(|_| line("row")).collect();
        assert_eq!(means(&lines), []);
        lines.push(line("row"));
        assert_eq!(means(&lines).len(), 1);
        assert!((means(&lines)[0].1 - 2.0).abs() < 1e-12);
        assert!((means_beside(&lines)[0].1 - 2.5).abs() < 1e-12);
    }

    #[test]
    fn quantities_keep_three_digits() {
        assert_eq!(quantity(1.234, "ms"), "1.23 ms");
        assert_eq!(quantity(72.06, "ns"), "72.1 ns");
        assert_eq!(quantity(737.4, "ns"), "737 ns");
        assert_eq!(quantity(128_000.0, "ns"), "128 µs");
    }
}
