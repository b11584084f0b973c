//! Text from elsewhere, made safe for a terminal.

/// The most characters of a text that are kept.
const MAX_CHARS: usize = 300;

/// `text` without anything that could control a terminal or reorder a line: control characters,
/// escape sequences and bidirectional overrides become visible escapes. Text of more than 300
/// characters is truncated.
///
/// ```
/// assert_eq!(kapture_model::sanitize("busy\u{1b}[2J"), "busy\\u{1b}[2J");
/// ```
pub fn sanitize(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_CHARS));
    for (position, character) in text.trim().chars().enumerate() {
        if position == MAX_CHARS {
            safe.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' => safe.push(' '),
            character if character.is_control() || is_format_character(character) => {
                safe.extend(character.escape_unicode());
            }
            character => safe.push(character),
        }
    }
    safe
}

fn is_format_character(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_unchanged() {
        assert_eq!(sanitize("ग्राहक not found: ‘x’"), "ग्राहक not found: ‘x’");
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(
            sanitize("a\u{1b}[31mb\u{202e}c\nd"),
            "a\\u{1b}[31mb\\u{202e}c d"
        );
        assert_eq!(sanitize("a\u{61c}b\u{e0041}"), "a\\u{61c}b\\u{e0041}");
    }

    #[test]
    fn long_text_is_truncated() {
        assert_eq!(sanitize(&"x".repeat(1000)).chars().count(), MAX_CHARS + 1);
    }
}
