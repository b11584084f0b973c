//! A record as rows of a table: one for the customer and one for each contact.

use chrono::{TimeZone, Utc};

use super::cell::{Cell, Read};
use super::column::{contact_columns, customer_columns};
use super::repeated::{KnownField, KnownValue};
use crate::json::scanner::{self, Scanner};
use crate::json::shape_cache::{Lookup, ShapeCache};
use crate::json::strict::{has_non_finite, strict};
use crate::record::RecordText;
use crate::schema::documented::{Kind, fields};
use crate::schema::drift::Owner;
use crate::schema::keys::{Keys, NO_KEY};
use crate::{CustomerId, Drift, DriftKind, Record};

/// A customer or a contact in columns.
///
/// `Debug` shows nothing of it: customers are personal data.
#[derive(Clone, PartialEq, Default)]
pub struct Row<'a> {
    /// One for each of [`customer_columns`] or [`contact_columns`], in their order.
    pub cells: Vec<Cell<'a>>,
    /// Everything that no column holds, as one JSON object: undocumented fields, and the raw
    /// values of documented ones that are not of the documented type. `None` when there is none.
    pub extra: Option<String>,
}

/// A record in columns.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerRow<'a> {
    /// The customer's id as a number, which tables key it by.
    ///
    /// An id that is no whole number below 2^63 has a stand-in: a negative number derived from
    /// it, the same each time. The id itself is in [`Row::extra`] then.
    pub id: i64,
    /// The customer. Its first cell is [`id`](Self::id).
    pub customer: Row<'a>,
    /// Its contacts in the order in which they came.
    pub contacts: Vec<Row<'a>>,
}

/// Reads records as rows.
///
/// Nothing is lost on the way: a value either is in its column, or in the extra object of its row
/// under the API's own name, where blank text is null. Numbers and flags that come as text
/// (`"17"`, `"true"`) are numbers and flags here, and numbers in a text column are text; dates in
/// any known form are local date-times.
///
/// ```
/// use kapture_model::{Cell, Record, RowReader, customer_columns};
///
/// let json = br#"{"id": 17, "name": "Asha Example", "city": " ", "zone": "north", "attr1": "gold", "attr2": "",
///                 "generationDate": "May 2, 2024 4:15:42 PM"}"#;
/// let record = Record::decode(json.as_slice().into())?;
/// let row = RowReader::default().read(&record);
/// let cell = |name| {
///     let column = customer_columns().iter().position(|column| column.name == name).unwrap();
///     row.customer.cells[column].clone()
/// };
/// assert_eq!(cell("id"), Cell::Integer(17));
/// assert_eq!(cell("name"), Cell::Text("Asha Example".into()));
/// assert_eq!(cell("city"), Cell::Null);
/// assert!(matches!(cell("generation_date"), Cell::Timestamp(_)));
/// assert_eq!(row.customer.extra.as_deref(), Some(r#"{"zone":"north","attr1":"gold","attr2":null}"#));
/// # Ok::<(), kapture_model::RecordError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowReader<Z: TimeZone = Utc> {
    zone: Z,
    /// By [`Owner`].
    kinds: [ObjectKind; 2],
}

/// What is known of the objects of one owner.
#[derive(Debug, Clone)]
struct ObjectKind {
    keys: Keys,
    /// The column of each documented key, by the key's index less one.
    columns: Vec<Option<usize>>,
    cache: ShapeCache<KnownField>,
}

impl Default for RowReader {
    /// Shows instants in UTC.
    fn default() -> Self {
        RowReader::new(Utc)
    }
}

impl<Z: TimeZone> RowReader<Z> {
    /// Shows instants as local times of `zone`. Dates without a zone, as the API writes them,
    /// stay as they are.
    pub fn new(zone: Z) -> Self {
        RowReader {
            zone,
            kinds: [Owner::Customer, Owner::Contact].map(|owner| {
                let mut column = 0..;
                let kinds = fields(owner).iter().map(|(_, kind)| *kind);
                ObjectKind {
                    keys: Keys::documented(owner),
                    columns: kinds
                        .map(|kind| (kind != Kind::Contacts).then(|| column.next())?)
                        .collect(),
                    cache: ShapeCache::default(),
                }
            }),
        }
    }

    /// The record in columns.
    pub fn read<'a>(&mut self, record: &'a Record) -> CustomerRow<'a> {
        let mut row = match record.text() {
            RecordText::AsSent(text) => self.customer(text),
            RecordText::Repaired(repaired) => {
                let row = self.customer(&repaired.json).into_owned();
                let kind = &mut self.kinds[Owner::Customer as usize];
                kind.keys.note_repairs(&repaired.faults);
                row
            }
        };
        row.id = record.id().table_key();
        row.customer.cells[0] = Cell::Integer(row.id);
        row
    }

    /// A customer's row, but for its id.
    fn customer<'a>(&mut self, text: &'a str) -> CustomerRow<'a> {
        let mut contacts = Vec::new();
        let mut scanner = Scanner::new(text);
        // A record is one valid object, so nothing ends the pass early.
        let customer = self
            .row(Owner::Customer, &mut scanner, &mut contacts)
            .unwrap_or_else(|| Draft::new(Owner::Customer));
        CustomerRow {
            id: 0,
            customer: customer.finish(),
            contacts,
        }
    }

    /// What was met so far that the documentation does not promise.
    pub fn drift(&self) -> Drift {
        let mut drift = Drift::default();
        for kind in &self.kinds {
            kind.keys.report(&mut drift);
        }
        drift
    }

    fn row<'a>(
        &mut self,
        owner: Owner,
        scanner: &mut Scanner<'a>,
        contacts: &mut Vec<Row<'a>>,
    ) -> Option<Draft<'a>> {
        let mut draft = Draft::new(owner);
        let mut key = NO_KEY;
        let mut place = 0;
        let mut in_common = 0;
        scanner.take(b'{');
        scanner.skip_whitespace();
        let start = scanner.at();
        let mut shape = self.kinds[owner as usize].cache.draft(start);
        let mut ended = scanner.take(b'}');
        while !ended {
            let at = scanner.at();
            let kind = &mut self.kinds[owner as usize];
            match kind.cache.look_up(place, scanner.rest()) {
                Lookup::Fields { next, length } => {
                    scanner.advance(length);
                    in_common += length;
                    key = kind.repeat(place, next, scanner.since(at), &mut draft);
                    place = next.unwrap_or(place);
                    ended = next.is_none();
                    // The template may have had less of it.
                    scanner.skip_whitespace();
                    continue;
                }
                Lookup::Key { what, length } => {
                    scanner.advance(length);
                    in_common += length;
                    key = what.key;
                    place += 1;
                }
                Lookup::Miss => {
                    key = kind.keys.read(scanner, key)?;
                    place = kind.cache.place_behind(scanner.since(at), place);
                }
            }
            let key_end = scanner.at();
            let field = self.field(owner, (key, at), scanner, &mut draft, contacts)?;
            ended = scanner.end_of_field()?;
            if let Some(shape) = &mut shape {
                let known = KnownField {
                    key,
                    at: at - start,
                    value: field.and_then(|(column, value_at, value)| {
                        KnownValue::of(&draft.row.cells[column], value, value_at - at)
                    }),
                };
                shape.add(at, key_end, scanner.at(), known.value.is_some(), known);
            }
        }
        let ObjectKind { keys, cache, .. } = &mut self.kinds[owner as usize];
        cache.learn(shape, scanner.since(start), in_common);
        keys.note_missing_dates(|key| draft.dates & (1 << key) != 0);
        Some(draft)
    }

    /// Moves over the value of a field with this key, which begins `at` there. Returns its column, and the
    /// value with its place, if the cell is all that it says.
    fn field<'a>(
        &mut self,
        owner: Owner,
        (key, at): (usize, usize),
        scanner: &mut Scanner<'a>,
        draft: &mut Draft<'a>,
        contacts: &mut Vec<Row<'a>>,
    ) -> Option<Option<(usize, usize, &'a str)>> {
        let token = scanner.since(at);
        scanner.skip_whitespace();
        scanner.take(b':');
        scanner.skip_whitespace();
        let mut plain = None;
        let drift = match self.kinds[owner as usize].keys.kind(key) {
            None => {
                let value = scanner.value()?;
                let is_null_or_blank = scanner::is_null_or_blank(value);
                draft.keep(token, if is_null_or_blank { "null" } else { value });
                Some(match has_non_finite(value) {
                    true => DriftKind::NotFinite,
                    false => DriftKind::UnknownField,
                })
            }
            Some(Kind::Contacts) => {
                if scanner.peek()? == b'{' {
                    // One contact in place of a list of it.
                    let contact = self.row(Owner::Contact, scanner, &mut Vec::new())?;
                    contacts.push(contact.finish());
                    Some(DriftKind::UnexpectedType)
                } else {
                    let (value, documented) = self.contacts(scanner, contacts)?;
                    if !documented {
                        draft.keep(token, value);
                    }
                    (!documented).then_some(DriftKind::UnexpectedType)
                }
            }
            Some(kind) => {
                let start = scanner.at();
                let value = scanner.value()?;
                let read = Read::of(kind, value, &self.zone);
                let column = self.kinds[owner as usize].columns[key - 1]?;
                let is_id = owner == Owner::Customer && key == NO_KEY + 1;
                if read.lossy || is_id && !is_plain_id(value) {
                    draft.keep(token, value);
                } else if read.drift.is_none() && !is_id {
                    plain = Some((column, start, value));
                }
                if kind == Kind::Timestamp && !scanner::is_null_or_blank(value) {
                    draft.dates |= 1 << key;
                }
                draft.row.cells[column] = read.cell;
                read.drift
            }
        };
        if let Some(drift) = drift {
            self.kinds[owner as usize].keys.note(key, drift);
        }
        Some(plain)
    }

    /// The contacts as they stand; says whether they are a list of objects, or nothing.
    fn contacts<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        contacts: &mut Vec<Row<'a>>,
    ) -> Option<(&'a str, bool)> {
        let start = scanner.at();
        if scanner.peek() != Some(b'[') {
            let value = scanner.value()?;
            return Some((value, scanner::is_null_or_blank(value)));
        }
        let mut documented = true;
        scanner.list(|scanner| {
            if scanner.peek()? == b'{' {
                let draft = self.row(Owner::Contact, scanner, &mut Vec::new())?;
                contacts.push(draft.finish());
            } else {
                scanner.value()?;
                documented = false;
            }
            Some(())
        })?;
        Some((scanner.since(start), documented))
    }
}

impl ObjectKind {
    /// Takes over the fields of the template from `place` up to `next`, which stand in `text`. Returns the
    /// index of the last key.
    fn repeat<'a>(
        &self,
        place: usize,
        next: Option<usize>,
        text: &'a str,
        draft: &mut Draft<'a>,
    ) -> usize {
        let mut key = NO_KEY;
        let mut first = None;
        for field in self.cache.fields(place, next) {
            key = field.key;
            let before = field.at - *first.get_or_insert(field.at);
            let (Some(value), Some(column)) = (field.value, self.columns[key - 1]) else {
                continue;
            };
            if let KnownValue::Timestamp(_) = value {
                draft.dates |= 1 << key;
            }
            draft.row.cells[column] = value.cell(text.get(before..).unwrap_or_default());
        }
        key
    }
}

impl CustomerRow<'_> {
    /// The same row with text of its own, so that the record may go.
    pub fn into_owned(self) -> CustomerRow<'static> {
        CustomerRow {
            id: self.id,
            customer: self.customer.into_owned(),
            contacts: self.contacts.into_iter().map(Row::into_owned).collect(),
        }
    }
}

impl Row<'_> {
    fn into_owned(self) -> Row<'static> {
        Row {
            cells: self.cells.into_iter().map(Cell::into_owned).collect(),
            extra: self.extra,
        }
    }
}

/// A row under way.
struct Draft<'a> {
    row: Row<'a>,
    /// Keys and values.
    extra: Vec<(&'a str, &'a str)>,
    /// One bit for each date that is there, by index: documented keys have the indices to 50.
    dates: u64,
}

impl<'a> Draft<'a> {
    fn new(owner: Owner) -> Self {
        let columns = match owner {
            Owner::Customer => customer_columns().len(),
            Owner::Contact => contact_columns().len(),
        };
        let mut row = Row::default();
        row.cells.resize_with(columns, Cell::default);
        Draft {
            row,
            extra: Vec::new(),
            dates: 0,
        }
    }

    fn keep(&mut self, token: &'a str, value: &'a str) {
        self.extra.push((token, value));
    }

    fn finish(mut self) -> Row<'a> {
        if !self.extra.is_empty() {
            let mut json = String::new();
            for (token, value) in &self.extra {
                json.push(if json.is_empty() { '{' } else { ',' });
                json.push_str(token);
                json.push(':');
                json.push_str(&strict(value));
            }
            json.push('}');
            self.row.extra = Some(json);
        }
        self.row
    }
}

/// Whether an id is just what its number says.
fn is_plain_id(value: &str) -> bool {
    CustomerId::decode(value).is_some_and(|id| id.table_key() >= 0)
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}
