//! The proxy of the environment or the system, as far as errors have to name it.

use std::env;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// The variables that name a proxy for `https`.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Which proxy is used for which address. It follows the rules that the HTTP client follows.
#[derive(Debug)]
pub(super) struct Proxies(Matcher);

impl Proxies {
    pub(super) fn none() -> Self {
        Self(Matcher::builder().build())
    }

    /// # Errors
    /// The name of a variable that names no proxy. The HTTP client would go past the proxy then.
    pub(super) fn find() -> Result<Self, &'static str> {
        match VARIABLES.into_iter().find(|name| {
            // One that is no text cannot be read either.
            env::var_os(name).is_some_and(|value| !value.to_str().is_some_and(is_readable))
        }) {
            Some(unreadable) => Err(unreadable),
            None => Ok(Self(Matcher::from_system())),
        }
    }

    /// The host and port of the proxy for an address; never its user or password.
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        let proxy = self.0.intercept(&url.as_str().parse().ok()?)?;
        Some(proxy.uri().authority()?.as_str().to_owned())
    }
}

/// Whether the HTTP client takes a value for a proxy that it can use. A `/` in a password would end the host before
/// it.
fn is_readable(value: &str) -> bool {
    if value.is_empty() {
        return true;
    }
    let proxies = Matcher::builder().all(value).build();
    let any = "https://example.com".parse().ok();
    let Some(proxy) = any.and_then(|any| proxies.intercept(&any)) else {
        return false;
    };
    let uri = proxy.uri();
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_address = uri.authority().is_some_and(|address| {
        let host = address.host();
        let port = address.port_u16();
        let plain = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        !host.is_empty() && address.as_str() == plain
    });
    is_http && is_address && !value.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_is_named_without_its_password() {
        let proxies = Proxies(
            Matcher::builder()
                .https("http://asha:secret@proxy.example:3128")
                .no("inside.example")
                .build(),
        );
        let of = |url: &str| proxies.of(&Url::parse(url).unwrap());
        assert_eq!(
            of("https://acme.kapturecrm.com/ms").unwrap(),
            "proxy.example:3128"
        );
        assert_eq!(of("https://inside.example/"), None);
        assert_eq!(of("http://acme.kapturecrm.com/"), None);
    }

    #[test]
    fn variable_without_a_host_names_no_proxy() {
        for readable in [
            "",
            "proxy.example:3128",
            "http://proxy.example",
            "https://asha:p%2Fss@[::1]:3128/",
        ] {
            assert!(is_readable(readable), "{readable}");
        }
        for unreadable in [
            "http://",
            "http://a b",
            "://",
            "http://proxy.example:3128\r",
            "http://asha:pa/ss@proxy.example:3128",
            "http://asha:pa?ss@proxy.example:3128",
            "http://proxy.example:99999",
            "socks5://proxy.example:1080",
        ] {
            assert!(!is_readable(unreadable), "{unreadable}");
        }
    }
}
