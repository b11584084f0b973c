//! The calendar: years of months of weeks, one cell for each day.

use chrono::{Datelike, Weekday};

use super::days::Day;

/// How many shades a day can have.
const SHADES: usize = 4;

/// The months of a year.
pub(super) struct Year {
    pub(super) year: i32,
    pub(super) months: Vec<Month>,
}

/// The weeks of a month, each from Monday to Sunday.
pub(super) struct Month {
    pub(super) name: String,
    pub(super) weeks: Vec<Week>,
}

/// The days of a week that are in its month.
pub(super) struct Week {
    /// How many days before its first day have no cell.
    pub(super) blank: u32,
    pub(super) days: Vec<Cell>,
}

/// A day.
pub(super) struct Cell {
    pub(super) number: u32,
    /// Its classes in the style sheet: its shade, and its state unless it is sealed.
    pub(super) class: String,
}

/// The years of these days, which follow each other without a gap.
pub(super) fn years(days: &[Day]) -> Vec<Year> {
    let years = days.chunk_by(|one, next| one.date.year() == next.date.year());
    years.map(year).collect()
}

fn year(days: &[Day]) -> Year {
    let steps = quartiles(days);
    let months = days.chunk_by(|one, next| one.date.month() == next.date.month());
    Year {
        year: days[0].date.year(),
        months: months.map(|days| month(days, &steps)).collect(),
    }
}

fn month(days: &[Day], steps: &[u64]) -> Month {
    let weeks = days.chunk_by(|_, next| next.date.weekday() != Weekday::Mon);
    let week = |days: &[Day]| Week {
        blank: days[0].date.weekday().num_days_from_monday(),
        days: days.iter().map(|day| cell(day, steps)).collect(),
    };
    Month {
        name: days[0].date.format("%B %Y").to_string(),
        weeks: weeks.map(week).collect(),
    }
}

fn cell(day: &Day, steps: &[u64]) -> Cell {
    Cell {
        number: day.date.day(),
        class: class(day, steps),
    }
}

/// How many customers a quarter, a half and three quarters of the days have at most, of those that
/// have any.
fn quartiles(days: &[Day]) -> [u64; SHADES - 1] {
    let counts = days
        .iter()
        .map(|day| day.customers)
        .filter(|count| *count > 0);
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable();
    let quartile = |part| counts.get(counts.len() * part / SHADES).copied();
    [1, 2, 3].map(|part| quartile(part).unwrap_or(u64::MAX))
}

fn class(day: &Day, steps: &[u64]) -> String {
    let shade = match day.customers {
        0 => 0,
        count => 1 + steps.iter().filter(|step| count >= **step).count(),
    };
    match day.state() {
        "sealed" => format!("l{shade}"),
        "missing" => "missing".to_owned(),
        state => format!("\"l{shade} {state}\""),
    }
}
