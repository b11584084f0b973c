//! Servers on which a run had no end, or lost customers, each with a few dozen orders of its answers.

use kapture_sandbox::{
    Behaviour, Change, EmptyForm, FaultKind, Faults, Flip, Limit, Movement, Offset, Order, Outage,
    PerDay, Position, SameDay, SessionEnd, SessionEndForm, SessionLife, When, Windows,
};

use super::case::Case;
use super::may;

/// How many orders of answers are tried.
const ORDERS: u64 = 48;

/// A run of six days on a server.
fn case(per_day: PerDay, behaviour: Behaviour) -> Case {
    Case {
        seed: 0,
        per_day,
        behaviour,
        days: 6,
        page_size: 50,
        concurrency: 4,
        is_in_turn: false,
        has_ledger: false,
    }
}

fn expect_right_or_named(case: &Case) {
    for seed in 0..ORDERS {
        let case = Case {
            seed,
            ..case.clone()
        };
        case.check()
            .unwrap_or_else(|error| panic!("{error}: {case:?}"));
    }
}

fn one_in(machines: u64) -> Vec<Outage> {
    vec![Outage::of(When::EveryNth(machines))]
}

/// The question that was pressed for all others is cancelled, and the others wait for its end.
#[test]
fn questions_in_trouble_are_released_when_the_pressed_one_is_cancelled() {
    let listed = vec![(may(8), 3), (may(9), 95), (may(10), 118)];
    let flips = Behaviour {
        flip: Some(Flip {
            after: 12,
            to: Windows::Strict,
        }),
        order: Order::Name,
        empty_window: EmptyForm::NotFound("Not Found".into()),
        past_end: Some(EmptyForm::EmptyList),
        session_end: Some(SessionEnd {
            after: SessionLife::Requests(15),
            form: SessionEndForm::Words("Session expired".into()),
        }),
        faults: Faults::random(0.25, FaultKind::passing(), 13_113_957_730_374_728_962),
        ..Behaviour::default()
    };
    expect_right_or_named(&case(PerDay::Listed(listed), flips));
    let takes_single_dates = Behaviour {
        windows: Windows::Strict,
        zone_shift_minutes: -753,
        offset: Offset::PageNumber,
        listed_twice: 0.2,
        empty_window: EmptyForm::NotFound("Not Found".into()),
        past_end: Some(EmptyForm::EmptyList),
        faults: Faults::random(0.25, FaultKind::passing(), 3_130_348_885_376_247_326),
        ..Behaviour::default()
    };
    let listed = PerDay::Listed(vec![(may(2), 24)]);
    expect_right_or_named(&case(listed, takes_single_dates));
}

/// Two machines, one without an index: a window that was read shows nothing, then rows, then nothing.
#[test]
fn window_that_contradicts_itself_for_ever_is_named() {
    let behaviour = Behaviour {
        windows: Windows::Exclusive {
            same_day: SameDay::Empty,
        },
        offset: Offset::PageNumber,
        order: Order::IdDescending,
        outages: one_in(2),
        ..Behaviour::default()
    };
    let listed = vec![(may(4), 120), (may(6), 116), (may(11), 111)];
    for is_in_turn in [false, true] {
        for concurrency in [1, 4] {
            expect_right_or_named(&Case {
                concurrency,
                is_in_turn,
                ..case(PerDay::Listed(listed.clone()), behaviour.clone())
            });
        }
    }
}

/// Two machines in turn, one without an index, and one window to look at: each look meets the same one.
#[test]
fn looks_do_not_fall_into_step_with_machines_that_answer_in_turn() {
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            limit: Limit::Ignored,
            outages: one_in(2),
            ..Behaviour::default()
        };
        for days in [1, 2] {
            expect_right_or_named(&Case {
                days,
                is_in_turn: true,
                concurrency: 5,
                has_ledger: true,
                ..case(PerDay::Between(2, 46), behaviour.clone())
            });
        }
    }
}

/// A page that is cut elsewhere is no larger than others, though pages are longer than asked.
#[test]
fn refused_page_of_another_length_is_not_asked_for_ever() {
    let behaviour = Behaviour {
        limit: Limit::Ignored,
        order: Order::LastChangeDescending,
        movement: Some(Movement {
            every: 5,
            change: Change::Insert,
            position: Position::BeforeOffset,
            at_most: Some(60),
        }),
        empty_window: EmptyForm::Failed("No Data Found from {start} to {end}".into()),
        outages: one_in(3),
        ..Behaviour::default()
    };
    expect_right_or_named(&Case {
        page_size: 10,
        ..case(PerDay::Between(0, 39), behaviour)
    });
}

/// The first day has no customers, so that D…D+1 shows those of the next day alone: its own window, which
/// ends early, is not told before D…D+1 of that day was compared.
#[test]
fn day_is_not_told_before_it_is_known_how_far_windows_reach() {
    for minute in [30, 133, 400] {
        let behaviour = Behaviour {
            windows: Windows::EndMinute(minute),
            ..Behaviour::default()
        };
        let listed = (4..12).map(|day| (may(day), 40)).collect();
        expect_right_or_named(&case(PerDay::Listed(listed), behaviour));
    }
}
