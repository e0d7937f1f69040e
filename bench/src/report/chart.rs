//! Pictures: one for each group, a row a line, its ratio as a bar and its ends as a line through that, on a scale on
//! which twice and half lie equally far from 1.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use plotters::coord::combinators::WithKeyPoints;
use plotters::prelude::*;
use raddle_bench::rows::Group;

use super::{Line, by_group};
use crate::measure::NAMES;

const WIDTH: u32 = 860;
const LINE_HEIGHT: u32 = 34;
const REST_HEIGHT: u32 = 110;
const BETTER: RGBColor = RGBColor(46, 125, 50);
const WORSE: RGBColor = RGBColor(198, 40, 40);
const SCATTERED: RGBColor = RGBColor(158, 158, 158);

/// Draws a file for each group into `folder`, which is made if need be, and says which.
pub(crate) fn draw(lines: &[Line], folder: &Path) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    let mut files = Vec::new();
    for of_group in by_group(lines) {
        let file = folder.join(format!("{}.svg", of_group[0].group.name()));
        let group = of_group[0].group;
        picture(group, of_group, &file).map_err(|error| format!("{} can't be drawn: {error}", file.display()))?;
        files.push(file);
    }
    Ok(files)
}

fn picture(group: Group, lines: &[Line], file: &Path) -> Result<(), Box<dyn Error>> {
    let count = lines.len();
    let size = (WIDTH, LINE_HEIGHT * count as u32 + REST_HEIGHT);
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)?;
    let (least, most) = ends(lines);
    let [raddle, tokio] = NAMES;
    let name = group.name();
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{name}: {tokio} ÷ {raddle}, above 1 {raddle} is better"), ("sans-serif", 20))
        .margin(12)
        .margin_right(60)
        .x_label_area_size(30)
        .y_label_area_size(190)
        .build_cartesian_2d(scale(least, most), (0..count).into_segmented())?;
    let label = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(place) => {
            let line = count.checked_sub(place + 1).and_then(|number| lines.get(number));
            line.map_or(String::new(), |line| line.name.clone())
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(count)
        .y_label_formatter(&label)
        .x_label_formatter(&|ratio| format!("{ratio}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (number, line) in lines.iter().enumerate() {
        let place = count - 1 - number;
        let ratio = &line.figures.ratio;
        let color = match ratio.median {
            _ if line.figures.is_scattered() => SCATTERED,
            better if better >= 1.0 => BETTER,
            _ => WORSE,
        };
        let ends = [(1.0, SegmentValue::Exact(place)), (ratio.median, SegmentValue::Exact(place + 1))];
        let mut bar = Rectangle::new(ends, color.mix(0.75).filled());
        bar.set_margin(7, 7, 0, 0);
        chart.draw_series([bar])?;
        let through = [ratio.min.max(least), ratio.max.min(most)].map(|end| (end, SegmentValue::CenterOf(place)));
        chart.draw_series([PathElement::new(through.to_vec(), BLACK.stroke_width(1))])?;
        let told = if line.figures.is_scattered() { "scattered".into() } else { format!("{:.2}", ratio.median) };
        let at = (ratio.median.max(ratio.max.min(most)).max(1.0), SegmentValue::CenterOf(place));
        chart.draw_series([EmptyElement::at(at) + Text::new(told, (6, -7), ("sans-serif", 14))])?;
    }
    area.present()?;
    Ok(())
}

/// What the scale reaches from and to: all ratios, 1, and half and twice of it.
fn ends(lines: &[Line]) -> (f64, f64) {
    let least = lines.iter().map(|line| line.figures.ratio.min).filter(|end| *end > 0.0).fold(0.5, f64::min);
    let most = lines.iter().map(|line| line.figures.ratio.max).filter(|end| end.is_finite()).fold(2.0, f64::max);
    (least.max(1e-3), most.min(1e3))
}

type Scale = WithKeyPoints<LogCoord<f64>>;

fn scale(least: f64, most: f64) -> Scale {
    let marks = [0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0];
    let marks = marks.into_iter().filter(|mark| (least..=most).contains(mark)).collect::<Vec<_>>();
    (least..most).log_scale().with_key_points(marks)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{line, scattered};
    use super::*;

    #[test]
    fn a_picture_names_its_rows() {
        let folder = std::env::temp_dir().join(format!("raddle-chart.{}", std::process::id()));
        let files = draw(&[line("spawn_local"), scattered("fib")], &folder).unwrap();
        assert_eq!(files, [folder.join("scheduler.svg")]);
        let text = fs::read_to_string(&files[0]).unwrap();
        fs::remove_dir_all(folder).unwrap();
        for word in ["<svg", "spawn_local", "fib", "2.00", "scattered"] {
            assert!(text.contains(word), "{word} is missing");
        }
    }
}
