//! A server's own words, made safe for a terminal.

/// How much of a server's sentence an error repeats.
const LONGEST: usize = 300;

/// `text` with nothing in it that could steer a terminal or reorder a line: control characters,
/// escape sequences and bidirectional overrides become visible escapes. Longer texts are clipped.
pub fn sanitize(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(LONGEST));
    for (position, character) in text.trim().chars().enumerate() {
        if position == LONGEST {
            safe.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' => safe.push(' '),
            character if character.is_control() || steers_direction(character) => {
                safe.extend(character.escape_unicode());
            }
            character => safe.push(character),
        }
    }
    safe
}

fn steers_direction(character: char) -> bool {
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
    fn a_sentence_is_repeated_unchanged() {
        assert_eq!(sanitize("ग्राहक not found: ‘x’"), "ग्राहक not found: ‘x’");
    }

    #[test]
    fn nothing_in_it_reaches_the_terminal() {
        assert_eq!(
            sanitize("a\u{1b}[31mb\u{202e}c\nd"),
            "a\\u{1b}[31mb\\u{202e}c d"
        );
        assert_eq!(sanitize("a\u{61c}b\u{e0041}"), "a\\u{61c}b\\u{e0041}");
    }

    #[test]
    fn a_book_is_clipped() {
        assert_eq!(sanitize(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
