//! The id of a customer, however the API writes it.

use crate::json::scanner;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The id of a customer: a number, or text.
///
/// The API documents a number, but other systems behind it may hand ids over as text. Text that
/// spells a number canonically (`"17"`: no sign, no leading zero, fits `u64`) *is* that number,
/// so that both forms of one id are equal. Anything else stays as it is written.
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
    /// that is no JSON. A number that is negative, fractional or beyond `u64` keeps its spelling
    /// as [`CustomerId::Text`].
    pub fn decode(json: &str) -> Option<CustomerId> {
        let json = scanner::trim(json);
        match *json.as_bytes().first()? {
            b'"' => match scanner::decode_text(json) {
                Some(text) if text.trim().is_empty() => None,
                Some(text) => Some(CustomerId::from(text.as_ref())),
                // Half a surrogate pair is no character. The literal spelling keeps two such ids
                // apart; a replacement character would make them one customer.
                None if is_json(json) => Some(CustomerId::Text(json[1..json.len() - 1].into())),
                None => None,
            },
            b'-' | b'0'..=b'9' => match CustomerId::from(json) {
                CustomerId::Text(_) if !is_json(json) => None,
                id => Some(id),
            },
            _ => None,
        }
    }
}

/// Whether the text is one JSON value. Unlike decoding, this accepts half a surrogate pair.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

impl From<u64> for CustomerId {
    fn from(number: u64) -> Self {
        CustomerId::Number(number)
    }
}

impl From<&str> for CustomerId {
    fn from(text: &str) -> Self {
        let canonical = match text.as_bytes() {
            b"0" => true,
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        match text.parse() {
            Ok(number) if canonical => CustomerId::Number(number),
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
            ("-0", Some("-0")),
            ("17.0", Some("17.0")),
            ("1e3", Some("1e3")),
            (r#""017""#, Some("017")),
            (r#""+17""#, Some("+17")),
            (r#"" 17""#, Some(" 17")),
            (r#""A-17""#, Some("A-17")),
            (r#""a\"b""#, Some("a\"b")),
            (r#""\ud800""#, Some(r"\ud800")),
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
    fn display_is_the_id_alone() {
        assert_eq!(CustomerId::from(17).to_string(), "17");
        assert_eq!(CustomerId::from("A-17").to_string(), "A-17");
        assert_eq!("17".parse(), Ok(CustomerId::Number(17)));
    }
}
