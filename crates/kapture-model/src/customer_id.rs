//! The id of a customer, however the API writes it.

use crate::json::number::whole_digits;
use crate::json::scanner::{self, Scanner};
use crate::json::strict::escape_control_characters;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The id of a customer: a number, or text.
///
/// The API documents a number, but other systems behind it may hand ids over as text, or write them
/// as doubles. A whole number is that number however it is spelled (`17`, `17.0`, `1.7E1`), and so is
/// text that spells one canonically (`"17"`: no sign, no leading zero) or with a decimal point
/// (`"17.0"`), blanks around it aside, so that all forms of one id are equal. Other text stays as it is
/// written: `"017"`, `"+17"` and `"12E4"` may be codes.
///
/// Numbers come before text, in ascending order. With serde, a number is a number and text is
/// text; a fraction, a number beyond `u64` and a double beyond 2^53 are errors, since their spelling
/// is lost.
///
/// ```
/// use kapture_model::CustomerId;
///
/// assert_eq!(CustomerId::decode("17"), Some(CustomerId::Number(17)));
/// assert_eq!(CustomerId::decode("\"17\""), Some(CustomerId::Number(17)));
/// assert_eq!(CustomerId::decode("\"A-17\""), Some(CustomerId::from("A-17")));
/// assert_eq!(CustomerId::decode("null"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CustomerId {
    /// A whole number from 0 to 2^64 - 1.
    Number(u64),
    /// Anything else, as written: never the canonical text of a [`CustomerId::Number`] when it
    /// was made by [`CustomerId::decode`] or by conversion from text.
    Text(Box<str>),
}

impl CustomerId {
    /// The id in raw JSON text.
    ///
    /// `None` for what identifies nothing: null, blank text, flags, lists, objects, and text
    /// that is no JSON. A number that is negative or beyond `u64` is its digits as
    /// [`CustomerId::Text`], a fraction keeps its spelling.
    pub fn decode(json: &str) -> Option<CustomerId> {
        let json = scanner::trim(json);
        match *json.as_bytes().first()? {
            b'"' => match scanner::decode_text(json) {
                Some(text) if text.trim().is_empty() => None,
                Some(text) if !text.contains('\0') => Some(CustomerId::from(text.as_ref())),
                // Half a surrogate pair and U+0000 are no text. The literal spelling keeps two such ids
                // apart; a replacement character would make them one customer.
                _ if is_json(json) => {
                    let spelling = escape_control_characters(json);
                    Some(CustomerId::Text(spelling[1..spelling.len() - 1].into()))
                }
                _ => None,
            },
            b'-' | b'0'..=b'9' => match CustomerId::from(json) {
                CustomerId::Text(_) if !is_json(json) => None,
                // `17e0`: text with an exponent and no point is more likely a code, a number is not.
                CustomerId::Text(text) => Some(match whole_digits(&text) {
                    Some(digits) => CustomerId::from(&*digits),
                    None => CustomerId::Text(text),
                }),
                id => Some(id),
            },
            _ => None,
        }
    }

    /// The id as a number, if it is one.
    ///
    /// ```
    /// use kapture_model::CustomerId;
    ///
    /// assert_eq!(CustomerId::from("17").as_u64(), Some(17));
    /// assert_eq!(CustomerId::from("A-17").as_u64(), None);
    /// ```
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            CustomerId::Number(number) => Some(*number),
            CustomerId::Text(_) => None,
        }
    }

    /// The number that tables key the customer by: the id itself, or, where it is no whole number
    /// below 2^63, a negative number derived from it, the same each time.
    ///
    /// ```
    /// use kapture_model::CustomerId;
    ///
    /// assert_eq!(CustomerId::from("17").table_key(), 17);
    /// assert!(CustomerId::from("A-17").table_key() < 0);
    /// ```
    pub fn table_key(&self) -> i64 {
        match self {
            CustomerId::Number(number) => {
                i64::try_from(*number).unwrap_or_else(|_| stand_in(number.to_string().as_bytes()))
            }
            CustomerId::Text(text) => stand_in(text.as_bytes()),
        }
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

/// Whether the text is one JSON value. Unlike decoding, this accepts half a surrogate pair.
fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().is_some() && scanner.is_at_end()
}

impl From<u64> for CustomerId {
    fn from(number: u64) -> Self {
        CustomerId::Number(number)
    }
}

impl From<&str> for CustomerId {
    fn from(text: &str) -> Self {
        let number = text.trim();
        let canonical = match number.as_bytes() {
            b"0" => true,
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        match number.parse() {
            Ok(number) if canonical => CustomerId::Number(number),
            _ if number.contains('.') => match whole_digits(number) {
                Some(digits) => CustomerId::from(&*digits),
                None => CustomerId::Text(text.into()),
            },
            _ => CustomerId::Text(text.into()),
        }
    }
}

impl FromStr for CustomerId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(CustomerId::from(text))
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CustomerId::Number(number) => number.fmt(f),
            CustomerId::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for CustomerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            CustomerId::Number(number) => serializer.serialize_u64(*number),
            CustomerId::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for CustomerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = CustomerId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a customer id: a whole number, or text that is not blank")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<CustomerId, E> {
        Ok(CustomerId::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<CustomerId, E> {
        Ok(CustomerId::from(number.to_string().as_str()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CustomerId, E> {
        // Beyond 2^53 a double does not tell neighbours apart.
        match (0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0 {
            true => Ok(CustomerId::Number(number as u64)),
            false => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CustomerId, E> {
        if text.trim().is_empty() {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        }
        Ok(CustomerId::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_decodes_to_a_number_or_text_or_nothing() {
        let cases: &[(&str, Option<&str>)] = &[
            ("17", Some("#17")),
            (" 17\n", Some("#17")),
            ("0", Some("#0")),
            ("18446744073709551615", Some("#18446744073709551615")),
            (r#""17""#, Some("#17")),
            (r#""\u00317""#, Some("#17")),
            (r#""0""#, Some("#0")),
            ("18446744073709551616", Some("18446744073709551616")),
            ("-17", Some("-17")),
            ("-0", Some("#0")),
            ("17.0", Some("#17")),
            ("1e3", Some("#1000")),
            ("7.08888E8", Some("#708888000")),
            ("1.8446744073709551616E19", Some("18446744073709551616")),
            ("-17.0", Some("-17")),
            ("17.5", Some("17.5")),
            (r#""17.0""#, Some("#17")),
            (r#""7.08888E8""#, Some("#708888000")),
            (r#""1.7""#, Some("1.7")),
            (r#""12E4""#, Some("12E4")),
            (r#""017.0""#, Some("017.0")),
            ("\"A\t17\"", Some("A\t17")),
            ("NaN", None),
            (r#""017""#, Some("017")),
            (r#""+17""#, Some("+17")),
            (r#"" 17 ""#, Some("#17")),
            (r#""\t17.0""#, Some("#17")),
            (r#"" A-17 ""#, Some(" A-17 ")),
            (r#"" 017""#, Some(" 017")),
            (r#""A-17""#, Some("A-17")),
            (r#""a\"b""#, Some("a\"b")),
            (r#""\ud800""#, Some(r"\ud800")),
            (r#""A\u0000""#, Some(r"A\u0000")),
            ("\"A\0\t\"", Some(r"A\u0000\t")),
            ("null", None),
            ("true", None),
            ("{}", None),
            ("[17]", None),
            (r#""""#, None),
            (r#"" ""#, None),
            (r#""\t\u00a0""#, None),
            ("", None),
            ("017", None),
            ("17x", None),
            ("1.", None),
            ("-", None),
            (r#"""#, None),
            (r#""a"b""#, None),
        ];
        for (json, expected) in cases {
            let shown = CustomerId::decode(json).map(|id| match id {
                CustomerId::Number(number) => format!("#{number}"),
                CustomerId::Text(text) => text.into(),
            });
            assert_eq!(shown.as_deref(), *expected, "{json}");
        }
    }

    #[test]
    fn id_is_a_number_or_text_in_json() {
        for json in [
            "17",
            "18446744073709551615",
            r#""A-17""#,
            r#""017""#,
            r#""-17""#,
        ] {
            let id: CustomerId = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
            assert_eq!(Some(id), CustomerId::decode(json));
        }
        for (json, expected) in [(r#""17""#, "17"), ("17.0", "17"), ("-17", "-17")] {
            let id: CustomerId = serde_json::from_str(json).unwrap();
            assert_eq!(id.to_string(), expected);
        }
        for json in [
            "1.5",
            "18446744073709551616",
            "null",
            "true",
            r#"" ""#,
            "[]",
        ] {
            assert!(serde_json::from_str::<CustomerId>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn id_is_a_key_of_a_json_object() {
        let kept = r#"{"17":1,"A-17":2}"#;
        let map: std::collections::BTreeMap<CustomerId, u8> = serde_json::from_str(kept).unwrap();
        assert_eq!(map.get(&17.into()), Some(&1));
        assert_eq!(serde_json::to_string(&map).unwrap(), kept);
    }

    #[test]
    fn display_is_the_id_alone() {
        assert_eq!(CustomerId::from(17).to_string(), "17");
        assert_eq!(CustomerId::from("A-17").to_string(), "A-17");
        assert_eq!("17".parse(), Ok(CustomerId::Number(17)));
    }
}
