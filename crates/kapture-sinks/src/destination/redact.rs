//! Keeps passwords out of messages.

/// The keywords of libpq's connection strings, as in `host=db user=me`.
const LIBPQ_KEYWORDS: [&str; 8] = [
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service",
];

/// Whether a text is the address of a PostgreSQL database in another notation: a connection string
/// of libpq, or a URL that lacks its slashes.
pub(super) fn is_other_database_notation(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // A keyword is the last word before an equals sign.
    let before = lower.rsplit('=').skip(1);
    let keywords: Vec<_> = before
        .filter_map(|text| text.split_whitespace().next_back())
        .filter(|word| LIBPQ_KEYWORDS.contains(word))
        .collect();
    // A single one may be part of a path, as in `host=a/`.
    keywords.len() > 1
        || keywords.contains(&"password")
        || lower.starts_with("postgres:")
        || lower.starts_with("postgresql:")
}

/// Whether a text that is no address may be meant as one, with a password.
pub(crate) fn may_hold_secret(text: &str) -> bool {
    text.contains(['@', '='])
}
