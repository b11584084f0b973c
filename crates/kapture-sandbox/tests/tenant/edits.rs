//! Customers that are edited, deleted, revived and moved.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, Edit, PerDay, Population, RandomEdits, Tenant};

fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
}

fn tenant(behaviour: Behaviour) -> Tenant {
    let population = Population::new(5).days(may(1), may(9), PerDay::Fixed(6));
    Tenant::new(population, behaviour)
}

/// The records that the tenant lists for a day.
fn listed(tenant: &Tenant, day: u32) -> Vec<String> {
    let day = may(day);
    let reply = tenant.page((day, day), 100, 0, std::time::Duration::ZERO);
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let customers = body["message"].as_array().unwrap();
    customers.iter().map(ToString::to_string).collect()
}

fn truth(tenant: &Tenant, day: u32) -> Vec<String> {
    let customers = tenant.truth(may(day), may(day)).into_iter();
    let parsed = |json: String| serde_json::from_str::<serde_json::Value>(&json).unwrap();
    customers
        .map(|customer| parsed(customer.json).to_string())
        .collect()
}

#[test]
fn edits_show_in_pages_and_in_the_truth() {
    let tenant = tenant(Behaviour::default());
    let id = tenant.truth(may(2), may(2))[0].id;
    let before = listed(&tenant, 2);
    let edit = |text: String| tenant.edit(&text.parse().unwrap());
    edit(format!("edit {id}"));
    let edited = listed(&tenant, 2);
    assert_eq!(edited.len(), 6);
    assert!(edited[0].contains("Edited 1 times") && edited[0] != before[0]);
    assert_eq!(edited[1..], before[1..]);
    assert_eq!(edited, truth(&tenant, 2));
    edit(format!("delete {id}"));
    assert_eq!(listed(&tenant, 2), before[1..]);
    edit(format!("revive {id}"));
    edit(format!("move {id} 2024-05-04"));
    assert_eq!(listed(&tenant, 2), before[1..]);
    let moved = listed(&tenant, 4);
    assert_eq!((moved.len(), &moved), (7, &truth(&tenant, 4)));
    assert!(moved.iter().any(|json| json.contains(&id.to_string())));
    // No customer has this id.
    edit("edit 1".into());
    assert_eq!(listed(&tenant, 4), moved);
}

#[test]
fn script_is_made_at_its_requests_and_the_truth_is_remembered() {
    let id = tenant(Behaviour::default()).truth(may(3), may(3))[2].id;
    let script = format!("2 delete {id}\n4 revive {id}\n");
    let tenant = tenant(Behaviour {
        edits: Edit::script(&script).unwrap(),
        ..Behaviour::default()
    });
    let counts: Vec<_> = (1..=5).map(|_| listed(&tenant, 3).len()).collect();
    assert_eq!(counts, [6, 5, 5, 6, 6]);
    let after = |requests| tenant.truth_after(requests, may(3), may(3)).len();
    assert_eq!([0, 1, 2, 3, 4].map(after), [6, 5, 5, 6, 6]);
    let standing = tenant.standing_truth_ids(may(3), may(3));
    assert!(!standing.contains(&id) && tenant.ever_truth_ids(may(3), may(3)).contains(&id));
}

#[test]
fn random_edits_are_the_same_for_the_same_seed() {
    let run = |seed| {
        let tenant = tenant(Behaviour {
            random_edits: Some(RandomEdits {
                every: 1,
                seed,
                at_most: Some(60),
            }),
            ..Behaviour::default()
        });
        (0..80).for_each(|_| drop(listed(&tenant, 5)));
        let all = tenant.truth(may(1).pred_opt().unwrap(), may(20));
        let all: BTreeSet<_> = all.into_iter().map(|customer| customer.json).collect();
        let days: Vec<_> = (1..=12).map(|day| listed(&tenant, day)).collect();
        let truths: Vec<_> = (1..=12).map(|day| truth(&tenant, day)).collect();
        assert_eq!(days, truths);
        all
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
    // Some are deleted, some are edited.
    assert!(first.len() < 54 && first.iter().any(|json| json.contains("Edited ")));
}

#[test]
fn share_of_all_customers_is_edited() {
    let tenant = tenant(Behaviour::default());
    tenant.edit(&"edit-share 0.5 3".parse().unwrap());
    let all = tenant.truth(may(1), may(9));
    let edited = all
        .iter()
        .filter(|customer| customer.json.contains("Edited 1"));
    assert!((15..40).contains(&edited.count()));
}
