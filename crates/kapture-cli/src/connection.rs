//! How the tenant is reached: argument over environment.

use std::env;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_customers::{Days, Pull};
use kapture_model::CustomerQuery;
use kapture_sandbox::{DEFAULT_CM_ID, DEFAULT_TOKEN, Server, Tenant, serve};
use kapture_sinks::Source;
use kapture_transport::{
    Client, ClientOptions, Endpoint, HttpOptions, HttpTransport, RetryPolicy, Site, Token,
};

use crate::arguments::ConnectionArguments;
use crate::duration;

/// How the tenant is reached, checked as far as that is possible without asking it.
#[derive(Debug)]
pub(crate) struct Connection {
    tenant: TenantAddress,
    pub(crate) cm_id: u64,
    options: ClientOptions,
    empty_answer: Option<String>,
}

#[derive(Debug)]
enum TenantAddress {
    Sandbox,
    Site { site: Site, token: Token },
}

/// A client, what else a pull over it needs, and the sandbox behind it if there is one.
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// The endpoint asked, for hints.
    pub(crate) endpoint: Endpoint,
    empty_answer: Option<String>,
    _sandbox: Option<Server>,
}

impl Connection {
    /// Settles what is said in arguments and environment.
    pub(crate) fn settle(arguments: &ConnectionArguments) -> Result<Self> {
        let tenant = if arguments.sandbox {
            TenantAddress::Sandbox
        } else {
            TenantAddress::Site {
                site: site(arguments)?,
                token: token(arguments.token_file.as_deref())?,
            }
        };
        let said_cm_id = match &arguments.cm_id {
            // The environment tells of a real account.
            None if arguments.sandbox => None,
            argument => said(argument.as_ref(), "KAPTURE_CM_ID")?,
        };
        let cm_id = match said_cm_id {
            Some(text) => text.trim().parse().map_err(|_| {
                anyhow!("the account id is a number, not `{text}` (--cm-id or KAPTURE_CM_ID)")
            })?,
            None if arguments.sandbox => DEFAULT_CM_ID,
            None => bail!("which account? Give its number with --cm-id or KAPTURE_CM_ID"),
        };
        let endpoint = match said(arguments.endpoint.as_ref(), "KAPTURE_ENDPOINT")? {
            Some(name) => name
                .parse()
                .with_context(|| format!("`{name}` (--endpoint or KAPTURE_ENDPOINT)"))?,
            None => Endpoint::default(),
        };
        if arguments.concurrency == 0 || arguments.timeout == 0 {
            bail!("--concurrency and --timeout take numbers from 1");
        }
        if arguments
            .max_rps
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
        {
            bail!("--max-rps takes a number above 0");
        }
        Ok(Self {
            tenant,
            cm_id,
            options: ClientOptions {
                endpoint,
                timeout: Duration::from_secs(arguments.timeout),
                concurrency: arguments.concurrency,
                requests_per_second: arguments.max_rps,
                retry: RetryPolicy {
                    retry_for: duration::parse(&arguments.retry_for, "--retry-for")?,
                    ..RetryPolicy::default()
                },
                ..ClientOptions::default()
            },
            empty_answer: arguments.empty_answer.clone(),
        })
    }

    /// Whose customers a query over this connection asks for. A tenant is known by its address,
    /// whichever way that was said.
    pub(crate) fn source(&self, query: &CustomerQuery) -> Source {
        let tenant = match &self.tenant {
            TenantAddress::Sandbox => "sandbox".to_owned(),
            TenantAddress::Site { site, .. } => address(site),
        };
        Source::new(tenant, query.selection())
    }

    /// Makes a client, and starts the sandbox if that is what it talks to. Asks nothing yet.
    pub(crate) async fn open(self) -> Result<Connected> {
        let transport = HttpTransport::new(&HttpOptions::default())?;
        let (site, token, sandbox) = match self.tenant {
            TenantAddress::Site { site, token } => (site, token, None),
            TenantAddress::Sandbox => {
                let server = serve(Arc::new(Tenant::demo()), (Ipv4Addr::LOCALHOST, 0).into())
                    .await
                    .context("cannot start the sandbox")?;
                let site = Site::base_url(&server.url())?;
                (site, Token::ready(DEFAULT_TOKEN)?, Some(server))
            }
        };
        Ok(Connected {
            endpoint: self.options.endpoint,
            empty_answer: self.empty_answer,
            client: Client::new(transport, &site, token, self.options),
            _sandbox: sandbox,
        })
    }
}

impl Connected {
    /// A pull over this connection.
    pub(crate) fn pull(&self, query: CustomerQuery, days: &Days, zone: Option<Tz>) -> Pull {
        let mut pull = Pull::new(self.client.clone(), query, days.clone());
        if let Some(zone) = zone {
            pull = pull.time_zone(zone);
        }
        if let Some(sentence) = &self.empty_answer {
            pull = pull.empty_answer(sentence);
        }
        pull
    }
}

/// Where a tenant is, without what makes no other tenant of it.
fn address(site: &Site) -> String {
    let endpoint = Endpoint::default();
    let url = site.url(endpoint);
    let address = format!("{}{}", url.authority(), url.path());
    address.trim_end_matches(endpoint.path()).to_owned()
}

fn site(arguments: &ConnectionArguments) -> Result<Site> {
    if let Some(subdomain) = &arguments.subdomain {
        return Ok(Site::subdomain(subdomain)?);
    }
    if let Some(address) = &arguments.base_url {
        return Ok(Site::base_url(address)?);
    }
    match (
        variable("KAPTURE_SUBDOMAIN")?,
        variable("KAPTURE_BASE_URL")?,
    ) {
        (Some(_), Some(_)) => {
            bail!("KAPTURE_SUBDOMAIN and KAPTURE_BASE_URL are both set: unset one")
        }
        (Some(subdomain), None) => Site::subdomain(&subdomain).context("KAPTURE_SUBDOMAIN"),
        (None, Some(address)) => Site::base_url(&address).context("KAPTURE_BASE_URL"),
        (None, None) => bail!(
            "which tenant? Give --subdomain NAME (for https://NAME.kapturecrm.com), --base-url URL, \
             or the same in KAPTURE_SUBDOMAIN or KAPTURE_BASE_URL. To try without an account: --sandbox"
        ),
    }
}

fn token(file: Option<&Path>) -> Result<Token> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the token from {}", path.display()))?;
        return Token::ready(&text).with_context(|| format!("the token in {}", path.display()));
    }
    if let Some(text) = variable("KAPTURE_TOKEN")? {
        return Token::ready(&text).context("KAPTURE_TOKEN");
    }
    match (variable("KAPTURE_USER")?, variable("KAPTURE_PASSWORD")?) {
        (Some(user), Some(password)) => Ok(Token::from_user(&user, &password)),
        (Some(_), None) => bail!("KAPTURE_USER is set, but KAPTURE_PASSWORD is not"),
        (None, Some(_)) => bail!("KAPTURE_PASSWORD is set, but KAPTURE_USER is not"),
        (None, None) => bail!(
            "no token: set KAPTURE_TOKEN, or KAPTURE_USER and KAPTURE_PASSWORD, or give --token-file FILE"
        ),
    }
}

fn said(argument: Option<&String>, name: &str) -> Result<Option<String>> {
    match argument {
        Some(text) => Ok(Some(text.clone())),
        None => variable(name),
    }
}

/// An environment variable; an empty one counts as not set. Its value is never part of an error.
fn variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{name} is not valid text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_one_address_however_it_is_said() {
        let by_url = |url| address(&Site::base_url(url).unwrap());
        let acme = address(&Site::subdomain("acme").unwrap());
        assert_eq!(acme, "acme.kapturecrm.com");
        for same in [
            "https://acme.kapturecrm.com",
            "https://ACME.kapturecrm.com:443/",
            "https://acme.kapturecrm.com/?x#y",
        ] {
            assert_eq!(by_url(same), acme, "{same}");
        }
        for other in [
            "https://globex.kapturecrm.com",
            "https://acme.kapturecrm.com:8443",
            "https://acme.kapturecrm.com/globex",
        ] {
            assert_ne!(by_url(other), acme, "{other}");
        }
    }
}
