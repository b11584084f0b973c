//! The days of a pull, from the command line.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Days as DayCount, Local, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use kapture_customers::Days;

use crate::args::DayArgs;
use crate::config::time_zone;
use crate::error::{hinted, prefixed};
use crate::output::message::Message;
use crate::text_file;

/// How long after its midnight a day is due: the default grace period of a sync.
pub(crate) const DUE_AFTER: TimeDelta = TimeDelta::hours(6);

/// The current day and time.
#[derive(Debug)]
pub(crate) struct Calendar {
    today: NaiveDate,
    pub(crate) now: DateTime<Utc>,
    /// `None`: that of this machine.
    zone: Option<Tz>,
}

impl Calendar {
    /// Today in this zone, or in the zone of this machine if none is set.
    pub(crate) fn of(zone: Option<Tz>) -> Self {
        let now = Utc::now();
        let today = match zone {
            Some(zone) => now.with_timezone(&zone).date_naive(),
            None => {
                note_unknown_zone();
                now.with_timezone(&Local).date_naive()
            }
        };
        Self { today, now, zone }
    }

    /// At a time of a test.
    #[cfg(test)]
    pub(crate) fn at(now: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            today: now.with_timezone(&zone).date_naive(),
            now,
            zone: Some(zone),
        }
    }

    /// The current day.
    pub(crate) fn today(&self) -> NaiveDate {
        self.today
    }

    /// The day of a time.
    pub(crate) fn day_of(&self, time: DateTime<Utc>) -> NaiveDate {
        match self.zone {
            Some(zone) => time.with_timezone(&zone).date_naive(),
            None => time.with_timezone(&Local).date_naive(),
        }
    }

    /// Parses `YYYY-MM-DD`, `today`, `yesterday` or `-7d`.
    pub(crate) fn date(&self, text: &str) -> Result<NaiveDate> {
        date(text, self.today)
    }
}

/// Notes that the variable TZ names no time zone: the libraries take UTC then, without a word.
fn note_unknown_zone() {
    let name = std::env::var("TZ").unwrap_or_default();
    if !is_zone(&name) {
        Message::note(format!(
            "TZ={name:?} names no time zone, so that today is the day of UTC: correct it, or add --time-zone"
        ))
        .print();
    }
}

/// Whether TZ may have this value: a name, a POSIX rule such as `IST-5:30`, a path, or nothing. Blanks
/// around it are a part of it.
fn is_zone(name: &str) -> bool {
    let name = name.trim_start_matches(':');
    let is_rule = !name.contains('/') && name.contains(|letter: char| letter.is_ascii_digit());
    name.is_empty()
        || is_rule
        || name.starts_with('<')
        || time_zone::names().any(|known| known == name)
        || Path::new(name).is_absolute() && Path::new(name).exists()
}

/// The days that the arguments select.
pub(crate) fn resolve(arguments: &DayArgs, calendar: &Calendar) -> Result<Days> {
    let days = asked(arguments, calendar)?;
    part(&days, arguments.shard.as_deref())
}

/// The part of the days that `--shard` selects; without it all of them.
pub(crate) fn part(days: &Days, shard: Option<&str>) -> Result<Days> {
    match shard {
        Some(text) => Ok(Shard::parse(text)?.of(days)),
        None => Ok(days.clone()),
    }
}

/// The days that the arguments select, before sharding.
pub(crate) fn asked(arguments: &DayArgs, calendar: &Calendar) -> Result<Days> {
    let today = calendar.today;
    if let Some(path) = &arguments.days {
        return listed(path, today);
    }
    if let Some(text) = &arguments.last {
        return last(text, today);
    }
    if let Some(text) = &arguments.month {
        return month(text, today);
    }
    let (from, to) = match (&arguments.from, &arguments.to) {
        (Some(from), Some(to)) => (from, to),
        (Some(_), None) => {
            return Err(hinted(
                "--from without --to",
                "add the last day, for example --to yesterday",
            ));
        }
        (None, Some(_)) => {
            return Err(hinted(
                "--to without --from",
                "add the first day, for example --from -7d",
            ));
        }
        (None, None) => {
            return Err(hinted(
                "no days are selected",
                "add --from DATE and --to DATE, --last 7, --month 2024-05, or --days FILE",
            ));
        }
    };
    let (from, to) = (
        date(from, today).map_err(|error| prefixed("--from", error))?,
        date(to, today).map_err(|error| prefixed("--to", error))?,
    );
    Days::between(from, to).map_err(|error| hinted(error.to_string(), "swap --from and --to"))
}

fn date(text: &str, today: NaiveDate) -> Result<NaiveDate> {
    let ago = |days| {
        today
            .checked_sub_days(DayCount::new(days))
            .filter(|day| day.format("%Y").to_string().len() == 4)
            .ok_or_else(|| anyhow!("`{text}` is too long ago"))
    };
    match text {
        "today" => return Ok(today),
        "yesterday" => return ago(1),
        _ => {}
    }
    if let Some(days) = text
        .strip_prefix('-')
        .and_then(|text| text.strip_suffix('d'))
        && let Ok(days) = days.parse()
    {
        return ago(days);
    }
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| {
            if matches!(position, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if !shaped {
        bail!("expected a date (YYYY-MM-DD, today, yesterday or -7d), not `{text}`");
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| anyhow!("`{text}` is no day of the calendar"))
}

fn last(text: &str, today: NaiveDate) -> Result<Days> {
    let number = text.strip_suffix('d').unwrap_or(text);
    let count = number.parse().ok().filter(|days: &u64| *days > 0);
    let count = count
        .ok_or_else(|| anyhow!("--last: expected a number of days such as 7, not `{text}`"))?;
    let from = date(&format!("-{count}d"), today)?;
    let to = date("yesterday", today)?;
    Days::between(from, to).map_err(Into::into)
}

/// The days of a month, as far as they have begun.
fn month(text: &str, today: NaiveDate) -> Result<Days> {
    if text == "last" {
        let before = today.checked_sub_months(Months::new(1)).unwrap_or(today);
        return month(&before.format("%Y-%m").to_string(), today);
    }
    let shaped = text.len() == "YYYY-MM".len();
    let first = shaped.then(|| NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok());
    let first = first.flatten().ok_or_else(|| {
        anyhow!("--month: expected a month such as 2024-05, or last, not `{text}`")
    })?;
    let last = first
        .checked_add_months(Months::new(1))
        .and_then(|next| next.pred_opt())
        .unwrap_or(first);
    Days::between(first, last.min(today)).map_err(|_| anyhow!("--month: {text} has not begun yet"))
}

fn listed(path: &Path, today: NaiveDate) -> Result<Days> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the days from standard input")?;
    } else {
        text = text_file::read(path)
            .with_context(|| format!("cannot read the days from {}", path.display()))?;
    }
    let days: Days = text_file::without_mark(&text)
        .lines()
        .enumerate()
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            date(line, today)
                .map_err(|error| prefixed(&format!("--days, line {}", number + 1), error))
        })
        .collect::<Result<_>>()?;
    // Most likely the program that should have listed them failed.
    if days.is_empty() {
        bail!("--days: no days in {}", path.display());
    }
    Ok(days)
}

/// Part I of N equal parts of the days.
#[derive(Debug, PartialEq, Eq)]
struct Shard {
    part: usize,
    parts: usize,
}

impl Shard {
    fn parse(text: &str) -> Result<Self> {
        text.split_once('/')
            .and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)))
            .filter(|(part, parts)| (1..=*parts).contains(part))
            .map(|(part, parts)| Self { part, parts })
            .ok_or_else(|| {
                anyhow!("--shard: expected I/N with I from 1 to N, for example 2/8, not `{text}`")
            })
    }

    /// Adjacent days stay in one shard, since every range of days needs a padding window at each end.
    fn of(&self, days: &Days) -> Days {
        let first = days.len() * (self.part - 1) / self.parts;
        let end = days.len() * self.part / self.parts;
        days.iter().skip(first).take(end - first).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn misspelt_zone_of_the_machine_is_noticed() {
        for name in [
            "",
            "Asia/Kolkata",
            ":Asia/Kolkata",
            "UTC",
            "IST-5:30",
            "<+0530>-5:30",
        ] {
            assert!(is_zone(name), "{name}");
        }
        for name in [
            "Asia/Kolkatta",
            "India",
            "/nowhere/zone",
            " Asia/Kolkata",
            "Asia/Kolkata\n",
            " ",
        ] {
            assert!(!is_zone(name), "{name}");
        }
    }

    #[test]
    fn dates_have_four_formats() {
        let today = day("2024-03-01");
        for (text, meant) in [
            ("2024-02-29", "2024-02-29"),
            ("today", "2024-03-01"),
            ("yesterday", "2024-02-29"),
            ("-7d", "2024-02-23"),
            ("-0d", "2024-03-01"),
        ] {
            assert_eq!(date(text, today).unwrap(), day(meant), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "2024-02-30",
            "2023-02-29",
            "24-2-1",
            "2024-2-1",
            "01.02.2024",
            "tomorrow",
            "-d",
            "7d",
            "-99999999999d",
            "+2024-1-1",
        ] {
            assert!(date(text, day("2024-03-01")).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_days_end_yesterday() {
        let days = last("7d", day("2024-03-08")).unwrap();
        assert_eq!(days.bounds(), Some((day("2024-03-01"), day("2024-03-07"))));
        assert_eq!(last("7", day("2024-03-08")).unwrap(), days);
        for text in ["0d", "0", "", "d", "7w", "-7"] {
            assert!(last(text, day("2024-03-08")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_ends_today_at_the_latest() {
        let today = day("2024-03-08");
        let bounds = |text| month(text, today).unwrap().bounds().unwrap();
        assert_eq!(bounds("2024-02"), (day("2024-02-01"), day("2024-02-29")));
        assert_eq!(bounds("2023-12"), (day("2023-12-01"), day("2023-12-31")));
        assert_eq!(bounds("2024-03"), (day("2024-03-01"), today));
        assert_eq!(bounds("last"), bounds("2024-02"));
        let last = month("last", day("2024-03-31")).unwrap();
        assert_eq!(last.bounds().unwrap().1, day("2024-02-29"));
        for text in [
            "2024-04",
            "2024-13",
            "2024-5",
            "2024",
            "May",
            "2024-05-01",
            "",
        ] {
            assert!(month(text, today).is_err(), "{text}");
        }
    }

    #[test]
    fn shards_cover_each_day_once() {
        let days = Days::between(day("2024-01-01"), day("2024-01-31")).unwrap();
        let mut together: Vec<_> = (1..=4)
            .flat_map(|part| {
                Shard { part, parts: 4 }
                    .of(&days)
                    .iter()
                    .collect::<Vec<_>>()
            })
            .collect();
        together.sort();
        assert_eq!(together, days.iter().collect::<Vec<_>>());
        for text in ["0/4", "5/4", "1/0", "1", "a/b", "-1/4"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
