//! The time that a window covers.

use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::behaviour::windows::{SameDay, Windows};
use crate::reply::refusal::Refusal;
use crate::tenant::Tenant;
use crate::tenant::query::Query;

impl Tenant {
    /// The time that the requested window covers, in the zone in which dates are printed.
    pub(super) fn covered(
        &self,
        query: &Query,
        number: u64,
    ) -> Result<Range<NaiveDateTime>, Refusal> {
        let (start, end) = (query.start, query.end);
        let windows = match self.behaviour.flip {
            Some(flip) if number > flip.after => flip.to,
            _ => self.behaviour.windows,
        };
        if self.behaviour.today.is_some_and(|today| end > today) {
            return Err(Refusal::EndInFuture);
        }
        let width = (end - start).num_days();
        let until = match windows {
            _ if width < 0 => return Err(Refusal::EndBeforeStart),
            _ if width > 1 => return Err(Refusal::TooWide),
            Windows::Strict if width > 0 => return Err(Refusal::TooWide),
            Windows::Exclusive {
                same_day: SameDay::Refused,
            } if width == 0 => return Err(Refusal::EndNotAfterStart),
            Windows::Exclusive { .. } => self.begin(end),
            Windows::Moments => self.begin(end) + TimeDelta::milliseconds(1),
            Windows::EndMinute(minutes) => {
                self.begin(end) + TimeDelta::minutes(minutes.into()) + TimeDelta::milliseconds(1)
            }
            // The last date of chrono's calendar has no successor and no customers.
            Windows::Inclusive | Windows::Strict => self.begin(end.succ_opt().unwrap_or(end)),
        };
        Ok(self.begin(start)..until)
    }

    /// The start of a day in the zone of the windows.
    fn begin(&self, day: NaiveDate) -> NaiveDateTime {
        let midnight = day.and_time(NaiveTime::MIN);
        midnight
            .checked_sub_signed(self.zone_shift)
            .unwrap_or(midnight)
    }
}
