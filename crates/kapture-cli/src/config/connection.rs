//! How the tenant is reached: argument over environment over profile.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_customers::{Days, Pull};
use kapture_model::CustomerQuery;
use kapture_sandbox::{DEFAULT_CM_ID, DEFAULT_TOKEN, Server, Tenant, serve};
use kapture_sinks::{Identity, Ledger};
use kapture_transport::{
    Client, ClientOptions, Endpoint, HttpOptions, HttpTransport, RetryPolicy, TenantUrl,
    TenantUrlError, Token, Transport,
};

use crate::args::ConnectionArgs;
use crate::config::file::ConfigFile;
use crate::config::layered::{Layer, Layers, Sourced};
use crate::config::profile::Profile;
use crate::config::suggest::did_you_mean;
use crate::config::{duration, secrets, time_zone};
use crate::error::CliError;

/// How the tenant is reached, checked as far as that is possible without asking it.
#[derive(Debug)]
pub(crate) struct Connection {
    tenant: TenantAddress,
    pub(crate) cm_id: u64,
    /// The tenant's zone, if it was named.
    pub(crate) zone: Option<Tz>,
    pub(crate) options: ClientOptions,
    /// What the user says that the server says where there are no customers.
    pub(crate) empty_answer: Option<String>,
    /// Where the tenant, the account and the token were said.
    pub(crate) description: String,
    /// The profile that names the tenant, if one does.
    pub(crate) profile: Option<String>,
}

#[derive(Debug)]
enum TenantAddress {
    Sandbox,
    Remote { site: TenantUrl, token: Token },
}

/// A client of a tenant.
pub(crate) struct Connected {
    pub(crate) client: Client,
    access: TenantAccess,
}

/// A tenant that can be asked, what else a pull from it needs, and the sandbox behind it if there is
/// one.
pub(crate) struct TenantAccess {
    site: TenantUrl,
    token: Token,
    options: ClientOptions,
    zone: Option<Tz>,
    empty_answer: Option<String>,
    _sandbox: Option<Server>,
}

impl Connection {
    /// Settles what is said in arguments, environment and profile.
    pub(crate) fn resolve(arguments: &ConnectionArgs) -> Result<Self, CliError> {
        let configuration = configuration(arguments).map_err(CliError::usage)?;
        let profile = profile(arguments, configuration.as_ref()).map_err(CliError::usage)?;
        let layers = layers(arguments, profile);
        let site = site(arguments, &layers).map_err(CliError::usage)?;
        if site.is_none() && !arguments.sandbox {
            let failure = CliError::usage(anyhow!("which tenant? No connection is given"));
            let names: Vec<_> = configuration.iter().flat_map(ConfigFile::names).collect();
            return Err(match &names[..] {
                names if names.is_empty() || profile.is_some() => failure.hint(WAYS),
                names => failure.hint(format!(
                    "name a profile with --profile: there are {}",
                    names.join(", ")
                )),
            });
        }
        Self::of(arguments, &layers, site).map_err(CliError::usage)
    }

    /// The tenant's zone alone, for whoever asks nothing.
    pub(crate) fn zone(arguments: &ConnectionArgs) -> Result<Option<Tz>> {
        let configuration = configuration(arguments)?;
        let profile = profile(arguments, configuration.as_ref())?;
        named_zone(arguments, &layers(arguments, profile))
    }

    /// One whose tenant, account and token are known; the rest is settled from `layers`.
    pub(crate) fn with_token(
        arguments: &ConnectionArgs,
        layers: &Layers<'_>,
        site: TenantUrl,
        cm_id: u64,
        token: Token,
    ) -> Result<Self> {
        Ok(Self {
            description: format!("{}, account {cm_id}", site.host()),
            profile: None,
            tenant: TenantAddress::Remote { site, token },
            cm_id,
            zone: named_zone(arguments, layers)?,
            options: options(arguments, layers)?,
            empty_answer: None,
        })
    }

    fn of(
        arguments: &ConnectionArgs,
        layers: &Layers<'_>,
        site: Option<Sourced<TenantUrl>>,
    ) -> Result<Self> {
        let cm_id = account(arguments, layers)?;
        let options = options(arguments, layers)?;
        let zone = named_zone(arguments, layers)?;
        let empty_answer = layers.get("empty-answer", arguments.empty_answer.as_ref())?;
        let profile = match (&site, layers) {
            (Some(site), Layers::All(Some(profile))) if site.layer == Layer::Profile => {
                Some(profile.name.clone())
            }
            _ => None,
        };
        let (tenant, cm_id, description) = match site {
            None => (
                TenantAddress::Sandbox,
                cm_id.map_or(DEFAULT_CM_ID, |sourced| sourced.value),
                "the sandbox".to_owned(),
            ),
            Some(site) => {
                let cm_id = cm_id.context("which account? Give its number with --cm-id or KAPTURE_CM_ID, or as cm-id in the profile")?;
                let token = secrets::resolve(arguments.token_file.as_ref(), layers)?;
                let token = token.context("no token: set KAPTURE_TOKEN, or KAPTURE_USER and KAPTURE_PASSWORD, or give --token-file FILE; or keep it with kapture auth login")?;
                refuse_foreign_token(&site, &token, layers)?;
                let description = format!(
                    "{} ({}), account {cm_id}, token: {}",
                    site.value.host(),
                    site.origin,
                    token.origin
                );
                let (site, token) = (site.value, token.value);
                (
                    TenantAddress::Remote { site, token },
                    cm_id.value,
                    description,
                )
            }
        };
        Ok(Self {
            tenant,
            cm_id,
            zone,
            options,
            empty_answer: empty_answer.map(|sourced| sourced.value),
            description,
            profile,
        })
    }

    /// Whose customers a query over this connection asks for. A tenant is known by its address,
    /// whichever way that was said. Where no zone is named instants are seen in UTC.
    pub(crate) fn source(&self, query: &CustomerQuery) -> Identity {
        let tenant = match &self.tenant {
            TenantAddress::Sandbox => "sandbox".to_owned(),
            TenantAddress::Remote { site, .. } => address(site),
        };
        Identity::new(tenant, query.selection(), self.zone.unwrap_or(Tz::UTC))
    }

    /// Makes a client, and starts the sandbox if that is what it talks to. Asks nothing yet.
    pub(crate) async fn open(self) -> Result<Connected, CliError> {
        let description = self.description.clone();
        let access = self.enter().await?;
        let transport = access.transport()?;
        tracing::info!(connection = %description, "asking");
        Ok(Connected {
            client: access.client(transport, access.endpoint()),
            access,
        })
    }

    /// Starts the sandbox if that is what is talked to.
    pub(crate) async fn enter(self) -> Result<TenantAccess, CliError> {
        let (site, token, sandbox) = match self.tenant {
            TenantAddress::Remote { site, token } => (site, token, None),
            TenantAddress::Sandbox => {
                let (site, token, server) = sandbox().await.map_err(CliError::unexpected)?;
                (site, token, Some(server))
            }
        };
        Ok(TenantAccess {
            site,
            token,
            options: self.options,
            zone: self.zone,
            empty_answer: self.empty_answer,
            _sandbox: sandbox,
        })
    }
}

async fn sandbox() -> Result<(TenantUrl, Token, Server)> {
    let server = serve(Arc::new(Tenant::demo()), (Ipv4Addr::LOCALHOST, 0).into())
        .await
        .context("cannot start the sandbox")?;
    let site = TenantUrl::base_url(&server.url())?;
    Ok((site, Token::from_base64(DEFAULT_TOKEN)?, server))
}

impl TenantAccess {
    /// The endpoint that is asked.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.options.endpoint
    }

    /// Asks another one than was said.
    pub(crate) fn switch_endpoint(&mut self, endpoint: Endpoint) {
        self.options.endpoint = endpoint;
    }

    /// Exchanges over HTTP with this tenant. Without encryption no certificates are needed.
    pub(crate) fn transport(&self) -> Result<HttpTransport, CliError> {
        let options = HttpOptions {
            https: self.is_encrypted(),
            ..HttpOptions::default()
        };
        HttpTransport::new(&options).map_err(|error| CliError::usage(error.into()))
    }

    /// A client of this tenant at one of the endpoints.
    pub(crate) fn client(&self, transport: impl Transport + 'static, endpoint: Endpoint) -> Client {
        let options = ClientOptions {
            endpoint,
            ..self.options.clone()
        };
        Client::new(transport, &self.site, self.token.clone(), options)
    }

    /// A pull by one of its clients.
    pub(crate) fn pull(&self, client: &Client, query: CustomerQuery, days: &Days) -> Pull {
        let mut pull = Pull::new(client.clone(), query, days.clone());
        if let Some(zone) = self.zone {
            pull = pull.time_zone(zone);
        }
        if let Some(sentence) = &self.empty_answer {
            pull = pull.empty_answer(sentence);
        }
        pull
    }

    /// The host's name and port.
    pub(crate) fn host(&self) -> (&str, u16) {
        let url = self.site.url(self.endpoint());
        (self.site.host(), url.port_or_known_default().unwrap_or(443))
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.site.is_encrypted()
    }
}

impl Connected {
    /// The endpoint asked, for hints.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.access.endpoint()
    }

    /// A pull over this connection, for a destination that holds what `ledger` says.
    pub(crate) fn pull(&self, ledger: &Ledger, query: CustomerQuery, days: &Days) -> Pull {
        let pull = self.access.pull(&self.client, query, days);
        pull.previously_nonempty(ledger.previously_nonempty())
    }
}

/// Where a tenant is, without what makes no other tenant of it.
fn address(site: &TenantUrl) -> String {
    let endpoint = Endpoint::default();
    let url = site.url(endpoint);
    let address = format!("{}{}", url.authority(), url.path());
    address.trim_end_matches(endpoint.path()).to_owned()
}

/// The configuration, of which the sandbox needs none.
fn configuration(arguments: &ConnectionArgs) -> Result<Option<ConfigFile>> {
    match arguments.sandbox {
        true => Ok(None),
        false => ConfigFile::find(arguments.config.as_deref()).map(Some),
    }
}

/// The profile that is chosen, if there is any.
fn profile<'a>(
    arguments: &ConnectionArgs,
    configuration: Option<&'a ConfigFile>,
) -> Result<Option<&'a Profile>> {
    configuration.map_or(Ok(None), |configuration| {
        configuration.profile(arguments.profile.as_ref())
    })
}

fn layers<'a>(arguments: &ConnectionArgs, profile: Option<&'a Profile>) -> Layers<'a> {
    match arguments.sandbox {
        true => Layers::ArgumentsOnly,
        false => Layers::All(profile),
    }
}

fn named_zone(arguments: &ConnectionArgs, layers: &Layers<'_>) -> Result<Option<Tz>> {
    let sourced = layers.get("time-zone", arguments.time_zone.as_ref())?;
    let zone = sourced.map(|sourced| sourced.try_map(|name| time_zone::named(&name)));
    Ok(zone.transpose()?.map(|sourced| sourced.value))
}

/// The ways to give a connection.
const WAYS: &str = "\
there are three ways to give one, and one to do without:
  kapture auth login                        asks for it once, and keeps it as a profile
  --subdomain acme --cm-id 424242           on the command line; the token in KAPTURE_TOKEN
  KAPTURE_SUBDOMAIN, KAPTURE_CM_ID, KAPTURE_TOKEN    all of it in the environment
  --sandbox                                 a fake tenant inside this program, without an account";

fn site(arguments: &ConnectionArgs, layers: &Layers<'_>) -> Result<Option<Sourced<TenantUrl>>> {
    let tenant = tenant(arguments, layers)?;
    let site = tenant.map(|sourced| sourced.try_map(|tenant| tenant.site()));
    site.transpose()
}

/// How a tenant is named.
#[derive(Debug)]
pub(crate) enum TenantName {
    Subdomain(String),
    BaseUrl(String),
}

impl TenantName {
    pub(crate) fn site(&self) -> Result<TenantUrl, TenantUrlError> {
        match self {
            Self::Subdomain(name) => TenantUrl::subdomain(name),
            Self::BaseUrl(address) => TenantUrl::base_url(address),
        }
    }
}

/// The tenant that is named, if any is.
pub(crate) fn tenant(
    arguments: &ConnectionArgs,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<TenantName>>> {
    let subdomain = layers.get("subdomain", arguments.subdomain.as_ref())?;
    let base_url = layers.get("base-url", arguments.base_url.as_ref())?;
    match (subdomain, base_url) {
        (Some(name), Some(address)) if name.layer == address.layer => bail!(
            "{} and {} both say which tenant: leave one",
            name.origin,
            address.origin
        ),
        (Some(name), address)
            if address
                .as_ref()
                .is_none_or(|sourced| name.layer < sourced.layer) =>
        {
            Ok(Some(name.map(TenantName::Subdomain)))
        }
        (_, Some(address)) => Ok(Some(address.map(TenantName::BaseUrl))),
        (_, None) => Ok(None),
    }
}

/// A secret that a profile keeps is for the tenant of that profile, whoever names another one.
fn refuse_foreign_token(
    site: &Sourced<TenantUrl>,
    token: &Sourced<Token>,
    layers: &Layers<'_>,
) -> Result<()> {
    let Layers::All(Some(profile)) = layers else {
        return Ok(());
    };
    if token.layer != Layer::Profile || site.layer == Layer::Profile {
        return Ok(());
    }
    let own = match (profile.text("subdomain")?, profile.text("base-url")?) {
        (Some(name), _) => TenantUrl::subdomain(&name.value).ok(),
        (None, Some(address)) => TenantUrl::base_url(&address.value).ok(),
        (None, None) => return Ok(()),
    };
    if own.as_ref() != Some(&site.value) {
        bail!(
            "profile `{}` keeps its token for another tenant than {} names: give this one's in KAPTURE_TOKEN or with --token-file, or name its profile",
            profile.name,
            site.origin
        );
    }
    Ok(())
}

/// The fewest requests a second: fewer than one in a quarter of an hour are a slip of the pen.
const SLOWEST: f64 = 0.001;

fn options(arguments: &ConnectionArgs, layers: &Layers<'_>) -> Result<ClientOptions> {
    let mut options = ClientOptions::default();
    if let Some(sourced) = layers.get("endpoint", arguments.endpoint.as_ref())? {
        options.endpoint = sourced.try_map(|name| endpoint(&name))?.value;
    }
    if let Some(sourced) = layers.get("timeout", arguments.timeout.as_ref())? {
        let seconds = sourced.try_map(|text| above_zero(&text, "a number of seconds"))?;
        options.timeout = Duration::from_secs(seconds.value);
    }
    if let Some(sourced) = layers.get("concurrency", arguments.concurrency.as_ref())? {
        let most = sourced.try_map(|text| above_zero(&text, "a number of requests"))?;
        options.concurrency = most.value;
    }
    if let Some(sourced) = layers.get("max-rps", arguments.max_rps.as_ref())? {
        let rate = sourced.try_map(|text| match text.trim().parse::<f64>() {
            Ok(rate) if rate.is_finite() && rate >= SLOWEST => Ok(rate),
            _ => bail!("takes a number from {SLOWEST}, not `{text}`"),
        })?;
        options.requests_per_second = Some(rate.value);
    }
    if let Some(sourced) = layers.get("retry-for", arguments.retry_for.as_ref())? {
        options.retry = RetryPolicy {
            retry_timeout: sourced
                .try_map(|text| duration::parse(&text, "--retry-for"))?
                .value,
            ..RetryPolicy::default()
        };
    }
    Ok(options)
}

/// The account that is named, if any is.
pub(crate) fn account(
    arguments: &ConnectionArgs,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<u64>>> {
    let sourced = layers.get("cm-id", arguments.cm_id.as_ref())?;
    sourced
        .map(|sourced| sourced.try_map(|text| account_id(&text)))
        .transpose()
}

/// The account id that a text is.
pub(crate) fn account_id(text: &str) -> Result<u64> {
    text.trim()
        .parse()
        .map_err(|_| anyhow!("the account id is a number, not `{text}`"))
}

fn endpoint(name: &str) -> Result<Endpoint> {
    let names = [Endpoint::Search, Endpoint::Legacy].map(Endpoint::name);
    name.trim().parse().map_err(|_| {
        let near = did_you_mean(name, names);
        anyhow!("the endpoint is `search` or `legacy`, not `{name}`{near}")
    })
}

fn above_zero<N: std::str::FromStr + PartialOrd + Default>(text: &str, what: &str) -> Result<N> {
    match text.trim().parse::<N>() {
        Ok(number) if number > N::default() => Ok(number),
        _ => bail!("takes {what} from 1, not `{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_one_address_however_it_is_said() {
        let by_url = |url| address(&TenantUrl::base_url(url).unwrap());
        let acme = address(&TenantUrl::subdomain("acme").unwrap());
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
