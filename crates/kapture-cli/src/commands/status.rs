//! `kapture status`.

mod age;
mod runs;
mod source;

use std::fmt::{self, Write};

use anyhow::{Result, anyhow};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use kapture_customers::{DayState, Days};
use kapture_sinks::{Destination, Ledger, StaleReason};
use serde_json::json;

use crate::args::{OutputArgs, StatusArgs};
use crate::config::dates::DUE_AFTER;
use crate::config::{destination, duration};
use crate::error::CliError;
use crate::metrics::{self, Observed};
use crate::output::summary::counted;
use crate::output::{colour, rereads, stdout};
use crate::pipeline::date_ranges::{by_reason, ranges};
use age::MaxAge;
use source::Source;

/// Shows the days of a destination, or its last runs.
pub(crate) async fn run(arguments: &StatusArgs, output: &OutputArgs) -> Result<(), CliError> {
    let usage = CliError::usage;
    metrics::check(arguments.metrics.as_deref()).map_err(usage)?;
    let max_age = arguments.max_age.as_deref().map(max_age).transpose();
    let max_age = max_age.map_err(usage)?;
    let destination = destination::incremental(&arguments.destination).map_err(usage)?;
    let sink = destination.open(None).await.map_err(CliError::sink)?;
    let ledger = sink.ledger().await.map_err(CliError::sink)?;
    let found = sink.rereads().await.map_err(CliError::sink)?;
    let runs = sink.runs().await.map_err(CliError::sink)?;
    let now = Utc::now();
    let status = Status::of(&destination, &ledger, now);
    let name = destination.to_string();
    let text = match (arguments.runs, arguments.json) {
        (true, true) => format!("{:#}\n", runs::json(&name, &runs)),
        (true, false) => runs::text(&name, &runs),
        (false, true) => {
            let mut json = status.json();
            json["read_again"] = rereads::json(&found);
            format!("{json:#}\n")
        }
        (false, false) => {
            status.text(colour::is_enabled(&std::io::stdout())) + &rereads::text(&found)
        }
    };
    // --quiet leaves out the text for people; a program that asks for --json still gets its JSON.
    if !output.quiet || arguments.json {
        stdout::print(&text)?;
    }
    if let Some(path) = &arguments.metrics {
        let observed = Observed {
            destination: &destination,
            ledger: Some(&ledger),
            runs: &runs,
            run: runs.last_ended(),
            verified: None,
            now,
        };
        metrics::write(path, &observed)?;
    }
    let (Some(max_age), Some(text)) = (max_age, &arguments.max_age) else {
        return Ok(());
    };
    let max_age = MaxAge {
        destination: &destination,
        ledger: &ledger,
        runs: &runs,
        text,
        max_age,
        now,
    };
    max_age.check()
}

fn max_age(text: &str) -> Result<TimeDelta> {
    let time = duration::parse(text, "--max-age")?;
    TimeDelta::from_std(time).map_err(|_| anyhow!("--max-age: `{text}` is too long"))
}

/// The days of a destination.
struct Status<'a> {
    destination: &'a Destination,
    ledger: &'a Ledger,
    /// The days that it is to hold by now.
    wanted: Days,
    /// Those of them without a receipt.
    missing: Days,
    open: Days,
    customers: u64,
}

impl<'a> Status<'a> {
    fn of(destination: &'a Destination, ledger: &'a Ledger, now: DateTime<Utc>) -> Self {
        let wanted = ledger.wanted(ledger.last_day_of_age(DUE_AFTER, now));
        let missing = |day: &NaiveDate| ledger.get(*day).is_none();
        // Others may have written to it: there are counts that no days of this world sum up to.
        let customers = ledger.iter().map(|receipt| receipt.customers);
        let open = ledger
            .iter()
            .filter(|receipt| receipt.state == DayState::Open);
        Self {
            destination,
            ledger,
            missing: wanted.iter().filter(missing).collect(),
            wanted,
            open: open.map(|receipt| receipt.day).collect(),
            customers: customers.fold(0, u64::saturating_add),
        }
    }

    fn json(&self) -> serde_json::Value {
        let bounds = self.wanted.bounds();
        json!({
            "destination": self.destination.to_string(),
            "source": Source::of(self.ledger).map(|source| source.json()),
            "time_zone": self.ledger.time_zone(),
            "customers": self.customers,
            "first": bounds.map(|(first, _)| first),
            "last": bounds.map(|(_, last)| last),
            "missing": self.missing.iter().collect::<Vec<_>>(),
            "open": self.open.iter().collect::<Vec<_>>(),
            "stale": self.ledger.stale_days().map(stale_day).collect::<Vec<_>>(),
            "forgotten": self.ledger.forgotten(),
            "days": self.ledger.iter().collect::<Vec<_>>(),
        })
    }

    fn text(&self, colour: bool) -> String {
        let Some((first, last)) = self.wanted.bounds() else {
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
            bounds: (first, last),
            most: self.ledger.iter().map(|receipt| receipt.customers).max(),
            colour,
        };
        let _ = write!(text, "{calendar}");
        if let Some(source) = Source::of(self.ledger) {
            text += &source.text();
        }
        if let Some(zone) = self.ledger.time_zone() {
            let _ = writeln!(text, "time zone: {}", kapture_model::sanitize(zone));
        }
        if self.ledger.forgotten() > 0 {
            let customers = counted(self.ledger.forgotten() as u64, "customer");
            let _ = writeln!(text, "forgotten: {customers}");
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
    bounds: (NaiveDate, NaiveDate),
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
        let (first, last) = self.bounds;
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
    use kapture_customers::Receipt;
    use kapture_sinks::RangeEnd;

    fn now() -> DateTime<Utc> {
        "2024-05-07T07:00:00Z".parse().unwrap()
    }

    fn receipt(day: &str, customers: u64, state: DayState) -> Receipt {
        let mut receipt = Receipt::new(
            day.parse().unwrap(),
            "2024-06-01T00:00:00Z".parse().unwrap(),
        );
        receipt.customers = customers;
        receipt.state = state;
        receipt
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
        let text = Status::of(&destination, &ledger, now()).text(false);
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
        let coloured = Status::of(&destination, &ledger, now()).text(true);
        assert!(coloured.contains("\u{1b}[31mx\u{1b}[0m"));
        assert!(coloured.contains("\u{1b}[33m█\u{1b}[0m"));
    }

    #[test]
    fn days_that_were_never_asked_for_are_missing() {
        let mut ledger = Ledger::default();
        ledger.set_start("2024-05-01".parse().unwrap());
        ledger.set_end(RangeEnd::Today);
        let destination = Destination::parse("customers.db", None).unwrap();
        let missing = |ledger: &Ledger, now: &str| {
            let status = Status::of(&destination, ledger, now.parse().unwrap());
            ranges(&status.missing)
        };
        let missing_at = |now| missing(&ledger, now);
        // A day is due six hours after its midnight.
        assert_eq!(
            missing_at("2024-05-07T05:59:00Z"),
            "2024-05-01 to 2024-05-05 (5)"
        );
        assert_eq!(
            missing_at("2024-05-07T06:00:00Z"),
            "2024-05-01 to 2024-05-06 (6)"
        );
        ledger.insert(receipt("2024-05-03", 4, DayState::Sealed));
        ledger.set_time_zone("Asia/Kolkata");
        let expected = "2024-05-01 to 2024-05-02 (2), 2024-05-04 to 2024-05-06 (3)";
        assert_eq!(missing(&ledger, "2024-05-07T00:30:00Z"), expected);
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
        let text = Status::of(&destination, &ledger, now()).text(false);
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
            Status::of(&destination, &ledger, now()).text(false),
            "out/: no days yet\n"
        );
    }
}
