//! A record as rows of a table: one for the customer and one for each contact.

use std::borrow::Cow;

use chrono::{NaiveDateTime, TimeZone, Utc};

use crate::column::{contact_columns, customer_columns};
use crate::documented::{Kind, fields};
use crate::drift::Owner;
use crate::keys::{Keys, NO_KEY};
use crate::scanner::{self, Scanner};
use crate::{CustomerId, Drift, DriftKind, Moment, Record};

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell<'a> {
    /// Absent, null, blank text, or a value that the column cannot hold, which is in
    /// [`Row::extra`] then.
    #[default]
    Nothing,
    /// A whole number.
    Integer(i64),
    /// A double.
    Decimal(f64),
    /// Text, never blank and without the character U+0000.
    Text(Cow<'a, str>),
    /// True or false.
    Flag(bool),
    /// A local date-time without a zone.
    Time(NaiveDateTime),
}

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
/// under the API's own name, where blank text is null. Numbers and flags that come as text (`"17"`, `"true"`) are numbers
/// and flags here, and numbers in a text column are text; dates in any known form are local
/// date-times.
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
/// assert_eq!(cell("city"), Cell::Nothing);
/// assert!(matches!(cell("generation_date"), Cell::Time(_)));
/// assert_eq!(row.customer.extra.as_deref(), Some(r#"{"zone":"north","attr1":"gold","attr2":null}"#));
/// # Ok::<(), kapture_model::RecordError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowReader<Z: TimeZone = Utc> {
    zone: Z,
    /// By [`Owner`].
    keys: [Keys; 2],
    /// By [`Owner`]: the column of each documented key, by the key's index less one.
    columns: [Vec<Option<usize>>; 2],
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
        let owners = [Owner::Customer, Owner::Contact];
        RowReader {
            zone,
            keys: owners.map(Keys::documented),
            columns: owners.map(|owner| {
                let mut column = 0..;
                let kinds = fields(owner).iter().map(|(_, kind)| *kind);
                kinds
                    .map(|kind| (kind != Kind::Contacts).then(|| column.next())?)
                    .collect()
            }),
        }
    }

    /// The record in columns.
    pub fn read<'a>(&mut self, record: &'a Record) -> CustomerRow<'a> {
        let mut row = match record.text() {
            Cow::Borrowed(text) => self.customer(text),
            Cow::Owned(text) => self.customer(&text).into_owned(),
        };
        row.id = number(record.id());
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
        for keys in &self.keys {
            keys.report(&mut drift);
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
        // One bit for each date that is there, by index: documented keys have the indices to 50.
        let mut dates = 0_u64;
        scanner.take(b'{');
        scanner.skip_whitespace();
        while !scanner.take(b'}') {
            let start = scanner.at();
            key = self.keys[owner as usize].read(scanner, key)?;
            let token = scanner.since(start);
            scanner.skip_whitespace();
            scanner.take(b':');
            scanner.skip_whitespace();
            let kind = self.keys[owner as usize].kind(key);
            let drift = match kind {
                None => {
                    let value = scanner.value()?;
                    draft.keep(token, if is_nothing(value) { "null" } else { value });
                    Some(DriftKind::UnknownField)
                }
                Some(kind) => {
                    draft.forget(key, token);
                    if kind == Kind::Contacts {
                        let (value, documented) = self.contacts(scanner, contacts)?;
                        if !documented {
                            draft.keep(token, value);
                        }
                        (!documented).then_some(DriftKind::UnexpectedType)
                    } else {
                        let value = scanner.value()?;
                        let read = cell(kind, value, &self.zone);
                        let is_id = owner == Owner::Customer && key == NO_KEY + 1;
                        if read.lossy || is_id && !is_plain_id(value) {
                            draft.keep(token, value);
                        }
                        if kind == Kind::Date && read.cell != Cell::Nothing {
                            dates |= 1 << key;
                        }
                        if let Some(column) = self.columns[owner as usize][key - 1] {
                            draft.row.cells[column] = read.cell;
                        }
                        read.drift
                    }
                }
            };
            if let Some(drift) = drift {
                self.keys[owner as usize].note(key, drift);
            }
            scanner.skip_whitespace();
            scanner.take(b',');
            scanner.skip_whitespace();
        }
        self.keys[owner as usize].note_missing_dates(|key| dates & (1 << key) != 0);
        Some(draft)
    }

    /// The contacts as they stand; says whether they are a list of objects, or nothing.
    fn contacts<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        contacts: &mut Vec<Row<'a>>,
    ) -> Option<(&'a str, bool)> {
        let start = scanner.at();
        // Of a repeated key the last one counts.
        contacts.clear();
        if scanner.peek() != Some(b'[') {
            let value = scanner.value()?;
            return Some((value, is_nothing(value)));
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

impl CustomerRow<'_> {
    fn into_owned(self) -> CustomerRow<'static> {
        CustomerRow {
            id: self.id,
            customer: self.customer.into_owned(),
            contacts: self.contacts.into_iter().map(Row::into_owned).collect(),
        }
    }
}

impl Row<'_> {
    fn into_owned(self) -> Row<'static> {
        let owned = |cell| match cell {
            Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Cell::Nothing => Cell::Nothing,
            Cell::Integer(number) => Cell::Integer(number),
            Cell::Decimal(number) => Cell::Decimal(number),
            Cell::Flag(flag) => Cell::Flag(flag),
            Cell::Time(time) => Cell::Time(time),
        };
        Row {
            cells: self.cells.into_iter().map(owned).collect(),
            extra: self.extra,
        }
    }
}

/// A row under way.
struct Draft<'a> {
    row: Row<'a>,
    extra: Vec<(&'a str, &'a str)>,
    /// One bit for each documented key met, by index.
    met: u64,
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
            met: 0,
        }
    }

    fn keep(&mut self, token: &'a str, value: &'a str) {
        self.extra.push((token, value));
    }

    /// Of a repeated key the last one counts, as for any JSON reader.
    fn forget(&mut self, key: usize, token: &str) {
        if self.met & (1 << key) != 0 {
            let name = scanner::decode_text(token);
            self.extra
                .retain(|(kept, _)| scanner::decode_text(kept) != name);
        }
        self.met |= 1 << key;
    }

    fn finish(mut self) -> Row<'a> {
        if !self.extra.is_empty() {
            let entries: Vec<_> = self
                .extra
                .iter()
                .map(|(token, value)| format!("{token}:{value}"))
                .collect();
            self.row.extra = Some(format!("{{{}}}", entries.join(",")));
        }
        self.row
    }
}

/// What a raw value is in a column.
struct Read<'a> {
    cell: Cell<'a>,
    /// Whether the cell does not say all that the value said.
    lossy: bool,
    drift: Option<DriftKind>,
}

fn cell<'a>(kind: Kind, value: &'a str, zone: &impl TimeZone) -> Read<'a> {
    if is_nothing(value) {
        return Read {
            cell: Cell::Nothing,
            lossy: false,
            drift: None,
        };
    }
    let first = value.as_bytes().first().copied().unwrap_or_default();
    let (cell, documented) = match kind {
        Kind::Number => (
            integer(value).map(Cell::Integer),
            first == b'-' || first.is_ascii_digit(),
        ),
        Kind::Decimal => (
            decimal(value).map(Cell::Decimal),
            first == b'-' || first.is_ascii_digit(),
        ),
        Kind::Flag => (flag(value).map(Cell::Flag), matches!(first, b't' | b'f')),
        Kind::Date => {
            let moment = Moment::decode_whole(value);
            return Read {
                drift: match moment {
                    Some((_, false)) => Some(DriftKind::DateWithMore),
                    Some((Moment::Local(_), true)) => None,
                    Some((Moment::Instant(_), true)) => Some(DriftKind::InstantDate),
                    None => Some(DriftKind::UndecodableDate),
                },
                lossy: moment.is_none_or(|(_, whole)| !whole),
                cell: moment.map_or(Cell::Nothing, |(moment, _)| Cell::Time(moment.local(zone))),
            };
        }
        Kind::Text | Kind::Contacts => match first {
            b'"' => return text(value),
            b'{' | b'[' => (None, false),
            _ => (Some(Cell::Text(value.into())), false),
        },
    };
    Read {
        lossy: cell.is_none(),
        cell: cell.unwrap_or_default(),
        drift: (!documented).then_some(DriftKind::UnexpectedType),
    }
}

/// Text: with U+FFFD for what is no character of any text column (half a surrogate pair, U+0000).
fn text(token: &str) -> Read<'_> {
    let exact = scanner::decode_text(token);
    let whole = exact.is_some();
    let text = exact.or_else(|| {
        let replaced = scanner::replace_half_pairs(token);
        serde_json::from_str::<String>(&replaced)
            .ok()
            .map(Cow::Owned)
    });
    let text = text.unwrap_or_default();
    let zero = text.contains('\0');
    Read {
        cell: Cell::Text(if zero {
            text.replace('\0', "\u{fffd}").into()
        } else {
            text
        }),
        lossy: !whole || zero,
        drift: None,
    }
}

/// A number, or the text of one.
fn inside(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => scanner::decode_text(value).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

fn integer(value: &str) -> Option<i64> {
    let text = inside(value)?;
    text.parse().ok().or_else(|| {
        // Beyond 2^53 a double does not tell neighbours apart.
        let number: f64 = serde_json::from_str(&text).ok()?;
        let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        exact.then_some(number as i64)
    })
}

fn decimal(value: &str) -> Option<f64> {
    let text = inside(value)?;
    let number: f64 = serde_json::from_str(&text).ok()?;
    (significant(&text) == significant(&format!("{number:e}"))).then_some(number)
}

/// The digits of a number that count, whatever point and exponent stand among them: beyond what a
/// double tells apart they differ.
fn significant(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

fn flag(value: &str) -> Option<bool> {
    let text = match value {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => inside(value)?,
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Null, or blank text.
fn is_nothing(value: &str) -> bool {
    value == "null"
        || value.starts_with('"')
            && scanner::decode_text(value).is_some_and(|text| text.trim().is_empty())
}

/// Whether an id is just what its number says.
fn is_plain_id(value: &str) -> bool {
    CustomerId::decode(value).is_some_and(|id| number(&id) >= 0)
}

/// The number that tables key a customer by.
fn number(id: &CustomerId) -> i64 {
    match id {
        CustomerId::Number(number) => {
            i64::try_from(*number).unwrap_or_else(|_| stand_in(number.to_string().as_bytes()))
        }
        CustomerId::Text(text) => stand_in(text.as_bytes()),
    }
}

/// FNV-1a, which needs no library and stays the same for ever, made negative: no number below
/// zero is an id.
fn stand_in(bytes: &[u8]) -> i64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash | 1 << 63).cast_signed()
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}
