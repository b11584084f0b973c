//! Correct and wrong requests, filters, and the log of requests.

use std::collections::BTreeSet;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, Oddities, Request, SandboxCustomer, Tenant};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{ask, body, failure, ids, may, tenant, text};

#[rstest]
#[case::missing(None)]
#[case::wrong(Some("Basic d3Jvbmc6d3Jvbmc="))]
#[case::no_scheme(Some("c2FuZGJveDpzYW5kYm94"))]
#[case::other_scheme(Some("Bearer c2FuZGJveDpzYW5kYm94"))]
#[case::empty(Some(""))]
fn wrong_token_is_refused_in_the_servers_words(#[case] authorization: Option<&str>) {
    for unauthorized_status in [200, 401] {
        let tenant = tenant(
            5,
            Behaviour {
                unauthorized_status,
                ..Behaviour::default()
            },
        );
        let body = body(may(5), may(5), json!({}));
        let reply = tenant.answer(&Request {
            authorization,
            ..Request::search(&body)
        });
        assert_eq!(reply.status, unauthorized_status);
        assert_eq!(
            text(&reply),
            r#"{"message":"Invalid Auth Key","status":"failed"}"#
        );
        assert!(!tenant.requests()[0].authorised);
    }
}

#[test]
fn token_of_the_knob_is_accepted() {
    let tenant = tenant(
        5,
        Behaviour {
            token: "b3RoZXI6b3RoZXI=".into(),
            ..Behaviour::default()
        },
    );
    let body = body(may(5), may(5), json!({}));
    assert_eq!(
        failure(&tenant.answer(&Request::search(&body))),
        "Invalid Auth Key"
    );
    let right = Request {
        authorization: Some("Basic b3RoZXI6b3RoZXI="),
        ..Request::search(&body)
    };
    assert_eq!(ids(&tenant.answer(&right)).len(), 5);
    assert_eq!(
        Request::search(b"")
            .authorization
            .unwrap()
            .strip_prefix("Basic "),
        Some(DEFAULT_TOKEN)
    );
}

#[rstest]
#[case::get("GET", "{}", "not supported")]
#[case::empty("POST", "", "Invalid Json.")]
#[case::broken("POST", r#"{"cm_id":424242"#, "Invalid Json.")]
#[case::list("POST", "[]", "Invalid Json.")]
#[case::form("POST", "cm_id=424242", "Invalid Json.")]
#[case::no_account(
    "POST",
    r#"{"createStartDate":"2024-05-05","createEndDate":"2024-05-05"}"#,
    "cm_id is mandatory"
)]
#[case::no_start(
    "POST",
    r#"{"cm_id":424242,"createEndDate":"2024-05-05"}"#,
    "createStartDate is mandatory"
)]
#[case::no_end(
    "POST",
    r#"{"cm_id":424242,"createStartDate":"2024-05-05"}"#,
    "createEndDate is mandatory"
)]
fn malformed_request_is_refused(#[case] method: &str, #[case] body: &str, #[case] expected: &str) {
    for refusal_status in [200, 400] {
        let tenant = tenant(
            5,
            Behaviour {
                refusal_status,
                ..Behaviour::default()
            },
        );
        let reply = tenant.answer(&Request {
            method,
            ..Request::search(body.as_bytes())
        });
        assert_eq!(reply.status, refusal_status);
        let sentence = failure(&reply);
        assert!(sentence.contains(expected), "{sentence}");
        assert_eq!(
            tenant.requests()[0].refusal.as_deref(),
            Some(sentence.as_str())
        );
    }
}

#[rstest]
#[case::other_account(json!({"cm_id": 1}), "Invalid cm_id")]
#[case::account_as_text(json!({"cm_id": "424242"}), "cm_id")]
#[case::no_such_day(json!({"createStartDate": "2024-02-30"}), "createStartDate must be a date")]
#[case::other_format(json!({"createEndDate": "05/05/2024"}), "createEndDate must be a date")]
#[case::short_format(json!({"createEndDate": "2024-5-5"}), "createEndDate must be a date")]
#[case::date_as_number(json!({"createEndDate": 20_240_505}), "createEndDate")]
#[case::limit_not_a_number(json!({"limit": "many"}), "limit must be a number")]
#[case::limit_zero(json!({"limit": "0"}), "limit must be greater")]
#[case::negative_offset(json!({"offset": "-1"}), "offset must be a number")]
#[case::list(json!({"limit": [100]}), "limit has the wrong type")]
#[case::object(json!({"attr3": {}}), "attr3 has the wrong type")]
fn wrong_value_is_refused(#[case] more: Value, #[case] expected: &str) {
    let sentence = failure(&ask(&tenant(5, Behaviour::default()), may(5), may(5), more));
    assert!(sentence.contains(expected), "{sentence}");
}

/// Other types than the documented ones are tolerated by default and refused with `strict_types`.
#[rstest]
#[case(json!({"limit": 10}))]
#[case(json!({"offset": 0}))]
#[case(json!({"zone_id": "0"}))]
#[case(json!({"isOrganisation": "false"}))]
#[case(json!({"isIndividual": true}))]
#[case(json!({"attr15": null}))]
fn strict_server_refuses_other_types(#[case] more: Value) {
    let strict = tenant(
        5,
        Behaviour {
            strict_types: true,
            ..Behaviour::default()
        },
    );
    assert!(failure(&ask(&strict, may(5), may(5), more.clone())).contains("wrong type"));
    assert_eq!(
        ids(&ask(&tenant(5, Behaviour::default()), may(5), may(5), more)).len(),
        5
    );
}

fn full_body() -> Value {
    let mut keys = json!({
        "isAllCustomerPage": false, "name": "", "phone": "", "email": "", "designationType": "",
        "customer_id": "", "customerCode": "", "zoneIdStr": "", "zone_id": 0, "assignedToId": 0,
        "assignedToIdStr": "", "isOrganisation": false, "isIndividual": "", "isChannelPartner": "",
        "primarySourceId": 0, "secondarySourceId": 0, "tertiarySourceId": 0, "limit": "", "offset": "",
    });
    for number in 1..=15 {
        keys[format!("attr{number}")] = "".into();
    }
    keys
}

#[test]
fn server_may_demand_every_documented_key() {
    let behaviour = Behaviour {
        every_documented_key: true,
        strict_types: true,
        ..Behaviour::default()
    };
    let tenant = tenant(5, behaviour);
    assert_eq!(
        failure(&ask(&tenant, may(5), may(5), json!({}))),
        "isAllCustomerPage is mandatory"
    );
    assert_eq!(ids(&ask(&tenant, may(5), may(5), full_body())).len(), 5);
    let mut without_the_last = full_body();
    without_the_last.as_object_mut().unwrap().remove("attr15");
    assert_eq!(
        failure(&ask(&tenant, may(5), may(5), without_the_last)),
        "attr15 is mandatory"
    );
}

#[test]
fn server_may_demand_a_person() {
    let tenant = tenant(
        5,
        Behaviour {
            person_required: true,
            ..Behaviour::default()
        },
    );
    assert!(failure(&ask(&tenant, may(5), may(5), json!({"phone": " "}))).contains("mandatory"));
    assert!(
        ids(&ask(
            &tenant,
            may(5),
            may(5),
            json!({"phone": "5550000000"})
        ))
        .is_empty()
    );
}

#[test]
fn unknown_keys_and_blank_filters_restrict_nothing() {
    let tenant = tenant(5, Behaviour::default());
    let more = json!({"somethingElse": {"a": 1}, "name": " ", "email": "", "zone_id": 0, "isOrganisation": true});
    assert_eq!(ids(&ask(&tenant, may(5), may(5), more)).len(), 5);
}

/// Each filter finds exactly the customers whose records match.
#[rstest]
#[case::name(json!({"name": "asha"}), |record: &Value| record["name"].as_str().unwrap().contains("Asha"))]
#[case::code_and_zone(json!({"zone_id": 3}), |record: &Value| record["zone"] == 3)]
#[case::zones(json!({"zoneIdStr": "1, 2", "zone_id": 3}), |record: &Value| record["zone"] == 1 || record["zone"] == 2)]
#[case::owner(json!({"assignedToId": 5002, "assignedToIdStr": "5001"}), |record: &Value| record["assignedToId"] == 5002)]
#[case::owners(json!({"assignedToId": 0, "assignedToIdStr": "5001"}), |record: &Value| record["assignedToId"] == 5001)]
#[case::attribute(json!({"attr1": "Referral"}), |record: &Value| record["attr1"] == "Referral")]
fn filter_finds_the_matching_records(#[case] more: Value, #[case] expected: fn(&Value) -> bool) {
    let oddities = Oddities {
        unicode_names: 0.0,
        extra_fields: 0.5,
        ..Oddities::default()
    };
    let tenant = tenant(
        400,
        Behaviour {
            limit: kapture_sandbox::Limit::Ignored,
            oddities,
            ..Behaviour::default()
        },
    );
    let found = ids(&ask(&tenant, may(5), may(5), more));
    let truth: Vec<u64> = tenant
        .truth(may(5), may(5))
        .into_iter()
        .filter(|one| expected(&record(one)))
        .map(|one| one.id)
        .collect();
    assert!(!truth.is_empty() && truth.len() < 400);
    assert_eq!(found, truth);
}

fn record(customer: &SandboxCustomer) -> Value {
    serde_json::from_str(&customer.json).unwrap()
}

#[test]
fn filter_for_one_customer_finds_it() {
    let tenant = tenant(400, Behaviour::default());
    let customer = tenant
        .truth(may(5), may(5))
        .into_iter()
        .find(|one| {
            record(one)["customerCode"] != ""
                && record(one)["contacts"].as_array().unwrap().len() > 1
        })
        .unwrap();
    let record = record(&customer);
    let contact = &record["contacts"][1];
    for more in [
        json!({"customer_id": customer.id.to_string()}),
        json!({"customerCode": record["customerCode"]}),
        json!({"phone": contact["phone"]}),
        json!({"email": contact["email"]}),
    ] {
        assert_eq!(ids(&ask(&tenant, may(5), may(5), more)), [customer.id]);
    }
}

#[test]
fn sources_partition_the_customers() {
    let tenant = tenant(90, Behaviour::default());
    for key in ["primarySourceId", "secondarySourceId", "tertiarySourceId"] {
        let parts: Vec<usize> = (1..=3)
            .map(|source| ids(&ask(&tenant, may(5), may(5), json!({key: source}))).len())
            .collect();
        assert_eq!(parts.iter().sum::<usize>(), 90);
        assert!(parts.iter().all(|part| *part > 0));
    }
}

/// The flags are looked at in order: the second only where the first is false.
#[test]
fn kind_flags_restrict_where_the_knob_says_so() {
    let restricting = tenant(
        90,
        Behaviour {
            kind_restricts: true,
            ..Behaviour::default()
        },
    );
    let ignoring = tenant(90, Behaviour::default());
    let organisation = json!({"isOrganisation": true, "isIndividual": "true"});
    let individual =
        json!({"isOrganisation": false, "isIndividual": "true", "isChannelPartner": "true"});
    let partner = json!({"isOrganisation": false, "isIndividual": "", "isChannelPartner": "true"});
    let mut all = BTreeSet::new();
    let mut count = 0;
    for more in [organisation, individual, partner] {
        assert_eq!(ids(&ask(&ignoring, may(5), may(5), more.clone())).len(), 90);
        let found = ids(&ask(&restricting, may(5), may(5), more));
        assert!(!found.is_empty() && found.len() < 90);
        count += found.len();
        all.extend(found);
    }
    assert_eq!((count, all.len()), (90, 90));
    assert_eq!(
        ids(&ask(
            &restricting,
            may(5),
            may(5),
            json!({"isOrganisation": false})
        ))
        .len(),
        90
    );
}

#[test]
fn requests_are_logged() {
    let tenant = tenant(60, Behaviour::default());
    ask(
        &tenant,
        may(5),
        may(6),
        json!({"limit": "50", "offset": "100"}),
    );
    tenant.answer(&Request::search(b"{"));
    let [first, second] = &tenant.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!((first.number, first.window), (1, Some((may(5), may(6)))));
    assert_eq!(
        (first.limit, first.offset, first.rows, first.status),
        (Some(50), 100, 20, 200)
    );
    assert!(first.authorised && first.refusal.is_none());
    assert_eq!((second.number, second.window), (2, None));
}

#[test]
fn log_keeps_as_many_requests_as_its_capacity() {
    let remembered = |log_capacity: usize| {
        let tenant: Tenant = tenant(
            1,
            Behaviour {
                log_capacity,
                ..Behaviour::default()
            },
        );
        for _ in 0..5 {
            ask(&tenant, may(5), may(5), json!({}));
        }
        assert_eq!(tenant.request_count(), 5);
        tenant
            .requests()
            .iter()
            .map(|asked| asked.number)
            .collect::<Vec<_>>()
    };
    assert_eq!(remembered(2), [4, 5]);
    assert!(remembered(0).is_empty());
}
