//! One pull, step by step, and what it told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fastrand::Rng;
use kapture_model::CustomerId;
use kapture_sandbox::Tenant;

use crate::api::{Checksum, Event, PullError, Receipt};
use crate::engine::{Engine, Settings};
use crate::request::Outcome;

use super::calls::{Call, Line};

/// A pull of a few days that takes more steps than this has no end.
const MAX_STEPS: u32 = 20_000;

/// A day of May 2024; 0 and 32 are the days beside the month.
pub(crate) fn may(day: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, 1).expect("a date") + TimeDelta::days(day - 1)
}

/// What a pull told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) customers: BTreeMap<NaiveDate, BTreeSet<u64>>,
    pub(crate) receipts: BTreeMap<NaiveDate, Receipt>,
    pub(crate) failed: BTreeMap<NaiveDate, PullError>,
    pub(crate) error: Option<PullError>,
}

/// Long after every day that a test asks for.
pub(crate) fn new_years_day() -> DateTime<Utc> {
    DateTime::from_timestamp(1_893_456_000, 0).expect("a time")
}

/// A run of an engine against a tenant.
pub(crate) struct Run<'a> {
    pub(crate) engine: Engine,
    line: Line<'a>,
    calls: Vec<Call>,
    concurrency: usize,
    /// Draws which of the requests on their way comes next, to the tenant or back. Without it they come
    /// in turn.
    order: Option<Rng>,
    began: DateTime<Utc>,
    now: Duration,
    told: Told,
}

impl<'a> Run<'a> {
    /// A run that begins at this time of day.
    pub(crate) fn new(
        settings: Settings,
        tenant: &'a Tenant,
        concurrency: usize,
        began: DateTime<Utc>,
    ) -> Self {
        Self {
            engine: Engine::new(settings, began),
            began,
            line: Line::new(tenant),
            calls: Vec::new(),
            concurrency,
            order: None,
            now: Duration::ZERO,
            told: Told::default(),
        }
    }

    pub(crate) fn in_order_of(mut self, order: Option<Rng>) -> Self {
        self.order = order;
        self
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// When it has none, or tells what contradicts itself.
    pub(crate) fn finish(mut self) -> Told {
        for _ in 0..MAX_STEPS {
            if !self.step() {
                assert!(self.engine.is_finished(), "asks nothing, but has no end");
                self.told.error = self.engine.take_error();
                self.told.expect_receipts();
                return self.told;
            }
        }
        panic!("no end after {MAX_STEPS} steps");
    }

    /// Sends what can be sent, and takes one request to the tenant, or one answer back. Returns whether
    /// there was any.
    pub(crate) fn step(&mut self) -> bool {
        self.drain_events();
        while let Some(id) = self.engine.poll_cancel() {
            self.calls.retain(|call| call.transmit.id != id);
        }
        while let Some(free) = self.concurrency.checked_sub(self.calls.len())
            && let Some(transmit) = self.engine.poll_request(free)
        {
            self.calls.push(Call::new(transmit, self.now));
        }
        if self.calls.is_empty() {
            self.drain_events();
            return false;
        }
        let next = match &mut self.order {
            Some(order) => order.usize(..self.calls.len()),
            None => 0,
        };
        let takes = self.order.as_mut().map_or(5, |order| order.u64(0..40));
        let mut call = self.calls.remove(next);
        self.now = self.now.max(call.due) + Duration::from_millis(takes);
        match call.step(&mut self.line, self.now) {
            Some(result) => {
                let at = self.began + TimeDelta::from_std(self.now).expect("not for ever");
                self.engine
                    .on_outcome(call.transmit.id, Outcome::from(result), at);
            }
            None => self.calls.push(call),
        }
        true
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.told.take(event);
        }
    }
}

impl Told {
    fn take(&mut self, event: Event) {
        match event {
            Event::Records { day, records } => {
                assert!(!self.receipts.contains_key(&day), "{day} was done");
                let customers = self.customers.entry(day).or_default();
                for record in records {
                    let CustomerId::Number(id) = record.id() else {
                        panic!("not a number: {:?}", record.id());
                    };
                    assert!(customers.insert(*id), "{day}: {id} was told twice");
                }
            }
            Event::DayDone(receipt) => {
                let before = self.receipts.insert(receipt.day, receipt);
                assert!(before.is_none(), "two receipts: {before:?}");
            }
            Event::DayFailed { day, error } => {
                assert!(!self.receipts.contains_key(&day), "{day} was done");
                self.failed.insert(day, error);
            }
            _ => {}
        }
    }

    /// Each receipt counts what was told.
    fn expect_receipts(&self) {
        for (day, receipt) in &self.receipts {
            let mut checksum = Checksum::default();
            let ids = self.ids(*day);
            ids.iter()
                .for_each(|id| checksum.add(&CustomerId::Number(*id)));
            assert_eq!(receipt.customers, ids.len() as u64, "{day}");
            assert_eq!(receipt.checksum, checksum, "{day}");
        }
    }

    /// The customers that were told of `day`, in order of id.
    pub(crate) fn ids(&self, day: NaiveDate) -> Vec<u64> {
        let customers = self.customers.get(&day);
        customers.into_iter().flatten().copied().collect()
    }
}
