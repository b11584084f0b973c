//! Options of the client: endpoint, timeout, retries, concurrency and request rate.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use kapture_transport::{ClientOptions, Endpoint};

use crate::args::ConnectionArgs;
use crate::config::duration;
use crate::config::layered::Layers;
use crate::config::suggest::did_you_mean;

/// The lowest accepted request rate: less than one in a quarter of an hour is a typing error.
const MIN_RPS: f64 = 0.001;

/// The options that are set in any layer, over the defaults.
pub(super) fn resolve(arguments: &ConnectionArgs, layers: &Layers<'_>) -> Result<ClientOptions> {
    let mut options = ClientOptions::default();
    if let Some(sourced) = layers.get("endpoint", arguments.endpoint.as_ref())? {
        options.endpoint = sourced.try_map(|name| endpoint(&name))?.value;
    }
    if let Some(sourced) = layers.get("timeout", arguments.timeout.as_ref())? {
        let seconds = sourced.try_map(|text| positive(&text, "a number of seconds"))?;
        options.timeout = Duration::from_secs(seconds.value);
    }
    if let Some(sourced) = layers.get("concurrency", arguments.concurrency.as_ref())? {
        let most = sourced.try_map(|text| positive(&text, "a number of requests"))?;
        options.concurrency = most.value;
    }
    if let Some(sourced) = layers.get("max-rps", arguments.max_rps.as_ref())? {
        let rate = sourced.try_map(|text| match text.trim().parse::<f64>() {
            Ok(rate) if rate.is_finite() && rate >= MIN_RPS => Ok(rate),
            _ => bail!("expected a number from {MIN_RPS}, not `{text}`"),
        })?;
        options.requests_per_second = Some(rate.value);
    }
    if let Some(sourced) = layers.get("retry-for", arguments.retry_for.as_ref())? {
        options.retry.retry_timeout = sourced
            .try_map(|text| duration::parse(&text, "--retry-for"))?
            .value;
    }
    Ok(options)
}

fn endpoint(name: &str) -> Result<Endpoint> {
    let names = [Endpoint::Search, Endpoint::Legacy].map(Endpoint::name);
    name.trim().parse().map_err(|_| {
        let near = did_you_mean(name, names);
        anyhow!("expected the endpoint `search` or `legacy`, not `{name}`{near}")
    })
}

fn positive<N: std::str::FromStr + PartialOrd + Default>(text: &str, what: &str) -> Result<N> {
    match text.trim().parse::<N>() {
        Ok(number) if number > N::default() => Ok(number),
        _ => bail!("expected {what} from 1, not `{text}`"),
    }
}
