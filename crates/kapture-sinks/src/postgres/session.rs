//! A session on one of the servers of an address.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres::{Client, Config};

use super::error::PostgresError;
use super::pooling;
use super::server::{Server, Servers};
use super::tls::Tls;

/// An open session.
pub(super) struct Session {
    pub(super) client: Client,
    /// Why the session ended, once it has.
    pub(super) ended: Arc<OnceLock<PostgresError>>,
    /// How long the server may take to open it, and for the first statements.
    deadline: Duration,
}

impl Servers {
    /// A session on the first server that opens one.
    pub(super) async fn connect(&self) -> Result<Session, PostgresError> {
        let mut failures = Vec::new();
        for server in &self.servers {
            match server.connect().await {
                Ok(session) => return Ok(session),
                Err(error) => {
                    let error = error.explained_by(&self.passfile);
                    failures.push((server.to_string(), error));
                }
            }
        }
        Err(PostgresError::NoServer(failures))
    }
}

impl Server {
    /// A session with or without TLS, as libpq chooses: in the mode `allow` without TLS, and with
    /// TLS if the server refuses that; in the mode `prefer` with TLS, and without if the server
    /// refuses the user with TLS.
    async fn connect(&self) -> Result<Session, PostgresError> {
        let mut refusal = None;
        for negotiation in self.negotiations {
            let tls = Tls::new(self.trust.clone(), self.identity.clone());
            let mut config = self.config.clone();
            config.ssl_mode(*negotiation);
            match Session::open(&config, &tls).await {
                Ok(session) => {
                    session.check_unshared(&config, &tls).await?;
                    return Ok(session);
                }
                Err(error) => {
                    let has_other_way = *negotiation == Negotiation::Disable || tls.was_used();
                    let goes_on = has_other_way && matches!(error, PostgresError::Refused(_));
                    let refusal = refusal.get_or_insert(error);
                    if !goes_on {
                        return Err(refusal.clone());
                    }
                }
            }
        }
        Err(refusal.unwrap_or(PostgresError::ConnectionLost(None)))
    }
}

impl Session {
    async fn open(config: &Config, tls: &Tls) -> Result<Self, PostgresError> {
        // The timeout of the parameters bounds each attempt to reach the server, not the handshake.
        let attempt = config.get_connect_timeout().copied();
        let deadline = attempt.unwrap_or_default() * 3;
        let connected = within(deadline, config.connect(tls.clone())).await?;
        let (client, mut connection) = connected.map_err(|error| PostgresError::new(&error))?;
        let ended = Arc::new(OnceLock::new());
        let end = Arc::clone(&ended);
        tokio::spawn(async move {
            if let Err(error) = (&mut connection).await {
                // Set before the connection is dropped, which fails the requests that wait for it.
                let _ = end.set(PostgresError::lost(&error));
            }
        });
        Ok(Self {
            client,
            ended,
            deadline,
        })
    }

    /// Fails if a connection pool gives this session to other clients. Nothing of the session is
    /// changed before: other clients would have its lock and its settings.
    async fn check_unshared(&self, config: &Config, tls: &Tls) -> Result<(), PostgresError> {
        let first = self.run(pooling::first_look(&self.client)).await?;
        // A server that does not open a second session leaves this open.
        let second = async {
            let other = Self::open(config, tls).await.ok()?;
            pooling::second_look(&other.client, &first).await.ok()
        };
        let second = timeout(pooling::PATIENCE, second).await.ok().flatten();
        let again = self.run(pooling::first_look(&self.client)).await?;
        match pooling::is_shared(&first, second, &again) {
            true => Err(PostgresError::Pooled),
            false => Ok(()),
        }
    }

    /// Sets the session up, and returns the OID of the schema that new tables go to: `schema`, or
    /// the first of the search path.
    pub(super) async fn set_up(&self, schema: Option<&str>) -> Result<u32, PostgresError> {
        // A session is idle while a slow API is read. Servers before version 14 do not know this.
        let mut statements = "
            SELECT set_config(name, '0', false)
            FROM pg_settings WHERE name = 'idle_session_timeout';"
            .to_owned();
        if let Some(schema) = schema {
            let quoted = schema.replace('"', "\"\"");
            statements += &format!("SET search_path TO \"{quoted}\"");
        }
        self.run(self.client.batch_execute(&statements)).await?;
        let select = "
            SELECT oid, current_setting('server_encoding')
            FROM pg_namespace WHERE nspname = current_schema()";
        let row = self.run(self.client.query_opt(select, &[])).await?;
        let row = row.ok_or(PostgresError::NoSchema)?;
        let failed = |error| PostgresError::new(&error);
        let encoding: String = row.try_get(1).map_err(failed)?;
        match encoding.as_str() {
            "UTF8" => row.try_get(0).map_err(failed),
            _ => Err(PostgresError::Encoding(encoding)),
        }
    }

    /// Runs one of the first statements. A server may open a session and then not answer.
    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, PostgresError> {
        let outcome = within(self.deadline, statement).await?;
        outcome.map_err(|error| PostgresError::new(&error))
    }
}

async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Result<T, PostgresError> {
    let outcome = timeout(deadline, work).await;
    outcome.map_err(|_| PostgresError::Timeout(deadline))
}
