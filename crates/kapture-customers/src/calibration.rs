//! How far a window reaches: whether the end day of a request is included.

use chrono::{NaiveDate, Timelike};
use kapture_model::{EndBound, Record, Window};

use crate::api::PullError;
use crate::assembly::near;
use crate::empty_answer::same_words;
use crate::run::Run;

/// D…D+1: never wider than the 24 hours that one call may cover, and accepted wherever the end
/// day is left out. The very last day of the calendar has no wider window.
pub(crate) fn wide(day: NaiveDate) -> Window {
    Window::two_days(day)
}

/// D…D.
pub(crate) fn narrow(day: NaiveDate) -> Window {
    Window::day(day)
}

pub(crate) fn is_narrow(window: Window) -> bool {
    window.start == window.end
}

impl Run {
    /// Settles the question with a day whose wide window holds customers.
    ///
    /// All of these lie in the server's days D and, if the end day is included, D+1. An inclusive
    /// server therefore shows at least one of them in D…D or D+1…D+1, in whatever zone it cuts
    /// windows; an exclusive one shows nothing there, or refuses, or shows who was created at
    /// midnight. Should customers vanish in between, or all of them have come at midnight, the
    /// verdict is `Exclusive`, whose windows are right on every server, only larger.
    pub(crate) async fn calibrate(&mut self, day: NaiveDate) -> Result<EndBound, PullError> {
        let mut expected = match &self.first_answer {
            Some((first, Err(refusal))) => Some(same_words(refusal, narrow(*first), narrow(day))),
            _ => None,
        };
        for day in [Some(day), day.succ_opt()].into_iter().flatten() {
            self.begin_window(day).await;
            let answer = match self.ask_narrow(day, expected.take()).await {
                Err(error) if self.server.is_of_a_window(&error) => continue,
                answer => answer?,
            };
            match answer {
                Ok(records) if go_beyond_midnight(&records) => {
                    self.first_pages.insert(narrow(day), records);
                    return Ok(EndBound::Inclusive);
                }
                Ok(_) => {}
                // D…D may make no sense to this server, or be refused for want of customers.
                Err(refusal) => {
                    let next = day.succ_opt().unwrap_or(day);
                    expected = Some(same_words(&refusal, narrow(day), narrow(next)));
                }
            }
        }
        Ok(EndBound::Exclusive)
    }
}

/// Whether the customers of D…D show that it covers more than the moment at which D begins, as it
/// would where windows reach from one midnight to the other, both included. Midnight in one zone
/// is at a full quarter of an hour in any other. Who has no date that can be read is taken to have
/// come at some other time, as nearly everybody does.
pub(crate) fn go_beyond_midnight(records: &[Record]) -> bool {
    records.iter().any(|record| {
        record.created().is_none_or(|moment| {
            let moment = moment.local(&chrono::Utc);
            moment.minute() % 15 != 0 || moment.second() != 0 || moment.nanosecond() != 0
        })
    })
}

/// Whether customers of one window were created further apart than an exclusive window allows,
/// with two hours to spare for clocks that change: then the end day is included after all. Dates
/// that the window cannot hold make no sense, and tell nothing.
pub(crate) fn spans_two_days(window: Window, records: &[Record]) -> bool {
    let mut moments = records
        .iter()
        .filter_map(Record::created)
        .map(|moment| moment.local(&chrono::Utc))
        .filter(|moment| near(moment.date(), window));
    let Some(first) = moments.next() else {
        return false;
    };
    let (earliest, latest) = moments.fold((first, first), |(earliest, latest), moment| {
        (earliest.min(moment), latest.max(moment))
    });
    latest - earliest > chrono::TimeDelta::hours(26)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(moments: &[&str]) -> Vec<Record> {
        let decoded = moments.iter().map(|moment| {
            let row = format!(r#"{{"id":1,"generationDate":"{moment}"}}"#);
            Record::decode(row.into_bytes().into()).unwrap()
        });
        decoded.collect()
    }

    #[test]
    fn midnight_in_any_zone_shows_no_more_than_a_moment() {
        let go_beyond = |moments: &[&str]| go_beyond_midnight(&created(moments));
        assert!(!go_beyond(&[]));
        assert!(!go_beyond(&["2024-05-02 00:00:00", "2024-05-02 00:00:00"]));
        assert!(!go_beyond(&["2024-05-02 05:30:00", "2024-05-02 18:15:00"]));
        assert!(go_beyond(&["2024-05-02 00:00:00", "some day"]));
        assert!(go_beyond(&["2024-05-02 00:00:00", "2024-05-02 00:00:01"]));
        assert!(go_beyond(&["2024-05-02 00:20:00"]));
    }

    #[test]
    fn only_more_than_a_day_of_any_length_is_two_days() {
        let window = wide(NaiveDate::from_ymd_opt(2024, 5, 2).unwrap());
        let spans = |moments: &[&str]| spans_two_days(window, &created(moments));
        assert!(!spans(&[]));
        assert!(!spans(&["2024-05-02 10:00:00", "unknown"]));
        // The clock may be set back within an exclusive window, by two hours at the most.
        assert!(!spans(&["2024-05-03 02:00:00", "2024-05-02 00:00:00"]));
        assert!(spans(&["2024-05-03 02:00:01", "2024-05-02 00:00:00"]));
        assert!(spans(&[
            "2024-05-02 09:00:00",
            "2024-05-02 00:00:00",
            "2024-05-03 23:00:00"
        ]));
        assert!(!spans(&["2024-05-02 09:00:00", "1970-01-01 00:00:00"]));
    }
}
