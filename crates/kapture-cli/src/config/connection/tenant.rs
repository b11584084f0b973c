//! Tenant and account.

use anyhow::{Result, anyhow, bail};
use kapture_transport::{TenantUrl, TenantUrlError, Token};

use crate::args::ConnectionArgs;
use crate::config::layered::{Layer, Layers, Sourced};
use crate::config::profile::Profile;
use crate::config::secrets;

/// The URL of the tenant, if one is set.
pub(super) fn site(
    arguments: &ConnectionArgs,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<TenantUrl>>> {
    let tenant = tenant(arguments, layers)?;
    let site = tenant.map(|sourced| sourced.try_map(|tenant| tenant.site()));
    site.transpose()
}

/// A tenant by subdomain or by base URL.
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

/// The tenant, if one is set.
pub(crate) fn tenant(
    arguments: &ConnectionArgs,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<TenantName>>> {
    let subdomain = layers.get("subdomain", arguments.subdomain.as_ref())?;
    let base_url = layers.get("base-url", arguments.base_url.as_ref())?;
    match (subdomain, base_url) {
        (Some(name), Some(address)) if name.layer == address.layer => bail!(
            "{} and {} both set the tenant: remove one",
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

/// Refuses to send the token of a profile to another tenant than the one of that profile.
pub(super) fn refuse_foreign_token(
    site: &Sourced<TenantUrl>,
    token: &Sourced<Token>,
    layers: &Layers<'_>,
) -> Result<()> {
    let Layers::All(Some(profile)) = layers else {
        return Ok(());
    };
    if token.layer == Layer::Profile && is_of_another_tenant(profile, &site.value)? {
        bail!(
            "the token of profile `{}` is for another tenant than {}: set the token of this tenant in KAPTURE_TOKEN or --token-file, or use its profile",
            profile.name,
            site.origin
        );
    }
    Ok(())
}

/// The token with the headers of a profile, which are sent to the tenant of that profile only.
pub(crate) fn with_headers_of(profile: &Profile, site: &TenantUrl, token: Token) -> Result<Token> {
    match is_of_another_tenant(profile, site)? {
        true => Ok(token),
        false => secrets::with_headers(token, profile),
    }
}

/// Whether a profile names another tenant than the one in use.
fn is_of_another_tenant(profile: &Profile, site: &TenantUrl) -> Result<bool> {
    let own = match (profile.text("subdomain")?, profile.text("base-url")?) {
        (Some(name), _) => TenantUrl::subdomain(&name.value).ok(),
        (None, Some(address)) => TenantUrl::base_url(&address.value).ok(),
        (None, None) => return Ok(false),
    };
    Ok(own.as_ref() != Some(site))
}

/// The account id, if one is set.
pub(crate) fn account(
    arguments: &ConnectionArgs,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<u64>>> {
    let sourced = layers.get("cm-id", arguments.cm_id.as_ref())?;
    sourced
        .map(|sourced| sourced.try_map(|text| account_id(&text)))
        .transpose()
}

/// Parses an account id.
pub(crate) fn account_id(text: &str) -> Result<u64> {
    text.trim()
        .parse()
        .map_err(|_| anyhow!("expected an account id, which is a number, not `{text}`"))
}
