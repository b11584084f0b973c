//! Days assembled from windows.
//!
//! A window is cut in the server's zone, a customer dated in another perhaps, so what a window
//! holds is routed by each customer's own date, and a day is complete when every window that
//! could hold it has been read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use foldhash::HashSet;
use kapture_model::{Checksum, CustomerId, Days, Proof, Record, Window};

use crate::api::{Event, PullError};
use crate::events::EventSender;
use crate::pull::Clock;

pub(crate) struct Assembly {
    asked: Days,
    /// The zone in which an instant (epoch milliseconds) is seen.
    zone: Tz,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<NaiveDate, DayInProgress>,
    ended: BTreeMap<NaiveDate, Ended>,
    /// The windows that are being read, by their day.
    read: BTreeMap<NaiveDate, Dates>,
    /// Customers without a date that were told of: the only ones that two windows could both claim.
    undated: HashSet<CustomerId>,
}

/// How many rows of a window are dated such that it may hold them, and how many are not.
#[derive(Debug, Default)]
struct Dates {
    near: usize,
    far: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    Failed,
}

struct DayInProgress {
    begun: DateTime<Utc>,
    /// All that has to be remembered of what was told: the ids.
    told: HashSet<CustomerId>,
    checksum: Checksum,
    undated: u64,
    proof: Proof,
    unread: BTreeSet<NaiveDate>,
}

/// A day of which every window was read.
pub(crate) struct AssembledDay {
    pub(crate) day: NaiveDate,
    /// Before any of its windows was asked.
    pub(crate) begun: DateTime<Utc>,
    pub(crate) customers: u64,
    pub(crate) checksum: Checksum,
    pub(crate) undated: u64,
    pub(crate) proof: Proof,
}

/// What is to be told of some records.
#[derive(Default)]
struct Routed {
    begun: Vec<NaiveDate>,
    records: BTreeMap<NaiveDate, Vec<Record>>,
}

impl Routed {
    async fn tell(self, events: &EventSender) {
        // At once: what is routed counts as told.
        let begun = self.begun.into_iter().map(Event::DayStarted);
        let records = self.records.into_iter();
        let records = records.map(|(day, records)| Event::Records { day, records });
        events.send_all(begun.chain(records).map(Ok)).await;
    }
}

impl DayInProgress {
    fn new(day: NaiveDate, begun: DateTime<Utc>) -> Self {
        Self {
            begun,
            told: HashSet::default(),
            checksum: Checksum::default(),
            undated: 0,
            proof: Proof::Contiguous,
            unread: Days::neighbourhood(day).collect(),
        }
    }
}

impl Assembly {
    pub(crate) fn new(asked: Days, zone: Tz, clock: Clock) -> Self {
        Self {
            asked,
            zone,
            clock,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `day` was asked for.
    pub(crate) fn wants(&self, day: NaiveDate) -> bool {
        self.asked.contains(day)
    }

    /// The window of `day` is about to be read. Returns the days that begin with it.
    pub(crate) fn begin_window(&self, day: NaiveDate) -> Vec<NaiveDate> {
        let mut state = self.state();
        Days::neighbourhood(day)
            .filter(|day| self.asked.contains(*day))
            .filter(|day| state.begin(*day, self.clock))
            .collect()
    }

    /// Routes what came in the window of `day` to the days that were asked for, and tells of what
    /// was not told before.
    pub(crate) async fn deliver(
        &self,
        events: &EventSender,
        day: NaiveDate,
        window: Window,
        records: &[Record],
    ) -> Result<(), PullError> {
        // Before anything of the page counts as told.
        let dates = records.iter().filter_map(|record| self.date(record));
        self.state().check_dates(day, window, dates)?;
        self.route(window, Some(day), records).tell(events).await;
        Ok(())
    }

    /// The same for what came while something else was to be learnt: what a page has shown is not
    /// missing from its day, whatever the server says afterwards. What its window has to place is left
    /// to the reading of that.
    pub(crate) async fn keep(&self, events: &EventSender, window: Window, records: &[Record]) {
        self.route(window, None, records).tell(events).await;
    }

    fn date(&self, record: &Record) -> Option<NaiveDate> {
        let created = record.created();
        created.map(|moment| moment.local(&self.zone).date())
    }

    /// Customers from a window, which stands for a day if it is being read.
    fn route(&self, window: Window, stands_for: Option<NaiveDate>, records: &[Record]) -> Routed {
        let mut state = self.state();
        let mut routed = Routed::default();
        for record in records {
            // A date that cannot be right is as good as none. Neither must cost the customer: its window
            // places it.
            let date = self.date(record).filter(|day| near(*day, window));
            let Some(day) = date.or(stands_for) else {
                continue;
            };
            if !self.asked.contains(day) {
                continue;
            }
            if state.ended.contains_key(&day) {
                continue;
            }
            if date.is_none() && !state.undated.insert(record.id().clone()) {
                continue;
            }
            if state.begin(day, self.clock) {
                routed.begun.push(day);
            }
            let Some(progress) = state.open.get_mut(&day) else {
                continue;
            };
            if progress.told.insert(record.id().clone()) {
                progress.checksum.add(record.id());
                progress.undated += u64::from(date.is_none());
                routed.records.entry(day).or_default().push(record.clone());
            }
        }
        routed
    }

    /// The window of `day` was read whole. Returns the days that are complete with it.
    pub(crate) fn end_window(&self, day: NaiveDate, proof: Proof) -> Vec<AssembledDay> {
        let mut state = self.state();
        state.read.remove(&day);
        let mut complete = Vec::new();
        for near in Days::neighbourhood(day).filter(|day| self.asked.contains(*day)) {
            let Some(progress) = state.open.get_mut(&near) else {
                continue;
            };
            progress.unread.remove(&day);
            progress.proof = progress.proof.max(proof);
            if progress.unread.is_empty()
                && let Some(progress) = state.end(near, Ended::Done)
            {
                complete.push(AssembledDay {
                    day: near,
                    begun: progress.begun,
                    customers: progress.told.len() as u64,
                    checksum: progress.checksum,
                    undated: progress.undated,
                    proof: progress.proof,
                });
            }
        }
        complete
    }

    /// The window of `day` cannot be read whole. Returns the days that fail with it.
    pub(crate) fn fail_window(&self, day: NaiveDate) -> Vec<NaiveDate> {
        let mut state = self.state();
        state.read.remove(&day);
        Days::neighbourhood(day)
            .filter(|day| self.asked.contains(*day))
            .filter(|day| state.end(*day, Ended::Failed).is_some())
            .collect()
    }
}

impl State {
    /// Whether the rows of a window, with those of another page, are what was asked for: some may have
    /// a date that makes no sense, but fewer than not.
    fn check_dates(
        &mut self,
        day: NaiveDate,
        window: Window,
        dates: impl Iterator<Item = NaiveDate>,
    ) -> Result<(), PullError> {
        let read = self.read.entry(day).or_default();
        let (near, far): (Vec<_>, Vec<_>) = dates.partition(|day| near(*day, window));
        let together = Dates {
            near: read.near + near.len(),
            far: read.far + far.len(),
        };
        if let Some(day) = far.first()
            && together.far >= together.near
        {
            return Err(PullError::OutsideWindow { window, day: *day });
        }
        *read = together;
        Ok(())
    }

    /// Returns whether the day is new.
    fn begin(&mut self, day: NaiveDate, clock: Clock) -> bool {
        if self.ended.contains_key(&day) || self.open.contains_key(&day) {
            return false;
        }
        self.open.insert(day, DayInProgress::new(day, clock()));
        true
    }

    fn end(&mut self, day: NaiveDate, how: Ended) -> Option<DayInProgress> {
        let progress = self.open.remove(&day)?;
        self.ended.insert(day, how);
        Some(progress)
    }
}

/// Whether a window may hold customers dated `day`, in whatever zone it was cut.
pub(crate) fn near(day: NaiveDate, window: Window) -> bool {
    let first = window.start.pred_opt().unwrap_or(window.start);
    let last = window.end.succ_opt().unwrap_or(window.end);
    (first..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::calibration::{narrow, wide};
    use crate::events::channel;

    fn may(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    /// Asked for 3 to 9 May, of which `day` has ended.
    fn ended(day: u32, end: impl Fn(&Assembly, NaiveDate)) -> Assembly {
        let days = Days::between(may(3), may(9)).unwrap();
        let assembly = Assembly::new(days, Tz::UTC, DateTime::default);
        for day in Days::neighbourhood(may(day)) {
            assembly.begin_window(day);
        }
        for day in Days::neighbourhood(may(day)) {
            end(&assembly, day);
        }
        assembly
    }

    /// What becomes of customers of these days that come in a window: of how many days some are told,
    /// if they may.
    fn deliver(assembly: &Assembly, days: &[u32], window: Window) -> Result<usize, PullError> {
        let (events, mut told) = channel();
        let record = |day: &u32| {
            let row = format!(r#"{{"id":{day},"generationDate":"2024-05-{day:02} 12:00:00"}}"#);
            Record::decode(row.into_bytes().into()).unwrap()
        };
        let records: Vec<_> = days.iter().map(record).collect();
        let delivered = assembly.deliver(&events, window.start, window, &records);
        delivered.now_or_never().expect("there is room")?;
        drop(events);
        let told = std::iter::from_fn(|| told.try_recv().ok());
        Ok(told
            .filter(|event| matches!(event, Ok(Event::Records { .. })))
            .count())
    }

    #[test]
    fn a_finished_day_is_told_of_no_more() {
        let assembly = ended(6, |assembly, day| {
            assembly.end_window(day, Proof::Contiguous);
        });
        for window in [4, 5, 6, 7].map(|day| wide(may(day))) {
            assert!(
                matches!(deliver(&assembly, &[6], window), Ok(0)),
                "{window}"
            );
        }
        for window in [5, 6, 7].map(|day| narrow(may(day))) {
            assert!(
                matches!(deliver(&assembly, &[6], window), Ok(0)),
                "{window}"
            );
        }
    }

    #[test]
    fn the_window_places_a_customer_whose_date_it_cannot_hold() {
        let days = Days::between(may(3), may(9)).unwrap();
        let assembly = Assembly::new(days, Tz::UTC, DateTime::default);
        // Neither to a day that was asked for nor to one that was not: other runs ask for others.
        for far in [8, 28] {
            let delivered = deliver(&assembly, &[2, 3, 4, far], narrow(may(3)));
            assert_eq!(delivered.unwrap(), usize::from(far == 8) + 1);
        }
        assert_eq!(
            deliver(&assembly, &[28], narrow(may(3))).unwrap(),
            0,
            "alone on a page"
        );
        let complete: Vec<_> = Days::neighbourhood(may(3))
            .flat_map(|day| assembly.end_window(day, Proof::Contiguous))
            .collect();
        assert_eq!((complete[0].day, complete[0].customers), (may(3), 3));
        assert_eq!(complete[0].undated, 2);
        let again = deliver(&assembly, &[9, 8], narrow(may(9))).unwrap();
        assert_eq!(again, 2, "its own window lists it as well");
    }

    #[test]
    fn what_came_with_customers_astray_is_told_when_it_comes_again() {
        let assembly = ended(6, |assembly, day| {
            assembly.end_window(day, Proof::Contiguous);
        });
        assert!(deliver(&assembly, &[9, 3, 6], narrow(may(3))).is_err());
        assert_eq!(deliver(&assembly, &[9], narrow(may(9))).unwrap(), 1);
    }

    #[test]
    fn a_page_of_nobody_who_belongs_to_its_window_is_astray() {
        let days = Days::between(may(3), may(9)).unwrap();
        let assembly = Assembly::new(days, Tz::UTC, DateTime::default);
        let delivered = deliver(&assembly, &[6, 7], narrow(may(4)));
        assert!(matches!(delivered, Err(PullError::OutsideWindow { day, .. }) if day == may(6)));
        assert!(matches!(deliver(&assembly, &[5], narrow(may(4))), Ok(1)));
        assert!(matches!(deliver(&assembly, &[], narrow(may(4))), Ok(0)));
    }

    #[test]
    fn a_day_that_failed_is_told_of_no_more_and_fails_nobody_else() {
        let assembly = ended(6, |assembly, day| {
            assembly.fail_window(day);
        });
        assert_eq!(deliver(&assembly, &[8, 9], narrow(may(9))).unwrap(), 1);
    }
}
