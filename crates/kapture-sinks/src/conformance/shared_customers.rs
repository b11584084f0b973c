//! The tests of customers that more than one day returned.

use chrono::NaiveDate;
use kapture_model::{DayState, Days, Record};
use serde_json::Value;

use super::Subject;
use super::fixtures::{commit, day, expect, fetched, plain, records};
use crate::ledger::StaleReason;
use crate::sink::Sink;

/// A customer, last modified at an hour.
fn modified(id: u32, hour: u32) -> Value {
    let mut customer = plain(id);
    customer["lastModificationTime"]["hourOfDay"] = hour.into();
    customer
}

pub(super) async fn moved_customer_opens_its_old_day(subject: &impl Subject) {
    let sink = subject.create().await;
    let (before, stayed) = ([modified(1, 9), modified(2, 9)], [modified(1, 9)]);
    let moved = [modified(2, 10), modified(3, 9)];
    commit(&*sink, day(2), &before, DayState::Sealed).await;
    commit(&*sink, day(3), &moved, DayState::Sealed).await;
    let expected: [(_, &[Value]); 2] = [(day(2), &stayed), (day(3), &moved)];
    expect(subject, &expected, "a customer that moved").await;
    expect_open(&*sink, &[day(2)]).await;
    // The day is pulled again, without the customer.
    commit(&*sink, day(2), &stayed, DayState::Sealed).await;
    expect(subject, &expected, "the day it left").await;
    expect_open(&*sink, &[]).await;
}

pub(super) async fn customer_of_two_days_opens_each_once(subject: &impl Subject) {
    for (hour, name) in [(9, "the same copy"), (8, "an earlier copy")] {
        let sink = subject.create().await;
        let first = [modified(1, 9), modified(2, 9)];
        let second = [modified(2, hour), modified(3, 9)];
        commit(&*sink, day(2), &first, DayState::Sealed).await;
        commit(&*sink, day(3), &second, DayState::Sealed).await;
        // Pulling the first day again tells where the customer is now.
        expect_open(&*sink, &[day(2)]).await;
        commit(&*sink, day(2), &first, DayState::Sealed).await;
        let others = [modified(3, 9)];
        let expected: [(_, &[Value]); 2] = [(day(2), &first), (day(3), &others)];
        expect(subject, &expected, name).await;
        // Both days return it. From now on that is known, whichever is pulled.
        for (again, customers) in [(day(3), &second), (day(2), &first), (day(3), &second)] {
            expect_open(&*sink, &[]).await;
            for (day, customers) in [(day(2), &first), (day(3), &second)] {
                let ids = sink.customers(day).await.expect("ids");
                let listed = records(customers);
                assert!(ids.iter().eq(listed.iter().map(Record::id)), "{name}");
            }
            commit(&*sink, again, customers, DayState::Sealed).await;
        }
        commit(&*sink, day(2), &[], DayState::Sealed).await;
        commit(&*sink, day(3), &[], DayState::Sealed).await;
    }
}

pub(super) async fn day_gets_back_its_customer_that_another_day_deleted(subject: &impl Subject) {
    let sink = subject.create().await;
    let (earlier, later) = ([modified(1, 8)], [modified(1, 9)]);
    commit(&*sink, day(2), &later, DayState::Sealed).await;
    commit(&*sink, day(3), &earlier, DayState::Sealed).await;
    expect(subject, &[(day(2), &later)], "an earlier copy").await;
    expect_open(&*sink, &[day(2)]).await;
    // The later copy was deleted on the server meanwhile.
    commit(&*sink, day(2), &[], DayState::Sealed).await;
    expect_open(&*sink, &[day(3)]).await;
    commit(&*sink, day(3), &earlier, DayState::Sealed).await;
    expect(subject, &[(day(3), &earlier)], "the other copy").await;
    expect_open(&*sink, &[]).await;
}

/// Of the second and third day exactly these are to be pulled again.
async fn expect_open(sink: &dyn Sink, expected: &[NaiveDate]) {
    let ledger = sink.ledger().await.expect("a ledger");
    let both = Days::between(day(2), day(3)).expect("a range");
    let wanted: Vec<_> = ledger.missing_or_stale(&both, fetched()).iter().collect();
    assert_eq!(wanted, expected);
    let stale: Vec<_> = ledger.stale_days().collect();
    let shared = expected
        .iter()
        .map(|day| (*day, StaleReason::SharedCustomer));
    assert!(shared.clone().all(|day| stale.contains(&day)), "{stale:?}");
}
