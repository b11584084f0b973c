//! Whatever goes wrong on the way, the result is the same; and what cannot be mended is named.

use std::sync::Arc;

use crate::against::{
    InMemory, events, expect_right_or_named, expect_truth, may, missing, population, pull,
    pull_with, truth,
};
use futures_util::StreamExt;
use kapture_customers::{EndBound, Event, Finding, Proof, PullError};
use kapture_sandbox::{
    Behaviour, Change, EmptyForm, FaultKind, Faults, Flip, Limit, Movement, Offset, Order, PerDay,
    Position, SameDay, Tenant, Windows,
};
use kapture_transport::{ClientOptions, Error};

const EXCLUSIVE: Windows = Windows::Exclusive {
    same_day: SameDay::Empty,
};
const EXCLUSIVE_REFUSING: Windows = Windows::Exclusive {
    same_day: SameDay::Refused,
};

/// Whoever shows progress learns why nothing comes, and what was found out.
#[tokio::test(start_paused = true)]
async fn waits_and_lessons_are_told() {
    let behaviour = Behaviour {
        limit: Limit::CappedAt(37),
        empty_window: EmptyForm::Failed("No rows here".into()),
        faults: Faults::scheduled([(2, FaultKind::Unavailable503)]),
        ..Behaviour::default()
    };
    let population = population(3, PerDay::Listed(vec![(may(3), 90)]));
    let server = InMemory(Arc::new(Tenant::new(population, behaviour)));
    let options = ClientOptions::default();
    let told = events(server, may(3), may(5), |pull| pull, options);
    let told: Vec<_> = told.map(|event| event.unwrap()).collect().await;
    let (mut waits, mut lessons) = (Vec::new(), Vec::new());
    for event in told {
        match event {
            Event::RetryScheduled { attempt, error, .. } => {
                waits.push((attempt, error.to_string()))
            }
            Event::Discovered(lesson) => lessons.push(lesson),
            _ => {}
        }
    }
    let failed = |wait: &&(u32, String)| wait.0 == 1 && wait.1.contains("503");
    assert_eq!(waits.iter().filter(failed).count(), 1, "{waits:?}");
    for expected in [
        Finding::EndBound(EndBound::Inclusive),
        Finding::EmptyResponse("No rows here".into()),
        Finding::PageLength(37),
    ] {
        assert!(lessons.contains(&expected), "{lessons:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_in_ten_fails_in_every_way() {
    for seed in 0..6 {
        for windows in Windows::ALL {
            for limit in [Limit::Honoured, Limit::CappedAt(37)] {
                let behaviour = Behaviour {
                    windows,
                    limit,
                    faults: Faults::random(0.1, FaultKind::passing(), seed),
                    ..Behaviour::default()
                };
                let weekly = PerDay::Weekly {
                    weekday: 20..=200,
                    weekend: 0..=0,
                };
                expect_truth(population(seed, weekly), behaviour, may(1), may(14)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_failure_passes_for_a_quiet_day() {
    let failed = |text: &str| EmptyForm::Failed(text.into());
    for seed in 0..6 {
        for empty_window in [
            failed("No customers found"),
            failed("E-1017"),
            EmptyForm::NotFound("gone".into()),
            EmptyForm::EmptyList,
        ] {
            for windows in Windows::ALL {
                let behaviour = Behaviour {
                    windows,
                    empty_window: empty_window.clone(),
                    limit: Limit::CappedAt(37),
                    faults: Faults::random(
                        0.1,
                        [FaultKind::Failed("Please try again".into())],
                        seed,
                    ),
                    ..Behaviour::default()
                };
                let weekly = PerDay::Weekly {
                    weekday: 1..=80,
                    weekend: 0..=0,
                };
                expect_truth(population(seed, weekly), behaviour, may(1), may(21)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_changes_its_windows_in_the_middle() {
    for from in Windows::ALL {
        for to in Windows::ALL {
            for after in [3, 5, 8, 13, 20, 30] {
                for empty_window in [
                    EmptyForm::EmptyList,
                    EmptyForm::Failed("No customers found".into()),
                ] {
                    // D…D that shows the customers of midnight alone looks like a window of few.
                    if to == Windows::Moments && to != from {
                        continue;
                    }
                    let behaviour = Behaviour {
                        windows: from,
                        flip: Some(Flip { after, to }),
                        empty_window,
                        ..Behaviour::default()
                    };
                    let weekly = PerDay::Weekly {
                        weekday: 1..=90,
                        weekend: 0..=0,
                    };
                    let tenant = Arc::new(Tenant::new(population(after, weekly), behaviour));
                    let pulled = pull_with(
                        &tenant,
                        may(1),
                        may(21),
                        |pull| pull,
                        ClientOptions::default().concurrency(3),
                    )
                    .await;
                    expect_right_or_named(
                        &pulled,
                        &tenant,
                        (may(1), may(21)),
                        &format!("{from:?} to {to:?} after {after}"),
                    );
                }
            }
        }
    }
}

/// Nothing is lost then, but each window holds a day too much.
#[tokio::test(start_paused = true)]
async fn a_server_that_begins_to_include_the_end_day_is_taken_at_its_word() {
    let behaviour = Behaviour {
        windows: EXCLUSIVE,
        flip: Some(Flip {
            after: 10,
            to: Windows::Inclusive,
        }),
        ..Behaviour::default()
    };
    expect_truth(population(3, PerDay::Fixed(40)), behaviour, may(1), may(58)).await;
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_and_go_leave_those_that_stand() {
    for change in [Change::Insert, Change::Delete, Change::Alternate] {
        for position in [Position::BeforeOffset, Position::Anywhere] {
            for every in [1, 2, 5] {
                for limit in [Limit::Honoured, Limit::CappedAt(100), Limit::CappedAt(37)] {
                    for order in [Order::Id, Order::Name] {
                        if order == Order::Name && limit != Limit::CappedAt(100) {
                            continue;
                        }
                        let behaviour = Behaviour {
                            limit,
                            order,
                            movement: Some(Movement {
                                every,
                                change,
                                position,
                                at_most: None,
                            }),
                            ..Behaviour::default()
                        };
                        let told =
                            format!("{change:?} {position:?} every {every}, {limit:?}, {order:?}");
                        let tenant = Arc::new(Tenant::new(
                            population(every, PerDay::Between(200, 900)),
                            behaviour,
                        ));
                        let pulled = pull(&tenant, may(3), may(5)).await;
                        // Where rows change with every request, or before small pages, the pull may
                        // fail with an error.
                        let is_shifted =
                            position == Position::BeforeOffset && limit == Limit::CappedAt(37);
                        if every > 1 && !is_shifted {
                            assert!(pulled.error.is_none(), "{told}: {:?}", pulled.error);
                            assert!(pulled.failed.is_empty(), "{told}: {:?}", pulled.failed);
                        }
                        let complete = pulled.ids().into_iter();
                        for (day, ids) in
                            complete.filter(|(day, _)| pulled.receipts.contains_key(day))
                        {
                            let ever = tenant.ever_truth_ids(day, day);
                            let missing = missing(&tenant, day, &ids);
                            assert!(missing.is_empty(), "{told}: {day} lacks {missing:?}");
                            assert!(
                                ids.iter().all(|id| ever.contains(id)),
                                "{told}: {day} has strangers"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// All that is in flight meets the change at once: what was not read before is named.
#[tokio::test(start_paused = true)]
async fn a_change_of_ways_counts_once_however_many_requests_meet_it() {
    let behaviour = Behaviour {
        windows: Windows::Inclusive,
        flip: Some(Flip {
            after: 12,
            to: Windows::Exclusive {
                same_day: SameDay::Refused,
            },
        }),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(3, PerDay::Fixed(9)), behaviour));
    let options = ClientOptions::default().concurrency(16);
    let pulled = pull_with(&tenant, may(1), may(31), |pull| pull, options).await;
    expect_right_or_named(&pulled, &tenant, (may(1), may(31)), "");
}

/// Days a few rows larger than a page are where a row has the best chance to stand in place by
/// coincidence.
#[tokio::test(start_paused = true)]
async fn moving_rows_and_changing_order_are_right_or_named() {
    let mut sealed = 0;
    for seed in (0..168).step_by(3) {
        let most = [2, 3, 5, 8, 12, 20, 37][seed as usize % 7];
        let change = [Change::Delete, Change::Insert, Change::Alternate][seed as usize / 7 % 3];
        let position = [Position::BeforeOffset, Position::Anywhere][seed as usize / 21 % 2];
        let behaviour = Behaviour {
            limit: Limit::CappedAt(most),
            order: [Order::Unstable, Order::Turns][seed as usize / 42 % 2],
            movement: Some(Movement {
                every: 1 + seed / 84 % 5,
                change,
                position,
                at_most: (seed % 2 == 0).then_some(4),
            }),
            ..Behaviour::default()
        };
        let told = format!("seed {seed}, {behaviour:?}");
        let most = most as u32;
        let tenant = Arc::new(Tenant::new(
            population(seed, PerDay::Between(most, 2 * most + 2)),
            behaviour,
        ));
        let pulled = pull(&tenant, may(3), may(5)).await;
        let ids = pulled.ids();
        for day in pulled.receipts.keys() {
            sealed += 1;
            let listed = ids.get(day).cloned().unwrap_or_default();
            let missing = missing(&tenant, *day, &listed);
            assert!(
                missing.is_empty(),
                "{day} is said to be complete and lacks {missing:?}: {told}"
            );
        }
        for error in pulled.failed.values() {
            assert!(
                // All rows of a window may go while it is read.
                matches!(
                    error,
                    PullError::Unstable { .. }
                        | PullError::InconsistentServer { .. }
                        | PullError::OffsetCapped { .. }
                        | PullError::OffsetIgnored { .. }
                ),
                "{error}: {told}"
            );
        }
    }
    assert!(sealed > 40, "{sealed}");
}

#[tokio::test(start_paused = true)]
async fn an_ignored_offset_is_right_or_named() {
    let limits = [Limit::Honoured, Limit::CappedAt(100), Limit::Ignored];
    let sizes = [
        PerDay::Between(1, 900),
        PerDay::Between(60, 150),
        PerDay::Between(1_000, 2_900),
    ];
    for (limit, per_day) in limits
        .iter()
        .flat_map(|limit| sizes.each_ref().map(|it| (*limit, it)))
    {
        for (windows, left_out) in [
            (Windows::Inclusive, 0.0),
            (Windows::Inclusive, 0.05),
            (EXCLUSIVE, 0.0),
            (EXCLUSIVE, 0.05),
        ] {
            let behaviour = Behaviour {
                limit,
                windows,
                left_out,
                offset: Offset::Ignored,
                ..Behaviour::default()
            };
            let tenant = Arc::new(Tenant::new(population(9, per_day.clone()), behaviour));
            let pulled = pull(&tenant, may(3), may(9)).await;
            let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(9)));
            for day in pulled.receipts.keys() {
                let (told, there) = (ids.get(day), truth.get(day));
                assert_eq!(told, there, "{day} {limit:?} {windows:?} {left_out}");
            }
            for error in pulled.failed.values() {
                assert!(matches!(error, PullError::OffsetIgnored { .. }), "{error}");
            }
            assert_eq!(pulled.receipts.len() + pulled.failed.len(), 7);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_far_longer_page_shows_the_end_where_offset_is_ignored() {
    let sizes = (1..12).map(|day| (may(day), if day == 9 { 400 } else { 100 }));
    let behaviour = Behaviour {
        offset: Offset::Ignored,
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(
        population(9, PerDay::Listed(sizes.collect())),
        behaviour,
    ));
    let pulled = pull(&tenant, may(3), may(9)).await;
    let (ids, truth) = (pulled.ids(), truth(&tenant, may(3), may(6)));
    for day in 3..=6 {
        let receipt = &pulled.receipts[&may(day)];
        assert_eq!(receipt.proof, Proof::Inferred);
        assert_eq!(ids.get(&may(day)), truth.get(&may(day)));
    }
    let failed: Vec<_> = pulled.failed.keys().copied().collect();
    assert_eq!(failed, [may(7), may(8), may(9)], "nothing was longer");
}

#[tokio::test(start_paused = true)]
async fn what_an_unknown_sentence_means_is_not_guessed() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::Failed("E-1017".into()),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(
        population(1, PerDay::Listed(vec![])),
        behaviour,
    ));
    let pulled = pull(&tenant, may(1), may(7)).await;
    let Some(PullError::AmbiguousEmpty { answers }) = pulled.error else {
        panic!("{:?}", pulled.error)
    };
    assert_eq!(answers[0].1.message, "E-1017");
    assert!(pulled.receipts.is_empty());

    // With the user's word for it, it is settled.
    let pulled = pull_with(
        &tenant,
        may(1),
        may(7),
        |pull| pull.empty_answer("e-1017 "),
        ClientOptions::default(),
    )
    .await;
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    assert_eq!(pulled.receipts.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_ends_the_run_at_once() {
    let behaviour = Behaviour {
        token: "another".into(),
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(1, PerDay::Fixed(3)), behaviour));
    let pulled = pull(&tenant, may(1), may(7)).await;
    assert!(matches!(
        pulled.error,
        Some(PullError::Call { source: Error::Unauthorized(refusal), .. }) if refusal.message == "Invalid Auth Key"
    ));
    assert!(tenant.request_count() <= 3, "those that were sent at once");
}

#[tokio::test(start_paused = true)]
async fn receipts_say_how_it_was_proven() {
    for (windows, reach) in [
        (Windows::Inclusive, EndBound::Inclusive),
        (EXCLUSIVE, EndBound::Exclusive),
        (EXCLUSIVE_REFUSING, EndBound::Exclusive),
        (Windows::Moments, EndBound::Exclusive),
        (Windows::Strict, EndBound::SingleDay),
    ] {
        let behaviour = Behaviour {
            windows,
            empty_window: EmptyForm::Failed("No data found".into()),
            ..Behaviour::default()
        };
        let weekly = PerDay::Weekly {
            weekday: 1..=30,
            weekend: 0..=0,
        };
        let tenant = Arc::new(Tenant::new(population(1, weekly), behaviour));
        let pulled = pull(&tenant, may(1), may(9)).await;
        let receipt = &pulled.receipts[&may(5)];
        assert_eq!(receipt.end_bound, reach);
        assert_eq!(receipt.proof, Proof::Contiguous);
        assert_eq!(receipt.empty_response.as_deref(), Some("No data found"));
    }
}

/// Narrow windows are asked only because wide ones are refused. A wide one that is answered with
/// "no customers" is not refused for its width any more, in whatever form that is said.
#[tokio::test(start_paused = true)]
async fn a_server_that_stops_refusing_wide_windows_before_any_customer_is_met() {
    for empty_window in [
        EmptyForm::EmptyList,
        EmptyForm::Failed("No customers found".into()),
        EmptyForm::NotFound("No data found".into()),
    ] {
        for after in 1..9 {
            for busy in 1..4 {
                let behaviour = Behaviour {
                    windows: Windows::Strict,
                    flip: Some(Flip {
                        after,
                        to: EXCLUSIVE,
                    }),
                    empty_window: empty_window.clone(),
                    ..Behaviour::default()
                };
                let population = population(4, PerDay::Listed(vec![(may(busy), 7)]));
                let told = format!("{behaviour:?}");
                let tenant = Arc::new(Tenant::new(population, behaviour));
                let pulled = pull(&tenant, may(1), may(3)).await;
                expect_right_or_named(&pulled, &tenant, (may(1), may(3)), &told);
            }
        }
    }
}
