//! The conformance suite: the tests that every incremental sink must pass, also your own.
//!
//! ```no_run
//! # use std::collections::BTreeMap;
//! use async_trait::async_trait;
//! use chrono::NaiveDate;
//! use kapture_sinks::Sink;
//! use kapture_sinks::conformance::{self, Subject};
//! use serde_json::Value;
//!
//! struct MySink;
//!
//! #[async_trait]
//! impl Subject for MySink {
//!     async fn create(&self) -> Box<dyn Sink> {
//!         todo!("open it to write, as a new process does")
//!     }
//!
//!     async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
//!         todo!("read all customers, without the sink")
//!     }
//! }
//!
//! # async fn test() {
//! conformance::check(async || MySink, 20_000).await;
//! # }
//! ```

mod fixtures;
mod history;
mod runs;
mod shared_customers;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{Checksum, DayState, EndBound, Proof, Record};
use serde_json::{Value, json};

use crate::error::SinkError;
use crate::ledger::RangeEnd;
use crate::sink::Sink;

use fixtures::*;
use history::{history_is_what_runs_saw, unchanged_and_moved_customers};
use runs::last_hundred_runs_are_kept;
use shared_customers::{
    customer_of_two_days_opens_each_once, day_gets_back_its_customer_that_another_day_deleted,
    moved_customer_opens_its_old_day,
};

/// A destination under test, empty at first.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens it to write, as another process does.
    async fn create(&self) -> Box<dyn Sink>;

    /// All customers that it holds, by day, read without the sink: each as one JSON object with the
    /// API's own names and times in ISO 8601. Order and null fields do not matter.
    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>>;

    /// Tries to open it to write, for the customers of an account. `None` skips the tests of locks
    /// and identities.
    async fn try_create(&self, _cm_id: u64) -> Option<Result<Box<dyn Sink>, SinkError>> {
        None
    }

    /// Whether it holds one copy of a customer that several days return. Otherwise each day has its
    /// own.
    fn keeps_one_copy(&self) -> bool {
        false
    }

    /// Opens it to write, keeping its history from `from` on. `None` skips the tests of the history.
    async fn create_with_history(&self, _from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        None
    }

    /// Opens it to read, as another process does. Only for a destination that keeps its history.
    async fn open(&self) -> Option<Box<dyn Sink>> {
        None
    }

    /// All customers that its history has at a time, read without the sink, in the form of
    /// [`held`](Self::held). Asked only where it [keeps one copy](Self::keeps_one_copy) of a customer:
    /// others keep changes alone.
    async fn held_at(&self, _time: DateTime<Utc>) -> BTreeMap<NaiveDate, Vec<Value>> {
        BTreeMap::new()
    }

    /// The part of a customer that the format can hold.
    fn representable(&self, customer: Value) -> Value {
        customer
    }
}

/// Runs all tests, each with a new destination from `fresh`. `many` is the size of the largest day.
/// The rules that they check are on [`Sink`] and [`DayWriter`](crate::DayWriter).
///
/// # Panics
/// When a test fails: with its name, the rule, and what was found.
pub async fn check<S: Subject>(fresh: impl AsyncFn() -> S, many: u32) {
    macro_rules! test {
        ($test:ident($($argument:expr)?), $rule:literal) => {
            let subject = fresh().await;
            named(stringify!($test), $rule, $test(&subject $(, $argument)?)).await;
        };
    }
    test!(
        committed_day_is_complete(),
        "a day is held as soon as it is committed, also one without customers"
    );
    test!(
        dropped_day_leaves_nothing(),
        "a writer that is dropped changes nothing of its day"
    );
    test!(
        replaying_a_day_changes_nothing(),
        "a day that is committed again with the same customers is the same"
    );
    test!(
        reopened_sink_has_the_ledger(),
        "the ledger has each receipt as it was committed, also without `finish`"
    );
    test!(
        open_day_is_replaced(),
        "a commit replaces its whole day, also by no customers, and no other day"
    );
    test!(
        range_of_the_ledger_is_extended(),
        "the earliest start is the first day of the ledger's bounds, and adds no receipt"
    );
    test!(
        last_hundred_runs_are_kept(),
        "a run that is recorded is kept, also by the next process, and no more than a hundred are"
    );
    test!(
        days_written_concurrently_do_not_mix(),
        "writers of several days are open at the same time"
    );
    test!(
        later_copy_replaces_an_earlier_one(),
        "of one day the copy of a customer that was committed last is held"
    );
    test!(
        removed_contact_is_deleted(),
        "a customer is replaced with its contacts"
    );
    test!(
        every_kind_of_value_survives(),
        "no value is lost, whatever its type, and `customers` has every id"
    );
    test!(
        second_writer_is_refused(),
        "one run at a time writes, until it ends"
    );
    test!(
        other_identity_is_refused_and_changes_nothing(),
        "a destination holds the customers of one account"
    );
    test!(
        abandoned_commit_leaves_a_whole_day(),
        "a day is wholly the old one or the new one, wherever its commit ends"
    );
    if fresh().await.keeps_one_copy() {
        test!(
            moved_customer_opens_its_old_day(),
            "a customer that moved leaves its old day, which becomes stale"
        );
        test!(
            customer_of_two_days_opens_each_once(),
            "a customer that two days return makes each of them stale once"
        );
        test!(
            day_gets_back_its_customer_that_another_day_deleted(),
            "a day whose customer another day held and lost becomes stale"
        );
    }
    test!(
        unchanged_and_moved_customers(),
        "the history has one change for each customer that changed, and none for another"
    );
    for seed in 0..HISTORIES {
        test!(
            history_is_what_runs_saw(seed),
            "the history at the time of any run is what that run saw"
        );
    }
    test!(day_of_size_is_complete(10), "a small day is complete");
    test!(day_of_size_is_complete(many), "a large day is complete");
}

/// How many random histories are tried.
const HISTORIES: u64 = 24;

/// Runs a test; its panic says its name and the rule that it checks.
async fn named(name: &str, rule: &str, test: impl Future<Output = ()>) {
    let mut test = pin!(test);
    let outcome = poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| test.as_mut().poll(context)));
        match poll {
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    });
    if let Err(panic) = outcome.await {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let found = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let found = found.unwrap_or("a panic without words");
        panic!("conformance test {name} failed: expected that {rule}: {found}");
    }
}

async fn committed_day_is_complete(subject: &impl Subject) {
    let sink = subject.create().await;
    let customers: Vec<_> = (1..=10).map(plain).collect();
    let mut writer = sink.day(day(2)).await.expect("a writer");
    for batch in customers.chunks(3) {
        writer.write(&records(batch)).await.expect("written");
    }
    let receipt = receipt(day(2), &customers, DayState::Sealed);
    writer.commit(&receipt).await.expect("committed");
    // It is complete before `finish`.
    expect(subject, &[(day(2), &customers)], "a committed day").await;
    let ledger = sink.ledger().await.expect("a ledger");
    assert_eq!(ledger.get(day(2)), Some(&receipt));
    let ids = sink.customers(day(2)).await.expect("ids");
    let expected = records(&customers);
    assert!(ids.iter().eq(expected.iter().map(Record::id)), "{ids:?}");
    expect_changed(&*sink, day(2), &customers, &[]).await;
    let mut others = customers.clone();
    others[3]["name"] = "Mira Example".into();
    others[6]["contacts"][0]["phone"] = "5550100199".into();
    others[8]["attr1"] = "silver".into();
    expect_changed(&*sink, day(2), &others, &[4, 7, 9]).await;
    // A day without customers.
    commit(&*sink, day(3), &[], DayState::Sealed).await;
    sink.finish().await.expect("finished");
    expect(subject, &[(day(2), &customers)], "an empty day").await;
    assert_eq!(sink.ledger().await.expect("a ledger").len(), 2);
    assert!(sink.customers(day(3)).await.expect("ids").is_empty());
}

async fn dropped_day_leaves_nothing(subject: &impl Subject) {
    let sink = subject.create().await;
    let customers = [plain(1)];
    commit(&*sink, day(2), &customers, DayState::Open).await;
    for dropped in [day(2), day(3)] {
        let mut writer = sink.day(dropped).await.expect("a writer");
        let others = records(&[plain(7), plain(8)]);
        writer.write(&others).await.expect("written");
        drop(writer);
    }
    sink.finish().await.expect("finished");
    expect(subject, &[(day(2), &customers)], "a dropped day").await;
    assert_eq!(sink.ledger().await.expect("a ledger").len(), 1);
}

async fn replaying_a_day_changes_nothing(subject: &impl Subject) {
    let customers: Vec<_> = (1..=5).map(plain).collect();
    for _ in 0..2 {
        let sink = subject.create().await;
        commit(&*sink, day(2), &customers, DayState::Sealed).await;
        commit(&*sink, day(2), &customers, DayState::Sealed).await;
        sink.finish().await.expect("finished");
        expect(subject, &[(day(2), &customers)], "a replayed day").await;
    }
}

async fn reopened_sink_has_the_ledger(subject: &impl Subject) {
    let mut odd = receipt(day(3), &[plain(3)], DayState::Open);
    odd.proof = Proof::StableRows;
    odd.end_bound = EndBound::Exclusive;
    odd.undated = 1;
    odd.empty_response = Some("No \"customers\" found, 100% 'sure'".into());
    let first = subject.create().await;
    commit(&*first, day(2), &[plain(1)], DayState::Sealed).await;
    let mut writer = first.day(day(3)).await.expect("a writer");
    writer.write(&records(&[plain(3)])).await.expect("written");
    writer.commit(&odd).await.expect("committed");
    // Committed days stay without `finish`.
    drop(first);
    let again = subject.create().await;
    let ledger = again.ledger().await.expect("a ledger");
    assert_eq!(ledger.bounds(), Some((day(2), day(3))));
    assert_eq!(ledger.get(day(3)), Some(&odd));
    let sealed = receipt(day(2), &[plain(1)], DayState::Sealed);
    assert_eq!(ledger.get(day(2)), Some(&sealed));
}

async fn range_of_the_ledger_is_extended(subject: &impl Subject) {
    let sink = subject.create().await;
    commit(&*sink, day(3), &[plain(1)], DayState::Sealed).await;
    for (from, first) in [(4, 3), (2, 2), (3, 2), (1, 1), (2, 1)] {
        let end = RangeEnd::Day(day(3));
        sink.set_range(day(from), end).await.expect("remembered");
        let ledger = sink.ledger().await.expect("a ledger");
        assert_eq!(ledger.bounds(), Some((day(first), day(3))));
        assert_eq!(ledger.len(), 1);
    }
    drop(sink);
    let sink = subject.create().await;
    let ledger = sink.ledger().await.expect("a ledger");
    assert_eq!(ledger.bounds(), Some((day(1), day(3))));
    let today = RangeEnd::Today;
    for (end, last) in [
        (RangeEnd::Day(day(5)), 5),
        (today, 7),
        (RangeEnd::Day(day(6)), 7),
    ] {
        sink.set_range(day(1), end).await.expect("remembered");
        let ledger = sink.ledger().await.expect("a ledger");
        assert_eq!(ledger.wanted(day(7)).bounds(), Some((day(1), day(last))));
    }
}

async fn open_day_is_replaced(subject: &impl Subject) {
    let sink = subject.create().await;
    let (before, after) = ([plain(1), plain(2)], [plain(2), plain(3), plain(4)]);
    commit(&*sink, day(2), &before, DayState::Open).await;
    commit(&*sink, day(3), &[plain(9)], DayState::Sealed).await;
    commit(&*sink, day(2), &after, DayState::Sealed).await;
    let others = [plain(9)];
    let expected: [(_, &[Value]); 2] = [(day(2), &after), (day(3), &others)];
    expect(subject, &expected, "an open day").await;
    let ledger = sink.ledger().await.expect("a ledger");
    let state = ledger.get(day(2)).map(|receipt| receipt.state);
    assert_eq!(state, Some(DayState::Sealed));
    // All of its customers are deleted.
    commit(&*sink, day(2), &[], DayState::Sealed).await;
    expect(
        subject,
        &[(day(3), &others)],
        "a day that lost all customers",
    )
    .await;
}

async fn days_written_concurrently_do_not_mix(subject: &impl Subject) {
    let sink = subject.create().await;
    let customers: Vec<Vec<Value>> = (0..8)
        .map(|day| (1..=20).map(|id| plain(day * 100 + id)).collect())
        .collect();
    let days = || {
        (0_u32..)
            .zip(&customers)
            .map(|(n, list)| (day(n + 1), list))
    };
    let mut writers = BTreeMap::new();
    for (day, _) in days() {
        writers.insert(day, sink.day(day).await.expect("a writer"));
    }
    for index in 0..20 {
        for (day, customers) in days() {
            let record = records(&customers[index..=index]);
            let writer = writers.get_mut(&day).expect("open");
            writer.write(&record).await.expect("written");
        }
    }
    for (day, writer) in writers.into_iter().rev() {
        let list = days().find(|(other, _)| *other == day).expect("one").1;
        let receipt = receipt(day, list, DayState::Sealed);
        writer.commit(&receipt).await.expect("committed");
    }
    let expected: Vec<_> = days().map(|(day, list)| (day, list.as_slice())).collect();
    expect(subject, &expected, "days written at once").await;
}

async fn second_writer_is_refused(subject: &impl Subject) {
    let Some(first) = subject.try_create(1).await else {
        return;
    };
    let first = first.expect("the first writer");
    let second = subject.try_create(1).await.expect("as before");
    let error = second.err().expect("the second writer");
    assert!(matches!(error, SinkError::Locked { .. }), "{error:?}");
    // The first one does not notice.
    let customers = [plain(1)];
    commit(&*first, day(2), &customers, DayState::Sealed).await;
    first.close().await;
    drop(first);
    let third = subject.try_create(1).await.expect("as before");
    third.expect("a writer after the first").close().await;
    expect(subject, &[(day(2), &customers)], "two writers").await;
}

async fn other_identity_is_refused_and_changes_nothing(subject: &impl Subject) {
    let Some(sink) = subject.try_create(1).await else {
        return;
    };
    let sink = sink.expect("a new destination");
    let customers = [plain(1)];
    commit(&*sink, day(2), &customers, DayState::Sealed).await;
    sink.close().await;
    drop(sink);
    let other = subject.try_create(2).await.expect("as before");
    let error = other.err().expect("another account");
    assert!(
        matches!(error, SinkError::OtherSelection { .. }),
        "{error:?}"
    );
    // It holds no lock either.
    let again = subject.try_create(1).await.expect("as before");
    let again = again.expect("the same account");
    let ledger = again.ledger().await.expect("a ledger");
    assert!(ledger.get(day(2)).is_some());
    expect(subject, &[(day(2), &customers)], "another identity").await;
}

/// A run can end wherever a commit waits: at the first point, at the second, and so on. The day is
/// then wholly the old one or the new one. If it has a receipt, that is the receipt of what the
/// destination holds; the next run replaces the day.
async fn abandoned_commit_leaves_a_whole_day(subject: &impl Subject) {
    let before = [plain(1), plain(2)];
    let after = [plain(2), plain(3), plain(4)];
    for points in 0.. {
        let sink = subject.create().await;
        commit(&*sink, day(2), &before, DayState::Open).await;
        let mut writer = sink.day(day(2)).await.expect("a writer");
        writer.write(&records(&after)).await.expect("written");
        let new = receipt(day(2), &after, DayState::Open);
        let is_done = is_done_within(points, writer.commit(&new)).await;
        drop(sink);
        let sink = subject.create().await;
        let ledger = sink.ledger().await.expect("a ledger");
        let held = subject.held().await;
        let count = held.get(&day(2)).map_or(0, Vec::len);
        assert!([2, 3].contains(&count), "{count} customers at {points}");
        let is_stale = ledger.stale_reason(day(2)).is_some();
        match ledger.get(day(2)) {
            Some(receipt) => assert_eq!(receipt.customers, count as u64, "at {points}"),
            None => assert!(is_stale, "neither receipt nor stale at {points}"),
        }
        commit(&*sink, day(2), &after, DayState::Open).await;
        expect(
            subject,
            &[(day(2), &after)],
            "a day that was committed again",
        )
        .await;
        if is_done {
            return;
        }
    }
}

/// Whether a future is done when it was polled so many times; otherwise it is dropped.
async fn is_done_within<T>(
    polls: usize,
    mut future: Pin<Box<dyn Future<Output = Result<T, SinkError>> + Send + '_>>,
) -> bool {
    let mut left = polls;
    poll_fn(|context| match left {
        0 => Poll::Ready(false),
        _ => {
            left -= 1;
            let polled = future.as_mut().poll(context);
            polled.map(|outcome| outcome.map(|_| true).expect("committed"))
        }
    })
    .await
}

async fn later_copy_replaces_an_earlier_one(subject: &impl Subject) {
    let copy = |name: &str, hour: u32| {
        let mut customer = plain(1);
        customer["name"] = name.into();
        customer["lastModificationTime"]["hourOfDay"] = hour.into();
        [customer]
    };
    let (earlier, later) = (copy("Asha Before", 10), copy("Asha After", 11));
    let sink = subject.create().await;
    commit(&*sink, day(2), &earlier, DayState::Open).await;
    commit(&*sink, day(2), &later, DayState::Open).await;
    expect(subject, &[(day(2), &later)], "a later copy").await;
    // Of the same day the copy pulled last wins.
    commit(&*sink, day(2), &earlier, DayState::Open).await;
    expect(subject, &[(day(2), &earlier)], "a fresh copy").await;
}

async fn removed_contact_is_deleted(subject: &impl Subject) {
    let mut customer = plain(1);
    let contacts = json!([
        {"id": 11, "contactPerson": "Asha Example", "isPrimaryContact": true},
        {"id": 12, "contactPerson": "Ravi Example"},
        {"id": 13, "contactPerson": "Mira Example"},
    ]);
    let sink = subject.create().await;
    customer["contacts"] = contacts.clone();
    let all = [customer.clone()];
    commit(&*sink, day(2), &all, DayState::Open).await;
    expect(subject, &[(day(2), &all)], "three contacts").await;
    customer["contacts"] = json!([contacts[0], contacts[2]]);
    let fewer = [customer];
    commit(&*sink, day(2), &fewer, DayState::Open).await;
    expect(subject, &[(day(2), &fewer)], "a contact that vanished").await;
}

async fn every_kind_of_value_survives(subject: &impl Subject) {
    let mut customers = vec![plain(1)];
    let odd = [
        json!({"id": u64::MAX}),
        json!({"id": "C-17", "name": "Text id"}),
        json!({"id": 2, "cmId": i64::MAX, "name": "quotes \" ' `, commas, \\ and \t tabs\nand lines"}),
        json!({"id": 3, "name": "नमस्ते 😀 \u{202f}", "remarks": "a\u{0}b", "outStandingAmount": -0.125}),
        json!({"id": 4, "attr1": "gold", "attr0": " ", "attr2": {"deep": [1, {"er": null}]}, "ünknown \"key\"": [], "n": 1e300}),
        json!({"id": 5, "zone": "north", "name": ["a", "list"], "deleted": "perhaps", "generationDate": "one day"}),
        json!({"id": 6, "contacts": "none"}),
        json!({"id": 7, "contacts": [{"id": 1, "attr1": "x", "age": "old"}, {"id": 1}]}),
        json!({"id": 8, "generationDate": "2024-05-02T16:15:42.249", "deleted": true, "maxCreditAmt": 1e6}),
        json!({"id": 9, "name": "=cmd()", "address": " ", "website": ""}),
    ];
    customers.extend(odd);
    let sink = subject.create().await;
    commit(&*sink, day(2), &customers, DayState::Sealed).await;
    expect(subject, &[(day(2), &customers)], "odd values").await;
    let ids = sink.customers(day(2)).await.expect("ids");
    assert_eq!(
        ids,
        records(&customers)
            .iter()
            .map(|record| record.id().clone())
            .collect()
    );
    expect_changed(&*sink, day(2), &customers, &[]).await;
}

async fn day_of_size_is_complete(subject: &impl Subject, size: u32) {
    let sink = subject.create().await;
    let mut writer = sink.day(day(2)).await.expect("a writer");
    let mut receipt = receipt(day(2), &[], DayState::Sealed);
    for first in (1..=size).step_by(500) {
        let batch: Vec<_> = (first..=size.min(first + 499)).map(small).collect();
        let batch = records(&batch);
        receipt.customers += batch.len() as u64;
        batch
            .iter()
            .for_each(|record| receipt.checksum.add(record.id()));
        writer.write(&batch).await.expect("written");
    }
    writer.commit(&receipt).await.expect("committed");
    let ids = sink.customers(day(2)).await.expect("ids");
    let mut checksum = Checksum::default();
    ids.iter().for_each(|id| checksum.add(id));
    assert_eq!(
        (ids.len() as u64, checksum),
        (receipt.customers, receipt.checksum)
    );
}
