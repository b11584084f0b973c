//! Text that a spreadsheet would run as a formula.

#[cfg(feature = "csv")]
use std::borrow::Cow;

/// The first characters of a formula, also in full width.
const FORMULA_START: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What a spreadsheet may take as the end of a cell, if it is told another separator than that of
/// the file, or finds quotes where it expects none.
#[cfg(feature = "csv")]
const CELL_END: [char; 7] = [',', ';', ':', '\t', '|', '\r', '\n'];

/// Whether a cell with this text is a formula.
#[cfg(feature = "xlsx")]
pub(crate) fn starts_formula(text: &str) -> bool {
    text.starts_with(FORMULA_START)
}

/// Text that no spreadsheet runs as a formula, whichever separator it is opened with: an apostrophe
/// stands before each place where a formula could start.
#[cfg(feature = "csv")]
pub(crate) fn escape_formulas(text: &str) -> Cow<'_, str> {
    let escaped = escape(text, |_, start| format!("'{start}"));
    match text.starts_with(['\t', '\r', '\n']) {
        true => format!("'{escaped}").into(),
        false => escaped,
    }
}

/// The same for JSON, which stays the same value: where a formula could start in a text of it, its
/// first character is an escape sequence.
#[cfg(feature = "csv")]
pub(crate) fn escape_formulas_in_json(json: &str) -> Cow<'_, str> {
    escape(json, |in_text, start| match in_text {
        true => format!("\\u{:04x}", u32::from(start)),
        // The sign of a number.
        false => start.to_string(),
    })
}

/// Replaces each character that could start a formula. `replace` is also told whether it is between
/// quotes.
#[cfg(feature = "csv")]
fn escape(text: &str, replace: impl Fn(bool, char) -> String) -> Cow<'_, str> {
    if !text.contains(FORMULA_START) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 2);
    let (mut at_start, mut in_text, mut is_escaped) = (true, false, false);
    // A blank may be the separator, too; a sign alone between two of them is no formula.
    let mut after_blank = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let goes_on = characters.peek().is_some_and(|next| !next.is_whitespace());
        match character {
            start if FORMULA_START.contains(&start) && (at_start || after_blank && goes_on) => {
                escaped += &replace(in_text, start);
            }
            character => escaped.push(character),
        }
        after_blank = character.is_whitespace() || after_blank && character == '"';
        in_text ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        // Blanks and quotes around the text of a cell are taken away.
        at_start = CELL_END.contains(&character)
            || at_start && (matches!(character, '"' | '\\') || character.is_whitespace());
    }
    escaped.into()
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use super::*;

    #[test]
    fn text_that_starts_a_formula_is_escaped() {
        for text in [
            "=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x",
        ] {
            assert!(escape_formulas(text).starts_with('\''), "{text}");
        }
        for text in [
            "1=1",
            "a=b+c-d@e",
            "asha@example.com",
            "",
            "mon-fri",
            "12 - 14 Park Road",
            "a + b",
        ] {
            assert_eq!(escape_formulas(text), text);
        }
    }

    #[test]
    fn no_separator_makes_a_formula_of_a_part() {
        for (text, safe) in [
            ("foo;=6*7;x", "foo;'=6*7;x"),
            ("foo\t=6*7", "foo\t'=6*7"),
            ("foo\n+6", "foo\n'+6"),
            ("a, -b", "a, '-b"),
            ("a;\"=6*7\";b", "a;\"'=6*7\";b"),
            ("=1;=2", "'=1;'=2"),
            ("foo =6*7 x", "foo '=6*7 x"),
            ("foo:=6*7", "foo:'=6*7"),
            ("\u{a0}=6*7", "\u{a0}'=6*7"),
            ("; \u{3000}\"@x\"", "; \u{3000}\"'@x\""),
            ("a \"=1\"", "a \"'=1\""),
        ] {
            assert_eq!(escape_formulas(text), safe, "{text}");
        }
    }

    #[test]
    fn json_keeps_its_value() {
        let json = r#"{"a":"foo;=6*7;x","b":[1,-2],"=c":"\"=d","e":"x;\"@y\""}"#;
        let safe = escape_formulas_in_json(json);
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&safe), value(json));
        assert!(safe.contains(r"foo;\u003d6*7;x"), "{safe}");
        assert!(safe.contains("[1,-2]"), "{safe}");
        assert!(!safe.contains(";\\\"@"), "{safe}");
    }
}
