//! When a day is over: a pure function of the time of day.

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::api::DayState;

/// What is needed to tell whether a day is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    pub(crate) zone: Option<Tz>,
    pub(crate) grace_period: TimeDelta,
}

impl Calendar {
    /// The zone in which instants are seen.
    pub(crate) fn zone_or_utc(&self) -> Tz {
        self.zone.unwrap_or(Tz::UTC)
    }

    /// The date in the tenant's zone, or in UTC where that is not known.
    pub(crate) fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone_or_utc()).date_naive()
    }

    /// Whether `day` could still gain customers after it was `asked`.
    pub(crate) fn state(&self, day: NaiveDate, asked: DateTime<Utc>) -> DayState {
        let Some(midnight) = day.succ_opt().and_then(|next| next.and_hms_opt(0, 0, 0)) else {
            return DayState::Open;
        };
        let end = match self.zone {
            // Where clocks change at midnight the later reading is the safe one.
            Some(zone) => match zone.from_local_datetime(&midnight).latest() {
                Some(end) => end.to_utc(),
                None => midnight.and_utc() + TimeDelta::hours(12),
            },
            // The last zone in which a day ends is twelve hours behind UTC.
            None => midnight.and_utc() + TimeDelta::hours(12),
        };
        // A time to settle that no calendar reaches is for ever.
        match end.checked_add_signed(self.grace_period) {
            Some(settled) if asked >= settled => DayState::Sealed,
            _ => DayState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(zone: Option<Tz>, now: &str) -> DayState {
        state_of("2024-05-02", zone, now)
    }

    fn state_of(day: &str, zone: Option<Tz>, now: &str) -> DayState {
        let calendar = Calendar {
            zone,
            grace_period: TimeDelta::hours(6),
        };
        calendar.state(day.parse().unwrap(), now.parse().unwrap())
    }

    #[test]
    fn a_day_is_sealed_a_settling_time_after_its_midnight() {
        let zone = Some(Tz::Asia__Kolkata);
        assert_eq!(state(zone, "2024-05-03T00:29:59Z"), DayState::Open);
        assert_eq!(state(zone, "2024-05-03T00:30:00Z"), DayState::Sealed);
    }

    #[test]
    fn without_a_zone_it_is_over_when_it_is_over_everywhere() {
        assert_eq!(state(None, "2024-05-03T17:59:59Z"), DayState::Open);
        assert_eq!(state(None, "2024-05-03T18:00:00Z"), DayState::Sealed);
    }

    #[test]
    fn a_day_may_settle_for_ever() {
        let calendar = Calendar {
            zone: None,
            grace_period: TimeDelta::MAX,
        };
        let day = "2024-05-02".parse().unwrap();
        assert_eq!(
            calendar.state(day, DateTime::<Utc>::MAX_UTC),
            DayState::Open
        );
    }

    #[test]
    fn where_clocks_leave_midnight_out_a_day_is_over_when_it_is_over_everywhere() {
        let state = |now| state_of("2024-04-25", Some(Tz::Africa__Cairo), now);
        assert_eq!(state("2024-04-26T17:59:59Z"), DayState::Open);
        assert_eq!(state("2024-04-26T18:00:00Z"), DayState::Sealed);
    }
}
