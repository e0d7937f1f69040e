//! The table that a person reads in a terminal.

use std::fmt::Write;

use raddle_bench::rows::Group;

use super::{Line, by_group, means, means_beside, quantity};
use crate::cost::Costs;
use crate::measure::{Figures, NAMES};

pub(super) fn table(lines: &[Line], beside: Option<&str>) -> String {
    let mut text = String::new();
    let [raddle, tokio] = NAMES;
    for of_group in by_group(lines) {
        let heading = of_group[0].group.name();
        // Columns that no row of the group fills are left out.
        let others = [
            (beside.unwrap_or_default(), beside.is_some()),
            ("smol", of_group.iter().any(|line| line.figures.smol.is_some())),
            ("floor", of_group.iter().any(|line| line.figures.floor.is_some())),
        ];
        let headings: String =
            others.iter().filter(|(_, there)| *there).map(|(name, _)| format!(" {name:>12}")).collect();
        _ = writeln!(text, "\n{heading:24} {raddle:>12} {tokio:>12}{headings}    {tokio}/{raddle}  (min .. max)");
        for line in of_group {
            let figures = &line.figures;
            let [raddle, tokio] = [figures.raddle, figures.tokio].map(|value| quantity(value, line.unit));
            let values: String = others
                .iter()
                .zip([figures.beside.map(|(value, _)| value), figures.smol, figures.floor])
                .filter(|((_, there), _)| *there)
                .map(|(_, value)| format!(" {:>12}", value.map_or("-".into(), |value| quantity(value, line.unit))))
                .collect();
            _ = writeln!(
                text,
                "{:24} {raddle:>12} {tokio:>12}{values}   {}{}",
                line.name,
                verdict(line.group, figures),
                of_build(beside, figures)
            );
        }
    }
    for (number, (group, mean)) in means(lines).iter().enumerate() {
        let gap = if number == 0 { "\n" } else { "" };
        _ = writeln!(text, "{gap}geometric mean of the {group} rows: {mean:.2}");
    }
    if let Some(name) = beside {
        for (group, mean) in means_beside(lines) {
            _ = writeln!(text, "geometric mean of the {group} rows of {name}: {mean:.2}");
        }
    }
    text + &costs(lines)
}

/// tokio ÷ the other build.
fn of_build(beside: Option<&str>, figures: &Figures) -> String {
    beside.zip(figures.beside).map_or(String::new(), |(name, (_, ratio))| format!(", {name} {ratio:.2}"))
}

/// What the rows took beside the time: processor time for each operation, switches and system calls for a thousand, and by how
/// much the process grew.
fn costs(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let Some(Costs { raddle, tokio }) = line.costs else { continue };
        if text.is_empty() {
            text = format!(
                "\n{:24} {:>21}   {:>19}   {:>19}   {:>17}\n{:24} {:>10} {:>10}   {:>9} {:>9}   {:>9} {:>9}   {:>8} {:>8}\n",
                "and beside the time",
                "cpu",
                "switches/1000",
                "system calls/1000",
                "peak, MiB",
                "",
                "raddle",
                "tokio",
                "raddle",
                "tokio",
                "raddle",
                "tokio",
                "raddle",
                "tokio"
            );
        }
        let [raddle_cpu, tokio_cpu] = [raddle, tokio].map(|cost| quantity(cost.cpu, "ns"));
        let [raddle_calls, tokio_calls] =
            [raddle, tokio].map(|cost| cost.calls.map_or("-".into(), |calls| quantity(calls, "")));
        let [raddle_switches, tokio_switches] = [raddle, tokio].map(|cost| quantity(cost.switches, ""));
        let [raddle_peak, tokio_peak] = [raddle, tokio].map(|cost| cost.peak / 1024.0 / 1024.0);
        _ = writeln!(
            text,
            "{:24} {raddle_cpu:>10} {tokio_cpu:>10}   {raddle_switches:>9} {tokio_switches:>9}   \
             {raddle_calls:>9} {tokio_calls:>9}   {raddle_peak:8.1} {tokio_peak:8.1}",
            line.name
        );
    }
    text
}

/// The ratio, or why there is none.
fn verdict(group: Group, figures: &Figures) -> String {
    let Figures { ratio, pairs, better, .. } = figures;
    let (min, max) = (ratio.min, ratio.max);
    let sign = sign_test(group, *better, figures.chance());
    if figures.is_scattered() {
        let (lower, upper) = (ratio.lower, ratio.upper);
        return format!(
            "{:>10}   the pairs differ too much: half of {pairs} lie within {lower:.2} .. {upper:.2}{sign}",
            "none"
        );
    }
    format!("{:10.2}   ({min:.2} .. {max:.2}), {pairs} pairs{sign}", ratio.median)
}

/// Network rows vary most: there it is told how many pairs agree, and how often chance alone would make them agree so.
fn sign_test(group: Group, better: usize, chance: f64) -> String {
    if group == Group::Network { format!(", {better} better (p {chance:.3})") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn rows_and_their_mean() {
        let text = table(&(0..8).map(|_| line("row")).collect::<Vec<_>>(), None);
        assert!(
            text.contains(
                "\nrow                           50.0 ns       100 ns      80.0 ns      25.0 ns         2.00   (1.00 .. inf), 9 pairs\n"
            ),
            "{text}"
        );
        assert!(text.contains("\ngeometric mean of the scheduler rows: 2.00\n"), "{text}");
        assert!(
            text.contains(
                "\nrow                         60.0 ns     200 ns        0.50      0.50           -      7.00"
            ),
            "{text}"
        );
    }

    #[test]
    fn another_build_has_a_column_and_a_mean() {
        let text = table(&(0..8).map(|_| line("row")).collect::<Vec<_>>(), Some("ring"));
        assert!(text.contains("100 ns      40.0 ns      80.0 ns"), "{text}");
        assert!(text.contains("9 pairs, ring 2.50\n"), "{text}");
        assert!(text.contains("\ngeometric mean of the scheduler rows of ring: 2.50\n"), "{text}");
    }

    #[test]
    fn a_ratio_that_means_nothing_is_not_told() {
        let text = table(&[scattered("row")], None);
        assert!(text.contains("none   the pairs differ too much: half of 9 lie within 0.50 .. 3.00"), "{text}");
        assert!(!text.contains("1.00"), "{text}");
    }
}
