//! One JSON object: `rows`, and `geomean` by group.

use super::{Line, means, means_beside};
use crate::cost::Cost;
use crate::measure::Figures;

pub(super) fn json(lines: &[Line], beside: Option<&str>) -> String {
    let rows: Vec<String> = lines.iter().map(|line| row(line, beside)).collect();
    let object = |means: Vec<(&str, f64)>| {
        let means: Vec<_> = means.iter().map(|(group, mean)| format!("\"{group}\": {}", number(*mean))).collect();
        means.join(", ")
    };
    let mut text = format!("{{\"rows\": [\n  {}\n], \"geomean\": {{{}}}", rows.join(",\n  "), object(means(lines)));
    if let Some(name) = beside {
        text += &format!(", \"geomean_{name}\": {{{}}}", object(means_beside(lines)));
    }
    text + "}"
}

fn row(line: &Line, beside: Option<&str>) -> String {
    let Figures { raddle, tokio, beside: other, smol, floor, ratio, pairs, better } = &line.figures;
    let other = beside.zip(*other).map_or(String::new(), |(name, (value, ratio))| {
        format!(", \"{name}\": {}, \"ratio_{name}\": {}", number(value), number(ratio))
    });
    let told = if line.figures.is_scattered() { f64::NAN } else { ratio.median };
    // Names and units are this program's own and hold nothing that JSON would want escaped.
    format!(
        "{{\"row\": \"{}\", \"group\": \"{}\", \"unit\": \"{}\", \"raddle\": {}, \"tokio\": {}, \"ratio\": {}, \
         \"ratio_min\": {}, \"ratio_max\": {}, \"floor\": {}, \"smol\": {}, \"pairs\": {pairs}, \"better\": {better}, \"chance\": {}{other}{}}}",
        line.name,
        line.group.name(),
        line.unit,
        number(*raddle),
        number(*tokio),
        number(told),
        number(ratio.min),
        number(ratio.max),
        number(floor.unwrap_or(f64::NAN)),
        number(smol.unwrap_or(f64::NAN)),
        number(line.figures.chance()),
        line.costs.map_or(String::new(), |costs| {
            format!(", \"costs\": {{\"raddle\": {}, \"tokio\": {}}}", cost(costs.raddle), cost(costs.tokio))
        }),
    )
}

/// Processor time in ns and system calls and switches for each operation, bytes at the peak.
fn cost(cost: Cost) -> String {
    format!(
        "{{\"cpu_ns\": {}, \"switches\": {}, \"syscalls\": {}, \"peak_bytes\": {}}}",
        number(cost.cpu),
        number(cost.switches / 1000.0),
        number(cost.calls.map_or(f64::NAN, |calls| calls / 1000.0)),
        number(cost.peak),
    )
}

/// JSON knows neither NaN nor infinity.
pub(crate) fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "null".into() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn json_of_a_row() {
        let text = json(&[line("spawn_local")], None);
        assert!(text.contains("\"row\": \"spawn_local\", \"group\": \"scheduler\""));
        assert!(text.contains(
            "\"ratio\": 2.0000, \"ratio_min\": 1.0000, \"ratio_max\": null, \"floor\": 25.0000, \"smol\": 80.0000,"
        ));
        assert!(
            text.contains("\"costs\": {\"raddle\": {\"cpu_ns\": 60.0000, \"switches\": 0.0005, \"syscalls\": null,"),
            "{text}"
        );
        assert!(text.ends_with("\"geomean\": {}}"));
        assert!(json(&[scattered("row")], None).contains("\"ratio\": null, \"ratio_min\": 0.2000"));
    }

    #[test]
    fn the_means_by_group() {
        let lines: Vec<Line> = (0..8).map(|_| line("row")).collect();
        assert!(json(&lines, None).ends_with("], \"geomean\": {\"scheduler\": 2.0000}}"));
        let text = json(&lines, Some("ring"));
        assert!(text.contains("\"ring\": 40.0000, \"ratio_ring\": 2.5000, \"costs\""), "{text}");
        assert!(text.ends_with("{\"scheduler\": 2.0000}, \"geomean_ring\": {\"scheduler\": 2.5000}}"), "{text}");
    }
}
