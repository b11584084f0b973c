//! What went wrong with a PostgreSQL server, without a word of customers' data.

use std::error::Error;
use std::time::Duration;

use kapture_model::sanitize;
use tokio_postgres::error::DbError;

/// Why a database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Failure {
    /// The server refused, in its own words.
    #[error("the server says: {0}")]
    Refused(String),
    /// The connection ended.
    #[error("the connection to the server was lost{}", because(.0))]
    Lost(Option<String>),
    /// The server was not reached in time.
    #[error("the server did not answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The address is none.
    #[error("its address is not understood: {0}")]
    Address(String),
    /// It would have to be spoken to in the clear.
    #[error(
        "the server does not support TLS, and without it whoever is in between can read the customers: where nobody is, add sslmode=disable to the address"
    )]
    NoTls,
    /// There is no schema to make tables in.
    #[error("the search path names no schema that is there")]
    NoSchema,
    /// Something between here and the server.
    #[error("{0}")]
    Other(String),
}

fn because(reason: &Option<String>) -> String {
    let given = |reason| format!(": {reason}");
    reason.as_ref().map(given).unwrap_or_default()
}

impl Failure {
    /// Nothing of the error itself is kept: beside the message, a server's error may quote the
    /// row that it refuses.
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::Refused(words(refusal)),
            None if error.is_closed() => Self::Lost(None),
            None => match chain(error) {
                chain if chain.ends_with("server does not support TLS") => Self::NoTls,
                chain => Self::Other(chain),
            },
        }
    }

    /// The same for a connection that has ended, which says why.
    pub(super) fn lost(error: &tokio_postgres::Error) -> Self {
        Self::Lost(match error.as_db_error() {
            Some(refusal) => Some(format!("the server says: {}", words(refusal))),
            None if error.is_closed() => None,
            None => Some(chain(error)),
        })
    }

    /// For an address. An option that nobody knows may be the rest of a password that was not
    /// escaped, so it is named only where no password is.
    pub(super) fn of_address(error: &tokio_postgres::Error, url: &str) -> Self {
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

fn words(refusal: &DbError) -> String {
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
