//! Pictures: one for each part, a line for each curve. On both scales twice and half lie equally far from a place, so
//! that what is flat looks flat wherever it lies.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use super::part::{Curve, Part, grouped};
use crate::report::quantity;

const SIZE: (u32, u32) = (860, 480);
const COLORS: [RGBColor; 4] =
    [RGBColor(46, 125, 50), RGBColor(198, 40, 40), RGBColor(117, 117, 117), RGBColor(21, 101, 192)];

/// Draws a part into `folder`, which is made if need be, and says where. One without figures has no picture.
pub(super) fn draw(part: &Part, folder: &Path) -> Result<Option<PathBuf>, String> {
    if part.curves.iter().all(|curve| curve.points.is_empty()) {
        return Ok(None);
    }
    fs::create_dir_all(folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    let file = folder.join(format!("scaling_{}.svg", part.name));
    picture(part, &file).map_err(|error| format!("{} can't be drawn: {error}", file.display()))?;
    Ok(Some(file))
}

fn picture(part: &Part, file: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || part.curves.iter().flat_map(|curve| &curve.points);
    let has_none = points().any(|point| point.at == 0);
    let mut sizes: Vec<f64> = points().map(|point| place(point.at)).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let most_wide = sizes.last().copied().unwrap_or(1.0) * 1.3;
    let (least, most) = points().fold((f64::INFINITY, 0.0_f64), |(least, most), point| {
        (least.min(point.cost.median), most.max(point.cost.median))
    });
    let unit = if part.unit.is_empty() { part.name } else { part.unit };
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: {unit} by {}", part.name, part.axis), ("sans-serif", 20))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(
            (0.8..most_wide).log_scale().with_key_points(sizes),
            (least / 2.0..most * 2.0).log_scale().with_key_points(marks(least / 2.0, most * 2.0)),
        )?;
    let width_label = |at: &f64| if has_none && *at <= 1.0 { "0".into() } else { grouped(at.round() as usize) };
    chart
        .configure_mesh()
        .x_label_formatter(&width_label)
        .y_label_formatter(&|cost| quantity(*cost, part.unit))
        .x_desc(part.axis)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (curve, color) in part.curves.iter().zip(COLORS.iter().cycle()) {
        let style = color.stroke_width(2);
        let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (place(point.at), point.cost.median)).collect();
        chart
            .draw_series([PathElement::new(points.clone(), style)])?
            .label(name(curve))
            .legend(move |(left, middle)| PathElement::new([(left, middle), (left + 20, middle)], style));
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}

/// None lies where one does: a scale of this kind has no zero.
fn place(at: usize) -> f64 {
    at.max(1) as f64
}

/// 1, 2 and 5 of each power of ten.
fn marks(least: f64, most: f64) -> Vec<f64> {
    let powers = (-3..10).map(|power| 10_f64.powi(power));
    let marks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * power));
    marks.filter(|mark| (least..=most).contains(mark)).collect()
}

fn name(curve: &Curve) -> String {
    format!("{} {}", curve.workload, curve.side).trim_start().into()
}

#[cfg(test)]
mod tests {
    use super::super::part::tests::part;
    use super::*;

    #[test]
    fn a_picture_names_its_curves() {
        let folder = std::env::temp_dir().join(format!("raddle-scaling.{}", std::process::id()));
        let file = draw(&part(), &folder).unwrap().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let without = draw(&Part { curves: Vec::new(), ..part() }, &folder).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(without, None);
        for word in ["<svg", "idle timers", "raddle", "tokio", "1,000"] {
            assert!(text.contains(word), "{word} is missing");
        }
    }

    #[test]
    fn marks_lie_within() {
        assert_eq!(marks(0.9, 21.0), [1.0, 2.0, 5.0, 10.0, 20.0]);
    }
}
