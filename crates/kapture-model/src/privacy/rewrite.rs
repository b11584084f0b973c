//! Writes a record anew, without what is dropped and with hashes.

use std::borrow::Cow;

use super::HashKey;
use super::fields::{Action, CONTACTS, Fields, ObjectFields};
use crate::Record;
use crate::json::lossy_text::LossyText;
use crate::json::number::whole_digits;
use crate::json::scanner::{Scanner, decode_text};
use crate::json::strict::valid_text;
use crate::schema::drift::Owner;

/// The record that is left of `record`.
pub(super) fn protect(fields: &Fields, key: Option<&HashKey>, record: &Record) -> Record {
    let raw = record.raw();
    let source = LossyText::of(raw);
    let mut rewrite = Rewrite {
        fields,
        key,
        scanner: Scanner::new(source.text()),
        source: &source,
        out: Vec::with_capacity(raw.len()),
    };
    let rewritten = rewrite.object(fields.of(Owner::Customer), Owner::Customer);
    let out = match rewritten {
        Some(()) => rewrite.out,
        // A record is one valid object, so this cannot happen; if it does, nothing is revealed.
        None => format!(r#"{{"id":{}}}"#, serde_json::json!(record.id())).into_bytes(),
    };
    record.with_raw(out.into())
}

struct Rewrite<'a> {
    fields: &'a Fields,
    key: Option<&'a HashKey>,
    source: &'a LossyText,
    scanner: Scanner<'a>,
    out: Vec<u8>,
}

impl Rewrite<'_> {
    /// Moves over an object, and appends what is left of it.
    fn object(&mut self, fields: &ObjectFields, owner: Owner) -> Option<()> {
        self.scanner.take(b'{').then_some(())?;
        self.scanner.skip_whitespace();
        self.out.push(b'{');
        let start = self.out.len();
        let mut ended = self.scanner.take(b'}');
        while !ended {
            let (token, key) = self.scanner.key()?;
            let action = fields.action(&key);
            if action == Action::Drop {
                self.scanner.value()?;
            } else {
                if self.out.len() > start {
                    self.out.push(b',');
                }
                self.copy(token);
                self.out.push(b':');
                let is_contacts = owner == Owner::Customer && key.eq_ignore_ascii_case(CONTACTS);
                if action == Action::Hash {
                    self.hash()?;
                } else if is_contacts && !self.fields.of(Owner::Contact).is_empty() {
                    self.contacts()?;
                } else {
                    let value = self.scanner.value()?;
                    self.copy(value);
                }
            }
            ended = self.scanner.end_of_field()?;
        }
        self.out.push(b'}');
        Some(())
    }

    /// Moves over the contacts: a list of objects, or, against the documentation, one object.
    fn contacts(&mut self) -> Option<()> {
        if self.scanner.peek() != Some(b'[') {
            return self.contact();
        }
        self.scanner.take(b'[');
        self.scanner.skip_whitespace();
        self.out.push(b'[');
        let mut ended = self.scanner.take(b']');
        while !ended {
            self.contact()?;
            self.scanner.skip_whitespace();
            ended = self.scanner.take(b']');
            if !ended {
                self.scanner.take(b',').then_some(())?;
                self.scanner.skip_whitespace();
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Some(())
    }

    /// Moves over a contact. What is no object may hold anything, and becomes null.
    fn contact(&mut self) -> Option<()> {
        if self.scanner.peek() == Some(b'{') {
            return self.object(self.fields.of(Owner::Contact), Owner::Contact);
        }
        self.scanner.value()?;
        self.out.extend_from_slice(b"null");
        Some(())
    }

    /// Moves over a value, and appends its hash. Nothing stays nothing.
    fn hash(&mut self) -> Option<()> {
        let value = self.scanner.value()?;
        let value = self.source.lossy(value);
        let text = text_of(&value);
        match self.key {
            Some(key) if value != "null" && !text.trim().is_empty() => {
                let hash = key.hash(&text);
                self.out.extend_from_slice(format!("\"{hash}\"").as_bytes());
            }
            _ => self.out.extend_from_slice(b"null"),
        }
        Some(())
    }

    /// Appends the bytes of a part of the text.
    fn copy(&mut self, part: &str) {
        self.out.extend_from_slice(&self.source.bytes_of(part));
    }
}

/// The text that a raw value stands for, so that a number has the same hash as text and as number.
fn text_of(value: &str) -> Cow<'_, str> {
    if value.starts_with('"') {
        let (token, _) = valid_text(value);
        return match decode_text(&token) {
            Some(text) => text.into_owned().into(),
            None => value.into(),
        };
    }
    match whole_digits(value) {
        Some(digits) => digits.into(),
        None => value.into(),
    }
}
