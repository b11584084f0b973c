//! The request body, as plain JSON.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use chrono::NaiveDate;
use kapture_model::{CustomerKind, CustomerQuery, NoSuchAttribute, ReservedKey, Window};
use serde_json::{Value, json};

fn window() -> Window {
    Window::two_days(NaiveDate::from_ymd_opt(2024, 5, 1).unwrap())
}

fn body(query: &CustomerQuery) -> String {
    String::from_utf8(query.body(window(), 100, 200)).unwrap()
}

/// The keys of the body beside those that every body has.
fn filters(query: &CustomerQuery) -> Value {
    let mut body: Value = serde_json::from_str(&body(query)).unwrap();
    let keys = body.as_object_mut().unwrap();
    for key in [
        "cm_id",
        "createStartDate",
        "createEndDate",
        "limit",
        "offset",
    ] {
        assert!(keys.shift_remove(key).is_some(), "{key}");
    }
    body
}

#[test]
fn query_without_filters_has_only_required_keys() {
    assert_eq!(
        body(&CustomerQuery::new(424_242)),
        r#"{"cm_id":424242,"createStartDate":"2024-05-01","createEndDate":"2024-05-02","limit":"100","offset":"200"}"#
    );
}

#[test]
fn filters_have_documented_keys_types_and_order() {
    let mut query = CustomerQuery::new(7)
        .tertiary_source_id(3)
        .secondary_source_id(2)
        .primary_source_id(1)
        .kind(CustomerKind::Organisation)
        .assigned_to("a")
        .assigned_to_id(5)
        .zone_id(4)
        .zone("z")
        .customer_code("c")
        .customer_id("17")
        .designation_type("d")
        .email("asha@example.com")
        .phone("5550100101")
        .name("Asha")
        .all_customer_page(true);
    for number in (1..=15).rev() {
        query = query.attribute(number, format!("v{number}")).unwrap();
    }
    let attributes: String = (1..=15).map(|n| format!(r#""attr{n}":"v{n}","#)).collect();
    let expected = [
        r#"{"cm_id":7,"isAllCustomerPage":true,"name":"Asha","phone":"5550100101","#,
        r#""email":"asha@example.com","designationType":"d","customer_id":"17","customerCode":"c","#,
        r#""zoneIdStr":"z","zone_id":4,"assignedToId":5,"assignedToIdStr":"a","#,
        r#""isOrganisation":true,"createStartDate":"2024-05-01","createEndDate":"2024-05-02","#,
        r#""primarySourceId":1,"secondarySourceId":2,"tertiarySourceId":3,"#,
        &attributes,
        r#""limit":"100","offset":"200"}"#,
    ];
    assert_eq!(body(&query), expected.concat());
}

#[test]
fn full_body_has_every_documented_key_with_neutral_values() {
    let blanks: String = (1..=15).map(|n| format!(r#""attr{n}":"","#)).collect();
    let expected = [
        r#"{"cm_id":7,"isAllCustomerPage":false,"name":"","phone":"","email":"","#,
        r#""designationType":"","customer_id":"","customerCode":"","zoneIdStr":"","zone_id":0,"#,
        r#""assignedToId":0,"assignedToIdStr":"","isOrganisation":false,"isIndividual":"","#,
        r#""isChannelPartner":"","createStartDate":"2024-05-01","createEndDate":"2024-05-02","#,
        r#""primarySourceId":0,"secondarySourceId":0,"tertiarySourceId":0,"#,
        &blanks,
        r#""limit":"100","offset":"200"}"#,
    ];
    let query = CustomerQuery::new(7).full_body(true);
    assert_eq!(body(&query), expected.concat());
    assert_eq!(filters(&query.name("Asha"))["name"], "Asha");
}

#[test]
fn customer_kinds_set_flags_in_the_precedence_of_the_api() {
    for (kind, expected) in [
        (CustomerKind::Organisation, json!({"isOrganisation": true})),
        (
            CustomerKind::Individual,
            json!({"isOrganisation": false, "isIndividual": "true"}),
        ),
        (
            CustomerKind::ChannelPartner,
            json!({"isOrganisation": false, "isIndividual": "false", "isChannelPartner": "true"}),
        ),
    ] {
        let query = CustomerQuery::new(7)
            .kind(CustomerKind::ChannelPartner)
            .kind(kind);
        assert_eq!(filters(&query), expected);
    }
}

#[test]
fn blank_text_is_no_filter() {
    let query = CustomerQuery::new(7)
        .name("Asha")
        .name(" ")
        .zone("")
        .attribute(1, "")
        .unwrap();
    assert_eq!(filters(&query), json!({}));
}

#[test]
fn attribute_numbers_are_1_to_15() {
    for number in [0, 16] {
        let refused = CustomerQuery::new(7).attribute(number, "x");
        assert_eq!(refused.unwrap_err(), NoSuchAttribute(number));
    }
}

#[test]
fn set_keys_override_filters() {
    let query = CustomerQuery::new(7)
        .set("own", json!([1]))
        .and_then(|query| query.set("name", json!(null)))
        .and_then(|query| query.name("Asha").set("cm_id", json!("7")))
        .unwrap();
    assert_eq!(
        body(&query),
        r#"{"cm_id":"7","name":null,"createStartDate":"2024-05-01","createEndDate":"2024-05-02","limit":"100","offset":"200","own":[1]}"#
    );
}

#[test]
fn reserved_key_is_an_error() {
    for key in ["createStartDate", "createEndDate", "limit", "offset"] {
        assert!(CustomerQuery::is_reserved(key));
        let refused = CustomerQuery::new(7).set(key, json!(1));
        assert_eq!(refused, Err(ReservedKey(key.to_owned())));
    }
    assert!(!CustomerQuery::is_reserved("name"));
}

#[test]
fn stored_query_asks_for_the_same() {
    let query = CustomerQuery::new(7)
        .kind(CustomerKind::Individual)
        .full_body(true)
        .set("own", json!([1]))
        .unwrap();
    let kept = serde_json::to_string(&query).unwrap();
    let again: CustomerQuery = serde_json::from_str(&kept).unwrap();
    assert_eq!(again, query);
    assert_eq!(body(&again), body(&query));

    let shortest: CustomerQuery = serde_json::from_str(r#"{"cm_id":7}"#).unwrap();
    assert_eq!(shortest, CustomerQuery::new(7));
    for refused in [
        r#"{"cm_id":7,"extra":{"limit":1}}"#,
        r#"{"cm_id":7,"filters":{"limit":1}}"#,
        r#"{"cm_id":7,"filters":{"nmae":"Asha"}}"#,
        r#"{"cm_id":7,"filter":{}}"#,
    ] {
        assert!(
            serde_json::from_str::<CustomerQuery>(refused).is_err(),
            "{refused}"
        );
    }
}

#[test]
fn debug_shows_keys_without_values() {
    let query = CustomerQuery::new(7)
        .phone("5550100101")
        .set("own", json!("secret"))
        .unwrap();
    assert_eq!(
        format!("{query:?}"),
        r#"CustomerQuery { cm_id: 7, keys: ["phone", "own"], full_body: false, .. }"#
    );
}
