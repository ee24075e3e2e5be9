//! Plots of measured figures, as SVG: shares of the limits as bars, and how figures grow with the
//! number of sites.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::figure::{Figure, Target, number};

const WIDTH: f64 = 860.0;
const FONT: &str = "font-family=\"system-ui,sans-serif\" font-size=\"13\"";
/// Colours that are told apart on white and on black, and by the colour-blind (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const GREY: &str = "#888888";

/// Writes all plots that the figures give into a folder.
pub(crate) fn write(figures: &[Figure], folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: &str, svg: String| {
        let file = folder.join(name);
        std::fs::write(&file, svg).with_context(|| format!("writing {}", file.display()))
    };
    if let Some(svg) = shares(figures)? {
        write("shares.svg", svg)?;
    }
    for (unit, name) in [("ms", "sites-times.svg"), ("cores", "sites-processor.svg")] {
        if let Some(svg) = growth(figures, unit)? {
            write(name, svg)?;
        }
    }
    Ok(())
}

fn begin(height: f64, title: &str) -> Result<String> {
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" {FONT}>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">{}</text>",
        escaped(title)
    )?;
    Ok(svg)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Bars of every figure that has a limit; the mark is what is wanted.
fn shares(figures: &[Figure]) -> Result<Option<String>> {
    const ROW: f64 = 30.0;
    const LEFT: f64 = 360.0;
    let rows: Vec<_> = figures
        .iter()
        .filter_map(|figure| Some((figure, figure.limit.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let most = rows
        .iter()
        .map(|(_, limit)| limit.share)
        .fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 60.0) / most;
    let height = 50.0 + rows.len() as f64 * ROW;
    let mut svg = begin(
        height,
        "Ours as a multiple of the limit; the mark is what is wanted",
    )?;
    for (n, (figure, limit)) in rows.iter().enumerate() {
        let y = 40.0 + n as f64 * ROW;
        let colour = match figure.reached {
            Some(false) => COLOURS[1],
            _ => COLOURS[0],
        };
        let (text, width) = (y + 16.0, limit.share * scale);
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{text:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"18\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{text:.0}\">{:.2}</text>",
            LEFT - 8.0,
            escaped(&figure.name),
            y + 3.0,
            LEFT + width + 6.0,
            limit.share,
        )?;
        if let Some(Target::ShareAtLeast(wanted) | Target::ShareAtMost(wanted)) = figure.target {
            let x = LEFT + wanted * scale;
            let (from, to) = (y, y + 24.0);
            writeln!(
                svg,
                "<path d=\"M{x:.1} {from:.0}V{to:.0}\" stroke=\"black\" stroke-width=\"2\"/>"
            )?;
        }
    }
    svg.push_str("</svg>\n");
    Ok(Some(svg))
}

/// Lines over the number of sites, of all series in this unit; both axes logarithmic, because each
/// step is ten times the one before.
fn growth(figures: &[Figure], unit: &str) -> Result<Option<String>> {
    const LEFT: f64 = 70.0;
    const RIGHT: f64 = 20.0;
    const TOP: f64 = 70.0;
    const BOTTOM: f64 = 290.0;
    let mut series: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for figure in figures
        .iter()
        .filter(|figure| figure.unit == unit && 0.0 < figure.ours)
    {
        if let Some(point) = &figure.point {
            let points = series.entry(&point.series).or_default();
            points.push((point.sites as f64, figure.ours));
        }
    }
    let all = || series.values().flatten();
    if all().count() < 2 {
        return Ok(None);
    }
    let decades = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value.log10()), high.max(value.log10()))
        });
        let (low, high) = (low.floor(), high.ceil());
        (low, high.max(low + 1.0))
    };
    let (left, right) = decades(&mut all().map(|(sites, _)| *sites));
    let (low, high) = decades(&mut all().map(|(_, value)| *value));
    let x = |sites: f64| LEFT + (sites.log10() - left) / (right - left) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| BOTTOM - (value.log10() - low) / (high - low) * (BOTTOM - TOP);
    let mut svg = begin(
        330.0,
        &format!("By number of sites ({unit}, both axes logarithmic)"),
    )?;
    for decade in low as i32..=high as i32 {
        let (value, at) = (10_f64.powi(decade), y(10_f64.powi(decade)));
        writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"{GREY}\" stroke-opacity=\"0.4\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            number(value),
        )?;
    }
    for decade in left as i32..=right as i32 {
        let sites = 10_f64.powi(decade);
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"310\" text-anchor=\"middle\">{sites:.0}</text>",
            x(sites)
        )?;
    }
    for (n, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        let (mut path, mut dots) = (String::new(), String::new());
        for (step, (sites, value)) in points.iter().enumerate() {
            let (x, y) = (x(*sites), y(*value));
            write!(path, "{}{x:.1} {y:.1}", if step == 0 { "M" } else { "L" })?;
            write!(
                dots,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                (x + 7.0).min(WIDTH - 40.0),
                y - 7.0,
                number(*value)
            )?;
        }
        writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <g fill=\"{colour}\">{dots}<text x=\"{:.0}\" y=\"45\">{}</text></g>",
            LEFT + n as f64 * 380.0,
            escaped(name)
        )?;
    }
    svg.push_str("</svg>\n");
    Ok(Some(svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_for_shares_and_lines_for_sites() {
        let orders = Figure::new("orders & more", "/s", &[60.0])
            .beside("bare", &[100.0])
            .wanted(Target::ShareAtLeast(0.5));
        let at = |sites, ms| Figure::new("p99", "ms", &[ms]).of_sites(sites);
        let figures = [orders, at(10, 4.0), at(100, 20.0), at(1_000, 150.0)];
        let bars = shares(&figures).expect("written").expect("bars");
        assert!(
            bars.contains("orders &amp; more") && bars.contains(">0.60<"),
            "{bars}"
        );
        // From the left: 60 % of the way to 1, which ends at the right.
        assert!(bars.contains("width=\"264.0\""), "{bars}");
        let lines = growth(&figures, "ms").expect("written").expect("lines");
        assert!(
            lines.contains("M70.0") && lines.contains("L840.0"),
            "{lines}"
        );
        assert!(growth(&figures, "cores").expect("written").is_none());
        assert!(shares(&figures[1..]).expect("written").is_none());
        let folder = tempfile::tempdir().expect("a folder");
        write(&figures, folder.path()).expect("written");
        assert_eq!(std::fs::read_dir(folder.path()).expect("files").count(), 2);
    }
}
