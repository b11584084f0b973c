//! JSON made strict: some servers write what RFC 8259 forbids, or leaves to the reader.
//!
//! The scanner accepts what no JSON reader has to: control characters inside of strings, which must be
//! escaped; strings that stand for no text; and numbers that no double holds (`NaN`, `-Infinity`,
//! `1e400`). What is written has none of them.

use std::borrow::Cow;

use crate::json::scanner::Scanner;

/// The longest number that is written: databases refuse more digits.
const MAX_NUMBER: usize = 300;

/// Whether a raw value is a number that JSON cannot express (`NaN`, `Infinity`, `-inf`), or that readers
/// refuse because no double holds it (`1e400`, `1e-400`, hundreds of digits).
pub(crate) fn is_non_finite(value: &str) -> bool {
    let magnitude = match value.as_bytes().first() {
        Some(b'-') => &value[1..],
        _ => value,
    };
    match magnitude.bytes().next() {
        Some(b'N' | b'I' | b'i') => true,
        Some(b'n') => magnitude.starts_with("na"),
        Some(b'0'..=b'9') => {
            value.len() > MAX_NUMBER || magnitude.contains(['e', 'E']) && is_out_of_range(magnitude)
        }
        _ => false,
    }
}

/// Whether a double has infinity or zero for a number that is neither.
fn is_out_of_range(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.contains(|digit| matches!(digit, '1'..='9'));
    let double = number.parse::<f64>().unwrap_or_default();
    double.is_infinite() || (double == 0.0) != is_zero
}

/// Whether there is such a number in a raw value.
pub(crate) fn has_non_finite(value: &str) -> bool {
    if !matches!(value.as_bytes().first(), Some(b'{' | b'[')) {
        return is_non_finite(value);
    }
    let mut found = false;
    rewrite(
        value,
        |character, out| out.push(character),
        |_, _| found = true,
    );
    found
}

/// JSON with every control character in its strings escaped.
pub(crate) fn escape_control_characters(json: &str) -> String {
    rewrite(json, escape, |number, out| out.push_str(number))
}

/// JSON that every reader accepts: the same, and with text for numbers that are not finite.
pub(crate) fn strict(json: &str) -> Cow<'_, str> {
    let is_strict = match json.as_bytes().first() {
        Some(b'"') => !has_control_character(json),
        Some(b'{' | b'[') => false,
        _ => !is_non_finite(json),
    };
    if is_strict {
        return json.into();
    }
    let strict = rewrite(json, escape, |number, out| {
        out.push('"');
        out.push_str(number);
        out.push('"');
    });
    strict.into()
}

/// The same text with something that JSON allows in place of what only the scanner accepts. Each
/// byte keeps its position: for the position of an error.
pub(crate) fn mask(json: &str) -> String {
    rewrite(
        json,
        |_, out| out.push('\u{7f}'),
        // No other value joins with an empty list, as digits would.
        |number, out| out.push_str(&format!("[{:1$}]", "", number.len() - 2)),
    )
}

pub(crate) fn has_control_character(json: &str) -> bool {
    json.bytes().any(|byte| byte < 0x20)
}

/// A string token that stands for text: with U+FFFD for half of a surrogate pair (`\ud800`), which Java
/// writes for text cut in the middle of a character, and for U+0000, which databases refuse. Control
/// characters are escaped. Says whether anything was replaced.
pub(crate) fn valid_text(token: &str) -> (Cow<'_, str>, bool) {
    let is_odd = |byte: u8| byte == b'\\' || byte < 0x20;
    if !token.bytes().any(is_odd) {
        return (token.into(), false);
    }
    let mut text = String::with_capacity(token.len());
    let mut replaced = false;
    let mut rest = token;
    while let Some(at) = rest.bytes().position(is_odd) {
        let (before, odd) = rest.split_at(at);
        text.push_str(before);
        let units = [Some(odd.as_bytes()), odd.as_bytes().get(6..)];
        let (kept, length) = match (odd.as_bytes()[0], units.map(|text| code_unit(text?))) {
            (_, [Some(0xd800..0xdc00), Some(0xdc00..0xe000)]) => (odd.get(..12), 12),
            (_, [Some(0 | 0xd800..0xe000), _]) => (None, 6),
            (b'\\', _) => (odd.get(..2), 2),
            (0, _) => (None, 1),
            (control, _) => {
                escape(char::from(control), &mut text);
                (Some(""), 1)
            }
        };
        replaced |= kept.is_none();
        text.push_str(kept.unwrap_or("\u{fffd}"));
        rest = odd.get(length..).unwrap_or_default();
    }
    (Cow::Owned(text + rest), replaced)
}

/// The code unit of UTF-16 that the text begins with, if it begins with the escape of one.
#[inline]
pub(crate) fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digit = |unit: u32, digit: &u8| Some(unit << 4 | char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, digit)
}

/// Appends JSON as one line: without line breaks between values, and with those in strings escaped.
/// Everything else stays byte for byte.
pub(crate) fn push_line(json: &[u8], out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for byte in json {
        match byte {
            b'\n' if in_string => out.extend_from_slice(b"\\n"),
            b'\r' if in_string => out.extend_from_slice(b"\\r"),
            b'\n' | b'\r' => {}
            _ => out.push(*byte),
        }
        in_string ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && in_string && !escaped;
    }
}

fn escape(character: char, out: &mut String) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => out.push_str(&format!("\\u{:04x}", u32::from(other))),
    }
}

/// Copies JSON, which need not be valid, with something else for control characters in strings and
/// for numbers that are not finite.
fn rewrite(
    json: &str,
    control: impl Fn(char, &mut String),
    mut non_finite: impl FnMut(&str, &mut String),
) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    let mut rest = json;
    let mut in_string = false;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                // Escapes a quote, perhaps.
                length += usize::from(rest.as_bytes().get(1).is_some_and(u8::is_ascii_graphic));
            }
            '\0'..' ' if in_string => {
                control(character, &mut out);
                rest = &rest[length..];
                continue;
            }
            '-' | '0'..='9' | 'N' | 'I' | 'i' | 'n' if !in_string => {
                if let Some(number) = Scanner::new(rest).scalar() {
                    if is_non_finite(number) {
                        non_finite(number, &mut out);
                    } else {
                        out.push_str(number);
                    }
                    rest = &rest[number.len()..];
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_json_has_no_control_characters_and_no_odd_numbers() {
        for (json, expected) in [
            ("{\"a\":\"x\ty\",\n\"b\":1}", "{\"a\":\"x\\ty\",\n\"b\":1}"),
            ("\"a\\\"\u{1}\"", r#""a\"\u0001""#),
            (
                "{\"a\nb\":[NaN,-Infinity]}",
                r#"{"a\nb":["NaN","-Infinity"]}"#,
            ),
            (r#"{"NaN":"NaN, -Infinity"}"#, r#"{"NaN":"NaN, -Infinity"}"#),
            (r#"[null,-1.5,nan,-inf]"#, r#"[null,-1.5,"nan","-inf"]"#),
        ] {
            assert_eq!(strict(json), expected);
            assert!(serde_json::from_str::<serde_json::Value>(&strict(json)).is_ok());
        }
        assert!(matches!(strict(r#""NaN""#), Cow::Borrowed(_)));
    }

    #[test]
    fn text_has_no_half_pair_and_no_nul() {
        for (token, expected, replaced) in [
            (r#""plain é""#, r#""plain é""#, false),
            (r#""a\"\n\u00e9\\ud83d""#, r#""a\"\n\u00e9\\ud83d""#, false),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#, false),
            (r#""a\ud83d""#, "\"a\u{fffd}\"", true),
            (
                r#""\uDE00\ud83d\ud83d\ude00""#,
                "\"\u{fffd}\u{fffd}\\ud83d\\ude00\"",
                true,
            ),
            (r#""\ud83d\u0041""#, "\"\u{fffd}\\u0041\"", true),
            (r#""a\u0000b""#, "\"a\u{fffd}b\"", true),
            ("\"a\0b\tc\u{1}\"", "\"a\u{fffd}b\\tc\\u0001\"", true),
            ("\"a\tb\"", "\"a\\tb\"", false),
        ] {
            assert_eq!(valid_text(token), (expected.into(), replaced), "{token}");
        }
    }

    #[test]
    fn numbers_that_no_double_holds_are_not_finite() {
        let long = "1".repeat(301);
        for number in ["NaN", "-inf", "1e400", "-1E+400", "1e-400", &long] {
            assert!(is_non_finite(number), "{number}");
        }
        for number in [
            "0",
            "0e999",
            "0.0e-999",
            "1e308",
            "-1.5e-300",
            "123456789012345678901234567890",
        ] {
            assert!(!is_non_finite(number), "{number}");
        }
        assert_eq!(
            strict(r#"{"a1e400":[1e400,1e4,17]}"#),
            r#"{"a1e400":["1e400",1e4,17]}"#
        );
    }

    #[test]
    fn line_has_no_raw_line_break() {
        let mut line = Vec::new();
        push_line(b"{\n\"a\\\"\n\":\r\n\"\\\\\",\n\"\xff\tb\":1}", &mut line);
        assert_eq!(line, b"{\"a\\\"\\n\":\"\\\\\",\"\xff\tb\":1}");
    }

    #[test]
    fn masked_json_has_the_same_length() {
        let json = "{\"a\":\"\n\u{1f}é\",\"b\":-Infinity}";
        assert_eq!(mask(json), "{\"a\":\"\u{7f}\u{7f}é\",\"b\":[       ]}");
        assert_eq!(mask(json).len(), json.len());
    }

    #[test]
    fn odd_numbers_are_found_outside_of_strings() {
        assert!(has_non_finite(r#"{"a":[1,{"b":-Infinity}]}"#));
        assert!(!has_non_finite(r#"{"a":["NaN",{"Infinity":null}]}"#));
        assert!(is_non_finite("NaN") && is_non_finite("-inf") && is_non_finite("nan"));
        assert!(!is_non_finite("null") && !is_non_finite("-1") && !is_non_finite("\"NaN\""));
    }
}
