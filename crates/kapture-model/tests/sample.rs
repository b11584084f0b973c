//! The sample response of the API's documentation: every value decodes, and nothing is lost.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use bytes::Bytes;
use chrono::{NaiveDate, NaiveDateTime};
use kapture_model::{Answer, Contact, Customer, CustomerId, Normaliser, Record, Timestamp};
use serde_json::Value;

const SAMPLE: &[u8] = include_bytes!("sample-response.json");

/// What differs between the two customers of the sample.
struct Expected {
    id: u64,
    name: &'static str,
    created: NaiveDateTime,
    image_reference_id: &'static str,
    contact_id: u64,
    phone: &'static str,
    email: &'static str,
}

fn expected() -> [Expected; 2] {
    let day = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
    [
        Expected {
            id: 700_000_101,
            name: "Asha Example",
            created: day.and_hms_opt(9, 5, 7).unwrap(),
            image_reference_id: "CUS_2024-05-02 09:05:07.125",
            contact_id: 800_000_201,
            phone: "5550100101",
            email: "asha@example.com",
        },
        Expected {
            id: 700_000_102,
            name: "Ravi Example",
            created: day.and_hms_opt(16, 38, 14).unwrap(),
            image_reference_id: "CUS_2024-05-02 16:38:14.125",
            contact_id: 800_000_202,
            phone: "5550100102",
            email: "ravi@example.com",
        },
    ]
}

fn records() -> Vec<Record> {
    match Answer::decode(Bytes::from_static(SAMPLE)).unwrap() {
        Answer::Customers(records) => records,
        Answer::Failed { message } => panic!("failed: {message}"),
    }
}

fn rows() -> Vec<Value> {
    let sample: Value = serde_json::from_slice(SAMPLE).unwrap();
    sample["message"].as_array().unwrap().clone()
}

#[test]
fn every_value_decodes() {
    let records = records();
    assert_eq!(records.len(), 2);
    for (record, expected) in records.iter().zip(expected()) {
        assert_customer(&record.customer().unwrap(), &expected);
    }
}

fn assert_customer(customer: &Customer, expected: &Expected) {
    assert_eq!(customer.id.value(), Some(&expected.id.into()));
    assert_eq!(customer.cm_id.get(), Some(424_242));
    assert_eq!(customer.is_organization.get(), Some(true));
    assert_eq!(
        customer.name.value().map(String::as_str),
        Some(expected.name)
    );
    assert_eq!(customer.website.value(), None);
    assert_eq!(customer.address.value(), None);
    assert_eq!(customer.state.value(), None);
    assert_eq!(customer.city.value(), None);
    assert_eq!(customer.country.value(), None);
    assert_eq!(customer.latitude.value(), None);
    assert_eq!(customer.longitude.value(), None);
    assert_eq!(
        customer.current_status.value().map(String::as_str),
        Some("N")
    );
    assert_eq!(
        customer.generation_date.get(),
        Some(Timestamp::Local(expected.created))
    );
    assert_eq!(customer.creator_id.get(), Some(0));
    assert_eq!(customer.channel_partner_id.get(), Some(0));
    assert_eq!(customer.remarks.value(), None);
    assert_eq!(customer.rate_plan_id.get(), Some(0));
    assert_eq!(customer.customer_code.value(), None);
    assert_eq!(customer.is_channel_partner.get(), Some(false));
    assert_eq!(customer.pin_code.value(), None);
    assert_eq!(customer.campaign_id.get(), Some(0));
    assert_eq!(customer.campaign_item_id.get(), Some(0));
    assert_eq!(customer.campaign_activity_id.get(), Some(0));
    assert_eq!(customer.total_no_of_enquiries.get(), Some(1));
    assert_eq!(
        customer.feedback_on_customer.value().map(String::as_str),
        Some("0")
    );
    let contacts = customer.contacts.value().unwrap();
    assert_eq!(contacts.len(), 1);
    assert_contact(&contacts[0], expected);
    assert_eq!(
        customer.last_modification_time.get(),
        Some(Timestamp::Local(expected.created))
    );
    assert_eq!(
        customer.image_reference_id.value().map(String::as_str),
        Some(expected.image_reference_id)
    );
    assert_eq!(customer.classification.value(), None);
    assert_eq!(customer.customer_type.value(), None);
    assert_eq!(customer.customer_level.get(), Some(0));
    assert_eq!(customer.zone.get(), Some(0));
    assert_eq!(customer.company_parent_id.get(), Some(0));
    assert_eq!(customer.assigned_to_id.get(), Some(0));
    assert_eq!(customer.max_credit_amt.get(), Some(0.0));
    assert_eq!(customer.max_credit_period.get(), Some(0));
    assert_eq!(customer.history_emp_id.get(), Some(0));
    assert_eq!(customer.channel_partner_emp_id.get(), Some(0));
    assert_eq!(customer.deleted.get(), Some(false));
    assert_eq!(
        customer.company_status.value().map(String::as_str),
        Some("A")
    );
    assert_eq!(customer.is_existing_customer.get(), Some(false));
    assert_eq!(customer.is_existing_contact.get(), Some(false));
    assert_eq!(customer.sync_status.get(), Some(false));
    assert_eq!(
        customer.syncd_location_id.value().map(String::as_str),
        Some("0")
    );
    assert_eq!(customer.cross_remarks.value(), None);
    assert_eq!(customer.synced_step_number.get(), Some(0));
    assert_eq!(customer.out_standing_amount.get(), Some(0.0));
    assert_eq!(customer.sales_admin_zone.get(), Some(0));
    assert_eq!(customer.referral_id.get(), Some(0));
    assert_eq!(customer.is_api.get(), Some(false));
    assert!(customer.extra.is_empty());
}

fn assert_contact(contact: &Contact, expected: &Expected) {
    assert_eq!(contact.id.value(), Some(&expected.contact_id.into()));
    assert_eq!(contact.cm_id.get(), Some(424_242));
    assert_eq!(contact.lead_id.value(), Some(&expected.id.into()));
    assert_eq!(
        contact.contact_person.value().map(String::as_str),
        Some(expected.name)
    );
    assert_eq!(contact.gender.value(), None);
    assert_eq!(
        contact.phone.value().map(String::as_str),
        Some(expected.phone)
    );
    assert_eq!(contact.additional_phone.value(), None);
    assert_eq!(
        contact.email.value().map(String::as_str),
        Some(expected.email)
    );
    assert_eq!(contact.is_primary_contact.get(), Some(true));
    assert_eq!(contact.is_active.get(), Some(true));
    assert_eq!(
        contact.generation_date.get(),
        Some(Timestamp::Local(expected.created))
    );
    assert_eq!(contact.parent_contact_id.get(), Some(0));
    assert_eq!(contact.sub_office_id.get(), Some(0));
    assert_eq!(contact.creator_id.get(), Some(0));
    assert_eq!(contact.age.get(), Some(0));
    assert_eq!(contact.marital_status.value(), None);
    assert_eq!(contact.is_guest.get(), Some(false));
    assert_eq!(contact.phone_country_code.value(), None);
    assert_eq!(contact.enquiry_id.get(), Some(0));
    assert_eq!(contact.order_id.get(), Some(0));
    assert_eq!(contact.is_merge_enable.get(), Some(false));
    assert_eq!(contact.is_mobile_masked.get(), Some(false));
    assert_eq!(contact.is_email_masked.get(), Some(false));
    assert_eq!(contact.show_birth_year.get(), Some(false));
    assert!(contact.extra.is_empty());
}

#[test]
fn records_steer_by_id_and_created_date_and_keep_their_bytes() {
    for ((record, expected), row) in records().iter().zip(expected()).zip(rows()) {
        assert_eq!(record.id(), &CustomerId::Number(expected.id));
        assert_eq!(record.created(), Some(Timestamp::Local(expected.created)));
        assert_eq!(serde_json::from_slice::<Value>(record.raw()).unwrap(), row);
        let raw = std::str::from_utf8(record.raw()).unwrap();
        assert!(std::str::from_utf8(SAMPLE).unwrap().contains(raw));
    }
}

#[test]
fn the_milliseconds_in_the_image_reference_prove_the_other_two_encodings_right() {
    for record in records() {
        let customer = record.customer().unwrap();
        let reference = customer.image_reference_id.value().unwrap();
        let stamp = reference.strip_prefix("CUS_").unwrap();
        let exact = NaiveDateTime::parse_from_str(stamp, "%Y-%m-%d %H:%M:%S%.f").unwrap();
        let contact = &customer.contacts.value().unwrap()[0];
        for moment in [
            customer.generation_date.get(),
            customer.last_modification_time.get(),
            contact.generation_date.get(),
        ] {
            let Some(Timestamp::Local(local)) = moment else {
                panic!("no local time")
            };
            assert_eq!((exact - local).num_seconds(), 0);
        }
    }
}

#[test]
fn encoding_gives_back_every_value() {
    for row in rows() {
        let customer: Customer = serde_json::from_value(row.clone()).unwrap();
        assert_eq!(serde_json::to_value(&customer).unwrap(), row);
    }
}

#[test]
fn the_normal_form_has_every_key_in_place_and_nothing_drifts() {
    let mut normaliser = Normaliser::default();
    for (record, mut row) in records().iter().zip(rows()) {
        let created = Value::from(match row["id"].as_u64() {
            Some(700_000_101) => "2024-05-02T09:05:07",
            _ => "2024-05-02T16:38:14",
        });
        row["generationDate"] = created.clone();
        row["lastModificationTime"] = created.clone();
        row["contacts"][0]["generationDate"] = created;
        let blank = |value: &mut Value| {
            if value.as_str().is_some_and(|text| text.trim().is_empty()) {
                *value = Value::Null;
            }
        };
        row.as_object_mut().unwrap().values_mut().for_each(blank);
        let contact = row["contacts"][0].as_object_mut().unwrap();
        contact.values_mut().for_each(blank);

        let mut line = Vec::new();
        normaliser.write(record, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), row.to_string());
    }
    assert!(normaliser.drift().is_empty());
}
