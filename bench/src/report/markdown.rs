//! Tables for a page that renders Markdown.

use std::fmt::Write;

use super::{Line, by_group, means, means_beside, quantity};
use crate::measure::NAMES;

pub(super) fn markdown(lines: &[Line], beside: Option<&str>) -> String {
    let mut text = String::new();
    let [raddle, tokio] = NAMES;
    for of_group in by_group(lines) {
        let heading = of_group[0].group.name();
        _ = writeln!(
            text,
            "\n| {heading} | {raddle} | {tokio} | smol | floor | {tokio}/{raddle} | min .. max | pairs |{}",
            beside.map_or(String::new(), |name| format!(" {name} | {tokio}/{name} |"))
        );
        let more = if beside.is_some() { "--:|--:|" } else { "" };
        _ = writeln!(text, "|---|--:|--:|--:|--:|--:|:-:|--:|{more}");
        for line in of_group {
            let figures = &line.figures;
            let ratio = &figures.ratio;
            let other = |value: Option<f64>| value.map_or(String::new(), |value| quantity(value, line.unit));
            let told = if figures.is_scattered() { "scattered".into() } else { format!("{:.2}", ratio.median) };
            let build = beside.zip(figures.beside);
            let build = build
                .map_or(String::new(), |(_, (value, ratio))| format!(" {} | {ratio:.2} |", quantity(value, line.unit)));
            _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {told} | {:.2} .. {:.2} | {} |{build}",
                line.name,
                quantity(figures.raddle, line.unit),
                quantity(figures.tokio, line.unit),
                other(figures.smol),
                other(figures.floor),
                ratio.min,
                ratio.max,
                figures.pairs,
            );
        }
    }
    for (group, mean) in means(lines) {
        _ = writeln!(text, "\nGeometric mean of the {group} rows: **{mean:.2}**");
    }
    if let Some(name) = beside {
        for (group, mean) in means_beside(lines) {
            _ = writeln!(text, "\nGeometric mean of the {group} rows of {name}: **{mean:.2}**");
        }
    }
    text.trim_start().into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn a_table_for_each_group() {
        let text = markdown(&[line("spawn_local"), scattered("fib")], None);
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
        let text = markdown(&[line("spawn_local")], Some("ring"));
        assert!(text.contains("| pairs | ring | tokio/ring |\n|---|--:|"), "{text}");
        assert!(text.contains("| 9 | 40.0 ns | 2.50 |\n"), "{text}");
    }
}
