//! What a ledger says of a day at a moment, and which days should be complete by then.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use kapture_model::{DayState, Days};

use super::{Ledger, StaleReason};

/// What a ledger says of a day at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayStatus {
    /// It can gain no more customers.
    Sealed,
    /// It could gain customers when it was pulled.
    Open,
    /// Its receipt no longer agrees with its data.
    Stale(StaleReason),
    /// It was pulled later than the moment: a clock was wrong then, or is now.
    Ahead,
    /// It has no receipt.
    Missing,
}

impl Ledger {
    /// What it says of a day at `now`.
    pub fn status(&self, day: NaiveDate, now: DateTime<Utc>) -> DayStatus {
        if let Some(reason) = self.stale_reason(day) {
            return DayStatus::Stale(reason);
        }
        match self.get(day) {
            None => DayStatus::Missing,
            Some(receipt) if receipt.fetched > now => DayStatus::Ahead,
            Some(receipt) if receipt.state == DayState::Open => DayStatus::Open,
            Some(_) => DayStatus::Sealed,
        }
    }

    /// When a day ends: its midnight in the time zone of the ledger, or in UTC where the zone is
    /// not known. Where the clocks of the zone skip midnight, it is the midnight of UTC.
    pub fn end_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
        let local = midnight.and_local_timezone(self.zone());
        local
            .earliest()
            .map_or(midnight.and_utc(), |end| end.to_utc())
    }

    fn zone(&self) -> Tz {
        let zone = self.time_zone().and_then(|name| name.parse().ok());
        zone.unwrap_or(Tz::UTC)
    }

    /// The last day that ended at least `age` before `now`, in the time zone of the ledger.
    pub fn last_day_of_age(&self, age: TimeDelta, now: DateTime<Utc>) -> NaiveDate {
        let then = now.checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH);
        let day = then.with_timezone(&self.zone()).date_naive();
        day.pred_opt().unwrap_or(day)
    }

    /// The days that it is to hold, without those after `last`.
    pub fn wanted_until(&self, last: NaiveDate) -> Days {
        // Of an empty ledger, `last` alone is wanted, and of one that begins later, too.
        let first = self.days.keys().next().into_iter().chain(&self.start).min();
        let is_within = |day: &NaiveDate| *day <= last && first.is_some_and(|first| first <= day);
        self.wanted(last).iter().filter(is_within).collect()
    }

    /// The newest day that is sealed at `now`.
    pub fn newest_complete_day(&self, now: DateTime<Utc>) -> Option<NaiveDate> {
        let mut days = self.days.keys().rev();
        days.find(|day| self.status(**day, now) == DayStatus::Sealed)
            .copied()
    }

    /// The days that should be complete at `now`, and are not: from the first wanted day to the
    /// last one that ended at least `max_age` ago, those that are not sealed.
    pub fn overdue(&self, max_age: TimeDelta, now: DateTime<Utc>) -> Vec<(NaiveDate, DayStatus)> {
        let wanted = self.wanted_until(self.last_day_of_age(max_age, now));
        let statuses = wanted.iter().map(|day| (day, self.status(day, now)));
        statuses
            .filter(|(_, status)| *status != DayStatus::Sealed)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kapture_model::Receipt;

    use super::*;
    use crate::ledger::RangeEnd;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// 1 and 2 May are sealed, 3 May is open, 4 May is missing, 5 May is stale.
    fn ledger() -> Ledger {
        let receipt = |number: u32| {
            let mut receipt = Receipt::of(day(number), &[], time("2024-05-03T06:15:00Z"));
            if number < 3 {
                receipt.state = DayState::Sealed;
            }
            receipt
        };
        let mut ledger: Ledger = [1, 2, 3, 5].map(receipt).into_iter().collect();
        ledger.mark_stale(day(5), StaleReason::MissingFile);
        ledger.set_end(RangeEnd::Today);
        ledger
    }

    #[test]
    fn overdue_days_ended_long_enough_ago_and_are_not_sealed() {
        let overdue = |hours: i64, now: &str| {
            let days = ledger().overdue(TimeDelta::hours(hours), time(now));
            days.into_iter().map(|(day, _)| day).collect::<Vec<_>>()
        };
        assert_eq!(overdue(26, "2024-05-05T01:59:59Z"), []);
        assert_eq!(overdue(26, "2024-05-05T02:00:00Z"), [day(3)]);
        assert_eq!(overdue(26, "2024-05-07T02:00:00Z"), [3, 4, 5].map(day));
        assert_eq!(overdue(26, "2024-05-08T02:00:00Z"), [3, 4, 5, 6].map(day));
        assert_eq!(overdue(1_000_000, "2024-05-08T02:00:00Z"), []);
    }

    #[test]
    fn last_day_of_an_age_is_one_of_the_time_zone() {
        let mut ledger = ledger();
        let last =
            |ledger: &Ledger, now: &str| ledger.last_day_of_age(TimeDelta::hours(26), time(now));
        assert_eq!(last(&ledger, "2024-05-05T01:59:59Z"), day(2));
        assert_eq!(last(&ledger, "2024-05-05T02:00:00Z"), day(3));
        ledger.set_time_zone("Asia/Kolkata");
        assert_eq!(last(&ledger, "2024-05-04T20:29:59Z"), day(2));
        assert_eq!(last(&ledger, "2024-05-04T20:30:00Z"), day(3));
    }

    #[test]
    fn days_end_in_the_time_zone_of_the_ledger() {
        let mut ledger = ledger();
        assert_eq!(ledger.end_of(day(3)), time("2024-05-04T00:00:00Z"));
        ledger.set_time_zone("Asia/Kolkata");
        assert_eq!(ledger.end_of(day(3)), time("2024-05-03T18:30:00Z"));
        ledger.set_time_zone("nowhere");
        assert_eq!(ledger.end_of(day(3)), time("2024-05-04T00:00:00Z"));
    }

    #[test]
    fn first_wanted_day_is_overdue_even_if_no_day_was_ever_pulled() {
        let mut ledger = Ledger::default();
        ledger.set_end(RangeEnd::Today);
        let overdue =
            |ledger: &Ledger| ledger.overdue(TimeDelta::hours(26), time("2024-05-03T02:00:00Z"));
        assert_eq!(overdue(&ledger), []);
        ledger.set_start(day(1));
        assert_eq!(overdue(&ledger), [(day(1), DayStatus::Missing)]);
    }

    #[test]
    fn day_pulled_in_the_future_is_not_complete() {
        let ledger = ledger();
        let before = time("2024-05-03T06:14:00Z");
        assert_eq!(ledger.status(day(2), before), DayStatus::Ahead);
        assert_eq!(ledger.newest_complete_day(before), None);
        let after = time("2024-05-03T06:16:00Z");
        assert_eq!(ledger.status(day(2), after), DayStatus::Sealed);
        assert_eq!(ledger.newest_complete_day(after), Some(day(2)));
    }
}
