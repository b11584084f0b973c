//! The test of the history: random edits, moves, deletions and revivals, with runs between them, of
//! which some are killed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures_util::StreamExt;
use kapture_model::DayState;
use serde_json::{Map, Value};

use super::fixtures::{day, fetched, plain, receipt, records, sorted};
use super::{Subject, is_done_within};
use crate::ledger::change::{Change, ChangeKind, SeenBetween};
use crate::sink::Sink;

const CUSTOMERS: u32 = 9;
const DAYS: u32 = 4;
const STEPS: u32 = 14;

/// Draws numbers: the same ones for the same seed.
struct Draws(u64);

impl Draws {
    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        // Knuth's constants of a linear congruential generator, whose upper bits are good enough.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// The customers on the server, each with its day.
#[derive(Default)]
struct World {
    customers: BTreeMap<u32, (u32, Value)>,
    deleted: BTreeMap<u32, (u32, Value)>,
    edits: u32,
}

impl World {
    fn change(&mut self, draws: &mut Draws) {
        let id = 1 + draws.below(CUSTOMERS);
        self.edits += 1;
        if let Some((on, mut customer)) = self.customers.remove(&id) {
            match draws.below(10) {
                0..2 => {
                    self.deleted.insert(id, (on, customer));
                }
                2..6 => {
                    // Of two copies the one that was modified last counts.
                    customer["lastModificationTime"]["minute"] = (self.edits % 60).into();
                    customer["lastModificationTime"]["hourOfDay"] = (18 + self.edits / 60).into();
                    let to = draws.below(DAYS);
                    self.customers.insert(id, (to, customer));
                }
                edit => {
                    match edit {
                        6 => customer["name"] = format!("Asha {}", draws.below(3)).into(),
                        7 => {
                            customer["contacts"] = plain(id)["contacts"].take();
                            customer["contacts"][0]["phone"] = self.edits.to_string().into();
                        }
                        8 => customer["attr1"] = draws.below(2).into(),
                        _ => customer["contacts"] = Vec::<Value>::new().into(),
                    }
                    self.customers.insert(id, (on, customer));
                }
            }
        } else {
            let on = draws.below(DAYS);
            let returning = self.deleted.remove(&id);
            let returning = returning.filter(|_| draws.below(2) == 0);
            let customer = returning.unwrap_or_else(|| (on, plain(id)));
            self.customers.insert(id, customer);
        }
    }

    fn on(&self, number: u32) -> Vec<Value> {
        let customers = self.customers.values();
        let here = customers.filter(|(on, _)| *on == number);
        here.map(|(_, customer)| customer.clone()).collect()
    }
}

/// Commits all days in a random order; a run that is killed ends in the middle.
async fn run(sink: &dyn Sink, world: &World, at: DateTime<Utc>, draws: &mut Draws) -> bool {
    let mut days: Vec<_> = (0..DAYS).collect();
    for last in (1..days.len()).rev() {
        days.swap(last, draws.below(last as u32 + 1) as usize);
    }
    let killed = (draws.below(3) == 0).then(|| (draws.below(DAYS), draws.below(12)));
    for (index, number) in (0..).zip(days) {
        let customers = world.on(number);
        let mut writer = sink.day(day(2 + number)).await.expect("a writer");
        writer.write(&records(&customers)).await.expect("written");
        let mut receipt = receipt(day(2 + number), &customers, DayState::Sealed);
        // Days are not committed in the order in which they were complete.
        receipt.fetched = at + TimeDelta::seconds(draws.below(60).into());
        let commit = writer.commit(&receipt);
        match killed {
            Some((last, polls)) if last == index => {
                is_done_within(polls as usize, commit).await;
                return false;
            }
            _ => commit.await.expect("committed"),
        }
    }
    sink.finish().await.expect("finished");
    true
}

type Snapshot = BTreeMap<NaiveDate, Vec<Value>>;

/// The history at any run's time is what that run saw, and changes lead from one run to the next.
pub(super) async fn history_is_what_runs_saw(subject: &impl Subject, seed: u64) {
    let mut draws = Draws(seed);
    let mut world = World::default();
    // The first runs do not keep it: what they left becomes the first version.
    let begins = draws.below(3);
    let mut seen: Vec<(DateTime<Utc>, Snapshot)> = Vec::new();
    for step in 0..STEPS {
        for _ in 0..draws.below(6) {
            world.change(&mut draws);
        }
        let at = fetched() + TimeDelta::hours(step.into());
        let sink = match step < begins {
            true => subject.create().await,
            false => match subject.create_with_history(at).await {
                Some(sink) => sink,
                None => return,
            },
        };
        let finished = run(&*sink, &world, at, &mut draws).await;
        sink.close().await;
        drop(sink);
        if finished && step >= begins {
            let held = sorted_days(subject.held().await);
            let count: usize = held.values().map(Vec::len).sum();
            assert_eq!(count, world.customers.len(), "seed {seed}, step {step}");
            seen.push((at + TimeDelta::minutes(30), held));
        }
    }
    for (at, held) in seen.iter().filter(|_| subject.keeps_one_copy()) {
        let then = sorted_days(subject.held_at(*at).await);
        assert_eq!(&then, held, "seed {seed}: the history at {at}");
    }
    for pair in seen.windows(2) {
        let [(after, before), (until, now)] = pair else {
            continue;
        };
        let span = SeenBetween {
            after: Some(*after),
            until: Some(*until),
        };
        let between = changes(subject, span).await;
        let one_copy = subject.keeps_one_copy();
        expect_composed(&between, before, now, one_copy, seed);
    }
}

fn sorted_days(days: Snapshot) -> Snapshot {
    let days = days.into_iter().map(|(day, list)| (day, sorted(list)));
    days.filter(|(_, list)| !list.is_empty()).collect()
}

/// What tells two customers apart: the id, and the day where each day has its own copy.
type Key = (Option<NaiveDate>, String);

fn key(day: NaiveDate, id: &Value, one_copy: bool) -> Key {
    ((!one_copy).then_some(day), id.to_string())
}

/// The customers of a snapshot, by key.
fn by_key(days: &Snapshot, one_copy: bool) -> BTreeMap<Key, Value> {
    let customers = days
        .iter()
        .flat_map(|(day, list)| list.iter().map(move |customer| (*day, customer)));
    customers
        .map(|(day, customer)| (key(day, &customer["id"], one_copy), customer.clone()))
        .collect()
}

fn without_null_fields(customer: &Map<String, Value>) -> Value {
    let sorted = sorted(vec![customer.clone().into()]);
    let mut customer = sorted.into_iter().next().unwrap_or_default();
    // A table tells no contacts from a list without any.
    if customer["contacts"].as_array().is_some_and(Vec::is_empty) {
        customer
            .as_object_mut()
            .map(|fields| fields.remove("contacts"));
    }
    customer
}

/// Applies changes to what a run saw: the result is what the next one saw. Where there is one copy of
/// a customer, one that both saw was never deleted in between, wherever it moved.
fn expect_composed(
    changes: &[Change],
    before: &Snapshot,
    now: &Snapshot,
    one_copy: bool,
    seed: u64,
) {
    let (before, now) = (by_key(before, one_copy), by_key(now, one_copy));
    let mut composed = before.clone();
    for change in changes {
        let id = key(change.day, change.id(), one_copy);
        let held = composed.remove(&id).map(|customer| {
            let customer = customer.as_object().cloned();
            without_null_fields(&customer.unwrap_or_default())
        });
        let old = change.before.as_ref().map(without_null_fields);
        assert_eq!(old, held, "seed {seed}: before a change of {id:?}");
        if let Some(after) = &change.after {
            composed.insert(id.clone(), without_null_fields(after));
        }
        let stays = one_copy && before.contains_key(&id) && now.contains_key(&id);
        assert!(
            !stays || change.kind == ChangeKind::Update,
            "seed {seed}: {:?} of {id:?}, which both runs saw",
            change.kind
        );
        let differs = change.before != change.after;
        assert!(differs || change.kind == ChangeKind::Update, "seed {seed}");
    }
    let plain = |customers: &BTreeMap<Key, Value>| -> BTreeMap<Key, Value> {
        let plain = |customer: &Value| {
            without_null_fields(&customer.as_object().cloned().unwrap_or_default())
        };
        customers
            .iter()
            .map(|(id, customer)| (id.clone(), plain(customer)))
            .collect()
    };
    assert_eq!(plain(&composed), plain(&now), "seed {seed}: composed");
}

/// A day that is read again without a difference writes nothing, and where a customer has one copy,
/// one that moves is one change, whichever of its days is read first.
pub(super) async fn unchanged_and_moved_customers(subject: &impl Subject) {
    let Some(sink) = subject.create_with_history(fetched()).await else {
        return;
    };
    let mut at = fetched();
    let mut commit = async |number: u32, customers: &[Value]| {
        at += TimeDelta::minutes(1);
        let mut writer = sink.day(day(number)).await.expect("a writer");
        writer.write(&records(customers)).await.expect("written");
        let mut receipt = receipt(day(number), customers, DayState::Sealed);
        receipt.fetched = at;
        writer.commit(&receipt).await.expect("committed");
    };
    let later = |mut customer: Value, hour: u32| {
        customer["lastModificationTime"]["hourOfDay"] = hour.into();
        customer
    };
    commit(2, &[plain(1), plain(2)]).await;
    commit(3, &[]).await;
    sink.finish().await.expect("finished");
    let all = SeenBetween::default();
    assert_eq!(changes(subject, all).await.len(), 2);
    commit(2, &[plain(2), plain(1)]).await;
    sink.finish().await.expect("finished");
    assert_eq!(changes(subject, all).await.len(), 2, "an unchanged day");
    // The day that it left first, then the other way round.
    commit(2, &[plain(1)]).await;
    commit(3, &[later(plain(2), 20)]).await;
    sink.finish().await.expect("finished");
    commit(2, &[plain(1), later(plain(2), 21)]).await;
    commit(3, &[]).await;
    sink.finish().await.expect("finished");
    let kinds = changes(subject, all).await;
    let kinds: Vec<_> = kinds
        .iter()
        .map(|change| (change.kind, change.day))
        .collect();
    let moves = match subject.keeps_one_copy() {
        true => vec![(ChangeKind::Update, day(3)), (ChangeKind::Update, day(2))],
        false => vec![
            (ChangeKind::Delete, day(2)),
            (ChangeKind::Insert, day(3)),
            (ChangeKind::Insert, day(2)),
            (ChangeKind::Delete, day(3)),
        ],
    };
    assert_eq!(kinds[2..], moves, "a customer that moved");
    // One that no day shows any more: where a customer has one copy, it is deleted when the run ends
    // and not before.
    commit(2, &[plain(1)]).await;
    let until = 2 + moves.len() + usize::from(!subject.keeps_one_copy());
    assert_eq!(
        changes(subject, all).await.len(),
        until,
        "a run that goes on"
    );
    sink.finish().await.expect("finished");
    let deleted = changes(subject, all).await.pop().expect("a change");
    assert_eq!((deleted.kind, deleted.after), (ChangeKind::Delete, None));
    sink.close().await;
}

/// The changes of a span, read by a process of its own.
async fn changes(subject: &impl Subject, span: SeenBetween) -> Vec<Change> {
    let sink = subject.open().await.expect("a reader");
    let changes = sink.changes(span).expect("a history");
    let changes: Vec<_> = changes.collect().await;
    let changes = changes.into_iter();
    changes.map(|change| change.expect("a change")).collect()
}
