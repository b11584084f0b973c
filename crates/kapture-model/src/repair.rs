//! The text of a record, repaired: what JSON readers and databases refuse, or read each in its own way.
//!
//! RFC 7493 (I-JSON) says what all of them read alike. A server may send a record with text that is
//! none, or with a key twice in one object; one such record must not keep a reader from all others.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use foldhash::{HashMap, HashMapExt};

use crate::json::scanner::{MAX_DEPTH, Scanner, decode_text};
use crate::json::strict::valid_text;
use crate::{CustomerId, DriftKind};

/// JSON that every reader accepts and reads alike, but for numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Repaired {
    pub(crate) json: String,
    /// The fields in which something was replaced or left out.
    pub(crate) faults: BTreeSet<(String, DriftKind)>,
}

/// Repairs a JSON object or list.
///
/// - Text has U+FFFD for bytes that are no UTF-8, for half of a surrogate pair and for U+0000, and
///   control characters are escaped. `raw` are the bytes that `json` is the
///   [mask](crate::json::lossy_text::mask) of, if it is one. An id in which something was replaced is written as `id`, which keeps two such customers
///   apart.
/// - Of a repeated key the last one counts, and the others are left out.
/// - A value that is nested too deep becomes its JSON as text.
pub(crate) fn repair(json: &str, raw: Option<&[u8]>, id: Option<&CustomerId>) -> Repaired {
    let mut repair = Repair {
        scanner: Scanner::new(json),
        raw,
        id,
        out: String::with_capacity(json.len() + 16),
        open: Vec::new(),
        comes_key: false,
        field: "".into(),
        left_out: Vec::new(),
        faults: BTreeSet::new(),
    };
    // A record is one valid object, so nothing ends this early.
    while repair.step().is_some() {}
    Repaired {
        json: without(repair.out, repair.left_out),
        faults: repair.faults,
    }
}

/// Whether an object in a value has a key twice.
pub(crate) fn has_repeated_key(value: &str) -> bool {
    let may_have = value.starts_with(['{', '[']) && value.matches(':').nth(1).is_some();
    let is_repeated = |(_, kind): &(String, DriftKind)| *kind == DriftKind::RepeatedKey;
    may_have && repair(value, None, None).faults.iter().any(is_repeated)
}

struct Repair<'a> {
    scanner: Scanner<'a>,
    raw: Option<&'a [u8]>,
    id: Option<&'a CustomerId>,
    out: String,
    /// The objects and lists around the position.
    open: Vec<Open<'a>>,
    /// Whether the next string is a key.
    comes_key: bool,
    /// The field of the outermost object.
    field: Cow<'a, str>,
    /// What does not count of `out`.
    left_out: Vec<Range<usize>>,
    faults: BTreeSet<(String, DriftKind)>,
}

enum Open<'a> {
    List,
    /// The offsets of its keys in the output, and the number of each key.
    Object(Vec<usize>, HashMap<Cow<'a, str>, usize>),
}

impl<'a> Repair<'a> {
    /// Moves over one token, and writes it.
    fn step(&mut self) -> Option<()> {
        let start = self.scanner.at();
        let first = self.scanner.peek()?;
        match first {
            b'{' | b'[' if self.open.len() == MAX_DEPTH => {
                let value = self.scanner.value()?;
                let value = self.sent(start).unwrap_or(value.into());
                self.note(DriftKind::DeepNesting);
                self.out.push_str(&quoted(&value.replace('\0', "\u{fffd}")));
                return Some(());
            }
            b'"' => {
                let token = self.scanner.string()?;
                let token = match self.sent(start) {
                    Some(Cow::Owned(sent)) => (valid_text(&sent).0.into_owned().into(), true),
                    _ => valid_text(token),
                };
                match self.comes_key {
                    true => self.key(token),
                    false => self.text(token),
                }
                return Some(());
            }
            b'{' | b'[' | b'}' | b']' | b',' | b':' => {
                self.scanner.advance(1);
                self.structure(first)?;
            }
            _ if self.scanner.skip_whitespace() => {}
            _ => {
                self.scanner.scalar()?;
            }
        }
        self.out.push_str(self.scanner.since(start));
        Some(())
    }

    /// A byte that opens, separates or closes.
    fn structure(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'{' => self.open.push(Open::Object(Vec::new(), HashMap::new())),
            b'[' => self.open.push(Open::List),
            b'}' | b']' => drop(self.open.pop()?),
            _ => {}
        }
        let is_object = matches!(self.open.last(), Some(Open::Object(..)));
        self.comes_key = is_object && matches!(byte, b'{' | b',');
        Some(())
    }

    /// The text from `start` to the position as it was sent, if the JSON is a mask: owned if there are
    /// bytes in it that are no UTF-8.
    fn sent(&self, start: usize) -> Option<Cow<'a, str>> {
        let bytes = self.raw?.get(start..self.scanner.at())?;
        Some(String::from_utf8_lossy(bytes))
    }

    fn key(&mut self, (token, is_replaced): (Cow<'a, str>, bool)) {
        let name = match &token {
            Cow::Borrowed(token) => decode_text(token),
            Cow::Owned(token) => decode_text(token).map(|name| name.into_owned().into()),
        };
        let name = name.unwrap_or_default();
        if self.open.len() == 1 {
            self.field = name.clone();
        }
        if is_replaced {
            self.note(DriftKind::InvalidText);
        }
        let start = self.out.len();
        if let Some(Open::Object(starts, numbers)) = self.open.last_mut() {
            let earlier = numbers.insert(name, starts.len());
            starts.push(start);
            if let Some(earlier) = earlier {
                self.left_out.push(starts[earlier]..starts[earlier + 1]);
                self.note(DriftKind::RepeatedKey);
            }
        }
        self.out.push_str(&token);
    }

    fn text(&mut self, (token, is_replaced): (Cow<'a, str>, bool)) {
        if !is_replaced {
            return self.out.push_str(&token);
        }
        self.note(DriftKind::InvalidText);
        match self.id {
            Some(id) if self.open.len() == 1 && self.field == "id" => {
                self.out.push_str(&quoted(&id.to_string()));
            }
            _ => self.out.push_str(&token),
        }
    }

    fn note(&mut self, kind: DriftKind) {
        self.faults.insert((self.field.to_string(), kind));
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text without these parts, which may hold each other.
fn without(text: String, mut parts: Vec<Range<usize>>) -> String {
    if parts.is_empty() {
        return text;
    }
    parts.sort_unstable_by_key(|part| part.start);
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for part in parts {
        left.push_str(text.get(at..part.start).unwrap_or_default());
        at = at.max(part.end);
    }
    left + text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::lossy_text::mask;

    fn repaired(json: &str) -> (String, Vec<String>) {
        let id = CustomerId::from(r"A\ud83d");
        let repaired = repair(json, None, Some(&id));
        let faults = repaired.faults.iter();
        let faults = faults.map(|(field, kind)| format!("{field}: {kind}"));
        (repaired.json, faults.collect())
    }

    #[test]
    fn each_fault_is_repaired_and_named_by_its_field() {
        for (json, expected, faults) in [
            (r#"{"a":[1, {"b":"\u00e9"}]}"#, None, &[][..]),
            (
                r#"{"a":"x\ud83d","b":{"c":["\u0000"]}}"#,
                Some("{\"a\":\"x\u{fffd}\",\"b\":{\"c\":[\"\u{fffd}\"]}}"),
                &["a: invalid text", "b: invalid text"],
            ),
            (
                r#"{"a\ud83d":1}"#,
                Some("{\"a\u{fffd}\":1}"),
                &["a\u{fffd}: invalid text"],
            ),
            (
                r#"{"id":"A\ud83d"}"#,
                Some(r#"{"id":"A\\ud83d"}"#),
                &["id: invalid text"],
            ),
            (
                r#"{"a":1,"b":2,"\u0061":3}"#,
                Some(r#"{"b":2,"\u0061":3}"#),
                &["a: repeated key"],
            ),
            (
                r#"{"a":{"x":1,"y":{},"x":2,"x":3},"a":{"x":1,"x":[{"z":0,"z":1}]}}"#,
                Some(r#"{"a":{"x":[{"z":1}]}}"#),
                &["a: repeated key"],
            ),
            // Keys that are equal once they are text.
            (
                r#"{"\ud83d":1,"\u0000":2}"#,
                Some("{\"\u{fffd}\":2}"),
                &["\u{fffd}: invalid text", "\u{fffd}: repeated key"],
            ),
        ] {
            let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
            assert_eq!(
                repaired(json),
                (expected.unwrap_or(json).to_owned(), faults)
            );
        }
    }

    #[test]
    fn bytes_that_were_no_utf8_are_a_fault_of_their_field() {
        let raw = b"{\"id\":1,\"a\":\"x\xff\",\"b\":\"\xef\xbf\xbd\"}";
        let lossy = repair(&mask(raw), Some(raw), None);
        assert_eq!(
            lossy.json.as_bytes(),
            String::from_utf8_lossy(raw).as_bytes()
        );
        assert_eq!(
            lossy.faults,
            [("a".to_owned(), DriftKind::InvalidText)].into()
        );
    }

    #[test]
    fn value_that_is_nested_too_deep_becomes_text() {
        let nested = |depth| format!("{}\"\\ud83d\"{}", "[".repeat(depth), "]".repeat(depth));
        let json = format!(r#"{{"a":{}}}"#, nested(50_000));
        let (json, faults) = repaired(&json);
        assert_eq!(faults, ["a: nested too deep"]);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut innermost = &value["a"];
        while innermost.is_array() {
            innermost = &innermost[0];
        }
        let expected = nested(50_000 - (MAX_DEPTH - 1));
        assert_eq!(innermost.as_str(), Some(&*expected));
    }

    /// However many there are.
    #[test]
    fn repeated_keys_take_linear_time() {
        let half: String = (0..100_000).map(|key| format!("\"{key}\":1,")).collect();
        let json = format!("{{{half}{half}\"id\":1}}");
        assert_eq!(repaired(&json).0, format!("{{{half}\"id\":1}}"));
    }
}
