//! Keeps passwords out of messages.

/// The keywords of libpq's connection strings, as in `host=db user=me`.
const LIBPQ_KEYWORDS: [&str; 8] = [
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service",
];

/// The delimiters of an address, as they are percent-encoded.
const ENCODED: [(&str, &str); 5] = [
    ("%2f", "/"),
    ("%3a", ":"),
    ("%3d", "="),
    ("%3f", "?"),
    ("%40", "@"),
];

/// A text in small letters, with delimiters as they are.
fn plain(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    ENCODED.iter().fold(lower, |text, (encoded, letter)| {
        text.replace(encoded, letter)
    })
}

/// Whether a text is the address of a PostgreSQL database in another notation: a connection string
/// of libpq, or a URL that lacks its slashes.
pub(crate) fn is_other_database_notation(text: &str) -> bool {
    let text = plain(text);
    // A keyword is the last word before an equals sign.
    let before = text.rsplit('=').skip(1);
    let is_between = |letter: char| letter.is_whitespace() || "?&;,".contains(letter);
    let keywords: Vec<_> = before
        .filter_map(|text| text.trim_end().rsplit(is_between).next())
        .filter(|word| LIBPQ_KEYWORDS.contains(word))
        .collect();
    // A single one may be part of a path, as in `host=a/`.
    keywords.len() > 1
        || keywords.contains(&"password")
        || text.starts_with("postgres:")
        || text.starts_with("postgresql:")
}

/// Whether a text that is no address may be meant as one, with a password.
pub(crate) fn may_hold_secret(text: &str) -> bool {
    let text = plain(text);
    text.contains(['@', '=']) || text.contains("password")
}

/// Whether a part of a path looks like `user:password@host`.
pub(crate) fn has_login(path: &str) -> bool {
    plain(path).split('/').any(|part| {
        let login = part.rsplit_once('@').map(|(login, _)| login);
        login.is_some_and(|login| login.contains(':'))
    })
}
