//! Charts of the customers by day, week and month.

use chrono::{Datelike, NaiveDate};
use svg::node::element::path::Data;
use svg::node::element::{Line, Path, SVG, Text};

use super::days::Day;
use super::text::grouped;

/// Height of the bars, in the units of the page.
const HEIGHT: u32 = 180;

/// Height with the years below.
const FULL_HEIGHT: u32 = 204;

/// A chart of bars.
pub(super) struct Chart {
    /// `day`, `week` or `month`.
    pub(super) unit: &'static str,
    pub(super) svg: String,
    pub(super) most: String,
}

/// The customers of a month.
pub(super) struct Month {
    pub(super) name: String,
    pub(super) customers: String,
    pub(super) days: usize,
    pub(super) incomplete: usize,
}

/// A bar: how many days it is wide, and its customers.
struct Bar {
    days: usize,
    customers: u64,
}

/// The charts by day, week and month.
pub(super) fn all(days: &[Day]) -> Vec<Chart> {
    let Some(first) = days.first() else {
        return Vec::new();
    };
    let monday = first.date.weekday().num_days_from_monday() as usize;
    let chart = |unit: &'static str| {
        let bars = bars(days, |index, day| match unit {
            "day" => index as i64,
            "week" => ((index + monday) / 7) as i64,
            _ => month_of(day.date),
        });
        let most = bars.iter().map(|bar| bar.customers).max().unwrap_or(0);
        Chart {
            unit,
            svg: drawn(days, &bars, most),
            most: grouped(most),
        }
    };
    ["day", "week", "month"].map(chart).into()
}

fn month_of(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// The bars of days with the same key.
fn bars(days: &[Day], key: impl Fn(usize, &Day) -> i64) -> Vec<Bar> {
    let mut bars = Vec::<Bar>::new();
    let mut before = None;
    for (index, day) in days.iter().enumerate() {
        let key = key(index, day);
        if before.replace(key) != Some(key) {
            bars.push(Bar {
                days: 0,
                customers: 0,
            });
        }
        let bar = bars.last_mut().expect("one was added");
        bar.days += 1;
        bar.customers = bar.customers.saturating_add(day.customers);
    }
    bars
}

/// The bars are drawn in days and per mille of the highest one, and stretched to the width of the
/// page; lines and text are beside them, and are not stretched.
fn drawn(days: &[Day], bars: &[Bar], most: u64) -> String {
    let mut outline = Data::new().move_to((0, 1000));
    for bar in bars {
        let height = bar.customers as f64 * 1000.0 / most.max(1) as f64;
        outline = outline
            .vertical_line_to(1000 - height.round() as i64)
            .horizontal_line_by(bar.days);
    }
    let outline = outline.vertical_line_to(1000).close();
    let mut missing = Data::new();
    let mut index = 0;
    while index < days.len() {
        let run = days[index..]
            .iter()
            .take_while(|day| day.state() == "missing")
            .count();
        if run > 0 {
            missing = missing.move_to((index, 1000)).horizontal_line_by(run);
        }
        index += run.max(1);
    }
    let bars = SVG::new()
        .set("class", "bars")
        .set("width", "100%")
        .set("height", HEIGHT)
        .set("viewBox", format!("0 0 {} 1000", days.len()))
        .set("preserveAspectRatio", "none")
        .add(Path::new().set("class", "area").set("d", outline))
        .add(Path::new().set("class", "gap").set("d", missing));
    let mut svg = SVG::new()
        .set("class", "chart")
        .set("width", "100%")
        .set("height", FULL_HEIGHT)
        .set("aria-hidden", "true")
        .set("focusable", "false");
    svg = svg.add(line(1)).add(line(HEIGHT / 2));
    svg = svg.add(bars).add(line(HEIGHT));
    for (y, label) in [(1, most), (HEIGHT / 2, most / 2)] {
        if label > 0 {
            svg = svg.add(Text::new(grouped(label)).set("x", 4).set("y", y + 14));
        }
    }
    for (share, label) in year_labels(days) {
        let text = Text::new(label).set("class", "tick").set("x", share);
        svg = svg.add(text.set("y", FULL_HEIGHT - 6));
    }
    svg.to_string()
}

fn line(y: u32) -> Line {
    let line = Line::new().set("x1", "0").set("x2", "100%");
    line.set("y1", y).set("y2", y)
}

/// The years, each where it begins.
fn year_labels(days: &[Day]) -> Vec<(String, String)> {
    let starts = days.iter().enumerate();
    let starts = starts.filter(|(index, day)| *index == 0 || day.date.ordinal() == 1);
    let label = |(index, day): (usize, &Day)| {
        let share = index as f64 * 100.0 / days.len() as f64;
        (format!("{share:.2}%"), day.date.year().to_string())
    };
    let mut labels: Vec<_> = starts.map(label).collect();
    // A year of a few days has no room for its number.
    if days.len() > 60 && labels.len() > 1 && days[..30].iter().any(|day| day.date.ordinal() == 1) {
        labels.remove(0);
    }
    labels
}

/// The customers by month, for the table beside the charts.
pub(super) fn months(days: &[Day]) -> Vec<Month> {
    let chunks = days.chunk_by(|one, next| month_of(one.date) == month_of(next.date));
    let month = |days: &[Day]| Month {
        name: days[0].date.format("%Y-%m").to_string(),
        customers: grouped(
            days.iter()
                .map(|day| day.customers)
                .fold(0, u64::saturating_add),
        ),
        days: days.len(),
        incomplete: days.iter().filter(|day| !day.is_complete()).count(),
    };
    chunks.map(month).collect()
}
