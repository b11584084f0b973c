//! Keeps passwords out of messages that repeat what was given in place of another value: the address of
//! a database as an argument, in the configuration, or in the words of a server.

use std::borrow::Cow;
use std::env;
use std::sync::OnceLock;

/// The login of addresses in our own hints.
const PLACEHOLDER: &str = "USER:PASSWORD";

/// The text with passwords left out.
pub(crate) fn removed(text: &str) -> String {
    static ARGUMENTS: OnceLock<Vec<String>> = OnceLock::new();
    // A password with a blank in it is found by what was typed.
    let arguments = ARGUMENTS.get_or_init(|| {
        let words = env::args_os().skip(1);
        let words = words.map(|word| word.to_string_lossy().into_owned());
        words
            .filter_map(|word| secret_part(&word).map(str::to_owned))
            .collect()
    });
    let without = arguments.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret.as_str(), "…")
    });
    let parts = without.split('`').enumerate();
    let parts = parts.map(|(number, part)| match number % 2 {
        // A value that is quoted.
        1 => without_secret(part),
        _ => {
            let is_between = |letter: char| letter.is_whitespace() || "'\"".contains(letter);
            let words = part.split_inclusive(is_between).map(without_secret);
            words.collect::<String>().into()
        }
    });
    parts.collect::<Vec<_>>().join("`")
}

fn without_secret(word: &str) -> Cow<'_, str> {
    match secret_part(word) {
        Some(secret) if secret != PLACEHOLDER => word.replace(secret, "…").into(),
        _ => word.into(),
    }
}

/// The part of an address that may be a password: `user:password`, or `password=` and what follows.
fn secret_part(word: &str) -> Option<&str> {
    let lower = word.to_ascii_lowercase();
    // Not that of a variable, as KAPTURE_PASSWORD in a hint.
    let is_keyword = |(start, _): &(usize, &str)| {
        let before = lower.get(..*start).unwrap_or_default();
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    };
    let keyword = lower.match_indices("password=").find(is_keyword);
    if let Some((start, keyword)) = keyword {
        return word
            .get(start..)
            .filter(|secret| secret.len() > keyword.len());
    }
    let start = word.find("://").map_or(0, |found| found + 3);
    let (login, _) = word.get(start..)?.rsplit_once('@')?;
    login.contains(':').then_some(login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_with_a_password_is_found() {
        for (word, expected) in [
            ("postgres://me:secret@db/crm", Some("me:secret")),
            ("--config=postgres://me:se@cret@db", Some("me:se@cret")),
            ("me:secret@db/crm", Some("me:secret")),
            ("postgres://db/crm?password=secret", Some("password=secret")),
            ("host=db PASSWORD=secret", Some("PASSWORD=secret")),
            ("KAPTURE_PASSWORD=sandbox", None),
            ("password=", None),
            ("postgres://me@db/crm", None),
            ("asha@example.com", None),
            ("2024-05-01", None),
        ] {
            assert_eq!(secret_part(word), expected, "{word}");
        }
    }

    #[test]
    fn rest_of_a_message_stays() {
        for (text, expected) in [
            (
                "no profile `postgres://me:secret@db/crm`: see a.toml",
                "no profile `postgres://…@db/crm`: see a.toml",
            ),
            (
                "such as http://USER:PASSWORD@proxy",
                "such as http://USER:PASSWORD@proxy",
            ),
            (
                "write it as postgres://user@host/database",
                "write it as postgres://user@host/database",
            ),
        ] {
            assert_eq!(removed(text), expected);
        }
    }
}
