//! The table that a person reads in a terminal.

use std::fmt::Write;

use super::{Line, by_group, means, quantity};
use crate::measure::{Figures, NAMES};
use crate::rows::Group;

pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    let [raddle, tokio] = NAMES;
    for of_group in by_group(lines) {
        let heading = of_group[0].group.name();
        _ = writeln!(text, "\n{heading:24} {raddle:>12} {tokio:>12}    {tokio}/{raddle}  (min .. max)");
        for line in of_group {
            let figures = &line.figures;
            let (raddle, tokio) = (quantity(figures.raddle, line.unit), quantity(figures.tokio, line.unit));
            _ = writeln!(text, "{:24} {raddle:>12} {tokio:>12}   {}", line.name, verdict(line.group, figures));
        }
    }
    for (number, (group, mean)) in means(lines).iter().enumerate() {
        let gap = if number == 0 { "\n" } else { "" };
        _ = writeln!(text, "{gap}geometric mean of the {group} rows: {mean:.2}");
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
        let text = table(&(0..8).map(|_| line("row")).collect::<Vec<_>>());
        assert!(
            text.contains(
                "\nrow                           50.0 ns       100 ns         2.00   (1.00 .. inf), 9 pairs\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("\ngeometric mean of the scheduler rows: 2.00\n"));
    }

    #[test]
    fn a_ratio_that_means_nothing_is_not_told() {
        let text = table(&[scattered("row")]);
        assert!(text.contains("none   the pairs differ too much: half of 9 lie within 0.50 .. 3.00"), "{text}");
        assert!(!text.contains("1.00"));
    }
}
