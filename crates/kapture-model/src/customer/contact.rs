//! A contact of a customer, with typed fields.

use crate::{CustomerId, Field, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A contact of a customer, with the API's 24 documented fields.
///
/// As with a [`Customer`](crate::Customer), nothing that the server sent is lost, and `Debug`
/// shows the id alone.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Contact {
    /// The contact's id.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub id: Field<CustomerId>,
    /// The account (tenant) that the contact belongs to.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub cm_id: Field<i64>,
    /// The id of the customer that the contact belongs to.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub lead_id: Field<CustomerId>,
    /// Name.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub contact_person: Field<String>,
    /// Gender.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub gender: Field<String>,
    /// Phone number.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub phone: Field<String>,
    /// Further phone number.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub additional_phone: Field<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub email: Field<String>,
    /// Whether this is the customer's primary contact.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_primary_contact: Field<bool>,
    /// Whether the contact is active.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_active: Field<bool>,
    /// When the contact was created.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub generation_date: Field<Timestamp>,
    /// Parent contact; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub parent_contact_id: Field<i64>,
    /// Branch office; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub sub_office_id: Field<i64>,
    /// The employee who created the contact; 0 is nobody.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub creator_id: Field<i64>,
    /// Age in years; 0 is unknown.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub age: Field<i64>,
    /// Marital status.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub marital_status: Field<String>,
    /// Whether the contact is a guest.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_guest: Field<bool>,
    /// Country code of the phone number.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub phone_country_code: Field<String>,
    /// Enquiry; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub enquiry_id: Field<i64>,
    /// Order; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub order_id: Field<i64>,
    /// Whether the contact may be merged.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_merge_enable: Field<bool>,
    /// Whether the phone number is masked.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_mobile_masked: Field<bool>,
    /// Whether the e-mail address is masked.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_email_masked: Field<bool>,
    /// Whether the year of birth is shown.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub show_birth_year: Field<bool>,
    /// Fields that the API does not document, in the order they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
