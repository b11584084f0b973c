//! Whether customers match the filters of the query that they were asked for with.

use serde_json::{Map, Value};

use crate::json::strict;
use crate::{CustomerQuery, Record};

/// Counts the customers that do not match a filter: a server may ignore one.
///
/// How a server compares is not documented, so only what is plain counts: the customer has the field, and its text
/// neither contains the text of the filter nor is contained in it, apart from case. Filters by name, phone, e-mail,
/// id, code and attributes are checked, others are not.
///
/// ```
/// use kapture_model::{CustomerQuery, FilterCheck, Record};
///
/// let query = CustomerQuery::new(424242).attribute(3, "gold")?;
/// let mut check = FilterCheck::new(&query);
/// for json in [r#"{"id":1,"attr3":"Gold"}"#, r#"{"id":2,"attr3":"silver"}"#] {
///     check.observe(&[Record::decode(json.into())?]);
/// }
/// assert_eq!(check.checked(), 2);
/// assert_eq!(check.unmatched().collect::<Vec<_>>(), [("attr3", 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FilterCheck {
    filters: Vec<Filter>,
    checked: u64,
}

#[derive(Clone)]
struct Filter {
    key: String,
    /// In small letters.
    text: String,
    unmatched: u64,
}

/// The text may be personal data.
impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} unmatched", self.key, self.unmatched)
    }
}

impl FilterCheck {
    /// Checks the filters of this query.
    pub fn new(query: &CustomerQuery) -> Self {
        let filter = |(key, value): (&str, &Value)| {
            let text = text(value)?;
            is_checked(key).then(|| Filter {
                key: key.to_owned(),
                text,
                unmatched: 0,
            })
        };
        Self {
            filters: query.filters().filter_map(filter).collect(),
            checked: 0,
        }
    }

    /// Compares customers with the filters.
    pub fn observe(&mut self, records: &[Record]) {
        if self.filters.is_empty() {
            return;
        }
        for record in records {
            let json = record.text();
            let customer = serde_json::from_str::<Map<_, _>>(&strict::strict(json.json()));
            let Ok(customer) = customer else { continue };
            self.checked += 1;
            for filter in &mut self.filters {
                filter.unmatched += u64::from(!filter.may_match(&customer));
            }
        }
    }

    /// How many customers were compared.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// The keys of the filters that customers did not match, each with their number.
    pub fn unmatched(&self) -> impl Iterator<Item = (&str, u64)> {
        let unmatched = self.filters.iter().filter(|filter| filter.unmatched > 0);
        unmatched.map(|filter| (filter.key.as_str(), filter.unmatched))
    }
}

fn is_checked(key: &str) -> bool {
    let keys = ["name", "phone", "email", "customer_id", "customerCode"];
    keys.contains(&key) || key.starts_with("attr")
}

/// The text of a scalar, in small letters.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Filter {
    /// Whether this customer may be one that the filter selects.
    fn may_match(&self, customer: &Map<String, Value>) -> bool {
        let own: &[&str] = match self.key.as_str() {
            "customer_id" => &["id"],
            "phone" | "email" => &[],
            key => &[key],
        };
        let of_contacts: &[&str] = match self.key.as_str() {
            "name" => &["contactPerson"],
            "phone" => &["phone", "additionalPhone"],
            "email" => &["email"],
            _ => &[],
        };
        let contacts = customer.get("contacts").and_then(Value::as_array);
        let contacts = contacts.into_iter().flatten().filter_map(Value::as_object);
        let shown: Vec<_> = [(customer, own)]
            .into_iter()
            .chain(contacts.map(|contact| (contact, of_contacts)))
            .flat_map(|(object, keys)| keys.iter().filter_map(|key| text(object.get(*key)?)))
            .collect();
        // A customer that does not show the field says nothing.
        shown.is_empty() || shown.iter().any(|shown| self.is_alike(shown))
    }

    fn is_alike(&self, shown: &str) -> bool {
        // Masked, such as 55******01.
        if shown.contains('*') {
            return true;
        }
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect();
        let (shown, wanted): (String, String) = match self.key.as_str() {
            "phone" => (digits(shown), digits(&self.text)),
            _ => (shown.to_owned(), self.text.clone()),
        };
        shown.contains(&wanted) || !shown.is_empty() && wanted.contains(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmatched(query: CustomerQuery, customer: &str) -> bool {
        let mut check = FilterCheck::new(&query);
        check.observe(&[Record::decode(customer.to_owned().into()).unwrap()]);
        check.unmatched().next().is_some()
    }

    #[test]
    fn only_what_is_plain_counts() {
        let query = || CustomerQuery::new(7);
        let attribute = || query().attribute(3, "gold").unwrap();
        let contact = |contact: &str| format!(r#"{{"id":1,"contacts":[{{}},{contact}]}}"#);
        for (query, customer, expected) in [
            (attribute(), r#"{"id":1,"attr3":"silver"}"#, true),
            (attribute(), r#"{"id":1,"attr3":""}"#, true),
            (attribute(), r#"{"id":1,"attr3":" GOLD "}"#, false),
            (attribute(), r#"{"id":1,"attr3":"gold, old"}"#, false),
            (attribute(), r#"{"id":1,"attr3":null}"#, false),
            (attribute(), r#"{"id":1}"#, false),
            (query().customer_id("17"), r#"{"id":18}"#, true),
            (query().customer_id("17"), r#"{"id":17}"#, false),
            (query().name("asha"), r#"{"id":1,"name":"Asha E."}"#, false),
            (query().name("asha"), r#"{"id":1,"name":"Ravi E."}"#, true),
            (
                query().phone("+91 555-0100"),
                &contact(r#"{"phone":"5550100"}"#),
                false,
            ),
            (
                query().phone("5550100"),
                &contact(r#"{"phone":"55***00"}"#),
                false,
            ),
            (
                query().phone("5550100"),
                &contact(r#"{"phone":"5550101"}"#),
                true,
            ),
            (
                query().email("a@example.com"),
                &contact(r#"{"email":"A@Example.com"}"#),
                false,
            ),
            (
                query().email("a@example.com"),
                &contact(r#"{"email":"b@example.com"}"#),
                true,
            ),
            // Zones may contain others.
            (query().zone_id(2), r#"{"id":1,"zone":3}"#, false),
        ] {
            let told = format!("{query:?}: {customer}");
            assert_eq!(unmatched(query, customer), expected, "{told}");
        }
    }
}
