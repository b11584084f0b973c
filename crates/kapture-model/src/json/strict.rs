//! JSON made strict: some servers write what RFC 8259 forbids.
//!
//! The scanner accepts two things that no JSON reader has to: control characters inside of strings,
//! which must be escaped, and numbers that are not finite (`NaN`, `-Infinity`). What is written has
//! neither.

use std::borrow::Cow;

use crate::json::scanner::Scanner;

/// Whether a raw value is a number that JSON cannot express: `NaN`, `Infinity`, `-inf`.
pub(crate) fn is_non_finite(value: &str) -> bool {
    let magnitude = value.strip_prefix('-').unwrap_or(value);
    magnitude.starts_with(['N', 'I', 'i']) || magnitude.starts_with("na")
}

/// Whether there is such a number in a raw value.
pub(crate) fn has_non_finite(value: &str) -> bool {
    if !value.starts_with(['{', '[']) {
        return is_non_finite(value);
    }
    let mut found = false;
    if may_have_non_finite(value) {
        rewrite(
            value,
            |character, out| out.push(character),
            |_, _| found = true,
        );
    }
    found
}

/// JSON with every control character in its strings escaped.
pub(crate) fn escape_control_characters(json: &str) -> String {
    rewrite(json, escape, |number, out| out.push_str(number))
}

/// JSON that every reader accepts: the same, and with text for numbers that are not finite.
pub(crate) fn strict(json: &str) -> Cow<'_, str> {
    if may_have_non_finite(json) || has_control_character(json) {
        rewrite(json, escape, |number, out| {
            out.push('"');
            out.push_str(number);
            out.push('"');
        })
        .into()
    } else {
        json.into()
    }
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

/// Cheap, and wrong only for values without such a number.
fn may_have_non_finite(value: &str) -> bool {
    !value.starts_with('"') && value.contains(['N', 'I', 'i', 'a'])
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
            '-' | 'N' | 'I' | 'i' | 'n' if !in_string => {
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
        assert!(matches!(strict(r#"{"url":17}"#), Cow::Borrowed(_)));
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
