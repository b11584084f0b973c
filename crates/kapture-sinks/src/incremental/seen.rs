//! The times at which a destination saw its days: one for each commit, each later than the one
//! before, so that the versions of a customer never overlap.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Hands out times, in microseconds as databases count them.
#[derive(Debug, Default)]
pub(crate) struct SeenTimes {
    last: Mutex<Option<DateTime<Utc>>>,
}

impl SeenTimes {
    /// A time that was handed out before, perhaps by an earlier run.
    pub(crate) fn note(&self, time: DateTime<Utc>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(time.trunc_subsecs(6)));
    }

    /// [`next_time`](Self::next_time) as text.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn next(&self, time: DateTime<Utc>) -> String {
        as_text(self.next_time(time))
    }

    /// `time`, or the next microsecond after the last one handed out: days are not committed in the
    /// order in which they were complete, and a clock may be set back.
    pub(crate) fn next_time(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let time = time.trunc_subsecs(6);
        let next = match *last {
            Some(last) => time.max(last + TimeDelta::microseconds(1)),
            None => time,
        };
        *last = Some(next);
        next
    }

    /// The next microsecond after the last time handed out, if there was one.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn after_last(&self) -> Option<String> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| self.next(last))
    }
}

/// In one length, so that text is ordered as the times are.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn as_text(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn times_increase() {
        let times = SeenTimes::default();
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(times.after_last(), None);
        assert_eq!(
            times.next(at("2024-05-02T10:00:00.1234567Z")),
            "2024-05-02T10:00:00.123456Z"
        );
        assert_eq!(
            times.next(at("2024-05-02T09:00:00Z")),
            "2024-05-02T10:00:00.123457Z"
        );
        assert_eq!(
            times.next(at("2024-05-02T11:00:00Z")),
            "2024-05-02T11:00:00.000000Z"
        );
        times.note(at("2024-05-01T00:00:00Z"));
        assert_eq!(times.after_last().unwrap(), "2024-05-02T11:00:00.000001Z");
        times.note(at("2024-05-03T00:00:00Z"));
        assert_eq!(
            times.next(at("2024-05-02T12:00:00Z")),
            "2024-05-03T00:00:00.000001Z"
        );
    }
}
