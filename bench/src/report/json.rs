//! One JSON object: `rows`, and `geomean` by group.

use super::{Line, means};
use crate::measure::Figures;

pub(crate) fn json(lines: &[Line]) -> String {
    let rows: Vec<String> = lines.iter().map(row).collect();
    let means: Vec<String> =
        means(lines).iter().map(|(group, mean)| format!("\"{group}\": {}", number(*mean))).collect();
    format!("{{\"rows\": [\n  {}\n], \"geomean\": {{{}}}}}", rows.join(",\n  "), means.join(", "))
}

fn row(line: &Line) -> String {
    let Figures { raddle, tokio, ratio, pairs, better } = &line.figures;
    let told = if line.figures.is_scattered() { f64::NAN } else { ratio.median };
    // Names and units are this program's own and hold nothing that JSON would want escaped.
    format!(
        "{{\"row\": \"{}\", \"group\": \"{}\", \"unit\": \"{}\", \"raddle\": {}, \"tokio\": {}, \"ratio\": {}, \
         \"ratio_min\": {}, \"ratio_max\": {}, \"pairs\": {pairs}, \"better\": {better}, \"chance\": {}}}",
        line.name,
        line.group.name(),
        line.unit,
        number(*raddle),
        number(*tokio),
        number(told),
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
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn json_of_a_row() {
        let text = json(&[line("spawn_local")]);
        assert!(text.contains("\"row\": \"spawn_local\", \"group\": \"scheduler\""));
        assert!(
            text.contains("\"ratio\": 2.0000, \"ratio_min\": 1.0000, \"ratio_max\": null, \"pairs\": 9, \"better\": 9")
        );
        assert!(text.ends_with("\"geomean\": {}}"));
        assert!(json(&[scattered("row")]).contains("\"ratio\": null, \"ratio_min\": 0.2000"));
    }

    #[test]
    fn the_means_by_group() {
        let lines: Vec<Line> = (0..8).map(|_| line("row")).collect();
        assert!(json(&lines).ends_with("], \"geomean\": {\"scheduler\": 2.0000}}"));
    }
}
