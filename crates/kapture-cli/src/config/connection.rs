//! The connection to a tenant: argument over environment over profile.

mod access;
mod client_options;
mod tenant;

use anyhow::{Result, anyhow};
use chrono_tz::Tz;
use kapture_model::{CustomerQuery, FilterCheck, Privacy};
use kapture_sandbox::DEFAULT_CM_ID;
use kapture_sinks::Identity;
use kapture_transport::{ClientOptions, TenantUrl, Token};

pub(crate) use access::{Connected, TenantAccess};
pub(crate) use tenant::{TenantName, account, account_id, tenant, with_headers_of};
use tenant::{refuse_foreign_token, site};

use crate::args::{ConnectionArgs, PrivacyArgs};
use crate::config::file::ConfigFile;
use crate::config::layered::{Layer, Layers, Sourced};
use crate::config::profile::Profile;
use crate::config::{privacy, secrets, time_zone};
use crate::error::{CliError, hinted};

/// A connection, checked as far as possible without a request.
#[derive(Debug)]
pub(crate) struct Connection {
    tenant: TenantAddress,
    pub(crate) cm_id: u64,
    /// The time zone of the tenant, if it is set.
    pub(crate) zone: Option<Tz>,
    pub(crate) options: ClientOptions,
    /// The server's message for "no customers", if it is set.
    pub(crate) empty_answer: Option<String>,
    /// Tenant, account and token with their origins, for messages.
    pub(crate) description: String,
    /// The profile that sets the tenant, if one does.
    pub(crate) profile: Option<String>,
    /// Which fields are dropped and hashed before anything else sees them.
    pub(crate) privacy: Privacy,
}

/// What is set of a connection, as far as a plan needs it.
#[derive(Debug)]
pub(crate) struct Target {
    site: Option<TenantUrl>,
    is_sandbox: bool,
    pub(crate) cm_id: Option<u64>,
    pub(crate) zone: Option<Tz>,
    pub(crate) options: ClientOptions,
}

impl Target {
    /// Where requests go. The sandbox has another port in each run.
    pub(crate) fn url(&self) -> Option<String> {
        let sandbox = || TenantUrl::base_url("http://127.0.0.1:0").ok();
        let site = self.site.clone();
        let site = site.or_else(|| self.is_sandbox.then(sandbox).flatten());
        site.map(|site| site.url(self.options.endpoint).to_string())
    }

    /// Where customers come from, for messages.
    pub(crate) fn description(&self) -> Option<String> {
        match &self.site {
            Some(site) => Some(site.host().to_owned()),
            None => self.is_sandbox.then(|| "the sandbox".to_owned()),
        }
    }

    /// Whose customers a query returns, if tenant and account are set.
    pub(crate) fn identity(&self, query: &CustomerQuery) -> Option<Identity> {
        self.cm_id?;
        let zone = self.zone.unwrap_or(Tz::UTC);
        match &self.site {
            Some(site) => Some(Identity::of(site, query, zone)),
            None => self
                .is_sandbox
                .then(|| Identity::of("sandbox", query, zone)),
        }
    }
}

#[derive(Debug)]
enum TenantAddress {
    Sandbox,
    Remote { site: TenantUrl, token: Token },
}

impl Connection {
    /// Resolves arguments, environment and profile.
    pub(crate) fn resolve(arguments: &ConnectionArgs) -> Result<Self, CliError> {
        let configuration = configuration(arguments).map_err(CliError::usage)?;
        let profile = profile(arguments, configuration.as_ref()).map_err(CliError::usage)?;
        let layers = layers(arguments, profile);
        let site = site(arguments, &layers).map_err(CliError::usage)?;
        if site.is_none() && !arguments.sandbox {
            let failure = CliError::usage(anyhow!("no connection: no tenant is set"));
            let names: Vec<_> = configuration.iter().flat_map(ConfigFile::names).collect();
            return Err(match &names[..] {
                names if names.is_empty() || profile.is_some() => failure.hint(WAYS),
                names => failure.hint(format!(
                    "choose a profile with --profile: {}",
                    names.join(", ")
                )),
            });
        }
        Self::of(arguments, &layers, site).map_err(CliError::usage)
    }

    /// The same, which drops and hashes fields as these arguments, the environment and the profile say.
    pub(crate) fn protected(
        mut self,
        connection: &ConnectionArgs,
        arguments: &PrivacyArgs,
    ) -> Result<Self> {
        let configuration = configuration(connection)?;
        let profile = profile(connection, configuration.as_ref())?;
        self.privacy = privacy::resolve(arguments, &layers(connection, profile))?;
        Ok(self)
    }

    /// What is set, without a token, for commands that make no requests.
    pub(crate) fn target(arguments: &ConnectionArgs) -> Result<Target> {
        let configuration = configuration(arguments)?;
        let profile = profile(arguments, configuration.as_ref())?;
        let layers = layers(arguments, profile);
        let cm_id = account(arguments, &layers)?.map(|sourced| sourced.value);
        let site = site(arguments, &layers)?.map(|sourced| sourced.value);
        Ok(Target {
            site,
            is_sandbox: arguments.sandbox,
            cm_id: cm_id.or(arguments.sandbox.then_some(DEFAULT_CM_ID)),
            zone: named_zone(arguments, &layers)?,
            options: client_options::resolve(arguments, &layers)?,
        })
    }

    /// A connection with the given tenant, account and token; the other settings come from `layers`.
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
            privacy: Privacy::default(),
            tenant: TenantAddress::Remote { site, token },
            cm_id,
            zone: named_zone(arguments, layers)?,
            options: client_options::resolve(arguments, layers)?,
            empty_answer: None,
        })
    }

    fn of(
        arguments: &ConnectionArgs,
        layers: &Layers<'_>,
        site: Option<Sourced<TenantUrl>>,
    ) -> Result<Self> {
        let cm_id = account(arguments, layers)?;
        let options = client_options::resolve(arguments, layers)?;
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
                let cm_id = cm_id.ok_or_else(|| {
                    hinted(
                        "no account: no account id is set",
                        "set it with --cm-id N, KAPTURE_CM_ID, or cm-id in the profile",
                    )
                })?;
                let token = secrets::resolve(arguments.token_file.as_ref(), layers)?;
                let token = token.ok_or_else(|| {
                    hinted(
                        "no token: neither a token nor user name and password are set",
                        "set KAPTURE_TOKEN, KAPTURE_USER and KAPTURE_PASSWORD, or --token-file FILE; kapture auth login stores a token",
                    )
                })?;
                refuse_foreign_token(&site, &token, layers)?;
                let description = format!(
                    "{} ({}), account {cm_id}, token: {}",
                    site.value.host(),
                    site.origin,
                    token.origin
                );
                let (site, token) = (site.value, token.value);
                let token = match layers {
                    Layers::All(Some(profile)) => with_headers_of(profile, &site, token)?,
                    _ => token,
                };
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
            privacy: Privacy::default(),
        })
    }

    /// Whose customers a query over this connection returns, and which of their fields. A tenant is identified by its address,
    /// set as subdomain or as base URL. Without a time zone instants are shown in UTC.
    pub(crate) fn source(&self, query: &CustomerQuery) -> Identity {
        let zone = self.zone.unwrap_or(Tz::UTC);
        let identity = match &self.tenant {
            TenantAddress::Sandbox => Identity::of("sandbox", query, zone),
            TenantAddress::Remote { site, .. } => Identity::of(site, query, zone),
        };
        identity.protected_by(&self.privacy)
    }

    /// Compares customers with the filters of a query; with none where fields are left out or hashed.
    pub(crate) fn filter_check(&self, query: &CustomerQuery) -> FilterCheck {
        match self.privacy.is_empty() {
            true => FilterCheck::new(query),
            false => FilterCheck::default(),
        }
    }

    /// Makes a client, and starts the sandbox if it is the tenant. Makes no requests.
    pub(crate) async fn open(self) -> Result<Connected, CliError> {
        let description = self.description.clone();
        let access = self.access().await?;
        let transport = access.transport()?;
        tracing::info!(connection = %description, "connection");
        Ok(Connected {
            client: access.client(transport, access.endpoint()),
            access,
        })
    }

    /// Access to the tenant. Starts the sandbox if it is the tenant.
    pub(crate) async fn access(self) -> Result<TenantAccess, CliError> {
        let (site, token, sandbox) = match self.tenant {
            TenantAddress::Remote { site, token } => (site, token, None),
            TenantAddress::Sandbox => {
                let (site, token, server) =
                    access::sandbox().await.map_err(CliError::unexpected)?;
                (site, token, Some(server))
            }
        };
        Ok(TenantAccess {
            site,
            token,
            options: self.options,
            zone: self.zone,
            empty_answer: self.empty_answer,
            privacy: self.privacy,
            _sandbox: sandbox,
        })
    }
}

/// The configuration file; the sandbox needs none.
fn configuration(arguments: &ConnectionArgs) -> Result<Option<ConfigFile>> {
    match arguments.sandbox {
        true => Ok(None),
        false => ConfigFile::find(arguments.config.as_deref()).map(Some),
    }
}

/// The profile in use, if there is one.
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

/// The ways to set a connection.
const WAYS: &str = "\
set a connection in one of these ways:
  kapture auth login                        prompts for it once, and stores a profile
  --subdomain acme --cm-id 424242           on the command line, with the token in KAPTURE_TOKEN
  KAPTURE_SUBDOMAIN, KAPTURE_CM_ID, KAPTURE_TOKEN    in the environment
  --sandbox                                 a fake tenant inside this program, without an account";
