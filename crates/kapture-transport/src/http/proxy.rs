//! The proxy of the environment or the system, as far as errors have to name it.

use std::env;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// The variables that name a proxy for `https`.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name hosts which are reached without a proxy.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Which proxy is used for which address. It follows the rules that the HTTP client follows, and knows
/// two more forms of exceptions.
#[derive(Debug)]
pub(super) struct Proxies {
    matcher: Matcher,
    exceptions: Vec<Exception>,
}

impl Proxies {
    fn new(matcher: Matcher, exceptions: &str) -> Self {
        Self {
            matcher,
            exceptions: exceptions.split(',').filter_map(Exception::parse).collect(),
        }
    }

    pub(super) fn none() -> Self {
        Self::new(Matcher::builder().build(), "")
    }

    /// # Errors
    /// The name of a variable that names no proxy. The HTTP client would go past the proxy then.
    pub(super) fn find() -> Result<Self, &'static str> {
        match VARIABLES.into_iter().find(|name| {
            // One that is no text cannot be read either.
            env::var_os(name).is_some_and(|value| !value.to_str().is_some_and(is_readable))
        }) {
            Some(unreadable) => Err(unreadable),
            None => {
                let mut exceptions = EXCEPTIONS
                    .into_iter()
                    .filter_map(|name| env::var(name).ok());
                let exceptions = exceptions.find(|hosts| !hosts.is_empty());
                Ok(Self::new(
                    Matcher::from_system(),
                    &exceptions.unwrap_or_default(),
                ))
            }
        }
    }

    /// Whether there are exceptions that the HTTP client does not know.
    pub(super) fn has_exceptions(&self) -> bool {
        !self.exceptions.is_empty()
    }

    /// Whether an address is one of those.
    pub(super) fn excepts(&self, url: &Url) -> bool {
        self.exceptions.iter().any(|it| it.matches(url))
    }

    /// The host and port of the proxy for an address; never its user or password.
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        if self.excepts(url) {
            return None;
        }
        let proxy = self.matcher.intercept(&url.as_str().parse().ok()?)?;
        Some(proxy.uri().authority()?.as_str().to_owned())
    }
}

/// An exception in a form that curl or Go understand, and the HTTP client does not: `*.example.com`,
/// `crm.example.com:8443`.
#[derive(Debug)]
struct Exception {
    /// With a dot before it, it stands for hosts below it alone.
    host: String,
    port: Option<u16>,
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let with_port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains(':'));
        let with_port = with_port.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = match with_port {
            Some((host, port)) => (host, Some(port)),
            None => (text.as_str(), None),
        };
        let below = host.strip_prefix('*').filter(|host| host.starts_with('.'));
        let host = match (below, port) {
            (Some(below), _) => below,
            (None, Some(_)) => host,
            (None, None) => return None,
        };
        Some(Self {
            host: host.to_owned(),
            port,
        })
    }

    fn matches(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let below = self.host.trim_start_matches('.');
        let is_below = host.strip_suffix(below).is_some_and(|it| it.ends_with('.'));
        let port = self
            .port
            .is_none_or(|port| url.port_or_known_default() == Some(port));
        port && (host == self.host || is_below)
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
        let matcher = Matcher::builder()
            .https("http://asha:secret@proxy.example:3128")
            .no("inside.example")
            .build();
        let proxies = Proxies::new(matcher, "");
        let of = |url: &str| proxies.of(&Url::parse(url).unwrap());
        assert_eq!(
            of("https://acme.kapturecrm.com/ms").unwrap(),
            "proxy.example:3128"
        );
        assert_eq!(of("https://inside.example/"), None);
        assert_eq!(of("http://acme.kapturecrm.com/"), None);
    }

    #[test]
    fn exceptions_have_the_forms_of_curl_and_go() {
        let all = || Matcher::builder().all("http://proxy.example:3128").build();
        for (exceptions, url, excepted) in [
            ("*.example.com", "https://crm.example.com/", true),
            ("a.b, *.Example.com ", "https://x.crm.example.com/", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://badexample.com/", false),
            ("crm.example.com:443", "https://crm.example.com/", true),
            ("example.com:443", "https://crm.example.com/", true),
            (
                "crm.example.com:8443",
                "https://crm.example.com:8443/",
                true,
            ),
            ("crm.example.com:8443", "https://crm.example.com/", false),
            ("*.example.com:443", "https://crm.example.com/", true),
            ("::1,[::1]:443,*", "https://crm.example.com/", false),
        ] {
            let proxies = Proxies::new(all(), exceptions);
            let url = Url::parse(url).unwrap();
            assert_eq!(proxies.excepts(&url), excepted, "{exceptions} {url}");
            assert_eq!(proxies.of(&url).is_none(), excepted, "{exceptions} {url}");
        }
        // The HTTP client knows these.
        assert!(!Proxies::new(all(), "example.com,.example.org,10.0.0.0/8,*").has_exceptions());
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
