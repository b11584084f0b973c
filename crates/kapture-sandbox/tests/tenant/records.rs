//! Records: shape, dates, oddities.

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use kapture_sandbox::{
    Behaviour, DateForm, Limit, Oddities, PerDay, Population, SandboxCustomer, Tenant,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{ask, may, rows, tenant, text};

/// The field names of the vendor's example, in its order.
const FIELDS: &str = "id cmId isOrganization name website address state city country latitude longitude \
    currentStatus generationDate creatorId channelPartnerId remarks ratePlanId customerCode isChannelPartner pinCode \
    campaignId campaignItemId campaignActivityId totalNoOfEnquiries feedbackOnCustomer contacts lastModificationTime \
    imageReferenceId classification customerType customerLevel zone companyParentId assignedToId maxCreditAmt \
    maxCreditPeriod historyEmpId channelPartnerEmpId deleted companyStatus isExistingCustomer isExistingContact \
    syncStatus syncdLocationId crossRemarks syncedStepNumber outStandingAmount salesAdminZone referralId isApi";
const CONTACT_FIELDS: &str = "id cmId leadId contactPerson gender phone additionalPhone email isPrimaryContact \
    isActive generationDate parentContactId subOfficeId creatorId age maritalStatus isGuest phoneCountryCode \
    enquiryId orderId isMergeEnable isMobileMasked isEmailMasked showBirthYear";

fn with(oddities: Oddities) -> Tenant {
    tenant(
        200,
        Behaviour {
            oddities,
            ..Behaviour::default()
        },
    )
}

fn records(oddities: Oddities) -> Vec<(SandboxCustomer, Value)> {
    let truth = with(oddities).truth(may(5), may(5));
    truth
        .into_iter()
        .map(|customer| {
            (
                customer.clone(),
                serde_json::from_str(&customer.json).unwrap(),
            )
        })
        .collect()
}

fn names(record: &Value) -> String {
    record
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn bare_record_has_an_id_and_a_date() {
    let bare = Oddities {
        bare: true,
        ..Oddities::none()
    };
    for ((_, record), (_, whole)) in records(bare).into_iter().zip(records(Oddities::none())) {
        assert_eq!(names(&record), "id generationDate");
        assert_eq!(record["id"], whole["id"]);
        assert_eq!(record["generationDate"], whole["generationDate"]);
    }
}

#[test]
fn record_has_the_documented_fields_in_their_order() {
    for (customer, record) in records(Oddities::none()) {
        assert_eq!(names(&record), FIELDS);
        assert_eq!(record["id"], customer.id);
        assert_eq!(record["maxCreditAmt"].to_string(), "0.0");
        assert_eq!(record["contacts"].as_array().unwrap().len(), 1);
        assert_eq!(names(&record["contacts"][0]), CONTACT_FIELDS);
        assert_eq!(record["contacts"][0]["leadId"], customer.id);
        assert!(
            (1_550..2_100).contains(&customer.json.len()),
            "{} bytes",
            customer.json.len()
        );
    }
}

#[test]
fn truth_is_what_is_sent_byte_for_byte() {
    let tenant = tenant(
        20,
        Behaviour {
            oddities: Oddities::all(0.3),
            ..Behaviour::default()
        },
    );
    let reply = ask(&tenant, may(5), may(5), json!({}));
    let expected: Vec<String> = tenant
        .truth(may(5), may(5))
        .into_iter()
        .map(|customer| customer.json)
        .collect();
    assert_eq!(
        text(&reply),
        format!(
            r#"{{"message":[{}],"status":"success"}}"#,
            expected.join(",")
        )
    );
}

/// Text, Calendar and image reference agree, as read by chrono.
#[rstest]
#[case(DateForm::Plain, "%b %e, %Y %I:%M:%S %p")]
#[case(DateForm::Comma, "%b %e, %Y, %I:%M:%S %p")]
#[case(DateForm::NarrowSpace, "%b %e, %Y, %I:%M:%S\u{202F}%p")]
fn all_encodings_of_a_date_agree(#[case] date_form: DateForm, #[case] format: &str) {
    let mut hours = [false; 24];
    for (customer, record) in records(Oddities {
        date_form,
        ..Oddities::none()
    }) {
        let created = customer.created;
        let text = record["generationDate"].as_str().unwrap();
        assert_eq!(
            NaiveDateTime::parse_from_str(text, format).unwrap(),
            created.with_nanosecond(0).unwrap()
        );
        assert!(
            !text.contains(" 0"),
            "neither day nor hour is padded: {text}"
        );
        let calendar = json!({
            "year": 2024, "month": 4, "dayOfMonth": 5,
            "hourOfDay": created.hour(), "minute": created.minute(), "second": created.second(),
        });
        assert_eq!(record["lastModificationTime"], calendar);
        assert_eq!(record["contacts"][0]["generationDate"], calendar);
        let reference = record["imageReferenceId"].as_str().unwrap();
        assert_eq!(
            NaiveDateTime::parse_from_str(reference, "CUS_%Y-%m-%d %H:%M:%S%.3f").unwrap(),
            created
        );
        hours[created.hour() as usize] = true;
    }
    assert!(hours.iter().all(|seen| *seen), "12 AM and 12 PM must occur");
}

#[test]
fn mixed_dates_have_all_forms() {
    let all = records(Oddities {
        date_form: DateForm::Mixed,
        ..Oddities::none()
    });
    let texts: Vec<&str> = all
        .iter()
        .map(|(_, record)| record["generationDate"].as_str().unwrap())
        .collect();
    let narrow = texts
        .iter()
        .filter(|text| text.contains('\u{202F}'))
        .count();
    let comma = texts
        .iter()
        .filter(|text| text.matches(',').count() == 2)
        .count()
        - narrow;
    assert!(narrow > 30 && comma > 30 && narrow + comma < 170);
}

#[test]
fn some_days_have_a_customer_at_midnight_and_one_just_before() {
    let tenant = tenant(50, Behaviour::default());
    let created: Vec<NaiveDateTime> = tenant
        .truth(may(1), may(31))
        .into_iter()
        .map(|one| one.created)
        .collect();
    assert!(created.is_sorted());
    assert!(
        created
            .iter()
            .any(|moment| moment.num_seconds_from_midnight() == 0 && moment.nanosecond() == 0)
    );
    assert!(
        created
            .iter()
            .any(|moment| (*moment + TimeDelta::milliseconds(1)).date() > moment.date())
    );
}

/// Every oddity hits about its share of the customers, and none with a share of 0.
#[rstest]
#[case::extra(|share| Oddities { extra_fields: share, ..Oddities::none() }, |record: &Value| record.get("attr1").is_some() && record.get("loyalty").is_some())]
#[case::unicode(|share| Oddities { unicode_names: share, ..Oddities::none() }, |record: &Value| !plain_name(record))]
#[case::several(|share| Oddities { several_contacts: share, ..Oddities::none() }, |record: &Value| record["contacts"].as_array().unwrap().len() > 1)]
#[case::none(|share| Oddities { no_contacts: share, ..Oddities::none() }, |record: &Value| record["contacts"] == json!([]))]
#[case::null(|share| Oddities { null_dates: share, ..Oddities::none() }, |record: &Value| record["generationDate"].is_null())]
#[case::undecodable(|share| Oddities { undecodable_dates: share, ..Oddities::none() }, |record: &Value| !record["generationDate"].to_string().starts_with("\"May 5, 2024 "))]
#[case::epoch(|share| Oddities { epoch_dates: share, ..Oddities::none() }, |record: &Value| record["generationDate"].is_i64())]
#[case::seconds(|share| Oddities { missing_seconds: share, ..Oddities::none() }, |record: &Value| record["lastModificationTime"].get("second").is_none())]
#[case::ids(|share| Oddities { ids_as_text: share, ..Oddities::none() }, |record: &Value| record["id"].is_string())]
#[case::types(|share| Oddities { wrong_types: share, ..Oddities::none() }, has_a_wrong_type)]
fn oddity_hits_its_share(#[case] oddities: fn(f64) -> Oddities, #[case] shows: fn(&Value) -> bool) {
    for (share, expected) in [(0.0, 0..=0), (0.25, 25..=75), (1.0, 200..=200)] {
        let count = records(oddities(share))
            .iter()
            .filter(|(_, record)| shows(record))
            .count();
        assert!(
            expected.contains(&count),
            "{count} of 200 at a share of {share}"
        );
    }
}

fn plain_name(record: &Value) -> bool {
    let name = record["name"].as_str().unwrap();
    name.is_ascii()
        && name
            .chars()
            .all(|character| character.is_ascii_alphabetic() || character == ' ')
}

fn has_a_wrong_type(record: &Value) -> bool {
    !(record["isOrganization"].is_boolean()
        && record["latitude"].is_string()
        && record["totalNoOfEnquiries"].is_number()
        && record["contacts"].is_array()
        && record["contacts"][0]["isActive"].is_boolean()
        && record["maxCreditAmt"].is_number())
}

#[test]
fn epoch_dates_take_the_wall_clock_as_utc() {
    for (customer, record) in records(Oddities {
        epoch_dates: 1.0,
        ..Oddities::none()
    }) {
        assert_eq!(
            record["generationDate"],
            customer.created.and_utc().timestamp_millis()
        );
    }
}

/// An undated customer is in the window of its day.
#[test]
fn oddities_move_no_customer_to_another_window() {
    let behaviour = Behaviour {
        oddities: Oddities::all(0.5),
        limit: Limit::Ignored,
        ..Behaviour::default()
    };
    let tenant = tenant(200, behaviour);
    assert_eq!(rows(&ask(&tenant, may(5), may(5), json!({}))).len(), 200);
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 200);
}

#[test]
fn ids_exceed_32_bits_on_request() {
    let population =
        Population::new(1)
            .first_id(5_000_000_000)
            .days(may(1), may(1), PerDay::Fixed(3));
    let tenant = Tenant::new(population, Behaviour::default());
    assert!(
        tenant
            .truth_ids(may(1), may(1))
            .iter()
            .all(|id| *id >= 5_000_000_000)
    );
}

#[test]
fn contact_ids_are_unique() {
    let all = records(Oddities {
        several_contacts: 1.0,
        ..Oddities::none()
    });
    let ids: Vec<u64> = all
        .iter()
        .flat_map(|(_, record)| record["contacts"].as_array().unwrap())
        .map(|contact| contact["id"].as_u64().unwrap())
        .collect();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
}

/// Oddities that a JSON parser refuses or loses are found in the text.
#[rstest]
#[case::float_ids(|share| Oddities { ids_as_float: share, ..Oddities::none() }, |json: &str| json.starts_with(r#"{"id":7.00"#) || json[..22].contains(".0,"))]
#[case::control(|share| Oddities { raw_control_characters: share, ..Oddities::none() }, |json: &str| json.contains(['\t', '\n']))]
#[case::non_finite(|share| Oddities { non_finite_numbers: share, ..Oddities::none() }, |json: &str| json.contains("NaN") || json.contains("Infinity"))]
#[case::surrogate(|share| Oddities { lone_surrogates: share, ..Oddities::none() }, |json: &str| json.contains(r#"\ud83d","ratePlanId""#))]
#[case::nul(|share| Oddities { nul_characters: share, ..Oddities::none() }, |json: &str| json.contains(r#"\u0000","ratePlanId""#))]
fn oddity_in_the_text_of_a_record_hits_its_share(
    #[case] oddities: fn(f64) -> Oddities,
    #[case] shows: fn(&str) -> bool,
) {
    for (share, expected) in [(0.0, 0..=0), (0.25, 25..=75), (1.0, 200..=200)] {
        let truth = with(oddities(share)).truth(may(5), may(5));
        let count = truth
            .iter()
            .filter(|customer| shows(&customer.json))
            .count();
        assert!(expected.contains(&count), "{count} of 200 at {share}");
    }
}

#[test]
fn float_id_is_the_same_number() {
    let oddities = Oddities {
        ids_as_float: 1.0,
        ..Oddities::none()
    };
    let mut with_exponent = 0;
    for (customer, record) in records(oddities) {
        assert_eq!(record["id"].as_f64().unwrap(), customer.id as f64);
        with_exponent += u32::from(customer.json[..24].contains('E'));
    }
    assert!((60..140).contains(&with_exponent), "{with_exponent}");
}

#[test]
fn imported_customers_print_an_old_date_and_belong_to_their_window() {
    let oddities = Oddities {
        imported: [(may(5), 400)].into(),
        ..Oddities::none()
    };
    let tenant = with(oddities);
    let rows = |day| rows(&ask(&tenant, may(day), may(day), json!({"limit": "500"})));
    let prints = |row: &Value, text| row["generationDate"].as_str().unwrap().starts_with(text);
    assert!(rows(5).iter().all(|row| prints(row, "Apr 1, 2023 ")));
    assert!(rows(6).iter().all(|row| prints(row, "May 6, 2024 ")));
    assert_eq!(tenant.truth_ids(may(5), may(5)).len(), 200);
    assert_eq!(tenant.truth_ids(may(6), may(6)).len(), 200);
}
