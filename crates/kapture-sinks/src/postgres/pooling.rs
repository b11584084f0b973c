//! Recognizes connection pools that lend a session of the server for one transaction only. A lock,
//! a setting or a temporary table would then stay with the server and be another client's.

use std::time::Duration;

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How long a second session may take. A pool that has no more sessions lets clients wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The number of a process of the server, which has one for each session.
type Process = String;

/// What a second session shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecondLook {
    /// Its own process.
    process: Process,
    /// Whether the process of the first session ran a statement of another client since.
    is_lent: bool,
}

/// A statement that shows the process of a session. No other client runs the same.
fn statement() -> String {
    format!(
        "SELECT pg_backend_pid() /* kapture {} */",
        std::process::id()
    )
}

/// The process of a session. A simple query: a prepared statement could be left in a session of
/// other clients.
pub(super) async fn first_look(client: &Client) -> Result<Process, Error> {
    let [process] = row(client, &statement()).await?;
    Ok(process)
}

/// What a second session shows of itself, and of the process `first` of the first one.
pub(super) async fn second_look(client: &Client, first: &str) -> Result<SecondLook, Error> {
    // Where the server does not track activities, nothing is known.
    let select = format!(
        "SELECT pg_backend_pid(), EXISTS (
            SELECT 1 FROM pg_stat_activity
            WHERE pid::text = '{}' AND state <> 'disabled' AND query <> '{}')",
        first.replace('\'', "''"),
        statement(),
    );
    let [process, is_lent] = row(client, &select).await?;
    Ok(SecondLook {
        process,
        is_lent: is_lent == "t",
    })
}

/// Whether a session is lent to other clients, by its process before and after a look from a second
/// session, if there is one. A pool that uses the session used last shows the same process to both;
/// one that takes turns shows another process to the first; and between them a process that was
/// lent to a third has run another statement.
pub(super) fn is_shared(first: &str, second: Option<SecondLook>, again: &str) -> bool {
    let is_seen = second.is_some_and(|second| second.process == first || second.is_lent);
    is_seen || again != first
}

/// The values of the only row that a query returns; empty where there is none.
async fn row<const N: usize>(client: &Client, query: &str) -> Result<[String; N], Error> {
    let messages = client.simple_query(query).await?;
    let row = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let value = |column| {
        let value = row.as_ref().and_then(|row| row.try_get(column).ok()?);
        value.unwrap_or_default().to_owned()
    };
    Ok(std::array::from_fn(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_of_ones_own_keeps_its_process() {
        let second = |process: &str, is_lent| {
            Some(SecondLook {
                process: process.into(),
                is_lent,
            })
        };
        assert!(!is_shared("1", second("2", false), "1"));
        assert!(!is_shared("1", None, "1"));
        // The session used last is used first.
        assert!(is_shared("1", second("1", false), "1"));
        // In turns.
        assert!(is_shared("1", second("2", false), "3"));
        assert!(is_shared("1", None, "2"));
        // A third client had it in between.
        assert!(is_shared("1", second("2", true), "1"));
    }
}
