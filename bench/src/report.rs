//! Figures as a table for people, or as one JSON object for programs.

use std::fmt::Write;

use crate::measure::{Figures, NAMES, geometric_mean};
use crate::rows::{self, Group, Metric};

/// A metric of a row with its figures.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) unit: &'static str,
    pub(crate) figures: Figures,
}

impl Line {
    pub(crate) fn new(row: &str, group: Group, metric: &Metric, figures: Figures) -> Line {
        Line { name: format!("{row}{}", metric.suffix), group, unit: metric.unit, figures }
    }
}

/// Of these groups the mean is reported.
const MEANS: [Group; 2] = [Group::Scheduler, Group::Sync];

/// The geometric mean of a group's rows, if all of them were measured: of fewer it would mean something else.
fn mean(group: Group, lines: &[Line]) -> Option<f64> {
    let ratios: Vec<f64> =
        lines.iter().filter(|line| line.group == group).map(|line| line.figures.ratio.median).collect();
    let rows = rows::all().iter().filter(|row| row.group == group).count();
    (ratios.len() == rows).then(|| geometric_mean(&ratios)).flatten()
}

pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    let [raddle, tokio] = NAMES;
    let mut group = None;
    for line in lines {
        if group != Some(line.group) {
            group = Some(line.group);
            let heading = line.group.name();
            _ = writeln!(text, "\n{heading:24} {raddle:>12} {tokio:>12}    {tokio}/{raddle}  (min .. max)");
        }
        let Figures { raddle, tokio, ratio, pairs, better } = &line.figures;
        let (raddle, tokio) = (quantity(*raddle, line.unit), quantity(*tokio, line.unit));
        let (median, min, max) = (ratio.median, ratio.min, ratio.max);
        let name = &line.name;
        _ = writeln!(
            text,
            "{name:24} {raddle:>12} {tokio:>12}   {median:10.2}   ({min:.2} .. {max:.2}), {pairs} pairs{}",
            sign_test(line.group, *better, line.figures.chance())
        );
    }
    let means: Vec<_> = MEANS.iter().filter_map(|group| Some((group.name(), mean(*group, lines)?))).collect();
    for (number, (group, mean)) in means.iter().enumerate() {
        let gap = if number == 0 { "\n" } else { "" };
        _ = writeln!(text, "{gap}geometric mean of the {group} rows: {mean:.2}");
    }
    text
}

/// Network rows vary most: there it is told how many pairs agree, and how often chance alone would make them agree so.
fn sign_test(group: Group, better: usize, chance: f64) -> String {
    if group == Group::Network { format!(", {better} better (p {chance:.3})") } else { String::new() }
}

/// Three digits, and µs where ns grow long.
fn quantity(value: f64, unit: &str) -> String {
    let (value, unit) = if unit == "ns" && value >= 10_000.0 { (value / 1000.0, "µs") } else { (value, unit) };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}").trim_end().into()
}

pub(crate) fn json(lines: &[Line]) -> String {
    let rows: Vec<String> = lines.iter().map(json_row).collect();
    let means = MEANS.map(|group| {
        let mean = mean(group, lines).map_or("null".into(), number);
        format!("\"{}_geometric_mean\": {mean}", group.name())
    });
    format!("{{\"rows\": [\n  {}\n], {}}}", rows.join(",\n  "), means.join(", "))
}

fn json_row(line: &Line) -> String {
    let Figures { raddle, tokio, ratio, pairs, better } = &line.figures;
    // Names and units are this program's own and hold nothing that JSON would want escaped.
    format!(
        "{{\"name\": \"{}\", \"group\": \"{}\", \"unit\": \"{}\", \"raddle\": {}, \"tokio\": {}, \
         \"ratio\": {}, \"min\": {}, \"max\": {}, \"pairs\": {pairs}, \"better\": {better}, \"chance\": {}}}",
        line.name,
        line.group.name(),
        line.unit,
        number(*raddle),
        number(*tokio),
        number(ratio.median),
        number(ratio.min),
        number(ratio.max),
        number(line.figures.chance()),
    )
}

/// JSON knows neither NaN nor infinity.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "null".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Spread;

    fn line(name: &str) -> Line {
        let ratio = Spread { median: 2.0, min: 1.0, max: f64::INFINITY };
        let figures = Figures { raddle: 50.0, tokio: 100.0, ratio, pairs: 9, better: 9 };
        Line { name: name.into(), group: Group::Scheduler, unit: "ns", figures }
    }

    #[test]
    fn the_mean_needs_all_eight_rows() {
        let mut lines: Vec<Line> = (0..7).map(|_| line("row")).collect();
        assert!(!table(&lines).contains("geometric mean"));
        lines.push(line("row"));
        assert!(table(&lines).ends_with("\ngeometric mean of the scheduler rows: 2.00\n"));
    }

    #[test]
    fn json_of_a_row() {
        let text = json(&[line("spawn_local")]);
        assert!(text.contains("\"name\": \"spawn_local\", \"group\": \"scheduler\""));
        assert!(text.contains("\"ratio\": 2.0000, \"min\": 1.0000, \"max\": null, \"pairs\": 9, \"better\": 9"));
        assert!(text.ends_with("\"scheduler_geometric_mean\": null, \"sync_geometric_mean\": null}"));
    }

    #[test]
    fn quantities_keep_three_digits() {
        assert_eq!(quantity(1.234, "ms"), "1.23 ms");
        assert_eq!(quantity(72.06, "ns"), "72.1 ns");
        assert_eq!(quantity(737.4, "ns"), "737 ns");
        assert_eq!(quantity(128_000.0, "ns"), "128 µs");
    }
}
