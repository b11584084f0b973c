//! Days assembled from windows.
//!
//! A window is cut in the server's zone, a customer dated in another perhaps, so what a window holds is
//! routed by each customer's own date, and a day is complete when every window that could hold it has
//! been read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::BuildHasher;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use foldhash::fast::RandomState;
use foldhash::{HashMap, HashSet};
use kapture_model::{CustomerId, Record, Window};

use crate::api::{Checksum, Days, Event, Finding, Proof, PullError};
use crate::evidence::creation_dates::{Dated, may_contain};

/// Routes customers to the days they were created on.
#[derive(Debug)]
pub(crate) struct DayAssembler {
    asked: Days,
    /// The zone in which an instant (epoch milliseconds) is seen.
    zone: Tz,
    open: BTreeMap<NaiveDate, OpenDay>,
    ended: BTreeSet<NaiveDate>,
    /// Days that are complete; some of what completed them may be taken back as long as they are not told.
    done: u64,
    /// Customers without a date that were told of: the only ones that two windows could both claim.
    undated: HashSet<CustomerId>,
    hasher: RandomState,
}

#[derive(Debug)]
struct OpenDay {
    begun: DateTime<Utc>,
    /// All that has to be remembered of what was told: the ids, and a hash of their bytes.
    emitted: HashMap<CustomerId, u64>,
    checksum: Checksum,
    undated: u64,
    proof: Proof,
    unread: BTreeSet<NaiveDate>,
    /// Two rows of one customer differ.
    has_conflict: bool,
}

/// A day of which every window was read.
#[derive(Debug)]
pub(crate) struct AssembledDay {
    pub(crate) day: NaiveDate,
    /// Before any of its windows was asked.
    pub(crate) begun: DateTime<Utc>,
    pub(crate) customers: u64,
    pub(crate) checksum: Checksum,
    pub(crate) undated: u64,
    pub(crate) proof: Proof,
}

impl DayAssembler {
    pub(crate) fn new(asked: Days, zone: Tz) -> Self {
        Self {
            asked,
            zone,
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            done: 0,
            undated: HashSet::default(),
            hasher: RandomState::default(),
        }
    }

    /// Whether `day` was asked for.
    pub(crate) fn wants(&self, day: NaiveDate) -> bool {
        self.asked.contains(day)
    }

    /// How many days were told to be complete.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// The window of `day` is about to be read: tells of the days that begin with it.
    pub(crate) fn begin_window(
        &mut self,
        day: NaiveDate,
        now: DateTime<Utc>,
        events: &mut VecDeque<Event>,
    ) {
        for day in Days::neighbourhood(day) {
            if self.asked.contains(day) && self.begin(day, now) {
                events.push_back(Event::DayStarted(day));
            }
        }
    }

    fn begin(&mut self, day: NaiveDate, now: DateTime<Utc>) -> bool {
        if self.ended.contains(&day) || self.open.contains_key(&day) {
            return false;
        }
        self.open.insert(
            day,
            OpenDay {
                begun: now,
                emitted: HashMap::default(),
                checksum: Checksum::default(),
                undated: 0,
                proof: Proof::Contiguous,
                unread: Days::neighbourhood(day).collect(),
                has_conflict: false,
            },
        );
        true
    }

    /// The date of a customer in the zone of the tenant.
    fn date(&self, record: &Record) -> Option<NaiveDate> {
        let created = record.created();
        created.map(|moment| moment.local(&self.zone).date())
    }

    /// The customers of a page with their dates.
    pub(crate) fn dated<'a>(&self, records: &'a [Record]) -> Vec<Dated<'a>> {
        let dated = records.iter().map(|record| Dated {
            id: record.id(),
            date: self.date(record),
        });
        dated.collect()
    }

    /// Those of these customers that belong to a day that is not complete yet, and were not told.
    pub(crate) fn unknown(&self, records: &[Record]) -> Vec<CustomerId> {
        let is_unknown = |record: &&Record| {
            let day = self.date(record).and_then(|day| self.open.get(&day));
            day.is_some_and(|open| !open.emitted.contains_key(record.id()))
        };
        let unknown = records.iter().filter(is_unknown);
        unknown.map(|record| record.id().clone()).collect()
    }

    /// Tells of what came in a window and was not told before. A window that is being read stands for a
    /// day: it places customers without a date, and those dated where the window cannot hold them. What
    /// came while something else was to be learnt is told all the same: what a page has shown is not
    /// missing from its day, whatever the server says afterwards.
    pub(crate) fn absorb(
        &mut self,
        window: Window,
        stands_for: Option<NaiveDate>,
        records: Vec<Record>,
        now: DateTime<Utc>,
        events: &mut VecDeque<Event>,
    ) {
        let mut routed = BTreeMap::<NaiveDate, Vec<Record>>::new();
        for record in records {
            let date = self.date(&record).filter(|day| may_contain(window, *day));
            let Some(day) = date.or(stands_for) else {
                continue;
            };
            if !self.asked.contains(day) || self.ended.contains(&day) {
                continue;
            }
            if date.is_none() && !self.undated.insert(record.id().clone()) {
                continue;
            }
            if self.begin(day, now) {
                events.push_back(Event::DayStarted(day));
            }
            let hash = self.hasher.hash_one(record.raw());
            let Some(open) = self.open.get_mut(&day) else {
                continue;
            };
            match open.emitted.get(record.id()) {
                Some(before) => {
                    if *before != hash && !std::mem::replace(&mut open.has_conflict, true) {
                        events.push_back(Event::Discovered(Finding::ConflictingRows(day)));
                    }
                }
                None => {
                    open.emitted.insert(record.id().clone(), hash);
                    open.checksum.add(record.id());
                    open.undated += u64::from(date.is_none());
                    routed.entry(day).or_default().push(record);
                }
            }
        }
        let told = routed.into_iter();
        events.extend(told.map(|(day, records)| Event::Records { day, records }));
    }

    /// The window of `day` was read whole. Returns the days that are complete with it.
    pub(crate) fn end_window(&mut self, day: NaiveDate, proof: Proof) -> Vec<AssembledDay> {
        let mut complete = Vec::new();
        for near in Days::neighbourhood(day) {
            let Some(open) = self.open.get_mut(&near) else {
                continue;
            };
            open.unread.remove(&day);
            open.proof = open.proof.max(proof);
            if open.unread.is_empty()
                && let Some(open) = self.end(near)
            {
                self.done += 1;
                complete.push(AssembledDay {
                    day: near,
                    begun: open.begun,
                    customers: open.emitted.len() as u64,
                    checksum: open.checksum,
                    undated: open.undated,
                    proof: open.proof,
                });
            }
        }
        complete
    }

    /// The window of `day` cannot be read whole: the days that fail with it are told.
    pub(crate) fn fail_window(
        &mut self,
        day: NaiveDate,
        error: &PullError,
        events: &mut VecDeque<Event>,
    ) {
        for day in Days::neighbourhood(day) {
            if self.end(day).is_some() {
                let error = error.clone();
                events.push_back(Event::DayFailed { day, error });
            }
        }
    }

    fn end(&mut self, day: NaiveDate) -> Option<OpenDay> {
        let open = self.open.remove(&day)?;
        self.ended.insert(day);
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Span;

    fn may(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn assembler() -> DayAssembler {
        let days = Days::between(may(3), may(9)).unwrap();
        DayAssembler::new(days, Tz::UTC)
    }

    /// Asked for 3 to 9 May, of which `day` has ended.
    fn ended(day: u32, end: impl Fn(&mut DayAssembler, NaiveDate)) -> DayAssembler {
        let mut assembler = assembler();
        let mut events = VecDeque::new();
        for day in Days::neighbourhood(may(day)) {
            assembler.begin_window(day, DateTime::default(), &mut events);
        }
        for day in Days::neighbourhood(may(day)) {
            end(&mut assembler, day);
        }
        assembler
    }

    fn record(id: u32, day: u32, name: &str) -> Record {
        let row = format!(
            r#"{{"id":{id},"name":"{name}","generationDate":"2024-05-{day:02} 12:00:00"}}"#
        );
        Record::decode(row.into_bytes().into()).unwrap()
    }

    /// Of how many days some are told, of customers of these days that come in a window.
    fn absorb(assembler: &mut DayAssembler, days: &[u32], window: Window) -> usize {
        let records = days.iter().map(|day| record(*day, *day, "Asha")).collect();
        let mut events = VecDeque::new();
        let stands_for = Some(window.start);
        assembler.absorb(
            window,
            stands_for,
            records,
            DateTime::default(),
            &mut events,
        );
        let is_records = |event: &&Event| matches!(event, Event::Records { .. });
        events.iter().filter(is_records).count()
    }

    #[test]
    fn finished_day_is_told_of_no_more() {
        let mut assembler = ended(6, |assembler, day| {
            assembler.end_window(day, Proof::Contiguous);
        });
        for day in [4, 5, 6, 7] {
            for span in [Span::OneDay, Span::TwoDays] {
                let window = span.window(may(day));
                if may_contain(window, may(6)) {
                    assert_eq!(absorb(&mut assembler, &[6], window), 0, "{window}");
                }
            }
        }
    }

    #[test]
    fn window_places_a_customer_whose_date_it_cannot_hold() {
        let mut assembler = assembler();
        let window = Span::OneDay.window(may(3));
        assert_eq!(absorb(&mut assembler, &[3, 4, 9], window), 2);
        assert_eq!(absorb(&mut assembler, &[9], window), 0, "told before");
        let complete: Vec<_> = Days::neighbourhood(may(3))
            .flat_map(|day| assembler.end_window(day, Proof::Contiguous))
            .collect();
        assert_eq!((complete[0].day, complete[0].customers), (may(3), 2));
        assert_eq!(complete[0].undated, 1);
        let own = Span::OneDay.window(may(9));
        assert_eq!(
            absorb(&mut assembler, &[9], own),
            1,
            "its own window lists it as well"
        );
    }

    #[test]
    fn failed_day_fails_none_of_the_others() {
        let mut assembler = ended(6, |assembler, day| {
            let window = Span::OneDay.window(day);
            let error = PullError::NoCanary { window };
            assembler.fail_window(day, &error, &mut VecDeque::new());
        });
        let window = Span::OneDay.window(may(9));
        assert_eq!(absorb(&mut assembler, &[8, 9], window), 1);
    }

    #[test]
    fn two_rows_of_one_customer_that_differ_are_told_once() {
        let mut assembler = assembler();
        let mut events = VecDeque::new();
        let window = Span::OneDay.window(may(3));
        for name in ["Asha", "Asha", "Ravi", "Meera"] {
            let records = vec![record(1, 3, name)];
            let stands_for = Some(may(3));
            assembler.absorb(
                window,
                stands_for,
                records,
                DateTime::default(),
                &mut events,
            );
        }
        let conflict = Finding::ConflictingRows(may(3));
        let told = |event: &&Event| matches!(event, Event::Discovered(it) if *it == conflict);
        assert_eq!(events.iter().filter(told).count(), 1);
    }
}
