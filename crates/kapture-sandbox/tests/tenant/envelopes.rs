//! The JSON around the rows, and failures with error codes.

use kapture_sandbox::{
    Behaviour, CodePlace, EmptyForm, Envelope, ErrorCode, FaultKind, Faults, Request, Spelling,
    Tenant, TotalCount,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{ask, body, failure, may, tenant, text};

fn with(envelope: Envelope, empty_window: EmptyForm) -> Tenant {
    tenant(
        3,
        Behaviour {
            envelope,
            empty_window,
            ..Behaviour::default()
        },
    )
}

fn parsed(tenant: &Tenant, limit: u32, offset: u32) -> Value {
    let more = json!({"limit": limit, "offset": offset});
    serde_json::from_slice(&ask(tenant, may(5), may(5), more).body).unwrap()
}

#[test]
fn single_row_may_be_an_object() {
    let envelope = Envelope {
        single_row_as_object: true,
        ..Envelope::default()
    };
    let tenant = with(envelope, EmptyForm::SuccessText("No ticket found".into()));
    let one = parsed(&tenant, 1, 0);
    assert!(one["message"]["id"].is_u64());
    assert_eq!(one["status"], "success");
    assert!(parsed(&tenant, 2, 0)["message"].is_array());
    assert!(parsed(&tenant, 2, 2)["message"].is_object());
    assert_eq!(
        parsed(&tenant, 2, 3),
        json!({"message": "No ticket found", "status": "success"})
    );
}

#[test]
fn capitalised_spelling_is_used_in_every_answer() {
    let envelope = Envelope {
        spelling: Spelling::Capitalised,
        ..Envelope::default()
    };
    let tenant = with(envelope, EmptyForm::Failed("No Data Found".into()));
    let page = parsed(&tenant, 9, 0);
    assert_eq!(
        (page["Message"].as_array().unwrap().len(), &page["Status"]),
        (3, &json!("Success"))
    );
    assert_eq!(
        parsed(&tenant, 9, 9),
        json!({"Message": "No Data Found", "Status": "Failed"})
    );
    let refused = tenant.answer(&Request::search(b"{"));
    assert_eq!(
        text(&refused),
        r#"{"Message":"Invalid Json.","Status":"Failed"}"#
    );
}

#[rstest]
#[case(TotalCount::Null, json!(null), json!(null))]
#[case(TotalCount::Right, json!(3), json!(3))]
#[case(TotalCount::Wrong(7), json!(7), json!(7))]
fn total_count_stands_in_every_success(
    #[case] total: TotalCount,
    #[case] on_a_page: Value,
    #[case] past_the_end: Value,
) {
    let envelope = Envelope {
        total_count: Some(total),
        ..Envelope::default()
    };
    let tenant = with(envelope, EmptyForm::EmptyList);
    assert_eq!(parsed(&tenant, 2, 0).get("totalCount"), Some(&on_a_page));
    let past = parsed(&tenant, 2, 3);
    assert_eq!(
        (&past["message"], &past["totalCount"]),
        (&json!([]), &past_the_end)
    );
    let without = with(Envelope::default(), EmptyForm::EmptyList);
    assert_eq!(parsed(&without, 2, 0).get("totalCount"), None);
}

#[rstest]
#[case(EmptyForm::NoContent, 204, "")]
#[case(EmptyForm::EmptyObject, 200, r#"{"message":{},"status":"success"}"#)]
#[case(EmptyForm::SuccessText("None".into()), 200, r#"{"message":"None","status":"success"}"#)]
#[case(
    EmptyForm::FailedUnder { key: "Customer Details".into(), sentence: "Information does not exist".into() },
    200,
    r#"{"Customer Details":"Information does not exist","status":"failed"}"#
)]
fn empty_form_is_answered_as_documented(
    #[case] form: EmptyForm,
    #[case] status: u16,
    #[case] expected: &str,
) {
    let tenant = with(Envelope::default(), form);
    let reply = ask(&tenant, may(5), may(5), json!({"offset": 3}));
    assert_eq!((reply.status, text(&reply)), (status, expected));
    assert_eq!(reply.header("content-type").is_none(), status == 204);
}

#[test]
fn sentence_with_a_reference_never_repeats_and_names_the_window() {
    let sentence =
        "No customers on {day} ({start} to {end}), request {number}, reference {reference}";
    let tenant = with(Envelope::default(), EmptyForm::Failed(sentence.into()));
    let said: Vec<String> = (0..50)
        .map(|_| failure(&ask(&tenant, may(5), may(6), json!({"offset": 99}))))
        .collect();
    assert!(said[0].starts_with(
        "No customers on 5 May 2024 (2024-05-05 to 2024-05-06), request 1, reference "
    ));
    let references: std::collections::BTreeSet<&str> =
        said.iter().map(|text| &text[text.len() - 16..]).collect();
    assert_eq!(references.len(), 50);
}

#[rstest]
#[case(CodePlace::Message, "APIExpired", "failed")]
#[case(CodePlace::Status, "API Request is Expired", "APIExpired")]
#[case(CodePlace::Both, "APIExpired: API Request is Expired", "failed")]
#[case(CodePlace::Nowhere, "API Request is Expired", "failed")]
fn error_code_stands_in_its_place(
    #[case] place: CodePlace,
    #[case] message: &str,
    #[case] status: &str,
) {
    let expired = FaultKind::Coded(ErrorCode::ApiExpired, place);
    let tenant = tenant(
        3,
        Behaviour {
            faults: Faults::scheduled([(1, expired)]),
            ..Behaviour::default()
        },
    );
    let answer = parsed(&tenant, 1, 0);
    assert_eq!(answer, json!({"message": message, "status": status}));
}

#[test]
fn refusals_may_carry_error_codes() {
    let envelope = Envelope {
        error_codes: Some(CodePlace::Both),
        ..Envelope::default()
    };
    let tenant = with(envelope, EmptyForm::EmptyList);
    let right = body(may(5), may(5), json!({}));
    let wrong = Request {
        authorization: None,
        ..Request::search(&right)
    };
    assert_eq!(
        failure(&tenant.answer(&wrong)),
        "AuthKeyInvalid: Invalid Auth Key"
    );
    let lacking = br#"{"cm_id":424242,"createStartDate":"2024-05-05"}"#;
    assert_eq!(
        failure(&tenant.answer(&Request::search(lacking))),
        "ReqFieldMissing: createEndDate is either null or blank"
    );
    assert_eq!(
        failure(&tenant.answer(&Request::search(b"{"))),
        "Invalid Json."
    );
}

#[test]
fn other_status_carries_retry_after() {
    let banned = FaultKind::Status {
        status: 420,
        retry_after: Some("1".into()),
    };
    let tenant = tenant(
        3,
        Behaviour {
            faults: Faults::scheduled([(1, banned)]),
            ..Behaviour::default()
        },
    );
    let reply = ask(&tenant, may(5), may(5), json!({}));
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (420, Some("1"))
    );
}
