//! The result is the same on every server that the vendor's page allows.

use std::sync::Arc;

use crate::against::{InMemory, expect_truth, may, number, population, pull, pull_from, truth};
use async_trait::async_trait;
use kapture_customers::{Proof, PullError};
use kapture_model::Record;
use kapture_sandbox::{
    Behaviour, ContentType, EmptyForm, Limit, LoggedRequest, Oddities, Offset, Order, PerDay,
    Population, Tenant, Windows,
};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

const LIMITS: [Limit; 4] = [
    Limit::Honoured,
    Limit::CappedAt(100),
    Limit::CappedAt(37),
    Limit::Ignored,
];

fn empty_forms() -> Vec<EmptyForm> {
    vec![
        EmptyForm::EmptyList,
        EmptyForm::Null,
        EmptyForm::Missing,
        EmptyForm::BlankText,
        EmptyForm::EmptyString,
        EmptyForm::Failed("No customers found".into()),
        EmptyForm::Failed("Given information does not exist in our system.".into()),
        EmptyForm::Failed("E-1017".into()),
        EmptyForm::NotFound("Not found".into()),
        EmptyForm::NotFound("".into()),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_window_limit_and_zone() {
    for windows in Windows::ALL {
        for limit in LIMITS {
            for shift in [0, -840, -330, 330, 840] {
                let behaviour = Behaviour {
                    windows,
                    limit,
                    zone_shift_minutes: shift,
                    content_type: ContentType::Html,
                    ..Behaviour::default()
                };
                expect_truth(
                    population(3, PerDay::Between(0, 260)),
                    behaviour,
                    may(3),
                    may(12),
                )
                .await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_number_of_customers() {
    for windows in Windows::ALL {
        for limit in LIMITS {
            for per_day in [0, 1, 2, 36, 37, 38, 99, 100, 101, 499, 500, 501, 1_300] {
                let behaviour = Behaviour {
                    windows,
                    limit,
                    ..Behaviour::default()
                };
                expect_truth(
                    population(1, PerDay::Fixed(per_day)),
                    behaviour,
                    may(3),
                    may(5),
                )
                .await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_days_are_quiet_days_however_they_are_answered() {
    let sparse = [
        PerDay::Listed(vec![]),
        PerDay::Listed(vec![(may(9), 1)]),
        PerDay::Listed(vec![(may(3), 40), (may(8), 120), (may(20), 3)]),
        PerDay::Weekly {
            weekday: 1..=150,
            weekend: 0..=0,
        },
    ];
    for windows in Windows::ALL {
        for form in empty_forms() {
            for per_day in &sparse {
                let nothing = matches!(per_day, PerDay::Listed(days) if days.is_empty());
                let in_words = matches!(&form, EmptyForm::NotFound(_) | EmptyForm::Failed(_));
                if nothing && in_words {
                    continue; // No canary vouches for words; see `words_without_a_canary_are_not_believed`.
                }
                let behaviour = Behaviour {
                    windows,
                    empty_window: form.clone(),
                    limit: Limit::CappedAt(37),
                    ..Behaviour::default()
                };
                expect_truth(population(2, per_day.clone()), behaviour, may(1), may(14)).await;
            }
        }
    }
}

/// A run that meets no customers, and finds none before the asked days: an explicit empty list is
/// believed, and said to have nothing that vouches for it; words are not.
#[tokio::test(start_paused = true)]
async fn words_without_a_canary_are_not_believed() {
    for windows in Windows::ALL {
        for form in empty_forms() {
            let in_words = matches!(&form, EmptyForm::NotFound(_) | EmptyForm::Failed(_));
            let behaviour = Behaviour {
                windows,
                empty_window: form.clone(),
                ..Behaviour::default()
            };
            let population = population(2, PerDay::Listed(vec![]));
            let tenant = Arc::new(Tenant::new(population, behaviour));
            let pulled = pull(&tenant, may(1), may(14)).await;
            let told = format!("{windows:?} {form:?}");
            if in_words {
                let error = pulled.error;
                let is_named = matches!(error, Some(PullError::AmbiguousEmpty { .. }));
                assert!(is_named && pulled.receipts.is_empty(), "{told}: {error:?}");
                continue;
            }
            assert!(pulled.error.is_none(), "{told}: {:?}", pulled.error);
            assert_eq!(pulled.receipts.len(), 14, "{told}");
            let mut receipts = pulled.receipts.values();
            assert!(
                receipts.all(|receipt| receipt.proof == Proof::Unvouched),
                "{told}"
            );
        }
    }
}

/// A further page behind the last row may be answered in another way than a window without
/// customers. What either looks like is asked where there can be none: years ahead, and far behind
/// the end of any window, in numbers of 31 bits.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_window_is_the_end_however_it_is_answered() {
    for (empty_window, past_end) in [
        (EmptyForm::EmptyList, EmptyForm::NotFound("gone".into())),
        (EmptyForm::Failed("E-1017".into()), EmptyForm::EmptyList),
        (
            EmptyForm::Failed("E-1017".into()),
            EmptyForm::Failed("E-1018".into()),
        ),
        (
            EmptyForm::NotFound("gone".into()),
            EmptyForm::NotFound("gone".into()),
        ),
    ] {
        let no_page = past_end != EmptyForm::EmptyList;
        let no_window = empty_window != EmptyForm::EmptyList;
        let behaviour = Behaviour {
            limit: Limit::CappedAt(1),
            empty_window,
            past_end: Some(past_end),
            ..Behaviour::default()
        };
        // The first window has no customers, so that this is learnt before there is a further page.
        let per_day = PerDay::Weekly {
            weekday: 1..=5,
            weekend: 0..=0,
        };
        let tenant = expect_truth(population(2, per_day), behaviour, may(4), may(12)).await;
        let requests = tenant.requests();
        let years_ahead = may(12) + chrono::TimeDelta::days(5 * 365);
        let windows = requests.iter().filter_map(|asked| asked.window);
        let far_windows: Vec<_> = windows.filter(|(start, _)| *start > may(60)).collect();
        let offsets = requests.iter().map(|asked| asked.offset);
        let far_offsets: Vec<_> = offsets.filter(|offset| *offset > 1_000).collect();
        assert!(far_windows.iter().all(|(start, _)| *start >= years_ahead));
        assert!(
            far_offsets
                .iter()
                .all(|offset| (1_000_000_000..1 << 31).contains(offset))
        );
        assert_eq!(!far_windows.is_empty(), no_window);
        assert_eq!(!far_offsets.is_empty(), no_page);
    }
}

#[tokio::test(start_paused = true)]
async fn every_stable_order_and_listing() {
    for order in [Order::Id, Order::IdDescending, Order::Name] {
        for offset in [Offset::Honoured, Offset::OneRowEarly] {
            for listed_twice in [0.0, 0.3] {
                for limit in LIMITS {
                    let behaviour = Behaviour {
                        order,
                        offset,
                        listed_twice,
                        limit,
                        ..Behaviour::default()
                    };
                    expect_truth(
                        population(4, PerDay::Between(0, 400)),
                        behaviour,
                        may(3),
                        may(6),
                    )
                    .await;
                }
            }
        }
    }
}

/// Deleted ones, perhaps: its pages have many lengths, and one that is shorter than others may be
/// followed by more.
#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_rows_out_of_its_pages() {
    for left_out in [0.003, 0.01, 0.05, 0.2] {
        for per_day in [PerDay::Between(60, 150), PerDay::Between(90, 400)] {
            for limit in [Limit::CappedAt(100), Limit::Honoured] {
                for seed in 0..4 {
                    let behaviour = Behaviour {
                        left_out,
                        limit,
                        ..Behaviour::default()
                    };
                    let population = population(seed, per_day.clone());
                    expect_truth(population, behaviour, may(3), may(9)).await;
                }
            }
        }
    }
}

/// A server whose pages have so many bytes at the most, and customers of one day of whom much is
/// written down.
struct Verbose {
    tenant: InMemory,
    /// How its dates begin.
    day: String,
    most: usize,
}

#[async_trait]
impl Transport for Verbose {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut response = self.tenant.send(request).await?;
        let mut answer: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        let Some(rows) = answer["message"].as_array_mut() else {
            return Ok(response);
        };
        let mut bytes = 0;
        rows.retain_mut(|row| {
            let created = row["generationDate"].as_str().unwrap_or_default();
            if created.starts_with(&self.day) {
                row["remarks"] = "much was said, ".repeat(100).into();
            }
            bytes += row.to_string().len();
            bytes <= self.most
        });
        response.body = answer.to_string().into();
        Ok(response)
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_cut_at_a_number_of_bytes_is_not_the_last() {
    for day in [3, 5, 8] {
        for windows in Windows::ALL {
            let behaviour = Behaviour {
                windows,
                limit: Limit::CappedAt(100),
                ..Behaviour::default()
            };
            let tenant = Arc::new(Tenant::new(population(3, PerDay::Fixed(150)), behaviour));
            let server = Verbose {
                tenant: InMemory(Arc::clone(&tenant)),
                day: format!("May {day}, 2024"),
                most: 100_000,
            };
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(3), may(8), |pull| pull, options).await;
            assert!(pulled.error.is_none(), "{:?}", pulled.error);
            assert_eq!(pulled.ids(), truth(&tenant, may(3), may(8)), "{windows:?}");
            assert_eq!(pulled.receipts.len(), 6, "{:?}", pulled.failed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_changes_at_every_request() {
    for limit in LIMITS {
        for windows in Windows::ALL {
            let behaviour = Behaviour {
                order: Order::Unstable,
                limit,
                windows,
                ..Behaviour::default()
            };
            expect_truth(
                population(5, PerDay::Between(30, 700)),
                behaviour,
                may(3),
                may(6),
            )
            .await;
        }
    }
}

/// The largest limit that a server accepts is nowhere stated: above it there may be fewer rows, or
/// none. Where rows are in disorder, or the offset is ignored, larger ones are asked for.
#[tokio::test(start_paused = true)]
async fn a_larger_limit_need_not_be_accepted() {
    for limit in [Limit::DefaultAbove(500), Limit::RefusedAbove(500)] {
        for empty_window in [EmptyForm::EmptyList, EmptyForm::Failed("E-1017".into())] {
            for order in [Order::Unstable, Order::Turns, Order::Id] {
                let behaviour = Behaviour {
                    limit,
                    order,
                    empty_window: empty_window.clone(),
                    ..Behaviour::default()
                };
                let sizes = vec![(may(2), 700), (may(3), 620), (may(4), 90)];
                let population = population(8, PerDay::Listed(sizes));
                let tenant = expect_truth(population, behaviour, may(1), may(5)).await;
                let larger = |asked: &&LoggedRequest| asked.limit > Some(500);
                let in_vain = tenant.requests().iter().filter(larger).count();
                assert!(
                    in_vain <= 6,
                    "{in_vain} pages too large: {limit:?} {order:?}"
                );
            }
            let behaviour = Behaviour {
                limit,
                offset: Offset::Ignored,
                empty_window: empty_window.clone(),
                ..Behaviour::default()
            };
            let sizes = vec![(may(2), 700), (may(4), 90)];
            let tenant = Arc::new(Tenant::new(population(8, PerDay::Listed(sizes)), behaviour));
            let pulled = pull(&tenant, may(2), may(2)).await;
            let error = pulled.failed.get(&may(2));
            assert!(
                matches!(error, Some(PullError::OffsetIgnored { rows: 500, .. })),
                "{limit:?}: {error:?} {:?}",
                pulled.receipts
            );
        }
    }
}

/// The page size that is asked for by default is more than the documented default.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_more_than_its_default_is_asked_for_that() {
    let plain = EmptyForm::EmptyList;
    // With fewer rows, the first days are refused as well, in other words.
    let quiet = EmptyForm::Failed("E-1017".into());
    for windows in Windows::ALL {
        for (per_day, empty_window) in [
            (PerDay::Fixed(0), &plain),
            (PerDay::Fixed(7), &plain),
            (PerDay::Fixed(130), &plain),
            (PerDay::Listed(vec![(may(6), 130)]), &quiet),
        ] {
            let behaviour = Behaviour {
                windows,
                limit: Limit::RefusedAbove(100),
                empty_window: empty_window.clone(),
                ..Behaviour::default()
            };
            let tenant = expect_truth(population(2, per_day), behaviour, may(3), may(6)).await;
            let refused = |asked: &&LoggedRequest| asked.limit > Some(100);
            let refused = tenant.requests().iter().filter(refused).count();
            assert!(refused < 16, "{refused}: {windows:?} {empty_window:?}");
        }
    }
}

/// Breaks down where more than 500 rows are asked for.
struct Overtaxed(InMemory);

#[async_trait]
impl Transport for Overtaxed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if number(&request, "limit") > 500 {
            return Ok(Response::new(504, ""));
        }
        self.0.send(request).await
    }
}

/// That a large page is too much for a server need not keep it from giving small ones.
#[tokio::test(start_paused = true)]
async fn a_larger_limit_may_be_too_much() {
    let behaviour = Behaviour {
        order: Order::Unstable,
        ..Behaviour::default()
    };
    let sizes = vec![(may(2), 700), (may(3), 620)];
    let tenant = Arc::new(Tenant::new(population(8, PerDay::Listed(sizes)), behaviour));
    let server = Overtaxed(InMemory(Arc::clone(&tenant)));
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(2), may(3), |pull| pull, options).await;
    assert_eq!(
        pulled.receipts.len(),
        2,
        "{:?} {:?}",
        pulled.failed,
        pulled.error
    );
    assert_eq!(pulled.ids(), truth(&tenant, may(2), may(3)));
}

/// What is written of a day waits until the day is done, so few may be under way at a time.
#[tokio::test(start_paused = true)]
async fn a_pull_of_years_keeps_few_days_open() {
    let equal = (PerDay::Fixed(3), EmptyForm::EmptyList);
    let weekly = PerDay::Weekly {
        weekday: 1..=9,
        weekend: 0..=0,
    };
    let opaque = (weekly.clone(), EmptyForm::Failed("E-1017".into()));
    let plain = (weekly, EmptyForm::Failed("No customers found".into()));
    let long_ago = (PerDay::Listed(vec![(may(3), 2)]), EmptyForm::EmptyList);
    for windows in Windows::ALL {
        for (per_day, empty_window) in [&equal, &opaque, &plain, &long_ago].map(Clone::clone) {
            let behaviour = Behaviour {
                windows,
                empty_window,
                ..Behaviour::default()
            };
            let told = format!("{behaviour:?}");
            let (from, to) = (may(1), may(1_000));
            let population = Population::new(6).days(may(-5), may(1_010), per_day);
            let tenant = Arc::new(Tenant::new(population, behaviour));
            let pulled = pull(&tenant, from, to).await;
            assert_eq!(pulled.receipts.len(), 1_000, "{:?}", pulled.error);
            assert_eq!(pulled.ids(), truth(&tenant, from, to));
            assert!(
                pulled.most_open < 350,
                "{} open at once {told}",
                pulled.most_open
            );
        }
    }
}

/// Where a window has very many pages it is found out how far it goes, so that its pages need not
/// wait for one another; a few requests in vain are all that this may cost, and two more for each
/// 24 pages.
#[tokio::test(start_paused = true)]
async fn a_day_of_very_many_pages() {
    for windows in Windows::ALL {
        for customers in [6_100, 20_000, 60_000] {
            let behaviour = Behaviour {
                windows,
                ..Behaviour::default()
            };
            let population = population(7, PerDay::Listed(vec![(may(4), customers)]));
            let tenant = expect_truth(population, behaviour, may(4), may(4)).await;
            let further = u64::from(customers - 2) / 499;
            let most = 2 * 3 + further + 24 + 2 * (further / 24);
            let asked = tenant.request_count();
            assert!(
                asked <= most,
                "{asked} requests instead of {most}: {windows:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_counts_the_customers_whose_date_nobody_can_read() {
    let behaviour = Behaviour {
        oddities: Oddities {
            null_dates: 0.2,
            undecodable_dates: 0.1,
            ..Oddities::default()
        },
        ..Behaviour::default()
    };
    let tenant = Arc::new(Tenant::new(population(8, PerDay::Fixed(60)), behaviour));
    let pulled = pull(&tenant, may(3), may(5)).await;
    for (day, receipt) in &pulled.receipts {
        let undated = tenant.truth(*day, *day).into_iter().filter(|customer| {
            let record = Record::decode(customer.json.clone().into()).unwrap();
            record.created().is_none()
        });
        let undated = undated.count() as u64;
        assert!(undated > 5, "{undated}");
        assert_eq!(receipt.undated, undated, "{day}");
    }
    assert_eq!(pulled.receipts.len(), 3);
}

/// Of few customers a day, one pair of windows shows little about when a day ends.
#[tokio::test(start_paused = true)]
async fn few_customers_a_day_are_compared_on_many_days() {
    for minute in [0, 360, 720, 1_080, 1_200] {
        for (per_day, limit) in [
            (1, Limit::Honoured),
            (2, Limit::Honoured),
            (5, Limit::Honoured),
            (5, Limit::CappedAt(1)),
            (9, Limit::CappedAt(4)),
            (20, Limit::CappedAt(8)),
        ] {
            let behaviour = Behaviour {
                windows: Windows::EndMinute(minute),
                limit,
                ..Behaviour::default()
            };
            let population = population(5, PerDay::Fixed(per_day));
            expect_truth(population, behaviour, may(1), may(30)).await;
        }
    }
}
