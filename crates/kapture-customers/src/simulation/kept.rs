//! Servers on which a run had no end, or lost customers, each with a few dozen orders of its answers.

use std::time::Duration;

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

/// Rows are left out of pages that have hardly room for more than those that were asked back.
#[test]
fn page_with_hardly_any_room_is_no_end() {
    let behaviour = Behaviour {
        limit: Limit::CappedAt(12),
        left_out: 0.1,
        ..Behaviour::default()
    };
    expect_right_or_named(&Case {
        days: 1,
        ..case(PerDay::Between(20, 40), behaviour)
    });
}

/// A page as long as the first one is refused, though the first was longer than asked.
#[test]
fn page_that_is_longer_than_asked_is_not_asked_for_ever() {
    let behaviour = Behaviour {
        limit: Limit::Ignored,
        offset: Offset::PageNumber,
        order: Order::Unstable,
        faults: Faults::when([(When::LimitAbove(119), FaultKind::Stall)]),
        ..Behaviour::default()
    };
    for seed in 0..4 {
        let case = Case {
            seed,
            days: 1,
            page_size: 500,
            ..case(PerDay::Fixed(130), behaviour.clone())
        };
        case.check()
            .unwrap_or_else(|error| panic!("{error}: {case:?}"));
    }
}

/// Two machines in turn, one of which says in words that there are no customers.
#[test]
fn window_that_contradicts_itself_in_words_is_named() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::SuccessText("No customers found".into()),
        past_end: Some(EmptyForm::SuccessText("No customers found".into())),
        outages: one_in(2),
        ..Behaviour::default()
    };
    expect_right_or_named(&Case {
        days: 2,
        concurrency: 1,
        is_in_turn: true,
        page_size: 31,
        ..case(PerDay::Between(5, 60), behaviour)
    });
}

/// A session ends while it is asked what "no customers" looks like.
#[test]
fn words_of_a_session_that_ended_are_not_learnt() {
    let behaviour = Behaviour {
        limit: Limit::CappedAt(3),
        offset: Offset::PageNumber,
        empty_window: EmptyForm::FailedUnder {
            key: "error".into(),
            sentence: "Nothing on {day}".into(),
        },
        session_end: Some(SessionEnd {
            after: SessionLife::Time(Duration::from_millis(1_412)),
            form: SessionEndForm::Words("Session expired".into()),
        }),
        ..Behaviour::default()
    };
    expect_right_or_named(&Case {
        page_size: 15,
        concurrency: 10,
        ..case(PerDay::Between(0, 12), behaviour)
    });
}

/// A page that is refused for its size is asked smaller, and then larger again.
#[test]
fn page_that_is_asked_smaller_is_not_asked_larger_again() {
    let behaviour = Behaviour {
        limit: Limit::RefusedAbove(412),
        offset: Offset::Ignored,
        ..Behaviour::default()
    };
    expect_right_or_named(&Case {
        days: 1,
        page_size: 500,
        ..case(PerDay::Between(1, 4), behaviour)
    });
}

fn expect_right(case: &Case) {
    case.check()
        .unwrap_or_else(|error| panic!("{error}: {case:?}"));
}

/// The first page again, and then nothing: the search went out of order meanwhile.
#[test]
fn nothing_behind_rows_that_came_again_is_no_end() {
    let behaviour = Behaviour {
        windows: Windows::Exclusive {
            same_day: SameDay::Empty,
        },
        limit: Limit::CappedAt(2),
        offset: Offset::Ignored,
        outages: vec![Outage::of(When::Requests(19..=30))],
        ..Behaviour::default()
    };
    expect_right(&Case {
        seed: 3_559_222_370_058_577,
        days: 3,
        page_size: 500,
        ..case(PerDay::Between(0, 8), behaviour)
    });
}

/// After an outage D…D+1 was read of all days but one, so that D…D of that one is compared with nothing.
#[test]
fn single_day_that_was_never_compared_is_not_believed() {
    let behaviour = Behaviour {
        windows: Windows::EndMinute(579),
        limit: Limit::CappedAt(5),
        order: Order::LastChange,
        empty_window: EmptyForm::NoContent,
        outages: vec![Outage::of(When::Requests(0..=26))],
        session_end: Some(SessionEnd {
            after: SessionLife::Time(Duration::from_millis(81)),
            form: SessionEndForm::Unauthorized401,
        }),
        ..Behaviour::default()
    };
    expect_right(&Case {
        seed: 9_493_342_294_547_571_910,
        days: 7,
        page_size: 500,
        concurrency: 8,
        ..case(PerDay::Between(0, 20), behaviour)
    });
}

/// The first day has one customer, of midnight, and the days behind the next one fail: later ones are compared.
#[test]
fn day_that_fails_does_not_end_the_comparison() {
    let behaviour = Behaviour {
        windows: Windows::Moments,
        limit: Limit::Ignored,
        empty_window: EmptyForm::BlankText,
        faults: Faults::when([(When::StartsOn(may(5)), FaultKind::Status500)]),
        ..Behaviour::default()
    };
    let weekdays = PerDay::Weekly {
        weekday: 0..=2,
        weekend: 0..=0,
    };
    expect_right(&Case {
        seed: 15_620_830_889_354_176_976,
        days: 5,
        page_size: 500,
        concurrency: 1,
        ..case(weekdays, behaviour)
    });
}
