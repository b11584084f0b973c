//! A hash of a JSON value: equal values have equal hashes, however they are written.
//!
//! The order of keys, whitespace, escapes and the spelling of numbers (`1.50e2`, `150`) do not
//! matter, so that a value that a database rewrote (jsonb of PostgreSQL) has the same hash.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::scanner::{Scanner, decode_text};
use crate::json::strict::valid_text;
use crate::mix::{mixed, text_hash};

/// The fields of an object, each with the hash of its value. Of a repeated key the last one counts.
/// `None` when the text is no JSON object, or more than one.
pub(crate) fn field_hashes(json: &str) -> Option<BTreeMap<Cow<'_, str>, u64>> {
    let mut fields = BTreeMap::new();
    let mut scanner = Scanner::new(json);
    scanner.object_of(&mut fields)?;
    scanner.skip_whitespace();
    (scanner.at() == json.len()).then_some(fields)
}

/// The hash of null, which stands for a field that is not there.
pub(crate) const NULL: u64 = 0;

/// What was opened and is not closed yet.
enum Open<'a> {
    Object {
        fields: BTreeMap<Cow<'a, str>, u64>,
        key: Cow<'a, str>,
    },
    List(u64),
}

impl<'a> Scanner<'a> {
    fn object_of(&mut self, fields: &mut BTreeMap<Cow<'a, str>, u64>) -> Option<()> {
        self.skip_whitespace();
        self.take(b'{').then_some(())?;
        self.skip_whitespace();
        let mut ended = self.take(b'}');
        while !ended {
            let (_, key) = self.key()?;
            let hash = self.value_hash()?;
            fields.insert(key, hash);
            ended = self.end_of_field()?;
        }
        Some(())
    }

    /// Moves over a value. A list of what is open and no recursion: nesting may be deeper than the
    /// stack.
    fn value_hash(&mut self) -> Option<u64> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            self.skip_whitespace();
            let mut hash = match self.peek()? {
                b'{' => {
                    self.take(b'{');
                    self.skip_whitespace();
                    if !self.take(b'}') {
                        let (_, key) = self.key()?;
                        let fields = BTreeMap::new();
                        open.push(Open::Object { fields, key });
                        continue;
                    }
                    object_hash(&BTreeMap::new())
                }
                b'[' => {
                    self.take(b'[');
                    self.skip_whitespace();
                    if !self.take(b']') {
                        open.push(Open::List(LIST));
                        continue;
                    }
                    mixed(LIST)
                }
                b'"' => string_hash(self.string()?),
                _ => scalar_hash(self.scalar()?),
            };
            // A value ends what is open around it, as far as nothing follows.
            loop {
                self.skip_whitespace();
                match open.last_mut() {
                    None => return Some(hash),
                    Some(Open::Object { fields, key }) => {
                        fields.insert(std::mem::take(key), hash);
                        if !self.end_of_field()? {
                            *key = self.key()?.1;
                            break;
                        }
                        hash = object_hash(fields);
                    }
                    Some(Open::List(so_far)) => {
                        *so_far = mixed(*so_far ^ hash);
                        if self.take(b',') {
                            break;
                        }
                        self.take(b']').then_some(())?;
                        hash = mixed(*so_far);
                    }
                }
                open.pop();
            }
        }
    }
}

// What a hash begins with, so that values of two types differ.
const OBJECT: u64 = 1;
const LIST: u64 = 2;
const TEXT: u64 = 3;
const NUMBER: u64 = 4;
const WORD: u64 = 5;

fn object_hash(fields: &BTreeMap<Cow<'_, str>, u64>) -> u64 {
    let field = |(key, hash): (&Cow<'_, str>, &u64)| mixed(text_hash(OBJECT, key) ^ hash);
    mixed(fields.iter().map(field).fold(OBJECT, u64::wrapping_add))
}

/// Text as it is written: with U+FFFD for what is no text.
fn string_hash(token: &str) -> u64 {
    let (token, _) = valid_text(token);
    text_hash(TEXT, &decode_text(&token).unwrap_or(Cow::Borrowed(&token)))
}

fn scalar_hash(scalar: &str) -> u64 {
    match scalar {
        "null" => NULL,
        "true" | "false" => text_hash(WORD, scalar),
        number => text_hash(NUMBER, &plain_number(number)),
    }
}

/// A number without the choices of its spelling: the digits that count, and the power of ten.
fn plain_number(number: &str) -> String {
    let (sign, magnitude) = match number.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", number),
    };
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let counting = digits.trim_start_matches('0').trim_end_matches('0');
    let zeros = digits.trim_start_matches('0').len() - counting.len();
    match exponent.parse::<i64>() {
        _ if counting.is_empty() => "0".into(),
        Ok(exponent) => {
            let power = exponent - fraction.len() as i64 + zeros as i64;
            format!("{sign}{counting}e{power}")
        }
        // Beyond any number that is one.
        Err(_) => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(json: &str) -> u64 {
        Scanner::new(json).value_hash().unwrap()
    }

    #[test]
    fn spelling_does_not_matter() {
        for (one, other) in [
            (
                r#"{"a":1,"b":[2,{"c":null}]}"#,
                r#" { "b" : [ 2.0 , {"c": null} ], "a" : 1e0 } "#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""caf\u00e9""#, r#""café""#),
            ("1.50e2", "150"),
            ("-0.0", "0"),
            ("0.00120", "12e-4"),
            (r#""a\u0000""#, r#""a\ufffd""#),
            (r#""\ud800x""#, r#""\ufffdx""#),
            ("[]", "[ ]"),
            ("{}", "{ }"),
        ] {
            assert_eq!(hash(one), hash(other), "{one} and {other}");
        }
    }

    #[test]
    fn values_differ() {
        let values = [
            "null",
            "true",
            "false",
            "0",
            "1",
            "-1",
            "10",
            "0.1",
            "1e30",
            "12345678901234567891",
            "12345678901234567892",
            r#""""#,
            r#""1""#,
            r#""true""#,
            "[]",
            "{}",
            "[[]]",
            "[{}]",
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[[1,2]]",
            r#"{"a":1}"#,
            r#"{"a":[1]}"#,
            r#"{"b":1}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1,"b":1}"#,
            r#"["a",1]"#,
        ];
        let hashes: std::collections::BTreeSet<_> = values.iter().map(|json| hash(json)).collect();
        assert_eq!(hashes.len(), values.len());
    }

    #[test]
    fn nesting_may_be_deep() {
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_ne!(hash(&deep(100_000)), hash(&deep(100_001)));
    }
}
