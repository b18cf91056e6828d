//! The bench as a drawing: bars of CPU time. The same numbers give the same file.

use std::fmt::Write as _;

use crate::bench::{Bench, FABRIC_US};

const WIDTH: f64 = 760.0;
const LABEL_WIDTH: f64 = 130.0;
const BAR_HEIGHT: f64 = 18.0;
const ROW_HEIGHT: f64 = 26.0;
const HEADING_HEIGHT: f64 = 34.0;
/// Room behind the longest bar for its number.
const NUMBER_WIDTH: f64 = 150.0;

const MEASURED: &str = "#3b7dd8";
const BUDGET: &str = "#b9c4d0";
const REFERENCE: &str = "#8a8f98";

/// Two drawings below each other: the peer beside Fabric's, and the stages beside their budget.
pub(crate) fn drawing(bench: &Bench) -> String {
    let mut page = Page::default();
    page.heading("CPU time of one transaction: 3 signatures (ECDSA P-256), 3.5 KB, durable");
    let scale = Scale::to(FABRIC_US.max(bench.total_us));
    page.bar("Fabric peer", FABRIC_US, REFERENCE, &scale, "us");
    page.bar("heddle", bench.total_us, MEASURED, &scale, "us");
    page.heading("heddle, by stage (grey: the budget)");
    let parts = &bench.parts;
    let values = parts
        .iter()
        .flat_map(|part| [Some(part.us), part.budget_us]);
    let scale = Scale::to(values.flatten().fold(1.0, f64::max));
    for part in parts {
        let budget = part.budget_us.unwrap_or(0.0);
        page.budget(budget, &scale);
        page.bar(&part.stage, part.us, MEASURED, &scale, "us");
    }
    page.finish()
}

/// A heading and the bars below it.
pub(crate) struct Chart {
    pub(crate) heading: String,
    pub(crate) bars: Vec<Bar>,
}

/// A bar, with a grey one behind it.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) behind: f64,
}

/// Charts below each other, in one scale.
pub(crate) fn charts(charts: &[Chart], unit: &str) -> String {
    let mut page = Page::default();
    let bars = charts.iter().flat_map(|chart| &chart.bars);
    let longest = bars.fold(1.0, |longest: f64, bar| {
        longest.max(bar.value).max(bar.behind)
    });
    let scale = Scale::to(longest);
    for chart in charts {
        page.heading(&chart.heading);
        for bar in &chart.bars {
            page.budget(bar.behind, &scale);
            page.bar(&bar.label, bar.value, MEASURED, &scale, unit);
        }
    }
    page.finish()
}

/// How long a bar is.
struct Scale(f64);

impl Scale {
    fn to(most: f64) -> Self {
        Self((WIDTH - LABEL_WIDTH - NUMBER_WIDTH) / most.max(1e-9))
    }

    fn width(&self, value: f64) -> f64 {
        (value * self.0).max(0.0)
    }
}

/// Rows from top to bottom.
#[derive(Default)]
struct Page {
    body: String,
    y: f64,
}

impl Page {
    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "  {element}");
    }

    fn heading(&mut self, text: &str) {
        let y = self.y + HEADING_HEIGHT - 12.0;
        self.push(format_args!(
            r#"<text x="0" y="{y:.0}" font-weight="bold">{text}</text>"#
        ));
        self.y += HEADING_HEIGHT;
    }

    /// The grey bar behind the next one.
    fn budget(&mut self, value: f64, scale: &Scale) {
        let (y, width) = (self.y - 3.0, scale.width(value));
        let height = BAR_HEIGHT + 6.0;
        self.push(format_args!(
            r#"<rect x="{LABEL_WIDTH:.0}" y="{y:.0}" width="{width:.1}" height="{height:.0}" fill="{BUDGET}"/>"#
        ));
    }

    fn bar(&mut self, label: &str, value: f64, colour: &str, scale: &Scale, unit: &str) {
        let (y, width) = (self.y, scale.width(value));
        let (baseline, behind) = (y + BAR_HEIGHT - 5.0, LABEL_WIDTH + width + 8.0);
        self.push(format_args!(
            r#"<text x="0" y="{baseline:.0}">{label}</text>"#
        ));
        self.push(format_args!(
            r#"<rect x="{LABEL_WIDTH:.0}" y="{y:.0}" width="{width:.1}" height="{BAR_HEIGHT:.0}" fill="{colour}"/>"#
        ));
        self.push(format_args!(
            r#"<text x="{behind:.1}" y="{baseline:.0}">{value:.1} {unit}</text>"#
        ));
        self.y += ROW_HEIGHT;
    }

    fn finish(self) -> String {
        let Self { body, y } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {y:.0}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n  \
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::bench;

    #[test]
    fn drawing_has_a_bar_per_row() {
        let drawing = drawing(&bench());
        // A background, Fabric and heddle, three parts with what is behind them.
        assert_eq!(drawing.matches("<rect").count(), 1 + 2 + 3 * 2);
        assert!(
            drawing.contains(">verify<") && drawing.contains(">70.0 us<"),
            "{drawing}"
        );
        assert!(drawing.starts_with("<svg") && drawing.ends_with("</svg>\n"));
    }

    #[test]
    fn longest_bar_and_its_number_fit() {
        let scale = Scale::to(300.0);
        let end = LABEL_WIDTH + scale.width(300.0);
        assert!((end + NUMBER_WIDTH - WIDTH).abs() < 1e-6);
    }
}
