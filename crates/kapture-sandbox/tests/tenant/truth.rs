//! The population, and the truth that a client is compared with.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, Weekday};
use kapture_sandbox::{Behaviour, Oddities, PerDay, Population, Tenant};
use serde_json::json;

use crate::client::{ask, ids, may, tenant};

#[test]
fn same_seed_gives_the_same_customers() {
    let truth = |seed| {
        let population = Population::new(seed).days(may(1), may(5), PerDay::Between(5, 50));
        Tenant::new(population, Behaviour::default()).truth(may(1), may(5))
    };
    assert_eq!(truth(1), truth(1));
    assert_ne!(truth(1), truth(2));
}

#[test]
fn later_plan_replaces_an_earlier_one() {
    let population = Population::new(1)
        .days(may(1), may(10), PerDay::Fixed(7))
        .days(may(11), may(20), PerDay::Between(3, 6))
        .days(
            may(21),
            may(31),
            PerDay::Listed(vec![(may(22), 5_000), (may(30), 1)]),
        )
        .days(may(2), may(2), PerDay::Fixed(0));
    assert_eq!(population.count(may(1)), 7);
    assert_eq!(population.count(may(2)), 0);
    let drawn: Vec<u32> = (11..=20).map(|day| population.count(may(day))).collect();
    assert!(drawn.iter().all(|count| (3..=6).contains(count)));
    assert!(
        drawn.windows(2).all(|pair| pair[0] != pair[1]),
        "neighbouring days differ"
    );
    let listed: Vec<u32> = (21..=31).map(|day| population.count(may(day))).collect();
    assert_eq!(listed, [0, 5_000, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(
        population.total(),
        9 * 7 + u64::from(drawn.iter().sum::<u32>()) + 5_001
    );
}

#[test]
fn weekends_differ_from_weekdays() {
    let population = Population::new(1).days(
        may(1),
        may(31),
        PerDay::Weekly {
            weekday: 20..=30,
            weekend: 0..=5,
        },
    );
    for date in may(1).iter_days().take(31) {
        let range = if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
            0..=5
        } else {
            20..=30
        };
        assert!(range.contains(&population.count(date)), "{date}");
    }
}

#[test]
fn function_plans_the_days() {
    let population =
        Population::new(1).days(may(1), may(9), PerDay::Function(|_, date| date.day() * 10));
    assert_eq!(
        (population.count(may(1)), population.count(may(9))),
        (10, 90)
    );
}

#[test]
fn ids_are_unique_and_increase_with_time() {
    let truth = tenant(500, Behaviour::default()).truth(may(1), may(31));
    assert_eq!(truth.len(), 31 * 500);
    assert!(
        truth
            .windows(2)
            .all(|pair| pair[0].id < pair[1].id && pair[0].created <= pair[1].created)
    );
    assert!(
        truth
            .iter()
            .all(|customer| (may(1)..=may(31)).contains(&customer.created.date()))
    );
}

/// A customer without a date belongs to the day of the window that holds it, any other to its printed
/// day, whichever window holds it.
#[test]
fn undated_customer_belongs_to_its_window() {
    let oddities = Oddities {
        null_dates: 0.5,
        ..Oddities::none()
    };
    let behaviour = Behaviour {
        zone_shift_minutes: 600,
        oddities,
        default_limit: 9_999,
        ..Behaviour::default()
    };
    let tenant = tenant(300, behaviour);
    let undated = |customer: &&kapture_sandbox::SandboxCustomer| {
        customer.json.contains(r#""generationDate":null"#)
    };
    let truth = tenant.truth(may(10), may(10));
    let window: BTreeSet<u64> = ids(&ask(&tenant, may(10), may(10), json!({})))
        .into_iter()
        .collect();
    let alone: BTreeSet<u64> = truth
        .iter()
        .filter(undated)
        .map(|customer| customer.id)
        .collect();
    assert!(alone.len() > 100 && alone.is_subset(&window));
    assert!(
        truth
            .iter()
            .any(|customer| customer.created.date() == may(9))
    );
    assert!(
        truth
            .iter()
            .filter(|customer| !undated(customer))
            .all(|customer| customer.created.date() == may(10))
    );
    // Every customer belongs to one day.
    let days: usize = (2..=30)
        .map(|day| tenant.truth_ids(may(day), may(day)).len())
        .sum();
    assert_eq!(days, tenant.truth_ids(may(2), may(30)).len());
}

#[test]
fn demo_has_a_few_hundred_customers_a_week_and_empty_sundays() {
    let tenant = Tenant::demo();
    let week = tenant.truth_ids(may(1), may(7)).len();
    assert!((150..400).contains(&week), "{week}");
    let sundays = NaiveDate::from_ymd_opt(2024, 1, 7)
        .unwrap()
        .iter_weeks()
        .take(52);
    let quiet = sundays
        .filter(|sunday| tenant.population().count(*sunday) == 0)
        .count();
    assert!((20..50).contains(&quiet), "{quiet} of 52");
    let (first, last) = (
        NaiveDate::from_ymd_opt(2020, 1, 1).unwrap(),
        NaiveDate::from_ymd_opt(2030, 12, 31).unwrap(),
    );
    assert!(tenant.population().count(first) > 0 && tenant.population().count(last) > 0);
}

/// A page deep in a day of millions renders only the blocks of that page.
#[test]
fn deep_page_of_millions_is_not_listed_from_the_start() {
    let population = Population::new(1).days(may(1), may(1), PerDay::Fixed(2_000_000));
    let tenant = Tenant::new(population, Behaviour::default());
    let found = ids(&ask(
        &tenant,
        may(1),
        may(1),
        json!({"offset": "1999990", "limit": "1000"}),
    ));
    assert_eq!(found.len(), 10);
}
