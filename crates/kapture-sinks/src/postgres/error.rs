//! Errors of PostgreSQL, without any data of customers.

use std::error::Error;
use std::time::Duration;

use kapture_model::sanitize;
use tokio_postgres::error::DbError;

/// An error of the server or of the connection to it.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum PostgresError {
    /// The server refused a statement.
    #[error("the server says: {0}")]
    Refused(String),
    /// The connection ended.
    #[error("the connection to the server was lost{}", because(.0))]
    ConnectionLost(Option<String>),
    /// The server did not answer in time.
    #[error("the server did not answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The address cannot be parsed.
    #[error("its address cannot be parsed: {0}")]
    Address(String),
    /// The server does not support TLS, and the address requires it.
    #[error(
        "the server does not support TLS, so others on the network could read the customers: on a network that you trust, add sslmode=disable to the address"
    )]
    NoTls,
    /// There is no schema to create tables in.
    #[error("no schema of the search path exists")]
    NoSchema,
    /// Any other error.
    #[error("{0}")]
    Other(String),
}

fn because(reason: &Option<String>) -> String {
    let reason = reason.as_ref();
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

impl PostgresError {
    /// Keeps the message and the SQLSTATE only: the detail of a server's error may quote the row
    /// that it refuses.
    pub(super) fn new(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::Refused(message(refusal)),
            None if error.is_closed() => Self::ConnectionLost(None),
            None => match chain(error) {
                chain if chain.ends_with("server does not support TLS") => Self::NoTls,
                chain => Self::Other(chain),
            },
        }
    }

    /// The same for a connection that has ended, which says why.
    pub(super) fn lost(error: &tokio_postgres::Error) -> Self {
        Self::ConnectionLost(match error.as_db_error() {
            Some(refusal) => Some(format!("the server says: {}", message(refusal))),
            None if error.is_closed() => None,
            None => Some(chain(error)),
        })
    }

    /// For an address. An unknown option may be part of a password that was not escaped, so it is
    /// named only if the address has no password.
    pub(super) fn address(error: &tokio_postgres::Error, url: &str) -> Self {
        let reason = error.source().map(ToString::to_string).unwrap_or_default();
        let options = url.split_once('?').map_or("", |(_, options)| options);
        let secret = options.contains("password=") || options.contains('@');
        Self::Address(if secret && reason.starts_with("unknown option") {
            "it has an unknown option".into()
        } else {
            reason
        })
    }
}

fn message(refusal: &DbError) -> String {
    let (message, code) = (refusal.message(), refusal.code().code());
    format!("{} (SQLSTATE {})", sanitize(message), sanitize(code))
}

fn chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain = format!("{chain}: {error}");
        cause = error.source();
    }
    sanitize(&chain)
}
