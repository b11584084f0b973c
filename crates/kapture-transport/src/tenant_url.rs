//! The URL of a tenant's API: its host, and the two documented paths.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The two paths under which the vendor documents the same search.
///
/// The heading of the vendor's page names one, its three working examples the other. Which of them
/// a tenant has is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Endpoint {
    /// `/ms/customer-search/customer-search/api/v1`: the path of every working example.
    #[default]
    Search,
    /// `/select-customer-between-start-and-end-dates.html`: the path of the heading.
    Legacy,
}

impl Endpoint {
    /// The name used on the command line and in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Legacy => "legacy",
        }
    }

    /// The other endpoint, to try where this one does not exist.
    pub fn other(self) -> Self {
        match self {
            Self::Search => Self::Legacy,
            Self::Legacy => Self::Search,
        }
    }

    /// The path on the tenant's host.
    pub fn path(self) -> &'static str {
        match self {
            Self::Search => "/ms/customer-search/customer-search/api/v1",
            Self::Legacy => "/select-customer-between-start-and-end-dates.html",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Endpoint {
    type Err = TenantUrlError;

    fn from_str(name: &str) -> Result<Self, TenantUrlError> {
        [Self::Search, Self::Legacy]
            .into_iter()
            .find(|endpoint| endpoint.name() == name)
            .ok_or(TenantUrlError::UnknownEndpoint)
    }
}

/// The base URL of a tenant.
///
/// ```
/// use kapture_transport::{Endpoint, TenantUrl};
///
/// let tenant_url = TenantUrl::subdomain("acme")?;
/// assert_eq!(
///     tenant_url.url(Endpoint::Search).as_str(),
///     "https://acme.kapturecrm.com/ms/customer-search/customer-search/api/v1",
/// );
/// // Plain http would send the token in clear text.
/// assert!(TenantUrl::base_url("http://crm.example.com").is_err());
/// # Ok::<(), kapture_transport::TenantUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantUrl {
    base: Url,
}

/// The address without its scheme: host, port other than the default, and path. Equal for the
/// spellings of one address, and so what identifies a tenant.
///
/// ```
/// use kapture_transport::TenantUrl;
///
/// let url = TenantUrl::base_url("https://ACME.kapturecrm.com:443/?x#y")?;
/// assert_eq!(url.to_string(), "acme.kapturecrm.com");
/// assert_eq!(url.to_string(), TenantUrl::subdomain("acme")?.to_string());
/// # Ok::<(), kapture_transport::TenantUrlError>(())
/// ```
impl fmt::Display for TenantUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.base.path().trim_end_matches('/');
        write!(f, "{}{path}", self.base.authority())
    }
}

/// Why a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantUrlError {
    /// Several DNS labels: such hosts exist, but only one label can be a subdomain.
    #[error(
        "`{subdomain}` is more than a subdomain: give the address instead, --base-url {address}"
    )]
    DottedSubdomain {
        /// What was given.
        subdomain: String,
        /// The address that it most likely stands for.
        address: String,
    },
    /// Not one DNS label.
    #[error(
        "`{0}` is not a subdomain: give the part before .kapturecrm.com, for example `acme` for https://acme.kapturecrm.com"
    )]
    BadSubdomain(String),
    /// Not an absolute `http` or `https` URL with a host.
    #[error("the base URL is not an address like https://acme.kapturecrm.com ({0})")]
    BadUrl(String),
    /// A user name or password in the URL would end up in logs and process lists.
    #[error(
        "the base URL contains a user name or password: remove them and give the token separately"
    )]
    CredentialsInUrl,
    /// Plain `http` to a host other than this machine.
    #[error(
        "plain http would send the token in clear text to {0}: use https (plain http is accepted for loopback addresses only)"
    )]
    PlainHttp(String),
    /// Neither `search` nor `legacy`.
    #[error("the endpoint is `search` or `legacy`")]
    UnknownEndpoint,
}

/// What stands behind the subdomain of a tenant.
const DOMAIN: &str = ".kapturecrm.com";

impl TenantUrl {
    /// The tenant at `https://<subdomain>.kapturecrm.com`.
    pub fn subdomain(subdomain: &str) -> Result<Self, TenantUrlError> {
        if is_label(subdomain) {
            return Self::base_url(&format!("https://{subdomain}{DOMAIN}"));
        }
        let is_whole_host =
            ["com", "cx", "in"].contains(&subdomain.rsplit('.').next().unwrap_or(""));
        let subdomain = kapture_model::sanitize(subdomain);
        let before = subdomain.strip_suffix(DOMAIN).unwrap_or(&subdomain);
        if !before.contains('.') || !before.split('.').all(is_label) {
            return Err(TenantUrlError::BadSubdomain(subdomain));
        }
        let domain = if is_whole_host { "" } else { DOMAIN };
        let address = format!("https://{subdomain}{domain}");
        Err(TenantUrlError::DottedSubdomain { subdomain, address })
    }

    /// The tenant at any other URL, for example behind a proxy. A path prefix is kept; query and
    /// fragment are dropped.
    pub fn base_url(address: &str) -> Result<Self, TenantUrlError> {
        let mut base = Url::parse(address.trim())
            .map_err(|error| TenantUrlError::BadUrl(error.to_string()))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(TenantUrlError::CredentialsInUrl);
        }
        let host = match (base.scheme(), base.host()) {
            ("http" | "https", Some(host)) => host,
            _ => {
                return Err(TenantUrlError::BadUrl(
                    "it must begin with https:// and name a host".into(),
                ));
            }
        };
        if base.scheme() == "http" && !is_loopback(&host) {
            return Err(TenantUrlError::PlainHttp(host.to_string()));
        }
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base })
    }

    /// The complete URL of `endpoint`.
    pub fn url(&self, endpoint: Endpoint) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{}", endpoint.path()));
        url
    }

    /// Whether the scheme is `https`.
    pub fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The host name, for messages.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}

fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let has_length = (1..=63).contains(&text.len());
    has_length && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(is_allowed)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_accepted_for_loopback_only() {
        for address in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:9/",
        ] {
            assert!(TenantUrl::base_url(address).is_ok(), "{address}");
        }
        for address in [
            "http://acme.kapturecrm.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
        ] {
            assert!(
                matches!(
                    TenantUrl::base_url(address),
                    Err(TenantUrlError::PlainHttp(_))
                ),
                "{address}"
            );
        }
    }

    #[test]
    fn invalid_base_urls_are_refused() {
        for address in [
            "",
            "acme",
            "ftp://acme.example.com",
            "https://",
            "file:///etc/passwd",
        ] {
            assert!(
                matches!(TenantUrl::base_url(address), Err(TenantUrlError::BadUrl(_))),
                "{address:?}"
            );
        }
        let error = TenantUrl::base_url("https://me:secret@acme.example.com").unwrap_err();
        assert_eq!(error, TenantUrlError::CredentialsInUrl);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn subdomain_is_one_dns_label() {
        for subdomain in ["", "a.b", "a/b", "-a", "a-", "a b", "acme.kapturecrm.com"] {
            assert!(TenantUrl::subdomain(subdomain).is_err(), "{subdomain:?}");
        }
        assert_eq!(
            TenantUrl::subdomain("acme-2").unwrap().host(),
            "acme-2.kapturecrm.com"
        );
    }

    #[test]
    fn dotted_subdomain_names_the_base_url() {
        for (subdomain, expected) in [
            ("acme.int", "https://acme.int.kapturecrm.com"),
            ("acme.int.kapturecrm.com", "https://acme.int.kapturecrm.com"),
            ("acme.kapture.cx", "https://acme.kapture.cx"),
        ] {
            let error = TenantUrl::subdomain(subdomain).unwrap_err();
            let hint = format!("--base-url {expected}");
            assert!(error.to_string().ends_with(&hint), "{error}");
            assert!(TenantUrl::base_url(expected).is_ok());
        }
        for subdomain in ["acme.kapturecrm.com", "a..b", ".", "a.b/c"] {
            let error = TenantUrl::subdomain(subdomain);
            assert!(
                matches!(error, Err(TenantUrlError::BadSubdomain(_))),
                "{subdomain}"
            );
        }
    }

    #[test]
    fn spellings_of_one_address_are_displayed_alike() {
        let by_url = |url| TenantUrl::base_url(url).unwrap().to_string();
        let acme = TenantUrl::subdomain("acme").unwrap().to_string();
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

    #[test]
    fn endpoints_keep_the_path_prefix_of_the_base_url() {
        let tenant_url = TenantUrl::base_url("https://proxy.example.com/kapture/?x#y").unwrap();
        assert_eq!(
            tenant_url.url(Endpoint::Legacy).as_str(),
            "https://proxy.example.com/kapture/select-customer-between-start-and-end-dates.html"
        );
        assert_eq!("legacy".parse::<Endpoint>(), Ok(Endpoint::Legacy));
        assert_eq!(Endpoint::Legacy.other(), Endpoint::Search);
        assert!("other".parse::<Endpoint>().is_err());
    }
}
