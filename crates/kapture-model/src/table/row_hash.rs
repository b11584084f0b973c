//! The hash of a customer's row, by which two copies of a customer are compared.

use std::collections::BTreeSet;
use std::fmt;

use super::cell::Cell;
use super::column::{contact_columns, customer_columns};
use super::row::{CustomerRow, Row};
use crate::json::value_hash::{NULL, field_hashes};
use crate::mix::{mixed, text_hash};
use crate::schema::drift::Owner;

/// A hash of everything that the row of a customer and those of its contacts hold. It is stable
/// across versions and platforms.
///
/// Equal copies have equal hashes, however the server spelled them; the order of undocumented fields
/// does not matter, and a field that is null counts as one that is not there. That two copies which
/// differ have equal hashes is as likely as 1 in 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowHash(u64);

impl RowHash {
    /// The hash as a whole number of 64 bits with a sign, for a column of a database.
    pub fn to_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// The hash of such a column.
    pub fn from_i64(number: i64) -> Self {
        Self(number.cast_unsigned())
    }

    /// The bits, for a sum over the rows of a day.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Hashes rows.
///
/// ```
/// use kapture_model::{Record, RowHasher, RowReader};
///
/// let hash = |json: &str, hasher: &RowHasher| {
///     let record = Record::decode(json.to_owned().into()).unwrap();
///     hasher.hash(&RowReader::default().read(&record))
/// };
/// let all = RowHasher::default();
/// let seen = |time| format!(r#"{{"id":1,"name":"Asha","seenAt":{time},"attr1":" "}}"#);
/// assert_eq!(hash(&seen(1), &all), hash(r#"{"seenAt":1.0,"name":"Asha","id":"1"}"#, &all));
/// assert_ne!(hash(&seen(1), &all), hash(&seen(2), &all));
/// // A field that differs at every reading can be left out.
/// let without = RowHasher::ignoring(["extra.seenAt"]);
/// assert_eq!(hash(&seen(1), &without), hash(&seen(2), &without));
/// ```
#[derive(Debug, Clone)]
pub struct RowHasher {
    /// By [`Owner`]: for each column what its hashes begin with, unless it is ignored.
    columns: [Vec<Option<u64>>; 2],
    /// By [`Owner`].
    ignored: [BTreeSet<String>; 2],
}

impl Default for RowHasher {
    /// Ignores nothing.
    fn default() -> Self {
        Self::ignoring::<&str>([])
    }
}

impl RowHasher {
    /// Leaves fields out, named as [`Privacy`](crate::Privacy) names them: `lastModificationTime`, `attr3`,
    /// `extra.seenAt`, `contacts.phone`. `contacts` leaves all contacts out, `extra` and `contacts.extra`
    /// all fields without a column.
    pub fn ignoring<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> Self {
        let mut ignored = [BTreeSet::new(), BTreeSet::new()];
        for field in fields {
            let field = field.as_ref();
            let (owner, field) = match field.strip_prefix("contacts.") {
                Some(field) => (Owner::Contact, field),
                None => (Owner::Customer, field),
            };
            let key = field.strip_prefix("extra.").unwrap_or(field);
            ignored[owner as usize].insert(key.to_owned());
        }
        let columns = [customer_columns(), contact_columns()];
        let columns = [Owner::Customer, Owner::Contact].map(|owner| {
            let ignored = &ignored[owner as usize];
            let start = |key: &str| (!ignored.contains(key)).then(|| text_hash(COLUMN, key));
            let columns = columns[owner as usize].iter();
            columns.map(|column| start(column.key)).collect()
        });
        Self { columns, ignored }
    }

    /// The hash of a customer with its contacts.
    pub fn hash(&self, row: &CustomerRow<'_>) -> RowHash {
        let mut hash = self.row(Owner::Customer, &row.customer);
        if !self.ignored[Owner::Customer as usize].contains(CONTACTS) {
            for contact in &row.contacts {
                hash = mixed(hash ^ self.row(Owner::Contact, contact));
            }
        }
        RowHash(hash)
    }

    /// The sum over the fields, so that their order does not matter.
    fn row(&self, owner: Owner, row: &Row<'_>) -> u64 {
        let columns = self.columns[owner as usize].iter().zip(&row.cells);
        let cells = columns.filter_map(|(start, cell)| cell_hash((*start)?, cell));
        let sum = cells.fold(0, u64::wrapping_add);
        let ignored = &self.ignored[owner as usize];
        let extra = row.extra.as_deref();
        let extra = extra.filter(|_| !ignored.contains(EXTRA_FIELDS));
        let extra = extra.map_or(0, |extra| match field_hashes(extra) {
            Some(fields) => fields.iter().fold(0_u64, |sum, (key, hash)| {
                match *hash == NULL || ignored.contains(&**key) {
                    true => sum,
                    false => sum.wrapping_add(mixed(text_hash(EXTRA, key) ^ hash)),
                }
            }),
            // Another program wrote it.
            None => text_hash(NO_OBJECT, extra),
        });
        mixed(sum.wrapping_add(extra))
    }
}

/// The API's name of the list of contacts.
const CONTACTS: &str = "contacts";

/// All fields without a column.
const EXTRA_FIELDS: &str = "extra";

// What the hash of a key begins with.
const COLUMN: u64 = 11;
const EXTRA: u64 = 12;
// What the hash of an extra object begins with that is none.
const NO_OBJECT: u64 = 13;

/// The hash of a cell in a column that begins with `start`; `None` for null.
fn cell_hash(start: u64, cell: &Cell<'_>) -> Option<u64> {
    let number = |number: u64| mixed(start ^ mixed(number));
    Some(match cell {
        Cell::Null => return None,
        Cell::Integer(integer) => number(integer.cast_unsigned()),
        // Both zeros are one number, which databases may not tell apart.
        Cell::Float(float) => number((float + 0.0).to_bits()),
        Cell::Text(text) => text_hash(start, text),
        Cell::Bool(flag) => number(u64::from(*flag)),
        // Columns of times count microseconds.
        Cell::Timestamp(time) => number(time.and_utc().timestamp_micros().cast_unsigned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, RowReader};

    fn hash_with(json: &str, hasher: &RowHasher) -> RowHash {
        let record = Record::decode(json.to_owned().into()).unwrap();
        hasher.hash(&RowReader::default().read(&record))
    }

    fn hash(json: &str) -> RowHash {
        hash_with(json, &RowHasher::default())
    }

    #[test]
    fn hash_is_stable_across_versions() {
        let json = r#"{"id":1,"name":"Asha","outStandingAmount":1.5,"deleted":true,
            "generationDate":"2024-05-02T16:15:42","attr1":{"a":[1]},"contacts":[{"id":2}]}"#;
        assert_eq!(hash(json).to_string(), "0ba09240ca8dc850");
        assert_eq!(RowHash::from_i64(hash(json).to_i64()), hash(json));
    }

    #[test]
    fn spelling_does_not_matter() {
        let one = r#"{"id":1,"name":"Asha","city":" ","maxCreditAmt":-0.0,"attr1":[1.0],
            "generationDate":"May 2, 2024 4:15:42 PM","attr2":null}"#;
        let other = r#"{"attr1":[1],"generationDate":"2024-05-02T16:15:42","maxCreditAmt":0,
            "name":"Asha","id":1}"#;
        assert_eq!(hash(one), hash(other));
    }

    #[test]
    fn every_difference_counts() {
        let copies = [
            r#"{"id":1}"#,
            r#"{"id":2}"#,
            r#"{"id":1,"name":"a"}"#,
            r#"{"id":1,"city":"a"}"#,
            r#"{"id":1,"name":"a","city":"b"}"#,
            r#"{"id":1,"name":"b","city":"a"}"#,
            r#"{"id":1,"attr1":"a"}"#,
            r#"{"id":1,"attr2":"a"}"#,
            r#"{"id":1,"zone":1}"#,
            r#"{"id":1,"zone":"one"}"#,
            r#"{"id":1,"contacts":[{"id":1}]}"#,
            r#"{"id":1,"contacts":[{"id":2}]}"#,
            r#"{"id":1,"contacts":[{"id":1},{"id":2}]}"#,
            r#"{"id":1,"contacts":[{"id":2},{"id":1}]}"#,
            r#"{"id":1,"contacts":[{"id":1,"attr1":"a"}]}"#,
            r#"{"id":1,"generationDate":"2024-05-02T16:15:42"}"#,
            r#"{"id":1,"generationDate":"2024-05-02T16:15:42.001"}"#,
            r#"{"id":1,"lastModificationTime":"2024-05-02T16:15:42"}"#,
        ];
        let hashes: BTreeSet<_> = copies.iter().map(|json| hash(json)).collect();
        assert_eq!(hashes.len(), copies.len());
    }

    #[test]
    fn extra_that_is_no_object_counts() {
        let hash = |extra: &str| {
            let row = |extra| Row {
                cells: vec![Cell::Integer(1)],
                extra,
            };
            RowHasher::default().hash(&CustomerRow {
                id: 1,
                customer: row(Some(extra.to_owned())),
                contacts: Vec::new(),
            })
        };
        let extras = ["{}", "", "not json", "[]", "7", r#"{"a":"#, "{}{}", "{} x"];
        let hashes: BTreeSet<_> = extras.into_iter().map(hash).collect();
        assert_eq!(hashes.len(), extras.len());
        assert_eq!(hash(" {} "), hash("{}"));
    }

    #[test]
    fn ignored_fields_do_not_count() {
        let ignoring = RowHasher::ignoring(["name", "attr1", "contacts.phone", "contacts.attr2"]);
        let copy = |name: &str, city: &str| {
            let json = format!(
                r#"{{"id":1,"name":"{name}","city":"{city}","attr1":"{name}",
                "contacts":[{{"id":2,"phone":"{name}","attr2":"{name}","email":"{city}"}}]}}"#
            );
            hash_with(&json, &ignoring)
        };
        assert_eq!(copy("a", "x"), copy("b", "x"));
        assert_ne!(copy("a", "x"), copy("a", "y"));
        let without = RowHasher::ignoring(["contacts"]);
        let contacts = |json| hash_with(json, &without);
        assert_eq!(
            contacts(r#"{"id":1,"contacts":[{"id":2}]}"#),
            contacts(r#"{"id":1}"#)
        );
    }
}
