//! A minimal client: sends a window with further keys, and takes ids and messages out of the reply.

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, PerDay, Population, Reply, Request, Tenant};
use serde_json::{Value, json};

/// A day of May 2024.
pub(crate) fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
}

/// A tenant with `count` customers on each day of May 2024.
pub(crate) fn tenant(count: u32, behaviour: Behaviour) -> Tenant {
    Tenant::new(
        Population::new(1).days(may(1), may(31), PerDay::Fixed(count)),
        behaviour,
    )
}

/// A request body with the mandatory keys and `more`.
pub(crate) fn body(start: NaiveDate, end: NaiveDate, more: Value) -> Vec<u8> {
    let mut keys = json!({
        "cm_id": 424_242,
        "createStartDate": start.to_string(),
        "createEndDate": end.to_string(),
    });
    for (key, value) in more.as_object().unwrap() {
        keys[key] = value.clone();
    }
    keys.to_string().into_bytes()
}

pub(crate) fn ask(tenant: &Tenant, start: NaiveDate, end: NaiveDate, more: Value) -> Reply {
    tenant.answer(&Request::search(&body(start, end, more)))
}

/// The ids of the rows in the order of the reply; panics unless the status is success.
pub(crate) fn ids(reply: &Reply) -> Vec<u64> {
    rows(reply)
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect()
}

pub(crate) fn rows(reply: &Reply) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer["status"], "success", "{}", answer["message"]);
    answer["message"].as_array().cloned().unwrap_or_default()
}

/// The sentence of a failure.
pub(crate) fn failure(reply: &Reply) -> String {
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer["status"], "failed");
    answer["message"].as_str().unwrap().to_owned()
}

pub(crate) fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}
