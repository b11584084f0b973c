//! The keywords of connection parameters: those of libpq, and `schema`.

/// What kapture uses.
const USED: [&str; 26] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "options",
    "passfile",
    "password",
    "port",
    "schema",
    "service",
    "servicefile",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// What kapture does not support, each with the values that ask for nothing but what it does anyway.
const UNSUPPORTED: [(&str, &[&str]); 15] = [
    (
        "client_encoding",
        &["auto", "UTF8", "utf8", "UTF-8", "utf-8"],
    ),
    ("gssdelegation", &["0"]),
    ("gssencmode", &["disable", "prefer"]),
    ("load_balance_hosts", &["disable"]),
    ("replication", &["false", "off", "no", "0"]),
    ("require_auth", &[]),
    ("requirepeer", &[]),
    ("ssl_max_protocol_version", &["TLSv1.3"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("sslcertmode", &["allow"]),
    ("sslcompression", &["0"]),
    ("sslcrl", &[]),
    ("sslcrldir", &[]),
    ("sslpassword", &[]),
    ("sslsni", &["1"]),
];

/// A known keyword.
pub(super) fn known(keyword: &str) -> Option<&'static str> {
    let unsupported = UNSUPPORTED.iter().map(|(known, _)| *known);
    let mut all = USED.into_iter().chain(unsupported);
    all.find(|known| *known == keyword)
}

/// Whether kapture does what a value of a keyword asks for.
pub(super) fn is_supported(keyword: &str, value: &str) -> bool {
    UNSUPPORTED
        .iter()
        .find(|(known, _)| *known == keyword)
        .is_none_or(|(_, values)| values.contains(&value))
}
