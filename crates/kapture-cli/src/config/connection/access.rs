//! Access to a tenant: what requests need, and the sandbox if it is the tenant.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use kapture_customers::{Days, Pull};
use kapture_model::{CustomerQuery, Drift, Privacy};
use kapture_sandbox::{DEFAULT_TOKEN, Server, Tenant, serve};
use kapture_sinks::Ledger;
use kapture_transport::{
    Client, ClientOptions, Endpoint, HttpOptions, HttpTransport, TenantUrl, Token, Transport,
};

use crate::error::{CliError, hinted};

/// A client of a tenant, with the access that it was made from.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(super) access: TenantAccess,
}

/// What requests to a tenant and pulls from it need, and the running sandbox if it is the tenant.
pub(crate) struct TenantAccess {
    pub(super) site: TenantUrl,
    pub(super) token: Token,
    pub(super) options: ClientOptions,
    pub(super) zone: Option<Tz>,
    pub(super) empty_answer: Option<String>,
    pub(super) privacy: Privacy,
    pub(super) _sandbox: Option<Server>,
}

/// Starts a sandbox on loopback.
pub(super) async fn sandbox() -> Result<(TenantUrl, Token, Server)> {
    let server = serve(Arc::new(Tenant::demo()), (Ipv4Addr::LOCALHOST, 0).into())
        .await
        .context("cannot start the sandbox")?;
    let site = TenantUrl::base_url(&server.url())?;
    Ok((site, Token::from_base64(DEFAULT_TOKEN)?, server))
}

impl TenantAccess {
    /// The endpoint in use.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.options.endpoint
    }

    /// Uses another endpoint from now on.
    pub(crate) fn switch_endpoint(&mut self, endpoint: Endpoint) {
        self.options.endpoint = endpoint;
    }

    /// The HTTP transport. Without encryption no certificates are needed.
    pub(crate) fn transport(&self) -> Result<HttpTransport, CliError> {
        if self.is_encrypted() {
            check_certificates().map_err(CliError::usage)?;
        }
        let options = HttpOptions::default().https(self.is_encrypted());
        HttpTransport::new(&options).map_err(|error| CliError::usage(error.into()))
    }

    /// The host and port of the proxy that a transport uses for this tenant.
    pub(crate) fn proxy(&self, transport: &HttpTransport) -> Option<String> {
        transport.proxy(&self.site.url(self.endpoint()))
    }

    /// A client of this tenant at one of the endpoints.
    pub(crate) fn client(&self, transport: impl Transport + 'static, endpoint: Endpoint) -> Client {
        let options = self.options.clone().endpoint(endpoint);
        Client::new(transport, &self.site, self.token.clone(), options)
    }

    /// A pull by one of its clients.
    pub(crate) fn pull(&self, client: &Client, query: CustomerQuery, days: &Days) -> Pull {
        let pull = Pull::new(client.clone(), query, days.clone());
        let mut pull = pull.privacy(self.privacy.clone());
        if let Some(zone) = self.zone {
            pull = pull.time_zone(zone);
        }
        if let Some(message) = &self.empty_answer {
            pull = pull.empty_answer(message);
        }
        pull
    }

    /// Host name and port.
    pub(crate) fn host(&self) -> (&str, u16) {
        let url = self.site.url(self.endpoint());
        (self.site.host(), url.port_or_known_default().unwrap_or(443))
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.site.is_encrypted()
    }
}

/// Fails if a variable that names certificates names none: the library that reads them would go on
/// without them, and no certificate would be accepted. Other systems do not read it.
fn check_certificates() -> Result<()> {
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        let is_read = cfg!(target_os = "linux");
        for path in value
            .iter()
            .filter(|_| is_read)
            .flat_map(std::env::split_paths)
        {
            let wrong = match has_certificate(&path, name == "SSL_CERT_DIR") {
                Ok(true) => continue,
                Ok(false) => format!(
                    "{name}: no certificate in PEM form is in {}",
                    path.display()
                ),
                Err(error) => format!("{name}: cannot read {}: {error}", path.display()),
            };
            return Err(hinted(
                wrong,
                "correct the variable; without it the certificates of the system are used",
            ));
        }
    }
    Ok(())
}

/// Whether there is a certificate in PEM form in a file, or in a file of a folder.
fn has_certificate(path: &Path, is_folder: bool) -> io::Result<bool> {
    if is_folder {
        let entries = fs::read_dir(path)?.flatten();
        let mut files = entries.map(|entry| has_certificate(&entry.path(), false));
        return Ok(files.any(|found| found.unwrap_or(false)));
    }
    let found = fs::metadata(path)?;
    // A pipe can be read only once.
    if !found.is_file() && !found.is_dir() {
        return Ok(true);
    }
    let marker = b"-----BEGIN CERTIFICATE-----";
    let content = fs::read(path)?;
    Ok(content.windows(marker.len()).any(|part| part == marker))
}

impl Connected {
    /// The endpoint in use, for hints.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.access.endpoint()
    }

    /// The drift that a sink counted, without what dropped fields cause.
    pub(crate) fn drift(&self, counted: Drift) -> Drift {
        self.access.privacy.without_dropped(counted)
    }

    /// A pull over this connection into a destination with this ledger.
    pub(crate) fn pull(&self, ledger: &Ledger, query: CustomerQuery, days: &Days) -> Pull {
        let pull = self.access.pull(&self.client, query, days);
        pull.previously_nonempty(ledger.previously_nonempty())
    }
}
