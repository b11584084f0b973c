//! The form in which records are written: the API's own JSON with readable dates.

use crate::date_time::push_date_time;
use crate::json::number::{whole_digits, within_64_bits};
use crate::json::scanner::{self, Scanner};
use crate::json::shape_cache::{Lookup, ShapeCache};
use crate::json::strict::is_non_finite;
use crate::record::RecordText;
use crate::schema::documented::Kind;
use crate::schema::drift::Owner;
use crate::schema::keys::{Keys, NO_KEY};
use crate::table::Read;
use crate::{Cell, CustomerId, Drift, DriftKind, Record, Timestamp};
use chrono::{NaiveDateTime, TimeZone, Utc};
use serde_json::Value;

/// Turns records into the normal form: one line of compact JSON each.
///
/// - Every key stays, unknown ones too, in its place; none is added.
/// - `generationDate` and `lastModificationTime` of the customer, and `generationDate` of each
///   contact, become ISO local date-times: `"2024-05-02T16:15:42"`, with a fraction only where
///   there is one. A date in no known form, or with parts that a date-time has no place for, keeps
///   its raw value.
/// - Blank text of customers and contacts becomes null; values nested deeper stay as they are.
/// - A documented field has its documented type where the value says the same in it: `17` for the number
///   `"17"`, `"560001"` for the text `560001`, `true` for the flag `1`. Documented whole numbers are
///   written plainly: `708888000` for `7.08888E8`. An id that is no whole number stays text. Contacts
///   that are one object become a list of it.
/// - Everything else keeps its spelling, but for whitespace between the values.
/// - A line is JSON that every reader reads alike: what is no text (bytes that are no UTF-8, half of a
///   surrogate pair, U+0000) becomes U+FFFD, in keys, too; numbers that are not finite (`NaN`) or that no
///   double holds (`1e400`) become null; whole numbers beyond 64 bits become text, and others with so many
///   digits before the point are written with an exponent; control characters in text are escaped; of a
///   repeated key the last one is left; and a value nested deeper than 100 levels becomes its JSON as
///   text.
///
/// ```
/// use kapture_model::{Normaliser, Record};
///
/// let json = br#"{ "id": 17, "address": " ", "maxCreditAmt": 0.0,
///                  "generationDate": "May 2, 2024 4:15:42 PM" }"#;
/// let mut out = Vec::new();
/// Normaliser::default().write(&Record::decode(json.as_slice().into())?, &mut out);
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     r#"{"id":17,"address":null,"maxCreditAmt":0.0,"generationDate":"2024-05-02T16:15:42"}"#,
/// );
/// # Ok::<(), kapture_model::RecordError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Normaliser<Z: TimeZone = Utc> {
    zone: Z,
    /// By [`Owner`].
    kinds: [ObjectKind; 2],
}

/// What is known of the objects of one owner.
#[derive(Debug, Clone)]
struct ObjectKind {
    keys: Keys,
    cache: ShapeCache<Known>,
    /// What became of the model.
    normal: Vec<u8>,
}

/// What is known of a field of the model.
#[derive(Debug, Clone, Copy)]
struct Known {
    key: usize,
    drift: Option<DriftKind>,
    /// Where what became of it begins, and where it ends.
    normal: (usize, usize),
    /// How many fields before it, and up to its end, were changed or had a drift.
    odd: (usize, usize),
}

impl Default for Normaliser {
    /// Shows instants in UTC.
    fn default() -> Self {
        Normaliser::new(Utc)
    }
}

impl<Z: TimeZone> Normaliser<Z> {
    /// Shows instants as local times of `zone`. Dates without a zone, as the API writes them,
    /// stay as they are.
    pub fn new(zone: Z) -> Self {
        Normaliser {
            zone,
            kinds: [Owner::Customer, Owner::Contact].map(|owner| ObjectKind {
                keys: Keys::documented(owner),
                cache: ShapeCache::default(),
                normal: Vec::new(),
            }),
        }
    }

    /// Appends the record's normal form to `out`: one JSON object without a line end.
    pub fn write(&mut self, record: &Record, out: &mut Vec<u8>) {
        let record = record.text();
        let text = record.json();
        out.reserve(text.len());
        let mut pass = Pass {
            zone: &self.zone,
            kinds: &mut self.kinds,
            text,
            scanner: Scanner::new(text),
            copied: 0,
            changes: 0,
            out,
        };
        // A record is one valid object, so nothing ends the pass early.
        let _ = pass.object(Owner::Customer);
        pass.copy_up_to(text.len());
        if let RecordText::Repaired(repaired) = &record {
            let kind = &mut self.kinds[Owner::Customer as usize];
            kind.keys.note_repairs(&repaired.faults);
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
}

/// One pass over one record. Unchanged stretches are copied whole, when a change or the end comes.
struct Pass<'a, Z> {
    zone: &'a Z,
    kinds: &'a mut [ObjectKind; 2],
    text: &'a str,
    scanner: Scanner<'a>,
    /// How much of the text is in `out`, or left out on purpose.
    copied: usize,
    /// How often something was changed or left out.
    changes: usize,
    out: &'a mut Vec<u8>,
}

impl<Z: TimeZone> Pass<'_, Z> {
    fn object(&mut self, owner: Owner) -> Option<()> {
        let owner = owner as usize;
        self.scanner.take(b'{');
        self.drop_whitespace();
        let start = self.scanner.at();
        let mut draft = self.kinds[owner].cache.draft(start);
        if draft.is_some() {
            self.copy_up_to(start);
        }
        let normal_start = self.out.len();
        let mut odd = 0;
        let mut key = NO_KEY;
        // One bit for each date that is there, by index: documented keys have the indices to 50.
        let mut dates = 0_u64;
        let mut place = 0;
        let mut in_common = 0;
        let mut ended = self.scanner.take(b'}');
        while !ended {
            let at = self.scanner.at();
            let (normal_at, changes) = (self.out.len() - normal_start, self.changes);
            match self.kinds[owner].cache.look_up(place, self.scanner.rest()) {
                Lookup::Fields { next, length } => {
                    key = self.pass_over(owner, place, next, length).unwrap_or(key);
                    in_common += length;
                    match next {
                        Some(next) => place = next,
                        None => ended = true,
                    }
                    // The model may have had less of it.
                    self.drop_whitespace();
                    continue;
                }
                Lookup::Key { what, length } => {
                    self.scanner.advance(length);
                    in_common += length;
                    key = what.key;
                    place += 1;
                }
                Lookup::Miss => {
                    let kind = &mut self.kinds[owner];
                    key = kind.keys.read(&mut self.scanner, key)?;
                    place = kind.cache.place_behind(self.scanner.since(at), place);
                }
            }
            let key_end = self.scanner.at();
            self.drop_whitespace();
            self.scanner.take(b':');
            self.drop_whitespace();
            let (passable, drift) = match self.kinds[owner].keys.kind(key) {
                Some(Kind::Timestamp) => {
                    let (present, drift) = self.date()?;
                    dates |= u64::from(present) << key;
                    (false, drift)
                }
                Some(kind) => {
                    let found = match kind {
                        Kind::Contacts => self.contacts()?,
                        _ if owner == Owner::Customer as usize && key == NO_KEY + 1 => self.id()?,
                        _ => self.plain(Some(kind))?,
                    };
                    (kind != Kind::Contacts, found)
                }
                None => (true, self.plain(None)?.or(Some(DriftKind::UnknownField))),
            };
            if let Some(drift) = drift {
                self.kinds[owner].keys.note(key, drift);
            }
            self.drop_whitespace();
            ended = self.scanner.take(b'}');
            if !ended {
                self.scanner.take(b',');
                self.drop_whitespace();
            }
            if let Some(draft) = &mut draft {
                self.copy_up_to(self.scanner.at());
                let odd_before = odd;
                odd += usize::from(drift.is_some() || self.changes != changes);
                let known = Known {
                    key,
                    drift,
                    normal: (normal_at, self.out.len() - normal_start),
                    odd: (odd_before, odd),
                };
                draft.add(at, key_end, self.scanner.at(), passable, known);
            }
        }
        let kind = &mut self.kinds[owner];
        match draft {
            Some(draft) => {
                if kind.cache.adopt(draft, self.scanner.since(start)) {
                    kind.normal = self.out[normal_start..].to_vec();
                }
            }
            None => kind.cache.evaluate(in_common, self.scanner.at() - start),
        }
        kind.keys.note_missing_dates(|key| dates & (1 << key) != 0);
        Some(())
    }

    /// Passes over fields that are as in the model, from `place` on: what became of those becomes
    /// of these. Returns the index of the last key.
    fn pass_over(
        &mut self,
        owner: usize,
        place: usize,
        next: Option<usize>,
        length: usize,
    ) -> Option<usize> {
        let ObjectKind {
            keys,
            cache,
            normal,
        } = &mut self.kinds[owner];
        let mut fields = cache.fields(place, next);
        let first = *fields.next()?;
        let last = *fields.next_back().unwrap_or(&first);
        let at = self.scanner.at();
        self.scanner.advance(length);
        if first.odd.0 != last.odd.1 {
            for known in cache.fields(place, next) {
                if let Some(drift) = known.drift {
                    keys.note(known.key, drift);
                }
            }
            let unchanged = self.text.as_bytes().get(self.copied..at);
            self.out.extend_from_slice(unchanged.unwrap_or_default());
            let normal = normal.get(first.normal.0..last.normal.1);
            self.out.extend_from_slice(normal.unwrap_or_default());
            self.copied = at + length;
        }
        Some(last.key)
    }

    /// A date; says whether there is one, and what is odd about it.
    fn date(&mut self) -> Option<(bool, Option<DriftKind>)> {
        let start = self.scanner.at();
        if let Some(timestamp) = Timestamp::take_common(&mut self.scanner) {
            let local = timestamp.local(self.zone);
            self.replace_from(start, |out| write_date(local, out));
            return Some((true, None));
        }
        let value = self.scanner.value()?;
        let decoded = Timestamp::decode_whole(value);
        if let Some((timestamp, true)) = decoded {
            let local = timestamp.local(self.zone);
            self.replace_from(start, |out| write_date(local, out));
            let instant = matches!(timestamp, Timestamp::Instant(_));
            return Some((true, instant.then_some(DriftKind::InstantDate)));
        }
        self.scanner.rewind(start);
        let nothing = scanner::is_null_or_blank(value);
        self.plain(None)?;
        let drift = match decoded {
            Some(_) => DriftKind::DateWithMore,
            None => DriftKind::UndecodableDate,
        };
        Some((!nothing, (!nothing).then_some(drift)))
    }

    /// The contacts; says what is odd about them, if they are no list of objects, and not nothing.
    fn contacts(&mut self) -> Option<Option<DriftKind>> {
        let start = self.scanner.at();
        if self.scanner.peek()? == b'{' {
            self.replace_from(start, |out| out.push(b'['));
            self.object(Owner::Contact)?;
            self.replace_from(self.scanner.at(), |out| out.push(b']'));
            return Some(Some(DriftKind::UnexpectedType));
        }
        if !self.scanner.take(b'[') {
            return self.plain(Some(Kind::Contacts));
        }
        let mut documented = true;
        self.drop_whitespace();
        while !self.scanner.take(b']') {
            if self.scanner.peek()? == b'{' {
                self.object(Owner::Contact)?;
            } else {
                documented = false;
                self.compact()?;
            }
            self.drop_whitespace();
            self.scanner.take(b',');
            self.drop_whitespace();
        }
        Some((!documented).then_some(DriftKind::UnexpectedType))
    }

    /// The customer's id; says what is odd about it. Text that is a whole number is that number.
    fn id(&mut self) -> Option<Option<DriftKind>> {
        let start = self.scanner.at();
        if self.scanner.peek()? != b'"' {
            let id = self.scanner.value()?;
            if is_non_finite(id) {
                // Null would lose it.
                self.replace_from(start, |out| {
                    out.extend([b"\"", id.as_bytes(), b"\""].concat())
                });
                return Some(Some(DriftKind::NotFinite));
            }
            self.scanner.rewind(start);
            return self.plain(Some(Kind::Number));
        }
        if let Some(CustomerId::Number(number)) = CustomerId::decode(self.scanner.string()?) {
            self.replace_from(start, |out| {
                out.extend_from_slice(number.to_string().as_bytes())
            });
        }
        Some(Some(DriftKind::UnexpectedType))
    }

    /// Any other field of a customer or contact; says what is odd about the value, if it is not of the
    /// kind documented, and not nothing. Fields that are not documented are of any kind.
    fn plain(&mut self, kind: Option<Kind>) -> Option<Option<DriftKind>> {
        let start = self.scanner.at();
        let is = |kinds: &[Kind]| kind.is_none_or(|kind| kinds.contains(&kind));
        let documented = match self.scanner.peek()? {
            b'"' if scanner::is_blank(self.scanner.string()?) => {
                self.replace_from(start, |out| out.extend_from_slice(b"null"));
                true
            }
            b'"' => is(&[Kind::Text]),
            b'{' | b'[' => {
                if self.compact()? {
                    return Some(Some(DriftKind::NotFinite));
                }
                return Some(kind.map(|_| DriftKind::UnexpectedType));
            }
            first => {
                let value = self.scanner.scalar()?;
                if is_non_finite(value) {
                    self.replace_from(start, |out| out.extend_from_slice(b"null"));
                    return Some(Some(DriftKind::NotFinite));
                }
                if kind == Some(Kind::Number)
                    && value.contains(['.', 'e', 'E'])
                    && let Some(digits) = whole_digits(value)
                {
                    let digits = within_64_bits(&digits, false).unwrap_or(digits);
                    self.replace_from(start, |out| out.extend_from_slice(digits.as_bytes()));
                } else if kind != Some(Kind::Text)
                    && let Some(value) = within_64_bits(value, kind == Some(Kind::Float))
                {
                    self.replace_from(start, |out| out.extend_from_slice(value.as_bytes()));
                    let drift = !is(&[Kind::Number, Kind::Float]);
                    return Some(drift.then_some(DriftKind::UnexpectedType));
                }
                match first {
                    b'n' => true,
                    b't' | b'f' => is(&[Kind::Bool]),
                    _ => is(&[Kind::Number, Kind::Float]),
                }
            }
        };
        if documented {
            return Some(None);
        }
        self.convert(start, kind?);
        Some(Some(DriftKind::UnexpectedType))
    }

    /// Writes the value from `start` to the position as its documented kind, where it says the same: as
    /// in tables, so that the values of a field are of one type.
    fn convert(&mut self, start: usize, kind: Kind) {
        let cell = match kind {
            Kind::Contacts | Kind::Timestamp => Cell::Null,
            _ => Read::of(kind, self.scanner.since(start), self.zone).cell,
        };
        let value: Value = match cell {
            Cell::Null | Cell::Timestamp(_) => return,
            Cell::Integer(number) => number.into(),
            Cell::Float(number) => number.into(),
            Cell::Bool(flag) => flag.into(),
            Cell::Text(text) => text.into(),
        };
        self.replace_from(start, |out| {
            out.extend_from_slice(value.to_string().as_bytes())
        });
    }

    /// Any value, without the whitespace around the values in it; says whether there are numbers in
    /// it that are not finite.
    fn compact(&mut self) -> Option<bool> {
        // A counter and no recursion: nesting may be deeper than the stack.
        let mut depth = 0_usize;
        let mut non_finite = false;
        loop {
            self.drop_whitespace();
            match self.scanner.peek()? {
                b'"' => {
                    self.scanner.string()?;
                }
                byte @ (b'{' | b'[') => {
                    self.scanner.take(byte);
                    depth += 1;
                }
                byte @ (b'}' | b']') => {
                    self.scanner.take(byte);
                    depth = depth.checked_sub(1)?;
                }
                byte @ (b',' | b':') => {
                    self.scanner.take(byte);
                }
                _ => {
                    let start = self.scanner.at();
                    let value = self.scanner.scalar()?;
                    if is_non_finite(value) {
                        self.replace_from(start, |out| out.extend_from_slice(b"null"));
                        non_finite = true;
                    } else if let Some(value) = within_64_bits(value, false) {
                        self.replace_from(start, |out| out.extend_from_slice(value.as_bytes()));
                    }
                }
            }
            if depth == 0 {
                return Some(non_finite);
            }
        }
    }

    fn drop_whitespace(&mut self) {
        let start = self.scanner.at();
        if self.scanner.skip_whitespace() {
            self.copy_up_to(start);
            self.copied = self.scanner.at();
            self.changes += 1;
        }
    }

    /// Puts something else in place of the text from `start` to the position.
    fn replace_from(&mut self, start: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.copy_up_to(start);
        write(self.out);
        self.copied = self.scanner.at();
        self.changes += 1;
    }

    fn copy_up_to(&mut self, end: usize) {
        let unchanged = self.text.as_bytes().get(self.copied..end);
        self.out.extend_from_slice(unchanged.unwrap_or_default());
        self.copied = end;
    }
}

/// Writes a date-time as a JSON string.
fn write_date(date: NaiveDateTime, out: &mut Vec<u8>) {
    out.push(b'"');
    push_date_time(date, out);
    out.push(b'"');
}
