//! Scans JSON text without building values.
//!
//! Each record is scanned twice, to find it in its page and to write it. serde_json would need two
//! passes for the first alone (one to split the page, one to find the id); this scanner splits,
//! validates and extracts in one. It accepts what serde_json accepts (a test compares the two), and
//! two things that servers write against RFC 8259 and that must not lose a customer: control
//! characters inside of strings, and numbers that are not finite. It stops at anything else: then
//! serde_json reports the error and its position.

use std::borrow::Cow;

use crate::json::strict::{code_unit, escape_control_characters, has_control_character};

/// The deepest nesting of a record that is written: readers refuse more (serde_json at 128 levels, jq
/// at 256, PostgreSQL where its stack ends).
pub(crate) const MAX_DEPTH: usize = 100;

/// A position in JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The brackets that close what is open, in [`Scanner::value`].
    closing: Vec<u8>,
    needs_repair: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner {
            text,
            bytes: text.as_bytes(),
            at: 0,
            closing: Vec::new(),
            needs_repair: false,
        }
    }

    /// Whether anything was met so far that has to be [repaired](crate::repair) before it is written:
    /// a string that JSON forbids or that stands for no text, deep nesting, or what was
    /// [noted](Self::note_fault).
    pub(crate) fn needs_repair(&self) -> bool {
        self.needs_repair
    }

    /// Notes a fault that the scanner itself does not look for.
    pub(crate) fn note_fault(&mut self) {
        self.needs_repair = true;
    }

    /// The byte offset reached.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The text from `start` up to the position.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Goes back to an offset reached before.
    pub(crate) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from the position on.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Moves over so many bytes, which are known.
    #[inline]
    pub(crate) fn advance(&mut self, length: usize) {
        self.at += length;
    }

    /// The next byte, without moving.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Moves over `byte` if it comes next.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Moves over `text` if it comes next.
    #[inline]
    pub(crate) fn take_text(&mut self, text: &str) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        }
        found
    }

    /// Moves over insignificant whitespace; says whether there was any.
    #[inline]
    pub(crate) fn skip_whitespace(&mut self) -> bool {
        let start = self.at;
        // Mostly there is none: one comparison, not four.
        while let Some(0..=b' ') = self.peek() {
            if !matches!(self.bytes[self.at], b' ' | b'\t' | b'\n' | b'\r') {
                break;
            }
            self.at += 1;
        }
        self.at > start
    }

    /// Moves over a string, which must begin at the position, and returns it with its quotes.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        self.token().map(|(token, _)| token)
    }

    /// The same; says also whether there are escapes in it.
    #[inline]
    fn token(&mut self) -> Option<(&'a str, bool)> {
        let start = self.at;
        if !self.take(b'"') {
            return None;
        }
        let escaped = self.skip_string_body()?;
        Some((self.text.get(start..self.at)?, escaped))
    }

    /// From just behind an opening quote to just behind the closing one; says whether there are
    /// escapes in between.
    #[inline]
    fn skip_string_body(&mut self) -> Option<bool> {
        let mut escaped = false;
        loop {
            // Most strings are short: whole words first, then the last few bytes of the text.
            let rest = self.bytes.get(self.at..)?;
            self.at += match rest.first_chunk().map(|word| end_or_escape(*word)) {
                Some(8) => {
                    self.at += 8;
                    continue;
                }
                Some(offset) => offset,
                None => rest
                    .iter()
                    .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?,
            };
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.skip_escape()?;
                }
                // RFC 8259 demands an escape.
                _ => {
                    self.needs_repair = true;
                    self.at += 1;
                }
            }
        }
    }

    fn skip_escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let escape = &self.bytes[self.at..];
                let unit = code_unit(escape)?;
                self.at += 6;
                match unit {
                    0xd800..0xdc00 => match escape.get(6..).and_then(code_unit) {
                        Some(0xdc00..0xe000) => self.at += 6,
                        _ => self.needs_repair = true,
                    },
                    0 | 0xdc00..0xe000 => self.needs_repair = true,
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Moves over a number, `true`, `false` or `null`, and returns it. `NaN` and infinities are
    /// numbers, in the spellings of Java, Python and C.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Option<&'a str> {
        let start = self.at;
        let found = match self.peek()? {
            b't' => self.take_text("true"),
            b'f' => self.take_text("false"),
            b'n' if self.take_text("null") => true,
            _ => {
                self.take(b'-');
                if !matches!(self.peek(), Some(b'0'..=b'9')) {
                    let found = self.take_non_finite();
                    return found.then(|| self.text.get(start..self.at))?;
                }
                let whole = self.take(b'0') || self.skip_digits();
                let fraction = !self.take(b'.') || self.skip_digits();
                let exponent = !(self.take(b'e') || self.take(b'E')) || {
                    let _ = self.take(b'+') || self.take(b'-');
                    self.skip_digits()
                };
                whole && fraction && exponent
            }
        };
        found.then(|| self.text.get(start..self.at))?
    }

    fn take_non_finite(&mut self) -> bool {
        let names = ["NaN", "nan", "Infinity", "infinity", "Inf", "inf"];
        names.iter().any(|name| self.take_text(name))
    }

    #[inline]
    fn skip_digits(&mut self) -> bool {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at > start
    }

    /// Moves over any value and returns its text as it stands.
    #[inline]
    pub(crate) fn value(&mut self) -> Option<&'a str> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            _ => self.scalar(),
        }
    }

    /// An object or list. No recursion: nesting may be deeper than the stack.
    fn nested(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.closing.clear();
        loop {
            let closing = match self.peek()? {
                b'{' => b'}',
                b'[' => b']',
                _ => 0,
            };
            if closing == 0 {
                self.value()?;
            } else {
                self.at += 1;
                self.skip_whitespace();
                if !self.take(closing) {
                    self.closing.push(closing);
                    // A contact and what it is in count, too.
                    self.needs_repair |= self.closing.len() > MAX_DEPTH / 2;
                    self.skip_key_of(closing)?;
                    continue;
                }
            }
            // Behind a value: the next one, or the ends of what it was the last in.
            loop {
                let Some(&closing) = self.closing.last() else {
                    return self.text.get(start..self.at);
                };
                self.skip_whitespace();
                if self.take(b',') {
                    self.skip_whitespace();
                    self.skip_key_of(closing)?;
                    break;
                }
                self.take(closing).then_some(())?;
                self.closing.pop();
            }
        }
    }

    /// Moves over the key and colon before a value, if it is in an object.
    #[inline]
    fn skip_key_of(&mut self, closing: u8) -> Option<()> {
        if closing == b'}' {
            self.string()?;
            self.colon()?;
        }
        Some(())
    }

    #[inline]
    fn colon(&mut self) -> Option<()> {
        self.skip_whitespace();
        self.take(b':').then_some(())?;
        self.skip_whitespace();
        Some(())
    }

    /// Moves over an object. `entry` is given each key, decoded, and moves over its value.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut entry: impl FnMut(&str, &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.sequence(b'{', b'}', |scanner| {
            let (_, key) = scanner.key()?;
            entry(&key, scanner)
        })
    }

    /// Moves over a key and the colon behind it; returns the key with its quotes, and decoded.
    #[inline]
    pub(crate) fn key(&mut self) -> Option<(&'a str, Cow<'a, str>)> {
        let (token, escaped) = self.token()?;
        self.colon()?;
        let key = if escaped { decode_text(token) } else { None };
        Some((
            token,
            key.unwrap_or(Cow::Borrowed(&token[1..token.len() - 1])),
        ))
    }

    /// Moves over what stands behind a value in an object, up to the next key; says whether there
    /// is none.
    #[inline]
    pub(crate) fn end_of_field(&mut self) -> Option<bool> {
        self.skip_whitespace();
        if self.take(b'}') {
            return Some(true);
        }
        self.take(b',').then_some(())?;
        self.skip_whitespace();
        Some(false)
    }

    /// Moves over a list. `element` moves over each of its values.
    #[inline]
    pub(crate) fn list(&mut self, element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.sequence(b'[', b']', element)
    }

    #[inline]
    fn sequence(
        &mut self,
        opening: u8,
        closing: u8,
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(opening).then_some(())?;
        self.skip_whitespace();
        if self.take(closing) {
            return Some(());
        }
        loop {
            each(self)?;
            self.skip_whitespace();
            if self.take(closing) {
                return Some(());
            }
            self.take(b',').then_some(())?;
            self.skip_whitespace();
        }
    }

    /// Whether nothing but whitespace is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_whitespace();
        self.at == self.bytes.len()
    }
}

/// The text a raw string token stands for; `None` when it is no string, or holds an escape that
/// is no character (half of a surrogate pair).
pub(crate) fn decode_text(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    if inner
        .bytes()
        .any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        let escaped = has_control_character(token).then(|| escape_control_characters(token));
        let token = escaped.as_deref().unwrap_or(token);
        serde_json::from_str(token).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The text of a string token without escapes that begins with a visible ASCII character, behind spaces
/// perhaps. `None` for any other token.
#[inline]
pub(crate) fn plain_text(token: &str) -> Option<&str> {
    let [b'"', bytes @ .., b'"'] = token.as_bytes() else {
        return None;
    };
    let is_odd = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let first = bytes.iter().find(|byte| **byte != b' ')?;
    let is_plain = first.is_ascii_graphic() && !bytes.iter().any(is_odd);
    is_plain.then(|| token.get(1..token.len() - 1))?
}

/// Whether a raw value means nothing: null, or blank text.
pub(crate) fn is_null_or_blank(value: &str) -> bool {
    value == "null" || is_blank(value)
}

/// Whether a raw string token is empty or holds only whitespace.
pub(crate) fn is_blank(token: &str) -> bool {
    let inside = token.as_bytes().get(1..token.len() - 1);
    match inside
        .unwrap_or_default()
        .iter()
        .find(|byte| **byte != b' ')
    {
        None => token.starts_with('"'),
        Some(b'!'..=b'[' | b']'..=b'~') => false,
        // An escape or a letter beyond ASCII may stand for whitespace, too.
        Some(_) => decode_text(token).is_some_and(|text| text.trim().is_empty()),
    }
}

/// Removes the whitespace that JSON allows around a value.
pub(crate) fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

/// The place of the first quote, backslash or control character among eight bytes; 8 when there
/// is none.
#[inline]
fn end_or_escape(word: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The classic test for bytes below a limit: its lowest hit is exact, and in little-endian
    // order the lowest is the first.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let word = u64::from_le_bytes(word);
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quotes | backslashes | below(word, 0x20)).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::strict::mask;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// What serde_json and the scanner make of a text: the value in it, if it is one. What the scanner
    /// accepts beyond JSON is masked for serde_json.
    fn both(text: &str) -> (Option<&str>, Option<&str>) {
        let masked = mask(text);
        let expected = serde_json::from_str::<&RawValue>(&masked).ok();
        let expected = expected.map(|value| {
            let start = value.get().as_ptr().addr() - masked.as_ptr().addr();
            &text[start..start + value.get().len()]
        });
        let mut scanner = Scanner::new(text);
        scanner.skip_whitespace();
        let value = scanner.value().filter(|_| scanner.is_at_end());
        (expected, value)
    }

    #[test]
    fn control_characters_and_odd_numbers_are_accepted() {
        for text in [
            "NaN",
            "-Infinity",
            "[nan,-inf]",
            "\"a\tb\0\"",
            "{\"1234567\n890\":Infinity}",
        ] {
            let mut scanner = Scanner::new(text);
            assert_eq!(scanner.value(), Some(text));
            assert!(scanner.is_at_end());
            assert_eq!(scanner.needs_repair(), text.contains(char::is_control));
        }
        for text in ["-", "N", "Nan", "+Infinity", "nul", "infinit"] {
            let mut scanner = Scanner::new(text);
            assert!(scanner.value().is_none() || !scanner.is_at_end(), "{text}");
        }
    }

    #[test]
    fn accepts_and_refuses_as_serde_json_does() {
        let texts = r#"0 -0 01 -01 - 1. .1 1.5 1e 1e5 1E+05 1e-5 1e+ +1 0x1 00 1_0 NaN
            true truex tru nul null false "" "a" "\" "\" "\\" "\\" "\u00e9" "\u00g9" "\u00e" "\x" "\ud800" "
            {} { [] [ } ] [1] [1,] [,] [1,,2] [1;2] [1}2] {"a"} {"a":} {"a":1} {"a":1,} {,} {a:1} {1:1}
            {"a":1"b":2} {"a":{"b":[1,{"c":[]}]}} {"a":{"b":[1,{"c":[}]}} [[[[]]]] [[[[]]] [{]}
            "é" "12345678" "1234567\" "1234567\"" "123456\u00e9" 😀 "😀" """#;
        for text in texts.split_whitespace() {
            let (expected, value) = both(text);
            assert_eq!(value, expected, "{text}");
        }
        for control in ['\0', '\n', '\u{1f}', '\u{7f}', '\u{80}'] {
            for text in [
                format!("\"{control}\""),
                format!("\"1234567{control}90123\""),
            ] {
                let (expected, value) = both(&text);
                assert_eq!(value, expected, "{text:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_serde_json_on_soup(text in r#"([\[\]{}:,"\\u0-9a \n.eE+-]|true|"a":|null|NaN|-?Infinity){0,24}"#) {
            let (expected, value) = both(&text);
            prop_assert_eq!(value, expected);
        }

        #[test]
        fn agrees_with_serde_json_on_damaged_json(place in any::<prop::sample::Index>(), with in "[\\x00-\\x7f]{0,2}") {
            let mut text = include_str!("../../tests/sample-response.json")[..1700].to_owned() + "}]}]}";
            let place = place.index(text.len());
            text.replace_range(place..=place, &with);
            let (expected, value) = both(&text);
            prop_assert_eq!(value, expected);
        }
    }
}
