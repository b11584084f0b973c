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

/// The address of a database without user, password and options.
#[cfg(feature = "postgres")]
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "a database".into();
    };
    let (authority, options) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}"),
        // A password with an unescaped ? or # may reach to there.
        None if options.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{authority}"),
    }
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests {
    use super::*;

    #[test]
    fn address_is_shown_without_password() {
        for url in [
            "postgres://me:secret@host:5432/db",
            "postgres://me:se@cret@host:5432/db?password=secret",
        ] {
            assert_eq!(without_password(url), "postgres://host:5432/db");
        }
        let unescaped = "postgres://me:se?cret@host/db";
        assert_eq!(without_password(unescaped), "postgres://…");
    }
}
