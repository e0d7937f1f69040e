//! Parts as tables for people, and as one JSON object for programs.

use std::fmt::Write;

use super::part::{Curve, Part, Point, grouped};
use crate::measure::NAMES;
use crate::report::{number, quantity};

pub(super) fn table(part: &Part) -> String {
    let mut text = String::new();
    for curves in part.by_workload() {
        heading(&mut text, part, curves);
        let mut sizes: Vec<usize> = curves.iter().flat_map(|curve| &curve.points).map(|point| point.at).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for at in sizes {
            _ = write!(text, "{:>24}", grouped(at));
            for curve in curves {
                let cost = curve.at(at).map_or("-".into(), |point| quantity(point.cost.median, part.unit));
                _ = write!(text, " {cost:>12}");
            }
            _ = write!(text, " {:>13}", ratio(curves, at).map_or("-".into(), |ratio| format!("{ratio:.2}")));
            for curve in curves {
                let growth = curve.at(at).map_or("-".into(), |point| format!("{:.3}", point.growth));
                _ = write!(text, " {growth:>12}");
            }
            text.push('\n');
        }
    }
    if text.is_empty() {
        _ = writeln!(text, "\n{}", part.name);
    } else {
        _ = writeln!(text, "each: {}, by {}\ngrowth: {}", part.what, part.axis, part.growth);
    }
    for skipped in &part.skipped {
        _ = writeln!(text, "skipped: {skipped}");
    }
    if let Some(verdict) = &part.verdict {
        _ = writeln!(text, "{}", verdict.sentence());
    }
    text
}

fn heading(text: &mut String, part: &Part, curves: &[Curve]) {
    let name = format!("{} {}", part.name, curves[0].workload);
    _ = write!(text, "\n{:24}", name.trim_end());
    curves.iter().for_each(|curve| _ = write!(text, " {:>12}", curve.side));
    let [raddle, tokio] = NAMES;
    _ = write!(text, " {:>13}", format!("{tokio}/{raddle}"));
    curves.iter().for_each(|_| _ = write!(text, " {:>12}", "growth"));
    text.push('\n');
}

/// tokio's median over raddle's.
fn ratio(curves: &[Curve], at: usize) -> Option<f64> {
    let [raddle, tokio] = NAMES.map(|name| curves.iter().find(|curve| curve.side == name)?.at(at));
    Some(tokio?.cost.median / raddle?.cost.median)
}

/// An object with a member for each part.
pub(super) fn json(parts: &[Part]) -> String {
    let parts: Vec<String> = parts.iter().map(of_part).collect();
    format!("{{{}}}", parts.join(",\n"))
}

fn of_part(part: &Part) -> String {
    let (flat, sentence) = match &part.verdict {
        Some(verdict) => (verdict.flat.to_string(), string(&verdict.sentence())),
        None => ("null".into(), "null".into()),
    };
    let skipped: Vec<String> = part.skipped.iter().map(|why| string(why)).collect();
    let curves: Vec<String> = part.curves.iter().map(of_curve).collect();
    format!(
        "{}: {{\"flat\": {flat}, \"sentence\": {sentence}, \"what\": {}, \"axis\": {}, \"unit\": {}, \"growth\": {}, \
         \"skipped\": [{}], \"curves\": [\n  {}\n]}}",
        string(part.name),
        string(part.what),
        string(part.axis),
        string(part.unit),
        string(part.growth),
        skipped.join(", "),
        curves.join(",\n  ")
    )
}

fn of_curve(curve: &Curve) -> String {
    let point = |point: &Point| {
        format!(
            "{{\"at\": {}, \"median\": {}, \"min\": {}, \"max\": {}, \"growth\": {}}}",
            point.at,
            number(point.cost.median),
            number(point.cost.min),
            number(point.cost.max),
            number(point.growth)
        )
    };
    let points: Vec<String> = curve.points.iter().map(point).collect();
    format!(
        "{{\"workload\": {}, \"side\": {}, \"points\": [{}]}}",
        string(curve.workload),
        string(curve.side),
        points.join(", ")
    )
}

/// What is said may quote something.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => _ = write!(quoted, "\\u{:04x}", u32::from(control)),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::super::part::tests::part;
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_size() {
        let text = table(&part());
        assert!(
            text.contains(
                "\n                   1,000      3.00 ns      30.0 ns         10.00        1.500        1.500\n"
            ),
            "{text}"
        );
        assert!(text.contains("\neach: a wake-up, by idle timers\ngrowth: against none\n"), "{text}");
        assert!(text.ends_with("skipped: a \"million\"\nnot flat: 1.5 times\n"), "{text}");
    }

    #[test]
    fn a_part_without_figures_still_says_why() {
        let part = Part { curves: Vec::new(), verdict: None, ..part() };
        assert_eq!(table(&part), "\ntimers\nskipped: a \"million\"\n");
        assert!(json(&[part]).starts_with("{\"timers\": {\"flat\": null, \"sentence\": null,"));
    }

    #[test]
    fn json_is_one_object() {
        let text = json(&[part()]);
        let start = "{\"timers\": {\"flat\": false, \"sentence\": \"not flat: 1.5 times\", \"what\": \"a wake-up\",";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("\"skipped\": [\"a \\\"million\\\"\"]"), "{text}");
        let point = "{\"at\": 1000, \"median\": 3.0000, \"min\": 3.0000, \"max\": 3.0000, \"growth\": 1.5000}";
        assert!(text.contains(point), "{text}");
        assert!(text.ends_with("]}\n]}}"), "{text}");
    }
}
