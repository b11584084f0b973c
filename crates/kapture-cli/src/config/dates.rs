//! The days of a pull, from what was said on the command line.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Days as DayCount, Local, NaiveDate, Utc};
use chrono_tz::Tz;
use kapture_customers::Days;

use crate::args::DayArgs;

/// What day it is, and what time.
#[derive(Debug)]
pub(crate) struct Calendar {
    today: NaiveDate,
    pub(crate) now: DateTime<Utc>,
}

impl Calendar {
    /// Today in this zone, or in this machine's where none is named.
    pub(crate) fn of(zone: Option<Tz>) -> Self {
        let now = Utc::now();
        let today = match zone {
            Some(zone) => now.with_timezone(&zone).date_naive(),
            None => now.with_timezone(&Local).date_naive(),
        };
        Self { today, now }
    }

    /// The day that a text means: `YYYY-MM-DD`, `today`, `yesterday` or `-7d`.
    pub(crate) fn date(&self, text: &str) -> Result<NaiveDate> {
        date(text, self.today)
    }
}

/// The days asked for.
pub(crate) fn resolve(arguments: &DayArgs, calendar: &Calendar) -> Result<Days> {
    let days = asked(arguments, calendar)?;
    part(&days, arguments.shard.as_deref())
}

/// The part of the days that `--shard` names; all of them without it.
pub(crate) fn part(days: &Days, shard: Option<&str>) -> Result<Days> {
    match shard {
        Some(text) => Ok(Shard::parse(text)?.of(days)),
        None => Ok(days.clone()),
    }
}

/// The days asked for, before they are parted.
pub(crate) fn asked(arguments: &DayArgs, calendar: &Calendar) -> Result<Days> {
    let today = calendar.today;
    if let Some(path) = &arguments.days {
        return listed(path, today);
    }
    if let Some(text) = &arguments.last {
        return last(text, today);
    }
    let (from, to) = match (&arguments.from, &arguments.to) {
        (Some(from), Some(to)) => (from, to),
        (Some(_), None) => bail!("--from needs --to: the last day, for example --to yesterday"),
        (None, Some(_)) => bail!("--to needs --from: the first day, for example --from -7d"),
        (None, None) => bail!("which days? Give --from and --to, --last 7d, or --days FILE"),
    };
    let (from, to) = (
        date(from, today).context("--from")?,
        date(to, today).context("--to")?,
    );
    Days::between(from, to).map_err(|error| anyhow!("{error}: swap --from and --to"))
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
        && text.bytes().enumerate().all(|(place, byte)| {
            if matches!(place, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if !shaped {
        bail!("`{text}` is not a date: give YYYY-MM-DD, today, yesterday or -7d");
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| anyhow!("`{text}` is not in the calendar"))
}

fn last(text: &str, today: NaiveDate) -> Result<Days> {
    let count: u64 = text
        .strip_suffix('d')
        .and_then(|days| days.parse().ok())
        .filter(|days| *days > 0)
        .ok_or_else(|| anyhow!("--last takes a number of days such as 7d, not `{text}`"))?;
    let from = date(&format!("-{count}d"), today)?;
    let to = date("yesterday", today)?;
    Days::between(from, to).map_err(Into::into)
}

fn listed(path: &Path, today: NaiveDate) -> Result<Days> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the days from standard input")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the days from {}", path.display()))?;
    }
    // Some editors begin a file with a mark of its byte order.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let days: Days = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            date(line, today).with_context(|| format!("--days, line {}", number + 1))
        })
        .collect::<Result<_>>()?;
    // More likely whoever should have listed them failed.
    if days.is_empty() {
        bail!("--days lists no days");
    }
    Ok(days)
}

/// One part of the days in several.
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
                anyhow!("--shard takes I/N with I from 1 to N, for example 2/8, not `{text}`")
            })
    }

    /// Neighbouring days stay together: each run of days is padded by a window at both ends.
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
    fn dates_are_said_in_four_ways() {
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
    fn what_is_no_date_is_said_so() {
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
        assert!(last("0d", day("2024-03-08")).is_err());
        assert!(last("7", day("2024-03-08")).is_err());
    }

    #[test]
    fn shards_are_all_the_days_each_once() {
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
