//! `kapture status`.

use std::fmt::{self, Write};

use chrono::{Datelike, NaiveDate};
use kapture_customers::{DayState, Days};
use kapture_sinks::{Destination, Ledger, StaleReason};
use serde_json::json;

use crate::args::StatusArgs;
use crate::config::destination;
use crate::error::CliError;
use crate::output::summary::counted;
use crate::output::{colour, stdout};
use crate::pipeline::date_ranges::{by_reason, ranges};

/// Shows the days of a destination.
pub(crate) async fn run(arguments: &StatusArgs) -> Result<(), CliError> {
    let destination = destination::incremental(&arguments.destination).map_err(CliError::usage)?;
    let sink = destination.open(None).await.map_err(CliError::sink)?;
    let ledger = sink.ledger().await.map_err(CliError::sink)?;
    let status = Status::of(&destination, &ledger);
    let text = if arguments.json {
        format!("{:#}\n", status.json())
    } else {
        status.text(colour::is_enabled(&std::io::stdout()))
    };
    stdout::print(&text)
}

/// The days of a destination.
struct Status<'a> {
    destination: &'a Destination,
    ledger: &'a Ledger,
    /// The days without a receipt between the first and the last day.
    missing: Days,
    open: Days,
    customers: u64,
}

impl<'a> Status<'a> {
    fn of(destination: &'a Destination, ledger: &'a Ledger) -> Self {
        let bounds = ledger.bounds();
        let all = bounds.and_then(|(first, last)| Days::between(first, last).ok());
        let missing = |day: &NaiveDate| ledger.get(*day).is_none();
        // Others may have written to it: there are counts that no days of this world sum up to.
        let customers = ledger.iter().map(|receipt| receipt.customers);
        let open = ledger
            .iter()
            .filter(|receipt| receipt.state == DayState::Open);
        Self {
            destination,
            ledger,
            missing: all.unwrap_or_default().iter().filter(missing).collect(),
            open: open.map(|receipt| receipt.day).collect(),
            customers: customers.fold(0, u64::saturating_add),
        }
    }

    fn json(&self) -> serde_json::Value {
        let bounds = self.ledger.bounds();
        json!({
            "destination": self.destination.to_string(),
            "time_zone": self.ledger.time_zone(),
            "customers": self.customers,
            "first": bounds.map(|(first, _)| first),
            "last": bounds.map(|(_, last)| last),
            "missing": self.missing.iter().collect::<Vec<_>>(),
            "open": self.open.iter().collect::<Vec<_>>(),
            "stale": self.ledger.stale_days().map(stale_day).collect::<Vec<_>>(),
            "days": self.ledger.iter().collect::<Vec<_>>(),
        })
    }

    fn text(&self, colour: bool) -> String {
        let Some((first, last)) = self.ledger.bounds() else {
            return format!("{}: no days yet\n", self.destination);
        };
        let mut text = format!(
            "{}: {} on {}, {first} to {last}\n\n",
            self.destination,
            counted(self.customers, "customer"),
            counted(self.ledger.len() as u64, "day"),
        );
        let calendar = Calendar {
            ledger: self.ledger,
            most: self.ledger.iter().map(|receipt| receipt.customers).max(),
            colour,
        };
        let _ = write!(text, "{calendar}");
        if let Some(zone) = self.ledger.time_zone() {
            let _ = writeln!(text, "time zone: {}", kapture_model::sanitize(zone));
        }
        for (what, days) in [("missing", &self.missing), ("open", &self.open)] {
            if !days.is_empty() {
                let _ = writeln!(text, "{what}: {}", ranges(days));
            }
        }
        for (reason, days) in by_reason(self.ledger) {
            let _ = writeln!(
                text,
                "to be pulled again, because {reason}: {}",
                ranges(&days)
            );
        }
        text
    }
}

fn stale_day((day, reason): (NaiveDate, StaleReason)) -> serde_json::Value {
    json!({"day": day, "reason": reason.to_string()})
}

/// One line for each month, with one mark for each day.
struct Calendar<'a> {
    ledger: &'a Ledger,
    most: Option<u64>,
    colour: bool,
}

/// From no customers to as many as the fullest day has.
const SHADES: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Calendar<'_> {
    fn mark(&self, day: NaiveDate) -> (char, Option<&'static str>) {
        let Some(receipt) = self.ledger.get(day) else {
            return ('x', Some("31"));
        };
        let most = self.most.unwrap_or_default().max(1);
        // A day with customers never has the mark of a day without.
        let shade = (u128::from(receipt.customers) * 8).div_ceil(u128::from(most));
        let shade = SHADES[usize::try_from(shade).unwrap_or(0).min(8)];
        (shade, (receipt.state == DayState::Open).then_some("33"))
    }
}

impl fmt::Display for Calendar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, last)) = self.ledger.bounds() else {
            return Ok(());
        };
        writeln!(f, "        1    6    11   16   21   26   31")?;
        let mut month = first.with_day(1).unwrap_or(first);
        while month <= last {
            write!(f, "{} ", month.format("%Y-%m"))?;
            let days = month
                .iter_days()
                .take_while(|day| day.month() == month.month());
            for day in days.take_while(|day| *day <= last) {
                let (mark, colour) = if day < first {
                    (' ', None)
                } else {
                    self.mark(day)
                };
                match colour.filter(|_| self.colour) {
                    Some(colour) => write!(f, "\u{1b}[{colour}m{mark}\u{1b}[0m")?,
                    None => write!(f, "{mark}")?,
                }
            }
            writeln!(f)?;
            let Some(next) = month.checked_add_months(chrono::Months::new(1)) else {
                break;
            };
            month = next;
        }
        writeln!(
            f,
            "\n· none  ▁ to █ up to {}  x missing",
            self.most.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kapture_customers::{Checksum, EndBound, Proof, Receipt};

    fn receipt(day: &str, customers: u64, state: DayState) -> Receipt {
        Receipt {
            day: day.parse().unwrap(),
            customers,
            checksum: Checksum::default(),
            undated: 0,
            fetched: "2024-06-01T00:00:00Z".parse().unwrap(),
            state,
            end_bound: EndBound::Inclusive,
            proof: Proof::Contiguous,
            empty_response: None,
        }
    }

    #[test]
    fn the_calendar_shows_each_day() {
        let mut ledger: Ledger = [
            receipt("2024-04-29", 0, DayState::Sealed),
            receipt("2024-04-30", 1, DayState::Sealed),
            receipt("2024-05-01", 500, DayState::Sealed),
            receipt("2024-05-04", 1000, DayState::Open),
        ]
        .into_iter()
        .collect();
        ledger.set_time_zone("Asia/Kolkata");
        let destination = Destination::parse("customers.db", None).unwrap();
        let text = Status::of(&destination, &ledger).text(false);
        assert_eq!(
            text,
            "customers.db: 1501 customers on 4 days, 2024-04-29 to 2024-05-04\n\n        \
             1    6    11   16   21   26   31\n\
             2024-04                             ·▁\n\
             2024-05 ▄xx█\n\
             \n\
             · none  ▁ to █ up to 1000  x missing\n\
             time zone: Asia/Kolkata\n\
             missing: 2024-05-02 to 2024-05-03 (2)\n\
             open: 2024-05-04\n"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 70));
        let coloured = Status::of(&destination, &ledger).text(true);
        assert!(coloured.contains("\u{1b}[31mx\u{1b}[0m"));
        assert!(coloured.contains("\u{1b}[33m█\u{1b}[0m"));
    }

    #[test]
    fn counts_saturate() {
        let ledger: Ledger = [
            receipt("2024-05-01", u64::MAX / 2, DayState::Sealed),
            receipt("2024-05-02", u64::MAX, DayState::Sealed),
        ]
        .into_iter()
        .collect();
        let destination = Destination::parse("customers.db", None).unwrap();
        let text = Status::of(&destination, &ledger).text(false);
        let most = u64::MAX;
        assert!(
            text.contains(&format!("{most} customers on 2 days")),
            "{text}"
        );
        assert!(text.contains("2024-05 ▄█"), "{text}");
    }

    #[test]
    fn an_empty_ledger_has_no_days() {
        let destination = Destination::parse("out/", None).unwrap();
        let ledger = Ledger::default();
        assert_eq!(
            Status::of(&destination, &ledger).text(false),
            "out/: no days yet\n"
        );
    }
}
