//! Whatever a server does that the vendor's page allows, and much that servers do nevertheless: a day that
//! is said to be complete is, in whatever order the answers come.
//!
//! Every freedom is drawn at random, but for what `known_limits` takes out. Without a runtime and with records that
//! have an id and a date alone, a case takes a tenth of the time that one through the client and the stream does.
//! `PROPTEST_RNG_SEED=$RANDOM PROPTEST_CASES=80000` draws servers that were not met yet; failing cases are kept in
//! `proptest-regressions` and tried first.

use std::time::Duration;

use kapture_sandbox::{
    Behaviour, Change, EmptyForm, Envelope, FaultKind, Faults, Flip, Limit, Movement, Oddities,
    Offset, Order, Outage, PartialOutage, PerDay, Position, SessionEnd, SessionEndForm,
    SessionLife, When, Windows, WindowsBy,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::case::Case;
use super::may;

/// One value in so many is drawn from `odd`, the others are the usual one.
fn seldom<T: Clone + std::fmt::Debug + 'static>(
    one_in: u32,
    usual: T,
    odd: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![one_in - 1 => Just(usual), 1 => odd].boxed()
}

fn windows() -> impl Strategy<Value = Windows> {
    prop_oneof![
        5 => prop::sample::select(&Windows::ALL[..]),
        1 => (0..1440u16).prop_map(Windows::EndMinute),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        2 => Just(Limit::Honoured),
        2 => (8..120u64).prop_map(Limit::CappedAt),
        1 => (1..8u64).prop_map(Limit::CappedAt),
        2 => Just(Limit::Ignored),
        2 => (100..600u64).prop_map(Limit::DefaultAbove),
        2 => (100..900u64).prop_map(Limit::RefusedAbove),
    ]
}

fn offset() -> impl Strategy<Value = Offset> {
    prop_oneof![
        6 => Just(Offset::Honoured),
        1 => Just(Offset::OneRowEarly),
        1 => Just(Offset::Ignored),
        1 => Just(Offset::PageNumber),
        1 => (1..200u64).prop_map(Offset::UpTo),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        2 => Just(Order::Id),
        1 => Just(Order::IdDescending),
        1 => Just(Order::Name),
        1 => Just(Order::LastChange),
        1 => Just(Order::LastChangeDescending),
        1 => Just(Order::Turns),
        1 => Just(Order::Ties),
        2 => Just(Order::Unstable),
    ]
}

fn empty_form() -> impl Strategy<Value = EmptyForm> {
    prop::sample::select(vec![
        EmptyForm::EmptyList,
        EmptyForm::ListBeside(r#""hasMore":false"#.into()),
        EmptyForm::Null,
        EmptyForm::Missing,
        EmptyForm::EmptyObject,
        EmptyForm::BlankText,
        EmptyForm::SuccessText("No customers found".into()),
        EmptyForm::Failed("No customers found".into()),
        EmptyForm::Failed("No Data Found from {start} to {end}".into()),
        EmptyForm::Failed("E-1017".into()),
        EmptyForm::Failed("E-1017, reference {reference}".into()),
        EmptyForm::FailedUnder {
            key: "error".into(),
            sentence: "Nothing on {day}".into(),
        },
        EmptyForm::NotFound("Not Found".into()),
        EmptyForm::NoContent,
    ])
}

fn per_day() -> impl Strategy<Value = PerDay> {
    prop_oneof![
        (0..6u32).prop_map(PerDay::Fixed),
        (0..10u32, 10..40u32).prop_map(|(low, high)| PerDay::Between(low, high)),
        (1..40u32).prop_map(|most| PerDay::Weekly {
            weekday: 0..=most,
            weekend: 0..=0
        }),
        prop::collection::vec((-1..12i64, 1..60u32), 0..4).prop_map(|days| {
            let listed = days.into_iter().map(|(day, count)| (may(day), count));
            PerDay::Listed(listed.collect())
        }),
    ]
}

fn movement() -> impl Strategy<Value = Option<Movement>> {
    let change = prop::sample::select(vec![
        Change::Insert,
        Change::Delete,
        Change::Alternate,
        Change::Touch,
    ]);
    let position = prop_oneof![Just(Position::BeforeOffset), Just(Position::Anywhere)];
    // Not for ever: a window that grows at each request has no end.
    let at_most = prop_oneof![Just(40), 1..20u64];
    let movement =
        (1..12u64, change, position, at_most).prop_map(|(every, change, position, at_most)| {
            Some(Movement {
                every,
                change,
                position,
                at_most: Some(at_most),
            })
        });
    seldom(4, None, movement)
}

/// When a search is out of order.
fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        (0..40u64, 1..30u64).prop_map(|(first, count)| When::Requests(first..=first + count)),
        (0..4_000u64, 1..2_000u64).prop_map(|(from, long)| {
            let time = Duration::from_millis;
            When::Time(time(from)..time(from + long))
        }),
        (0.005..0.05, any::<u64>()).prop_map(|(share, seed)| When::Share { share, seed }),
        (2..4u64).prop_map(When::EveryNth),
        (0..10i64, 1..4u64).prop_map(|(day, count)| When::FirstAsks {
            day: may(day),
            count
        }),
        Just(When::Always),
    ]
}

fn outages() -> impl Strategy<Value = Vec<Outage>> {
    let form = seldom(3, None, empty_form().prop_map(Some));
    let outage = (when(), form).prop_map(|(when, form)| vec![Outage { when, form }]);
    seldom(4, Vec::new(), outage)
}

fn partial_outages() -> impl Strategy<Value = Vec<PartialOutage>> {
    let partial = (when(), 0.05..0.9)
        .prop_filter("shows them at some time", |(when, _)| *when != When::Always)
        .prop_map(|(when, hidden)| vec![PartialOutage { when, hidden }]);
    seldom(12, Vec::new(), partial)
}

fn session_end() -> impl Strategy<Value = Option<SessionEnd>> {
    let after = prop_oneof![
        (1..60u64).prop_map(SessionLife::Requests),
        (50..3_000u64).prop_map(|time| SessionLife::Time(Duration::from_millis(time))),
    ];
    let form = prop::sample::select(vec![
        SessionEndForm::Unauthorized401,
        SessionEndForm::Redirect302,
        SessionEndForm::LoginPage,
        SessionEndForm::InvalidAuthKey,
        SessionEndForm::Words("Session expired".into()),
    ]);
    let end = (after, form).prop_map(|(after, form)| Some(SessionEnd { after, form }));
    seldom(8, None, end)
}

fn faults() -> impl Strategy<Value = Faults> {
    let passing = (0.05..0.25, any::<u64>())
        .prop_map(|(rate, seed)| Faults::random(rate, FaultKind::passing(), seed));
    let kind = prop::sample::select(vec![
        FaultKind::Status500,
        FaultKind::Stall,
        FaultKind::Failed("Too many rows".into()),
    ]);
    let large = (100..600u64, kind.clone())
        .prop_map(|(most, kind)| Faults::when([(When::LimitAbove(most), kind)]));
    let far = (20..200u64, kind.clone())
        .prop_map(|(row, kind)| Faults::when([(When::OffsetFrom(row), kind)]));
    let one_window =
        (0..10i64, kind).prop_map(|(day, kind)| Faults::when([(When::StartsOn(may(day)), kind)]));
    prop_oneof![
        5 => Just(Faults::none()),
        3 => passing,
        1 => large,
        1 => far,
        1 => one_window,
    ]
}

fn oddities() -> impl Strategy<Value = Oddities> {
    let undated = (0.05..0.4).prop_map(|share| Oddities {
        null_dates: share,
        undecodable_dates: share / 2.0,
        ..Oddities::none()
    });
    seldom(6, Oddities::none(), undated)
}

prop_compose! {
    /// How windows and pages are cut, and what they list.
    fn listing()(
        windows in windows(),
        flip in seldom(10, None, (2..40u64, windows()).prop_map(|(after, to)| Some(Flip { after, to }))),
        changed_later in seldom(12, None, (0.02..0.9).prop_map(Some)),
        today in seldom(8, None, (3..12i64).prop_map(|day| Some(may(day)))),
        zone_shift_minutes in seldom(3, 0, -840..=840i32),
        limit in limit(),
        limit_caps in seldom(8, Vec::new(), prop::collection::vec((0..12i64, 5..60u64), 1..4)),
        offset in offset(),
        order in order(),
        listed_twice in seldom(5, 0.0, Just(0.2)),
        left_out in seldom(8, 0.0, 0.003..0.3),
        page_bytes in seldom(10, None, (500..5_000usize).prop_map(Some)),
        oddities in oddities(),
    ) -> Behaviour {
        Behaviour {
            windows,
            flip,
            windows_by: changed_later.map_or(WindowsBy::Creation, |_| WindowsBy::LastChange),
            today,
            zone_shift_minutes,
            limit,
            limit_caps: limit_caps.into_iter().map(|(day, most)| (may(day), most)).collect(),
            offset,
            order,
            listed_twice,
            left_out,
            page_bytes,
            oddities: Oddities {
                changed_later: changed_later.unwrap_or(0.0),
                bare: true,
                ..oddities
            },
            ..Behaviour::default()
        }
    }
}

prop_compose! {
    fn server()(
        listing in listing(),
        movement in movement(),
        empty_window in empty_form(),
        past_end in prop::option::of(empty_form()),
        outages in outages(),
        partial_outages in partial_outages(),
        session_end in session_end(),
        faults in faults(),
        single_row_as_object in any::<bool>(),
    ) -> Behaviour {
        Behaviour {
            movement,
            empty_window,
            past_end,
            outages,
            partial_outages,
            session_end,
            faults,
            envelope: Envelope { single_row_as_object, ..Envelope::default() },
            ..listing
        }
    }
}

prop_compose! {
    pub(super) fn cases()(
        seed in any::<u64>(),
        per_day in per_day(),
        behaviour in server(),
        days in 1..6i64,
        page_size in prop_oneof![Just(500u32), Just(50), 2..60u32],
        concurrency in 1..12usize,
        is_in_turn in seldom(4, false, Just(true)),
        has_ledger in seldom(4, false, Just(true)),
    ) -> Case {
        // Pages of a few rows are of interest where days have a few rows more, and slow elsewhere.
        let per_day = match behaviour.limit {
            Limit::CappedAt(most @ 0..8) => PerDay::Between(0, 4 * most as u32),
            _ => per_day,
        };
        let case = Case { seed, per_day, behaviour, days, page_size, concurrency, is_in_turn, has_ledger };
        case.without_known_limits()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: number_of_cases(),
        rng_seed: seed(),
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    })]

    #[test]
    fn day_that_is_said_to_be_complete_is(case in cases()) {
        case.check()?;
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
fn number_of_cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES");
    let cases = cases.ok().and_then(|cases| cases.parse().ok());
    cases.unwrap_or(4_000)
}
