//! Whatever a server does that the vendor's page allows: a day that is said to be complete is.
//!
//! Every freedom is drawn at random. Far more servers are tried without a runtime, in
//! `src/simulation/random_servers.rs`; these few go through the client and the stream.
//! `PROPTEST_RNG_SEED=$RANDOM PROPTEST_CASES=8000` draws others; failing cases are kept in
//! `proptest-regressions` and tried first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::against::{InMemory, may, missing, population, pull_from};
use kapture_customers::{EndBound, Pull, PullError, Receipt};
use kapture_sandbox::{
    Behaviour, Change, EmptyForm, FaultKind, Faults, Flip, Limit, Movement, Oddities, Offset,
    Order, PerDay, Position, Tenant, Windows,
};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn windows() -> impl Strategy<Value = Windows> {
    prop::sample::select(&Windows::ALL[..])
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        Just(Limit::Honoured),
        (8..120u64).prop_map(Limit::CappedAt),
        (1..8u64).prop_map(Limit::CappedAt),
        Just(Limit::Ignored),
        (100..600u64).prop_map(Limit::DefaultAbove),
        (100..900u64).prop_map(Limit::RefusedAbove),
    ]
}

fn empty_form() -> impl Strategy<Value = EmptyForm> {
    prop_oneof![
        Just(EmptyForm::EmptyList),
        Just(EmptyForm::Null),
        Just(EmptyForm::Missing),
        Just(EmptyForm::BlankText),
        Just(EmptyForm::Failed("No customers found".into())),
        Just(EmptyForm::Failed("E-1017".into())),
        Just(EmptyForm::NotFound("Not Found".into())),
    ]
}

fn per_day() -> impl Strategy<Value = PerDay> {
    prop_oneof![
        (0..6u32).prop_map(PerDay::Fixed),
        (0..40u32, 40..300u32).prop_map(|(low, high)| PerDay::Between(low, high)),
        (1..200u32).prop_map(|most| PerDay::Weekly {
            weekday: 0..=most,
            weekend: 0..=0
        }),
        prop::collection::vec((-1..12i64, 1..150u32), 0..4).prop_map(|days| {
            PerDay::Listed(
                days.into_iter()
                    .map(|(day, count)| (may(day), count))
                    .collect(),
            )
        }),
    ]
}

fn movement() -> impl Strategy<Value = Option<Movement>> {
    let change = prop_oneof![
        Just(Change::Insert),
        Just(Change::Delete),
        Just(Change::Alternate)
    ];
    let position = prop_oneof![Just(Position::BeforeOffset), Just(Position::Anywhere)];
    prop_oneof![
        3 => Just(None),
        1 => (1..12u64, change, position, prop::option::of(1..20u64)).prop_map(
            |(every, change, position, at_most)| Some(Movement { every, change, position, at_most })
        ),
    ]
}

prop_compose! {
    fn server()(
        windows in windows(),
        flip in prop_oneof![4 => Just(None), 1 => (2..40u64, self::windows()).prop_map(|(after, to)| Some(Flip { after, to }))],
        shift in prop_oneof![2 => Just(0), 1 => -840..=840i32],
        limit in limit(),
        offset in prop_oneof![6 => Just(Offset::Honoured), 1 => Just(Offset::OneRowEarly), 1 => Just(Offset::Ignored), 1 => (1..200u64).prop_map(Offset::UpTo)],
        order in prop_oneof![2 => Just(Order::Id), 1 => Just(Order::IdDescending), 1 => Just(Order::Name), 1 => Just(Order::Turns), 1 => Just(Order::Ties), 2 => Just(Order::Unstable)],
        listed_twice in prop_oneof![4 => Just(0.0), 1 => Just(0.2)],
        page_bytes in prop_oneof![9 => Just(None), 1 => (60_000..300_000usize).prop_map(Some)],
        movement in movement(),
        empty_window in empty_form(),
        past_end in prop::option::of(empty_form()),
        fault_rate in prop_oneof![2 => Just(0.0), 1 => Just(0.1), 1 => Just(0.25)],
        fault_seed in any::<u64>(),
        undated in prop_oneof![4 => Just(0.0), 1 => Just(0.2)],
    ) -> Behaviour {
        // A customer without a date belongs to the window that holds it. Where windows change in
        // the middle of a run, or share their midnights, two may, and nothing tells them apart.
        // Nor where nobody is left to show how far windows reach, or a row or two are all to tell from.
        let shared = flip.is_some() || windows == Windows::Moments;
        let vanishing = movement.as_ref().is_some_and(|movement| movement.change != Change::Insert);
        let few = matches!(limit, Limit::CappedAt(..=2));
        let undated = if shared || vanishing || few { 0.0 } else { undated };
        // Pages of few rows can be cut in few ways, and those of one have no seams: nothing shows that
        // others stand in the place of those that come twice, or behind the last.
        let order = match (limit, order) {
            (Limit::CappedAt(..=9), Order::Ties) => Order::Id,
            _ => order,
        };
        // D…D that shows the customers of midnight alone looks like a window of few.
        let flip = flip.filter(|flip| flip.to != Windows::Moments);
        // Nor can those that are cut at a number of bytes alone.
        let page_bytes = page_bytes.filter(|_| limit != Limit::Ignored);
        let offset = match (limit, offset) {
            (Limit::CappedAt(1), Offset::UpTo(_)) => Offset::Honoured,
            _ => offset,
        };
        Behaviour {
            windows,
            flip,
            zone_shift_minutes: shift,
            limit,
            offset,
            order,
            listed_twice,
            page_bytes,
            movement,
            empty_window,
            past_end,
            faults: Faults::random(fault_rate, FaultKind::passing(), fault_seed),
            oddities: Oddities { null_dates: undated, undecodable_dates: undated / 2.0, ..Oddities::default() },
            ..Behaviour::default()
        }
    }
}

/// A way to the tenant on which each message takes so many milliseconds, the first ones again after
/// the last: requests reach it in any order, and so do its answers come back.
struct Delayed {
    tenant: InMemory,
    delays: Vec<u64>,
    messages: AtomicUsize,
}

impl Delayed {
    async fn delay(&self) {
        if self.delays.is_empty() {
            return;
        }
        let message = self.messages.fetch_add(1, Ordering::Relaxed);
        let milliseconds = self.delays[message % self.delays.len()];
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

#[async_trait]
impl Transport for Delayed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.delay().await;
        let answer = self.tenant.send(request).await;
        self.delay().await;
        answer
    }
}

/// Whether every day has to be completed on such a server: nothing about it is beyond proof.
fn must_succeed(behaviour: &Behaviour) -> bool {
    let plain = |form: &EmptyForm| {
        !matches!(form, EmptyForm::NotFound(_))
            && !matches!(form, EmptyForm::Failed(sentence) if sentence == "E-1017")
    };
    // Where pages have a single row, the one row may be that of midnight at one time, and another one
    // the next.
    let is_single = behaviour.order == Order::Unstable && behaviour.limit == Limit::CappedAt(1);
    // Requests may fall into step with machines that answer in turn, and never meet what the other one
    // lists: then the window is named as unstable.
    let in_step = is_single || behaviour.order == Order::Turns;
    // A page that was perhaps cut has to be asked about, and nobody knows which row that is.
    let cut_early = behaviour.page_bytes.is_some() && behaviour.offset == Offset::OneRowEarly;
    // Nor can it be told who stands on two pages, where these can be cut in one way alone.
    let cut_in_one_way =
        behaviour.listed_twice > 0.0 && matches!(behaviour.limit, Limit::CappedAt(..=2));
    // Where a quarter of all requests fail, one may fail at each of its attempts: its window is named then.
    let mostly_answers = behaviour.faults.rate < 0.2;
    behaviour.flip.is_none()
        && mostly_answers
        && !in_step
        && !cut_early
        && !cut_in_one_way
        && behaviour.movement.is_none()
        && !matches!(behaviour.offset, Offset::Ignored | Offset::UpTo(_))
        && plain(&behaviour.empty_window)
        && (!matches!(
            behaviour.order,
            Order::Unstable | Order::Turns | Order::Ties
        ) || (behaviour.listed_twice == 0.0 && behaviour.offset == Offset::Honoured))
}

async fn check(
    seed: u64,
    per_day: PerDay,
    behaviour: Behaviour,
    delays: Vec<u64>,
    days: i64,
    page_size: u32,
    concurrency: usize,
) -> Result<(), TestCaseError> {
    let must_succeed = must_succeed(&behaviour);
    let are_dated = behaviour.oddities.null_dates == 0.0;
    let is_inclusive = behaviour.windows == Windows::Inclusive;
    // A known limit: windows change their meaning in the middle of a run.
    let changes_windows = behaviour.flip.is_some();
    // Such pages cannot be cut otherwise: every reading may show the same rows, and never the others.
    let is_beyond_proof =
        behaviour.order == Order::Turns && matches!(behaviour.limit, Limit::CappedAt(1..8));
    // Pages of a few rows are of interest where days have a few rows more, and slow elsewhere.
    let per_day = match behaviour.limit {
        Limit::CappedAt(most @ 0..8) => PerDay::Between(0, 4 * most as u32),
        _ => per_day,
    };
    let tenant = Arc::new(Tenant::new(population(seed, per_day), behaviour));
    let (from, to) = (may(3), may(2 + days));
    let options = ClientOptions::default().concurrency(concurrency);
    let transport = Delayed {
        tenant: InMemory(Arc::clone(&tenant)),
        delays,
        messages: AtomicUsize::new(0),
    };
    let adjust = |pull: Pull| pull.page_size(page_size);
    let pulled = pull_from(transport, from, to, adjust, options).await;
    let ids = pulled.ids();
    pulled.expect_contents(&tenant);
    let is_exclusive = |receipt: &Receipt| receipt.end_bound == EndBound::Exclusive;
    if !are_dated && is_inclusive && pulled.receipts.values().any(is_exclusive) {
        // Where all that a window shows came at midnight, the next ones are asked larger than needed.
        // They hold two days, and nothing tells whose those are that are dated nowhere.
        return Ok(());
    }
    for day in pulled.receipts.keys() {
        let told = ids.get(day).cloned().unwrap_or_default();
        let missing = missing(&tenant, *day, &told);
        prop_assert!(
            missing.is_empty() || is_beyond_proof || changes_windows,
            "{} is said to be complete and lacks {:?}",
            day,
            missing
        );
    }
    for (day, told) in &ids {
        let ever = tenant.ever_truth_ids(*day, *day);
        // Nothing tells whose a customer without a date is in a window of two days, and no receipt says so.
        if !are_dated && !pulled.receipts.contains_key(day) {
            continue;
        }
        let strangers: Vec<_> = told.iter().filter(|id| !ever.contains(id)).collect();
        prop_assert!(
            strangers.is_empty(),
            "{} has strangers {:?}",
            day,
            strangers
        );
    }
    for asked in tenant.requests() {
        if let Some((start, end)) = asked.window {
            prop_assert!((0..=1).contains(&(end - start).num_days()));
        }
    }
    if pulled.error.is_none() {
        prop_assert_eq!((pulled.receipts.len() + pulled.failed.len()) as i64, days);
    }
    // Words without a canary are not believed.
    let is_unvouched = matches!(pulled.error, Some(PullError::AmbiguousEmpty { .. }));
    if must_succeed && !is_unvouched {
        prop_assert!(pulled.error.is_none(), "{:?}", pulled.error);
        prop_assert!(pulled.failed.is_empty(), "{:?}", pulled.failed);
    } else {
        let named = pulled
            .failed
            .values()
            .chain(&pulled.error)
            .all(|error| !matches!(error, PullError::OutsideWindow { .. }));
        prop_assert!(named, "{:?}", pulled.failed);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), rng_seed: seed(), max_shrink_iters: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_day_that_is_said_to_be_complete_is(
        seed in any::<u64>(),
        per_day in per_day(),
        behaviour in server(),
        delays in prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0..400u64, 1..12)],
        days in 1..9i64,
        page_size in prop_oneof![Just(500u32), Just(50), 2..60u32],
        concurrency in 1..12usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(seed, per_day, behaviour, delays, days, page_size, concurrency))?;
    }
}

/// The same servers each time, unless `PROPTEST_RNG_SEED` says otherwise.
fn seed() -> RngSeed {
    match std::env::var("PROPTEST_RNG_SEED") {
        Ok(_) => ProptestConfig::default().rng_seed,
        Err(_) => RngSeed::Fixed(20_240_502),
    }
}

/// More with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(300)
}
