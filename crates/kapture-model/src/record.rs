//! One customer as it arrived.

use crate::json::lossy_text::{LossyText, RawText, mask};
use crate::json::scanner::Scanner;
use crate::json::shape_cache::ShapeCache;
use crate::json::strict;
use crate::repair::{Repaired, has_repeated_key, repair};
use crate::{Customer, CustomerId, Timestamp};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::fmt;

/// One customer as it arrived: its raw JSON, and the two keys that steer it.
///
/// The raw bytes are a slice of the page they came in, shared and not copied; cloning is cheap.
/// They are the API's own, with every key in its place, however odd the values.
///
/// `Debug` shows the id and the created date and nothing else: customers are personal data.
///
/// ```
/// use kapture_model::{CustomerId, Record};
///
/// let json = br#"{"id": 17, "name": "Asha Example", "generationDate": "May 2, 2024 4:15:42 PM"}"#;
/// let record = Record::decode(json.as_slice().into())?;
/// assert_eq!(record.id(), &CustomerId::Number(17));
/// assert_eq!(record.raw(), json.as_slice());
/// assert!(!format!("{record:?}").contains("Asha"));
/// # Ok::<(), kapture_model::RecordError>(())
/// ```
#[derive(Clone)]
pub struct Record {
    /// One JSON object, valid but for what the [scanner](scanner) accepts beyond JSON, and for bytes
    /// in its text that may be no UTF-8.
    raw: RawText,
    /// Whether it may have what has to be [repaired](repair) before it is written.
    needs_repair: bool,
    id: CustomerId,
    created: Option<Timestamp>,
}

/// Why some JSON text is not a record. Never holds any of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The text is not valid JSON.
    #[error("not valid JSON at line {line}, column {column}")]
    NotJson {
        /// Line of the first fault, counted from 1.
        line: usize,
        /// Column of the first fault in bytes, counted from 1.
        column: usize,
    },
    /// The JSON is something else than an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The object has no `id`, or one that identifies nothing (null, blank, not a scalar).
    #[error("no usable id")]
    MissingId,
}

impl Record {
    /// Decodes one JSON object. Whitespace around it is left out of the record.
    ///
    /// Keys may come in any order and spelling (`"\u0069d"` is `id`); of a repeated key the last
    /// one counts, as for any JSON reader. Bytes in text that are no UTF-8 stay in the raw JSON, as
    /// do control characters in text and numbers that are not finite (`NaN`), which JSON forbids.
    ///
    /// # Errors
    /// When the text is not one JSON object, or the object has no usable id.
    pub fn decode(raw: Bytes) -> Result<Record, RecordError> {
        RecordDecoder::default().decode(raw)
    }

    /// Moves over an object of the text of `page` and makes a record of it, which shares the
    /// page's memory. `None` when it is no object, or no JSON.
    pub(crate) fn scan(
        page: &LossyText,
        scanner: &mut Scanner<'_>,
    ) -> Option<Result<Record, RecordError>> {
        Shape::default().scan(page, scanner)
    }
}

/// Decodes records one after another, quicker where they are like those before.
#[derive(Default)]
pub struct RecordDecoder {
    shape: Shape,
    needs_repair: bool,
}

impl RecordDecoder {
    /// [`Record::decode`].
    ///
    /// # Errors
    /// As there.
    pub fn decode(&mut self, raw: Bytes) -> Result<Record, RecordError> {
        let source = LossyText::of(&raw);
        let text = source.text();
        let mut scanner = Scanner::new(text);
        scanner.skip_whitespace();
        let record = self.shape.scan(&source, &mut scanner);
        match record.filter(|_| scanner.is_at_end()) {
            Some(record) => record.map(|mut record| {
                // Fields that are equal to those of an earlier record are not scanned again.
                self.needs_repair |= record.needs_repair;
                record.needs_repair = self.needs_repair;
                record
            }),
            None => match serde_json::from_str::<IgnoredAny>(&strict::mask(text)) {
                Ok(_) => Err(RecordError::NotAnObject),
                Err(error) => Err(RecordError::NotJson {
                    line: error.line(),
                    column: error.column(),
                }),
            },
        }
    }
}

/// The shapes of the records of one page, so that equal parts are scanned only once.
#[derive(Default)]
pub(crate) struct Shape {
    customer: ShapeCache<Steering>,
    /// Knows which of the fields is a date.
    contact: ShapeCache<bool>,
}

/// What a field steers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steering {
    Id,
    Created,
    OtherDate,
    Contacts,
    Nothing,
}

impl Steering {
    fn of(key: &str) -> Self {
        match key {
            "id" => Steering::Id,
            "generationDate" => Steering::Created,
            "lastModificationTime" => Steering::OtherDate,
            "contacts" => Steering::Contacts,
            _ => Steering::Nothing,
        }
    }
}

impl Shape {
    /// [`Record::scan`], quicker for records like those before.
    pub(crate) fn scan(
        &mut self,
        page: &LossyText,
        scanner: &mut Scanner<'_>,
    ) -> Option<Result<Record, RecordError>> {
        let start = scanner.at();
        let mut id = None;
        let mut created = None;
        let contact = &mut self.contact;
        self.customer
            .object(scanner, Steering::of, |steering, scanner| {
                match steering {
                    Steering::Id => id = Some(scanner.value()?),
                    Steering::Created => {
                        let start = scanner.at();
                        created = match Timestamp::take_common(scanner) {
                            Some(timestamp) => Some(timestamp),
                            None => {
                                skip_value(scanner)?;
                                Timestamp::decode(scanner.since(start))
                            }
                        }
                    }
                    Steering::OtherDate => {
                        skip_date(scanner)?;
                    }
                    Steering::Contacts if scanner.peek() == Some(b'[') => {
                        scanner.list(|scanner| contact_or_other(contact, scanner))?;
                    }
                    Steering::Contacts | Steering::Nothing => skip_value(scanner)?,
                }
                Some(!matches!(steering, Steering::Id | Steering::Created))
            })?;
        let record = |id| Record {
            raw: page.raw(scanner.since(start)),
            // Equal fields of later records are not scanned again, so this holds for all that follow.
            needs_repair: scanner.needs_repair(),
            id,
            created,
        };
        let id = id.and_then(|id| CustomerId::decode(&page.distinct(id)));
        Some(id.map(record).ok_or(RecordError::MissingId))
    }
}

fn contact_or_other(contact: &mut ShapeCache<bool>, scanner: &mut Scanner<'_>) -> Option<()> {
    if scanner.peek() != Some(b'{') {
        return skip_value(scanner);
    }
    let is_date = |key: &str| key == "generationDate";
    contact.object(scanner, is_date, |is_date, scanner| {
        if is_date {
            skip_date(scanner)?;
        } else {
            skip_value(scanner)?;
        }
        Some(true)
    })
}

fn skip_date(scanner: &mut Scanner<'_>) -> Option<()> {
    match Timestamp::take_common(scanner) {
        Some(_) => Some(()),
        None => skip_value(scanner),
    }
}

fn skip_value(scanner: &mut Scanner<'_>) -> Option<()> {
    if has_repeated_key(scanner.value()?) {
        scanner.note_fault();
    }
    Some(())
}

impl Record {
    /// The same customer with other JSON, which has its id.
    #[cfg(feature = "privacy")]
    pub(crate) fn with_raw(&self, raw: Bytes) -> Record {
        Record {
            raw: RawText::Bytes(raw),
            ..self.clone()
        }
    }

    /// The customer's JSON object as the API sent it, byte for byte, including bytes that are not
    /// UTF-8.
    pub fn raw(&self) -> &Bytes {
        self.raw.bytes()
    }

    /// The same as text that every reader of JSON accepts, but for numbers that are not finite.
    pub(crate) fn text(&self) -> RecordText<'_> {
        // Fast path: nearly every record is UTF-8, and as JSON has to be.
        match self.raw.text() {
            Some(text) if !self.needs_repair => RecordText::AsSent(text),
            Some(text) => RecordText::Repaired(repair(text, None, Some(&self.id))),
            None => {
                let raw = self.raw();
                RecordText::Repaired(repair(&mask(raw), Some(raw), Some(&self.id)))
            }
        }
    }

    /// Appends the raw JSON as one line, without a line end: line breaks between values are left out,
    /// and those that stand in text against the rules of JSON are escaped.
    pub fn push_raw_line(&self, out: &mut Vec<u8>) {
        if self.needs_repair {
            strict::push_line(self.raw(), out);
        } else {
            out.extend(
                self.raw()
                    .iter()
                    .filter(|byte| !matches!(byte, b'\n' | b'\r')),
            );
        }
    }

    /// The customer's `id`.
    pub fn id(&self) -> &CustomerId {
        &self.id
    }

    /// When the customer was created: its `generationDate`. `None` when that is missing, blank,
    /// null, or in no known form.
    pub fn created(&self) -> Option<Timestamp> {
        self.created
    }
}

impl Record {
    /// The customer with typed fields. See [`Customer`].
    ///
    /// # Errors
    /// None is known. What is no text becomes U+FFFD here, numbers that are not finite and values
    /// nested deeper than 100 levels become text, and a number has what a double holds of it:
    /// [`raw`](Self::raw) has all.
    pub fn customer(&self) -> Result<Customer, serde_json::Error> {
        let text = self.text();
        let value: Value = serde_json::from_str(&strict::strict(text.json()))?;
        Customer::deserialize(value)
    }
}

/// A record as text.
pub(crate) enum RecordText<'a> {
    AsSent(&'a str),
    Repaired(Repaired),
}

impl RecordText<'_> {
    pub(crate) fn json(&self) -> &str {
        match self {
            RecordText::AsSent(text) => text,
            RecordText::Repaired(repaired) => &repaired.json,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}
