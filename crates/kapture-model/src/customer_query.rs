//! The body of a request for customers.

use crate::Window;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Every documented key in the vendor's order, with the value that filters nothing, in the JSON
/// type of the vendor's example.
const DOCUMENTED: [(&str, Neutral); 37] = [
    ("cm_id", Neutral::Given),
    ("isAllCustomerPage", Neutral::False),
    ("name", Neutral::Blank),
    ("phone", Neutral::Blank),
    ("email", Neutral::Blank),
    ("designationType", Neutral::Blank),
    ("customer_id", Neutral::Blank),
    ("customerCode", Neutral::Blank),
    ("zoneIdStr", Neutral::Blank),
    ("zone_id", Neutral::Zero),
    ("assignedToId", Neutral::Zero),
    ("assignedToIdStr", Neutral::Blank),
    ("isOrganisation", Neutral::False),
    ("isIndividual", Neutral::Blank),
    ("isChannelPartner", Neutral::Blank),
    ("createStartDate", Neutral::Given),
    ("createEndDate", Neutral::Given),
    ("primarySourceId", Neutral::Zero),
    ("secondarySourceId", Neutral::Zero),
    ("tertiarySourceId", Neutral::Zero),
    ("attr1", Neutral::Blank),
    ("attr2", Neutral::Blank),
    ("attr3", Neutral::Blank),
    ("attr4", Neutral::Blank),
    ("attr5", Neutral::Blank),
    ("attr6", Neutral::Blank),
    ("attr7", Neutral::Blank),
    ("attr8", Neutral::Blank),
    ("attr9", Neutral::Blank),
    ("attr10", Neutral::Blank),
    ("attr11", Neutral::Blank),
    ("attr12", Neutral::Blank),
    ("attr13", Neutral::Blank),
    ("attr14", Neutral::Blank),
    ("attr15", Neutral::Blank),
    ("limit", Neutral::Given),
    ("offset", Neutral::Given),
];

/// The neutral value of a documented key: it filters nothing.
#[derive(Clone, Copy)]
enum Neutral {
    /// None: the key always has a value.
    Given,
    Blank,
    Zero,
    False,
}

/// What kind of customer to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CustomerKind {
    /// Organisations.
    Organisation,
    /// Individual persons.
    Individual,
    /// Channel partners.
    ChannelPartner,
}

/// A number of an attribute outside 1 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no attribute {0}: attributes are numbered from 1 to 15")]
pub struct NoSuchAttribute(pub u8);

/// A key that windows and pagination set for each request, so that a query cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key {0} is set by each request, and cannot be set by a query")]
pub struct ReservedKey(pub String);

/// What to ask the API for, apart from the window and the page.
///
/// A key is sent only when it is set, and filtering by blank text is no filter. `Debug` names the
/// keys that are set and not their values: a phone number is personal data. Serde writes the values,
/// too.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_model::{CustomerQuery, Window};
///
/// let day = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
/// let query = CustomerQuery::new(424242).email("asha@example.com").set("isActive", true.into())?;
/// let body = query.body(Window::day(day), 500, 0);
/// assert_eq!(
///     String::from_utf8(body).unwrap(),
///     r#"{"cm_id":424242,"email":"asha@example.com","createStartDate":"2024-05-01","createEndDate":"2024-05-01","limit":"500","offset":"0","isActive":true}"#,
/// );
/// # Ok::<(), kapture_model::ReservedKey>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredQuery")]
pub struct CustomerQuery {
    cm_id: u64,
    /// Values of documented keys.
    filters: Map<String, Value>,
    /// Values given by [`CustomerQuery::set`], in that order.
    extra: Map<String, Value>,
    full_body: bool,
}

/// What serde reads: keys that are not yet known to be allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredQuery {
    cm_id: u64,
    #[serde(default)]
    filters: Map<String, Value>,
    #[serde(default)]
    extra: Map<String, Value>,
    #[serde(default)]
    full_body: bool,
}

impl TryFrom<StoredQuery> for CustomerQuery {
    type Error = String;

    fn try_from(stored: StoredQuery) -> Result<Self, String> {
        // Only these are sent: any other filter would be lost without a word.
        let is_filter = |key: &str| {
            DOCUMENTED
                .iter()
                .any(|(name, neutral)| *name == key && !matches!(neutral, Neutral::Given))
        };
        if let Some(key) = stored.filters.keys().find(|key| !is_filter(key)) {
            return Err(format!("there is no filter {key}: `extra` takes any key"));
        }
        let reserved = stored.extra.keys().find(|key| Self::is_reserved(key));
        if let Some(key) = reserved {
            return Err(ReservedKey(key.clone()).to_string());
        }
        Ok(CustomerQuery {
            cm_id: stored.cm_id,
            filters: stored.filters,
            extra: stored.extra,
            full_body: stored.full_body,
        })
    }
}

impl CustomerQuery {
    /// Asks for all customers of the account `cm_id`.
    pub fn new(cm_id: u64) -> Self {
        CustomerQuery {
            cm_id,
            filters: Map::new(),
            extra: Map::new(),
            full_body: false,
        }
    }

    /// Customers of this name.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.text("name", name)
    }

    /// Customers with this phone number.
    pub fn phone(self, phone: impl Into<String>) -> Self {
        self.text("phone", phone)
    }

    /// Customers with this e-mail address.
    pub fn email(self, email: impl Into<String>) -> Self {
        self.text("email", email)
    }

    /// Customers of this designation type.
    pub fn designation_type(self, designation_type: impl Into<String>) -> Self {
        self.text("designationType", designation_type)
    }

    /// The customer with this id.
    pub fn customer_id(self, customer_id: impl Into<String>) -> Self {
        self.text("customer_id", customer_id)
    }

    /// Customers with this code.
    pub fn customer_code(self, customer_code: impl Into<String>) -> Self {
        self.text("customerCode", customer_code)
    }

    /// Customers of these zones, as text (`zoneIdStr`). The API looks at it before
    /// [`CustomerQuery::zone_id`].
    pub fn zone(self, zone: impl Into<String>) -> Self {
        self.text("zoneIdStr", zone)
    }

    /// Customers of this zone. The API uses it only where [`CustomerQuery::zone`] is not given.
    pub fn zone_id(self, zone_id: u64) -> Self {
        self.filter("zone_id", zone_id)
    }

    /// Customers assigned to this employee. The API looks at it before
    /// [`CustomerQuery::assigned_to`].
    pub fn assigned_to_id(self, assigned_to_id: u64) -> Self {
        self.filter("assignedToId", assigned_to_id)
    }

    /// Customers assigned to these employees, as text (`assignedToIdStr`). The API uses it only
    /// where [`CustomerQuery::assigned_to_id`] is not given.
    pub fn assigned_to(self, assigned_to: impl Into<String>) -> Self {
        self.text("assignedToIdStr", assigned_to)
    }

    /// Customers from this primary source; 0 is any.
    pub fn primary_source_id(self, source_id: u64) -> Self {
        self.filter("primarySourceId", source_id)
    }

    /// Customers from this secondary source; 0 is any.
    pub fn secondary_source_id(self, source_id: u64) -> Self {
        self.filter("secondarySourceId", source_id)
    }

    /// Customers from this tertiary source; 0 is any.
    pub fn tertiary_source_id(self, source_id: u64) -> Self {
        self.filter("tertiarySourceId", source_id)
    }

    /// Customers whose tenant-defined attribute `number` (1 to 15) is `text`.
    ///
    /// # Errors
    /// When there is no attribute of that number.
    pub fn attribute(self, number: u8, text: impl Into<String>) -> Result<Self, NoSuchAttribute> {
        if !(1..=15).contains(&number) {
            return Err(NoSuchAttribute(number));
        }
        Ok(self.text(&format!("attr{number}"), text))
    }

    /// Whether to search by the tenant's configuration of its "all customers" page.
    pub fn all_customer_page(self, on: bool) -> Self {
        self.filter("isAllCustomerPage", on)
    }

    /// Customers of one kind.
    ///
    /// The API evaluates the flag of individuals only if that of organisations is false, and that of
    /// channel partners only if that of individuals is, so the flags of higher precedence are sent
    /// as false. Two of the three are text in the vendor's example.
    pub fn kind(mut self, kind: CustomerKind) -> Self {
        for flag in ["isOrganisation", "isIndividual", "isChannelPartner"] {
            self.filters.shift_remove(flag);
        }
        match kind {
            CustomerKind::Organisation => self.filter("isOrganisation", true),
            CustomerKind::Individual => self
                .filter("isOrganisation", false)
                .filter("isIndividual", "true"),
            CustomerKind::ChannelPartner => self
                .filter("isOrganisation", false)
                .filter("isIndividual", "false")
                .filter("isChannelPartner", "true"),
        }
    }

    /// Sends any `key` with any `value`: the API allows keys of the tenant's own.
    ///
    /// It overrides the typed filters and `cm_id` (which some server may want as text), at the
    /// documented place of the key. Undocumented keys follow at the end in the order in which they
    /// were set.
    ///
    /// # Errors
    /// When `key` is [reserved](CustomerQuery::is_reserved).
    pub fn set(mut self, key: impl Into<String>, value: Value) -> Result<Self, ReservedKey> {
        let key = key.into();
        if CustomerQuery::is_reserved(&key) {
            return Err(ReservedKey(key));
        }
        self.extra.insert(key, value);
        Ok(self)
    }

    /// Whether `key` is one that windows and pagination set: `createStartDate`, `createEndDate`,
    /// `limit` and `offset`.
    pub fn is_reserved(key: &str) -> bool {
        matches!(
            key,
            "createStartDate" | "createEndDate" | "limit" | "offset"
        )
    }

    /// Whether `key` has a value, by a filter or by [`CustomerQuery::set`].
    ///
    /// ```
    /// use kapture_model::{CustomerKind, CustomerQuery};
    ///
    /// let query = CustomerQuery::new(424242).kind(CustomerKind::Individual);
    /// assert!(query.has("isOrganisation"));
    /// assert!(!query.has("isChannelPartner"));
    /// ```
    pub fn has(&self, key: &str) -> bool {
        self.filters.contains_key(key) || self.extra.contains_key(key)
    }

    /// Whether to send every documented key as the vendor's example does, blank or 0 without a
    /// filter, for servers that require them.
    pub fn full_body(mut self, on: bool) -> Self {
        self.full_body = on;
        self
    }

    /// The request's body in compact JSON: at most `limit` customers of `window`, after passing
    /// over the first `offset`. Both are JSON text, as in the vendor's example.
    pub fn body(&self, window: Window, limit: u32, offset: u64) -> Vec<u8> {
        let given = |key| {
            Some(match key {
                "cm_id" => self.cm_id.into(),
                "createStartDate" => window.start.to_string().into(),
                "createEndDate" => window.end.to_string().into(),
                "limit" => limit.to_string().into(),
                "offset" => offset.to_string().into(),
                _ => return None,
            })
        };
        let mut body = Map::new();
        for (key, neutral) in DOCUMENTED {
            let set = self.extra.get(key).or_else(|| self.filters.get(key));
            let neutral = || match neutral {
                _ if !self.full_body => None,
                Neutral::Given => None,
                Neutral::Blank => Some("".into()),
                Neutral::Zero => Some(0.into()),
                Neutral::False => Some(false.into()),
            };
            if let Some(value) = set.cloned().or_else(|| given(key)).or_else(neutral) {
                body.insert(key.to_owned(), value);
            }
        }
        for (key, value) in &self.extra {
            body.entry(key).or_insert_with(|| value.clone());
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// Which customers are asked for, as JSON: the account and every filter, without window and
    /// page. Equal for queries that ask for the same. It holds what customers are filtered by,
    /// which may be personal data.
    ///
    /// ```
    /// use kapture_model::CustomerQuery;
    ///
    /// let query = CustomerQuery::new(424242).zone("north").full_body(true);
    /// assert_eq!(query.selection(), r#"{"cm_id":424242,"zoneIdStr":"north"}"#);
    /// ```
    pub fn selection(&self) -> String {
        let mut selection = Map::from_iter([("cm_id".to_owned(), self.cm_id.into())]);
        for (key, value) in self.filters.iter().chain(&self.extra) {
            selection.insert(key.clone(), value.clone());
        }
        selection.sort_keys();
        Value::Object(selection).to_string()
    }

    /// Every filter.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let filters = self.filters.iter().chain(&self.extra);
        filters.map(|(key, value)| (key.as_str(), value))
    }

    /// The keys of every filter, without their values, which may be personal data.
    pub fn filtered_keys(&self) -> Vec<&str> {
        let keys = self.filters.keys().chain(self.extra.keys());
        keys.map(String::as_str).collect()
    }

    fn text(mut self, key: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        if text.trim().is_empty() {
            self.filters.shift_remove(key);
            self
        } else {
            self.filter(key, text)
        }
    }

    fn filter(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.filters.insert(key.to_owned(), value.into());
        self
    }
}

impl fmt::Debug for CustomerQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerQuery")
            .field("cm_id", &self.cm_id)
            .field("keys", &self.filtered_keys())
            .field("full_body", &self.full_body)
            .finish_non_exhaustive()
    }
}
