//! Errors of PostgreSQL, without any data of customers.

use std::error::Error;
use std::io;
use std::time::Duration;

use kapture_model::sanitize;
use tokio_postgres::error::DbError;

use super::parameters::ParameterError;
use super::parameters::passfile::Passfile;

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
    /// The parameters of the connection are wrong.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The server asks for a password.
    #[error("the server asks for a password: {}", advice(.0))]
    NoPassword(Passfile),
    /// The certificate of the server is not accepted.
    #[error(
        "the certificate of the server is not accepted: {0}: name the authority that signed it with sslrootcert=FILE in the address, or encrypt without checking it with sslmode=require"
    )]
    Certificate(String),
    /// None of the servers opened a session, each for a reason of its own.
    #[error("{}", each(.0))]
    NoServer(Vec<(String, PostgresError)>),
    /// A connection pool lends the session to other clients.
    #[error(
        "a connection pool gives this session to other clients after each transaction, and its lock and settings with it: use the session port of the pool (pool_mode = session), or the server itself"
    )]
    Pooled,
    /// The server does not support TLS, and the address requires it.
    #[error(
        "the server does not support TLS, so others on the network could read the customers: on a network that you trust, add sslmode=disable to the address"
    )]
    NoTls,
    /// There is no schema to create tables in.
    #[error(
        "no schema of the search path exists, or this user may not use it: create it, or name another with schema=NAME in the address"
    )]
    NoSchema,
    /// The encoding of the database lacks characters that customers may have.
    #[error(
        "the database has the encoding {}, which does not have every character of a customer: create one with ENCODING 'UTF8' TEMPLATE template0",
        sanitize(.0)
    )]
    Encoding(String),
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
                chain if chain.ends_with("password missing") => {
                    Self::NoPassword(Passfile::Missing(None))
                }
                chain => certificate_error(error).map_or(Self::Other(chain), Self::Certificate),
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

    /// Says what is the matter with the password file, if a password is missing.
    pub(super) fn explained_by(self, passfile: &Passfile) -> Self {
        match self {
            Self::NoPassword(_) => Self::NoPassword(passfile.clone()),
            error => error,
        }
    }
}

fn each(failures: &[(String, PostgresError)]) -> String {
    let shown = failures
        .iter()
        .map(|(server, error)| format!("{server}: {error}"));
    shown.collect::<Vec<_>>().join("; ")
}

fn advice(passfile: &Passfile) -> String {
    match passfile {
        Passfile::Missing(None) => "set PGPASSWORD".into(),
        Passfile::Missing(Some(path)) => {
            format!("set PGPASSWORD, or write it to {}", path.display())
        }
        Passfile::NotPrivate(path) => format!(
            "{0} is not read, since other users may read or change it: chmod 600 {0}",
            path.display()
        ),
        Passfile::Lines(_) => {
            "no line of the password file is for this server, port, database and user".into()
        }
    }
}

/// Why a certificate was not accepted, if that is the cause of an error.
fn certificate_error(error: &tokio_postgres::Error) -> Option<String> {
    let tls = error.source()?.downcast_ref::<io::Error>()?.get_ref()?;
    match tls.downcast_ref()? {
        rustls::Error::InvalidCertificate(reason) => Some(match reason.to_string() {
            reason if reason.contains("CaUsedAsEndEntity") => {
                "it is signed by itself, or that of an authority".into()
            }
            reason => sanitize(&reason),
        }),
        _ => None,
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
