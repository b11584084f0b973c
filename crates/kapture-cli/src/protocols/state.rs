//! The state of a stream: which days it has received.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use kapture_model::{Days, sanitize};
use kapture_sinks::Identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::dates::Calendar;
use crate::config::refresh::Refresh;
use crate::error::hinted;
use crate::protocols::streams::Stream;

/// The version of the form below.
const VERSION: u64 = 1;

/// What to do with a state that cannot be used.
const HINT: &str =
    "give the state that the last run wrote; or give none, to receive every day again";

/// The days that a stream has received. Days finish in any order, so there is no last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamState {
    /// Days that can gain no more customers.
    complete: BTreeSet<NaiveDate>,
    /// The days that a later run reads again, with what they had.
    again: BTreeMap<NaiveDate, HeldDay>,
}

/// What a day had when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldDay {
    /// The day on which it was read.
    pub(crate) read: NaiveDate,
    /// Its customers by their keys, each with the number of its contacts.
    pub(crate) customers: BTreeMap<i64, usize>,
}

/// The state as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u64,
    /// Whose customers they are, and which of their fields.
    identity: Value,
    /// `2024-05-01`, or `2024-05-01/2024-05-31`.
    complete: Vec<String>,
    /// Days that could gain customers when they were read.
    open: Vec<NaiveDate>,
    /// The complete and open days that a later run reads again.
    read_again: BTreeMap<NaiveDate, HeldDay>,
}

impl StreamState {
    /// Reads the state that a run with the same identity has written.
    pub(crate) fn parse(stream: Stream, state: &Value, identity: &Identity) -> Result<Self> {
        let unusable = |what: String| hinted(format!("the state of {stream} {what}"), HINT);
        let version = &state["version"];
        if version.as_u64() != Some(VERSION) {
            return Err(unusable(match version {
                Value::Number(version) => format!(
                    "has the version {version}, of another version of kapture; this one knows version {VERSION}"
                ),
                _ => "is not one that kapture wrote: it has no version".into(),
            }));
        }
        let written = Written::deserialize(state).map_err(|error| {
            unusable(format!("cannot be read: {}", sanitize(&error.to_string())))
        })?;
        identity
            .check_json(&format!("the state of {stream}"), &written.identity)
            .map_err(|error| hinted(error.to_string(), HINT))?;
        written.state().map_err(|error| {
            unusable(format!(
                "cannot be read: {}",
                sanitize(&format!("{error:#}"))
            ))
        })
    }

    /// The state as a JSON object.
    pub(crate) fn to_json(&self, identity: &Identity) -> Value {
        let open = self.again.keys();
        let open = open.filter(|day| !self.complete.contains(day));
        let written = Written {
            version: VERSION,
            identity: identity.to_json(),
            complete: ranges(self.complete.iter().copied()),
            open: open.copied().collect(),
            read_again: self.again.clone(),
        };
        // Texts and numbers alone.
        serde_json::to_value(written).unwrap_or_default()
    }

    /// The wanted days that have to be read: those that are not complete, those that are due to be
    /// read again, and those that were read when the clock was ahead.
    pub(crate) fn lacking(&self, wanted: &Days, refresh: &Refresh, calendar: &Calendar) -> Days {
        let read = |day| self.again.get(&day).map(|held| held.read);
        let is_ahead =
            |day| day > calendar.today() || read(day).is_some_and(|read| read > calendar.today());
        let lacks = |day: &NaiveDate| !self.complete.contains(day) || is_ahead(*day);
        let due = refresh.due(wanted, calendar, read);
        wanted.iter().filter(lacks).chain(due.iter()).collect()
    }

    /// What a day had when it was read last, if it is known.
    pub(crate) fn held(&self, day: NaiveDate) -> Option<&HeldDay> {
        self.again.get(&day)
    }

    /// The days of which it is known what they had.
    pub(crate) fn held_days(&self) -> impl Iterator<Item = (NaiveDate, &HeldDay)> {
        self.again.iter().map(|(day, held)| (*day, held))
    }

    /// A day was read. What it had is kept if a later run reads it again.
    pub(crate) fn finish(&mut self, day: NaiveDate, is_open: bool, held: Option<HeldDay>) {
        match is_open {
            true => self.complete.remove(&day),
            false => self.complete.insert(day),
        };
        match held {
            Some(held) => self.again.insert(day, held),
            None => self.again.remove(&day),
        };
    }
}

impl Written {
    fn state(self) -> Result<StreamState> {
        let mut complete = BTreeSet::new();
        for range in &self.complete {
            let (first, last) = range.split_once('/').unwrap_or((range, range));
            let day = |text: &str| {
                text.parse()
                    .with_context(|| format!("`{range}` is no range of days"))
            };
            let days = Days::between(day(first)?, day(last)?)?;
            complete.extend(days.iter());
        }
        for day in &self.open {
            if complete.contains(day) {
                bail!("{day} is both complete and open");
            }
            if !self.read_again.contains_key(day) {
                bail!("{day} is open, and not among the days to read again");
            }
        }
        for day in self.read_again.keys() {
            if !complete.contains(day) && !self.open.contains(day) {
                bail!("{day} is neither complete nor open");
            }
        }
        Ok(StreamState {
            complete,
            again: self.read_again,
        })
    }
}

/// Days in order with consecutive ones joined.
fn ranges(days: impl Iterator<Item = NaiveDate>) -> Vec<String> {
    let mut ranges = Vec::<(NaiveDate, NaiveDate)>::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(day) => *last = day,
            _ => ranges.push((day, day)),
        }
    }
    let text = |(first, last): (NaiveDate, NaiveDate)| match first == last {
        true => first.to_string(),
        false => format!("{first}/{last}"),
    };
    ranges.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use kapture_model::CustomerQuery;
    use serde_json::json;

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn identity(tenant: &str) -> Identity {
        Identity::of(tenant, &CustomerQuery::new(7), Tz::UTC)
    }

    fn held(read: u32) -> HeldDay {
        HeldDay {
            read: day(read),
            customers: [(17, 2)].into(),
        }
    }

    /// 1 to 3 and 5 May are complete, 5 May is read again, 6 May is open.
    fn state() -> StreamState {
        let mut state = StreamState::default();
        for number in [3, 1, 2] {
            state.finish(day(number), false, None);
        }
        state.finish(day(5), false, Some(held(6)));
        state.finish(day(6), true, Some(held(6)));
        state
    }

    /// What differs from a right state.
    type Change = fn(&mut Value);

    fn parse(state: &Value) -> Result<StreamState> {
        StreamState::parse(Stream::Customers, state, &identity("acme"))
    }

    #[test]
    fn complete_days_are_ranges_and_open_days_are_listed() {
        let written = state().to_json(&identity("acme"));
        assert_eq!(
            written["complete"],
            json!(["2024-05-01/2024-05-03", "2024-05-05"])
        );
        assert_eq!(written["open"], json!(["2024-05-06"]));
        let again = json!({"read": "2024-05-06", "customers": {"17": 2}});
        assert_eq!(
            written["read_again"],
            json!({"2024-05-05": again, "2024-05-06": again})
        );
        assert_eq!(parse(&written).unwrap(), state());
    }

    #[test]
    fn days_without_a_result_open_days_and_days_that_are_due_are_lacking() {
        let wanted = Days::between(day(1), day(7)).unwrap();
        let lacking = |refresh: &str, today: u32| {
            let now = day(today).and_hms_opt(12, 0, 0).unwrap().and_utc();
            let refresh = Refresh::parse(refresh).unwrap();
            let lacking = state().lacking(&wanted, &refresh, &Calendar::at(now, Tz::UTC));
            lacking.iter().collect::<Vec<_>>()
        };
        assert_eq!(lacking("0", 8), [4, 6, 7].map(day));
        assert_eq!(lacking("3", 8), [4, 5, 6, 7].map(day));
        assert_eq!(lacking("2,9", 7), [4, 5, 6, 7].map(day));
        // Today is 4 May, and 5 May was read on the 6th: the clock was ahead.
        assert_eq!(lacking("0", 4), [4, 5, 6, 7].map(day));
    }

    #[test]
    fn a_day_that_is_open_again_is_complete_no_more() {
        let mut state = state();
        state.finish(day(2), true, Some(held(7)));
        let written = state.to_json(&identity("acme"));
        assert_eq!(
            written["complete"],
            json!(["2024-05-01", "2024-05-03", "2024-05-05"])
        );
        assert_eq!(written["open"], json!(["2024-05-02", "2024-05-06"]));
    }

    #[test]
    fn unknown_damaged_and_foreign_states_are_refused_by_name() {
        let refusal = |change: Change| {
            let mut written = state().to_json(&identity("acme"));
            change(&mut written);
            format!("{:#}", parse(&written).unwrap_err())
        };
        let cases: [(Change, &str); 9] = [
            (|it| *it = json!({}), "is not one that kapture wrote"),
            (
                |it| *it = json!("2024-05-01"),
                "is not one that kapture wrote",
            ),
            (|it| it["version"] = 2.into(), "has the version 2"),
            (|it| it["bookmark"] = 2.into(), "unknown field `bookmark`"),
            (
                |it| it["complete"][0] = "2024-05-01/x".into(),
                "is no range of days",
            ),
            (
                |it| it["complete"][0] = "2024-05-03/2024-05-01".into(),
                "comes after",
            ),
            (
                |it| it["open"][0] = "2024-05-05".into(),
                "both complete and open",
            ),
            (|it| it["open"] = json!([]), "neither complete nor open"),
            (|it| it["identity"] = json!({}), "identity"),
        ];
        for (change, sentence) in cases {
            let text = refusal(change);
            assert!(text.contains("the state of customers"), "{text}");
            assert!(text.contains(sentence), "{text}");
        }
        let of_globex = state().to_json(&identity("globex"));
        let text = parse(&of_globex).unwrap_err().to_string();
        assert!(
            text.contains("the tenant at globex, not of the one at acme"),
            "{text}"
        );
    }
}
