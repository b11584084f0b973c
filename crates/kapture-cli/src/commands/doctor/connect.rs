//! The steps dns, connect, endpoint, token and account.

use kapture_model::Window;
use kapture_transport::{Client, Endpoint, Error};

use super::finding::Finding;
use super::{CONNECT_REQUESTS, Doctor};
use crate::error::{CliError, names_account};

impl Doctor {
    pub(super) async fn dns(&self) -> Result<(), CliError> {
        let (host, port) = self.access.host();
        let finding = match tokio::net::lookup_host((host, port)).await {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
                Finding::ok("dns", format!("{host} is {}", addresses.join(", ")))
            }
            Err(error) => match &self.proxy {
                Some(proxy) => Finding::ok(
                    "dns",
                    format!("left to the proxy {proxy}: this machine cannot resolve {host}"),
                ),
                None => Finding::warning(
                    "dns",
                    format!("cannot resolve {host}: {error}"),
                    "check the subdomain",
                ),
            },
        };
        self.print(finding)
    }

    /// Whether an endpoint answers and accepts token and account. Returns the endpoint that is shown
    /// to work.
    pub(super) async fn connect(&mut self) -> Result<Option<Endpoint>, CliError> {
        let endpoint = self.access.endpoint();
        let probe = async |client: &Client| {
            let page = self.page(client, Window::two_days(self.day), 1, 0);
            self.budget.within(CONNECT_REQUESTS / 2, page).await
        };
        let Some(asked) = probe(&self.client).await else {
            let found = format!("no usable answer to {} requests", CONNECT_REQUESTS / 2);
            let failure = CliError::unreachable(found).hint("run it again later with -vv");
            return Err(self.end("connect", failure));
        };
        let error = match asked {
            Ok(_) => None,
            Err(Error::Exhausted { last, .. }) => Some(*last),
            Err(error) => Some(error),
        };
        if let Some(
            error @ (Error::Connect(_)
            | Error::Proxy { .. }
            | Error::ProxyLogin(_)
            | Error::Tls(_)
            | Error::Timeout(_)
            | Error::Broken(_)),
        ) = error
        {
            let step = if matches!(error, Error::Tls(_)) {
                "tls"
            } else {
                "connect"
            };
            return Err(self.end(step, CliError::call(error, endpoint)));
        }
        self.print(Finding::ok(
            "connect",
            match (self.access.is_encrypted(), &self.proxy) {
                (true, None) => "the server answers, over TLS with a valid certificate".to_owned(),
                (true, Some(proxy)) => format!(
                    "the server answers through the proxy {proxy}, over TLS with a valid certificate"
                ),
                (false, _) => "the server answers, on this machine".to_owned(),
            },
        ))?;
        let other = probe(&self.other).await;
        let other_name = endpoint.other();
        let other_answers = matches!(
            &other,
            Some(Ok(_) | Err(Error::Refused(_) | Error::Unauthorized(_) | Error::Forbidden(_)))
        );
        match error {
            None => {
                let also = if other_answers {
                    "answers too"
                } else {
                    "does not answer"
                };
                self.print(Finding::ok(
                    "endpoint",
                    format!("{endpoint} answers, {other_name} {also}"),
                ))?;
                self.print(Finding::ok("token", "accepted"))?;
                self.print(Finding::ok("account", "accepted"))?;
                Ok(Some(endpoint))
            }
            Some(Error::NotFound(refusal)) if matches!(other, Some(Err(Error::NotFound(_)))) => {
                // A server may report in this way that a day has no customers.
                self.print(Finding::warning(
                    "endpoint",
                    format!("both endpoints answer: {refusal}"),
                    "choose a day that has customers with --day; if the answer is the same, this host does not have the API",
                ))?;
                Ok(None)
            }
            Some(Error::NotFound(_)) if self.update.is_wanted() && matches!(other, Some(Ok(_))) => {
                self.print(Finding::warning(
                    "endpoint",
                    format!("{endpoint} does not answer, {other_name} does"),
                    format!("{other_name} is used from here on, and stored in the profile"),
                ))?;
                self.access.switch_endpoint(other_name);
                std::mem::swap(&mut self.client, &mut self.other);
                Ok(Some(other_name))
            }
            Some(error @ Error::NotFound(_)) if other_answers => {
                let found = format!("{endpoint} does not answer, {other_name} does");
                let hint = format!(
                    "add --endpoint {other_name}, or endpoint = \"{other_name}\" to the profile"
                );
                let failure = CliError::call(error, endpoint).with_text(found).hint(hint);
                Err(self.end("endpoint", failure))
            }
            Some(error @ Error::NotFound(_)) => {
                let failure = CliError::call(error, endpoint).hint(format!(
                    "{other_name}, the other documented path, gave no usable answer either: run it again with -vv"
                ));
                Err(self.end("endpoint", failure))
            }
            Some(Error::Refused(refusal)) => {
                self.print(Finding::ok("endpoint", format!("{endpoint} answers")))?;
                self.print(Finding::ok("token", "not refused"))?;
                if names_account(&refusal) {
                    let failure = CliError::call(Error::Refused(refusal), endpoint);
                    return Err(self.end("account", failure));
                }
                self.print(Finding::warning(
                    "account",
                    format!("the server answers: {refusal}"),
                    "if that does not mean \"no customers\", check the account id; otherwise choose a day that has customers with --day",
                ))?;
                Ok(None)
            }
            Some(error @ (Error::Unauthorized(_) | Error::Forbidden(_))) => {
                self.print(Finding::ok("endpoint", format!("{endpoint} answers")))?;
                Err(self.end("token", CliError::call(error, endpoint)))
            }
            Some(error) => Err(self.end("endpoint", CliError::call(error, endpoint))),
        }
    }
}
