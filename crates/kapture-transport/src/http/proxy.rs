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
            let value = env::var(name).unwrap_or_default();
            !is_readable(value.trim())
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

fn is_readable(value: &str) -> bool {
    let proxies = Proxies(Matcher::builder().all(value).build());
    let any = Url::parse("https://example.com").ok();
    value.is_empty() || any.is_some_and(|any| proxies.of(&any).is_some())
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
            "socks5://[::1]:1080",
        ] {
            assert!(is_readable(readable), "{readable}");
        }
        for unreadable in ["http://", "http://a b", "://"] {
            assert!(!is_readable(unreadable), "{unreadable}");
        }
    }
}
