//! Tables for a page that renders Markdown.

use std::fmt::Write;

use super::{Line, by_group, means, quantity};
use crate::measure::NAMES;

pub(super) fn markdown(lines: &[Line]) -> String {
    let mut text = String::new();
    let [raddle, tokio] = NAMES;
    for of_group in by_group(lines) {
        let heading = of_group[0].group.name();
        _ = writeln!(
            text,
            "\n| {heading} | {raddle} | {tokio} | smol | floor | {tokio}/{raddle} | min .. max | pairs |"
        );
        text.push_str("|---|--:|--:|--:|--:|--:|:-:|--:|\n");
        for line in of_group {
            let figures = &line.figures;
            let ratio = &figures.ratio;
            let beside = |value: Option<f64>| value.map_or(String::new(), |value| quantity(value, line.unit));
            let told = if figures.is_scattered() { "scattered".into() } else { format!("{:.2}", ratio.median) };
            _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {told} | {:.2} .. {:.2} | {} |",
                line.name,
                quantity(figures.raddle, line.unit),
                quantity(figures.tokio, line.unit),
                beside(figures.smol),
                beside(figures.floor),
                ratio.min,
                ratio.max,
                figures.pairs,
            );
        }
    }
    for (group, mean) in means(lines) {
        _ = writeln!(text, "\nGeometric mean of the {group} rows: **{mean:.2}**");
    }
    text.trim_start().into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn a_table_for_each_group() {
        let text = markdown(&[line("spawn_local"), scattered("fib")]);
        assert!(
            text.starts_with(
                "| scheduler | raddle | tokio | smol | floor | tokio/raddle | min .. max | pairs |\n|---|"
            ),
            "{text}"
        );
        assert!(
            text.contains("\n| spawn_local | 50.0 ns | 100 ns | 80.0 ns | 25.0 ns | 2.00 | 1.00 .. inf | 9 |\n"),
            "{text}"
        );
        assert!(text.contains("| scattered | 0.20 .. 7.00 | 9 |"), "{text}");
    }
}
