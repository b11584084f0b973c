//! A customer with typed fields.

mod contact;
mod field;

pub use contact::Contact;
pub use field::{Field, FieldValue, Undocumented};

use crate::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A customer with the API's 50 documented fields.
///
/// Every [`Field`] keeps what the server sent, and unknown fields are kept beside them: encoding
/// gives all of it back. `Debug` shows the id alone, since customers are personal data.
///
/// ```
/// use kapture_model::Customer;
///
/// let customer: Customer = serde_json::from_str(r#"{"id": "17", "isApi": 1, "attr1": "x"}"#)?;
/// assert_eq!(customer.id.value(), Some(&17.into()));
/// assert_eq!(customer.is_api.get(), Some(true));
/// assert_eq!(customer.extra.get("attr1"), Some(&"x".into()));
/// assert_eq!(serde_json::to_string(&customer)?, r#"{"id":"17","isApi":1,"attr1":"x"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Customer {
    /// The customer's id.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub id: Field<CustomerId>,
    /// The account (tenant) that the customer belongs to.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub cm_id: Field<i64>,
    /// Whether the customer is an organisation; persons may carry it, too.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_organization: Field<bool>,
    /// Name.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub name: Field<String>,
    /// Web address.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub website: Field<String>,
    /// Postal address.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub address: Field<String>,
    /// State.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub state: Field<String>,
    /// City.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub city: Field<String>,
    /// Country.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub country: Field<String>,
    /// Geographic latitude, as text.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub latitude: Field<String>,
    /// Geographic longitude, as text.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub longitude: Field<String>,
    /// Status, as a letter: `N` in the examples.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub current_status: Field<String>,
    /// When the customer was created; the date that windows select by.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub generation_date: Field<Timestamp>,
    /// The employee who created the customer; 0 is nobody.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub creator_id: Field<i64>,
    /// The channel partner behind the customer; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub channel_partner_id: Field<i64>,
    /// Remarks.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub remarks: Field<String>,
    /// Rate plan; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub rate_plan_id: Field<i64>,
    /// The tenant's own code for the customer.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub customer_code: Field<String>,
    /// Whether the customer is a channel partner.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_channel_partner: Field<bool>,
    /// Postal code.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub pin_code: Field<String>,
    /// Campaign; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub campaign_id: Field<i64>,
    /// Item of the campaign; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub campaign_item_id: Field<i64>,
    /// Activity of the campaign; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub campaign_activity_id: Field<i64>,
    /// Number of enquiries.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub total_no_of_enquiries: Field<i64>,
    /// Feedback: a number, as text.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub feedback_on_customer: Field<String>,
    /// The customer's contacts.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub contacts: Field<Vec<Contact>>,
    /// When the customer was last changed.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub last_modification_time: Field<Timestamp>,
    /// An identifier with the time of creation in it, to the millisecond. Not a date field.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub image_reference_id: Field<String>,
    /// Classification.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub classification: Field<String>,
    /// Type.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub customer_type: Field<String>,
    /// Level.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub customer_level: Field<i64>,
    /// Zone; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub zone: Field<i64>,
    /// Parent company; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub company_parent_id: Field<i64>,
    /// The employee the customer is assigned to; 0 is nobody.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub assigned_to_id: Field<i64>,
    /// Largest credit, as an amount of money.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub max_credit_amt: Field<f64>,
    /// Longest credit period.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub max_credit_period: Field<i64>,
    /// Employee of the history entry; 0 is nobody.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub history_emp_id: Field<i64>,
    /// The channel partner's employee; 0 is nobody.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub channel_partner_emp_id: Field<i64>,
    /// Whether the customer is deleted.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub deleted: Field<bool>,
    /// Company status, as a letter: `A` in the examples.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub company_status: Field<String>,
    /// Whether the customer existed before.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_existing_customer: Field<bool>,
    /// Whether the contact existed before.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_existing_contact: Field<bool>,
    /// Whether the customer is synchronised.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub sync_status: Field<bool>,
    /// Synchronised location: a number, as text. The spelling is the API's.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub syncd_location_id: Field<String>,
    /// Cross remarks.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub cross_remarks: Field<String>,
    /// Step of the synchronisation.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub synced_step_number: Field<i64>,
    /// Amount of money outstanding. The spelling is the API's.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub out_standing_amount: Field<f64>,
    /// Zone of the sales administration; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub sales_admin_zone: Field<i64>,
    /// The referral; 0 is none.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub referral_id: Field<i64>,
    /// Whether the customer was created through the API.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub is_api: Field<bool>,
    /// Fields that the API does not document, in the order they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
