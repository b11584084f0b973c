//! `kapture doctor`: step by step from the name of the host to the speed that a server tolerates.

mod finding;
mod request_budget;
mod save;

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use futures_util::StreamExt;
use futures_util::future::join_all;
use kapture_customers::{Days, EndBound, Event, Proof, Pull, Receipt};
use kapture_model::{CustomerId, CustomerQuery, Window};
use kapture_transport::{CallPolicy, Client, Endpoint, Error, RefusalPolicy, RetryPolicy};

use crate::args::DoctorArgs;
use crate::config::connection::{Connection, TenantAccess};
use crate::config::dates;
use crate::error::CliError;
use crate::output::stdout;
use crate::pipeline::events::events;
use finding::Finding;
use request_budget::RequestBudget;
use save::ProfileUpdate;

/// The most requests of each step. Together they are 25 at the most.
const REACH: usize = 6;
const PULL: usize = 10;
const SEAM: usize = 3;
/// Requests at once, each tried in turn: 6 in all.
const RAMP: [usize; 2] = [2, 4];

/// How many rows a page is asked to have.
const PAGE: u32 = 500;

/// Looks at a connection, and tells what is found as it is found.
pub(crate) async fn run(arguments: &DoctorArgs) -> Result<(), CliError> {
    let mut connection = Connection::resolve(&arguments.connection)?;
    let update = ProfileUpdate::begin(arguments, connection.profile.as_deref())?;
    let day = dates::Calendar::of(connection.zone)
        .date(&arguments.day)
        .map_err(CliError::usage)?;
    connection.options.retry = RetryPolicy {
        retry_timeout: Duration::from_secs(20).min(connection.options.timeout),
        unanswered_attempts: 2,
        refusal_confirmations: 2,
        ..RetryPolicy::default()
    };
    let query = CustomerQuery::new(connection.cm_id);
    let description = connection.description.clone();
    let access = connection.enter().await?;
    let budget = RequestBudget::new(access.transport()?);
    let mut doctor = Doctor {
        client: access.client(budget.clone(), access.endpoint()),
        other: access.client(budget.clone(), access.endpoint().other()),
        access,
        budget,
        query,
        day,
        json: arguments.json,
        update,
    };
    doctor.tell(Finding::ok("connection", description))?;
    let examined = doctor.examine().await;
    if let Some(saved) = doctor.update.save()? {
        doctor.tell(Finding::ok("saved", saved))?;
    }
    examined
}

struct Doctor {
    access: TenantAccess,
    budget: RequestBudget,
    client: Client,
    /// The same, at the other endpoint.
    other: Client,
    query: CustomerQuery,
    day: NaiveDate,
    json: bool,
    update: ProfileUpdate,
}

impl Doctor {
    async fn examine(&mut self) -> Result<(), CliError> {
        self.name().await?;
        self.update.endpoint = self.answers().await?;
        let reach = self.windows().await?;
        if reach != EndBound::Unknown {
            self.seam(reach).await?;
        }
        self.update.most_at_once = self.speed().await?;
        Ok(())
    }

    fn tell(&self, finding: Finding) -> Result<(), CliError> {
        stdout::print(&if self.json {
            format!("{}\n", finding.json())
        } else {
            finding.text()
        })
    }

    /// Tells why a step failed, which ends the examination.
    fn end(&self, step: &'static str, failure: CliError) -> CliError {
        match self.tell(Finding::failed(step, &failure)) {
            Ok(()) => failure.told(),
            Err(closed) => closed,
        }
    }

    async fn name(&self) -> Result<(), CliError> {
        let (host, port) = self.access.host();
        let finding = match tokio::net::lookup_host((host, port)).await {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
                Finding::ok("name", format!("{host} is {}", addresses.join(", ")))
            }
            Err(error) => Finding::warning(
                "name",
                format!("{host} is not found: {error}"),
                "check the subdomain; a proxy may know it nevertheless",
            ),
        };
        self.tell(finding)
    }

    /// Whether either endpoint answers, and accepts token and account. Comes back with the one
    /// that is shown to be right.
    async fn answers(&mut self) -> Result<Option<Endpoint>, CliError> {
        let endpoint = self.access.endpoint();
        let probe = async |client: &Client| {
            let page = self.page(client, wide(self.day), 1, 0);
            self.budget.within(REACH / 2, page).await
        };
        let Some(asked) = probe(&self.client).await else {
            let found = format!("no usable answer to {} requests", REACH / 2);
            let failure = CliError::unreachable(found)
                .hint("wait until the server is well, and look again with -vv");
            return Err(self.end("reach", failure));
        };
        let error = match asked {
            Ok(_) => None,
            Err(Error::Exhausted { last, .. }) => Some(*last),
            Err(error) => Some(error),
        };
        if let Some(
            error @ (Error::Connect(_) | Error::Tls(_) | Error::Timeout(_) | Error::Broken(_)),
        ) = error
        {
            let step = if matches!(error, Error::Tls(_)) {
                "tls"
            } else {
                "reach"
            };
            return Err(self.end(step, CliError::call(error, endpoint)));
        }
        self.tell(Finding::ok(
            "reach",
            match self.access.is_encrypted() {
                true => "the server answers, over TLS with a valid certificate",
                false => "the server answers, on this machine",
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
                    "does not"
                };
                self.tell(Finding::ok(
                    "endpoint",
                    format!("{endpoint} answers, {other_name} {also}"),
                ))?;
                self.tell(Finding::ok("token", "accepted"))?;
                self.tell(Finding::ok("account", "accepted"))?;
                Ok(Some(endpoint))
            }
            Some(Error::NotFound(refusal)) if matches!(other, Some(Err(Error::NotFound(_)))) => {
                // A server may say in this way that a day has no customers.
                self.tell(Finding::warning(
                    "endpoint",
                    format!("both endpoints say: {refusal}"),
                    "name a day that has customers with --day; if there too, this host has no such API",
                ))?;
                Ok(None)
            }
            Some(Error::NotFound(_)) if self.update.is_kept() && matches!(other, Some(Ok(_))) => {
                self.tell(Finding::warning(
                    "endpoint",
                    format!("{endpoint} does not answer, {other_name} does"),
                    format!("from here on {other_name} is asked, and from now on by every run with this profile"),
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
                let failure = CliError::call(error, endpoint).saying(found).hint(hint);
                Err(self.end("endpoint", failure))
            }
            Some(error @ Error::NotFound(_)) => {
                let failure = CliError::call(error, endpoint).hint(format!(
                    "{other_name}, the other documented path, gave no usable answer either: look again with -vv"
                ));
                Err(self.end("endpoint", failure))
            }
            Some(Error::Refused(refusal)) => {
                self.tell(Finding::ok("endpoint", format!("{endpoint} answers")))?;
                self.tell(Finding::ok("token", "not refused"))?;
                self.tell(Finding::warning(
                    "account",
                    format!("the server says: {refusal}"),
                    "if that does not mean “no customers”, check the account id; else name a day that has some with --day",
                ))?;
                Ok(None)
            }
            Some(error @ (Error::Unauthorized(_) | Error::Forbidden(_))) => {
                self.tell(Finding::ok("endpoint", format!("{endpoint} answers")))?;
                Err(self.end("token", CliError::call(error, endpoint)))
            }
            Some(error) => Err(self.end("endpoint", CliError::call(error, endpoint))),
        }
    }

    /// Pulls one day as far as the allowance goes, and tells what that has shown.
    async fn windows(&self) -> Result<EndBound, CliError> {
        let days = Days::from_iter([self.day]);
        let pull = self.access.pull(&self.client, self.query.clone(), &days);
        let mut shown = Shown::default();
        let outcome = self
            .budget
            .within(PULL, shown.follow(pull.page_size(PAGE)))
            .await;
        let cut_short = outcome.is_none();
        if let Some(Err(error)) = outcome {
            let failure = CliError::pull(error, self.access.endpoint());
            return Err(self.end("windows", failure));
        }
        let day = self.day;
        let elsewhere = "name a day that has customers with --day";
        self.tell(match shown.reach {
            EndBound::Inclusive => Finding::ok(
                "windows",
                "proven: a window from a day to itself holds that day",
            ),
            EndBound::Exclusive => Finding::ok("windows", "proven: the end day is not included"),
            EndBound::SingleDay => {
                Finding::ok("windows", "proven: one day at a time is accepted, no more")
            }
            EndBound::Unknown if cut_short => Finding::warning(
                "windows",
                format!("not shown by {PULL} requests, some of which had to be repeated"),
                "wait until the server is well, and look again with -vv",
            ),
            EndBound::Unknown => Finding::warning(
                "windows",
                format!("{day} and the days beside it show no customers"),
                elsewhere,
            ),
        })?;
        self.tell(match (shown.page, &shown.receipt) {
            (Some(rows), _) if rows < PAGE as usize => Finding::ok(
                "pages",
                format!("{rows} rows where {PAGE} were asked for: a limit of the server's own"),
            ),
            (Some(rows), _) => {
                Finding::ok("pages", format!("{rows} rows where {PAGE} were asked for"))
            }
            (None, Some(_)) => Finding::ok(
                "pages",
                "one page held each window, so its limit did not show",
            ),
            (None, None) => Finding::warning("pages", "nothing was seen of its limit", elsewhere),
        })?;
        self.tell(match &shown.receipt {
            Some(receipt) => Finding::ok("day", shown_complete(receipt)),
            None => Finding::ok(
                "day",
                format!("{day} needs more than {PULL} requests, so it was not read to its end"),
            ),
        })?;
        Ok(shown.reach)
    }

    /// Whether the second page begins where the first one ended.
    async fn seam(&self, reach: EndBound) -> Result<(), CliError> {
        let window = match reach {
            EndBound::Inclusive | EndBound::SingleDay => Window {
                start: self.day,
                end: self.day,
            },
            EndBound::Exclusive | EndBound::Unknown => wide(self.day),
        };
        let pages = async {
            let first = self.page(&self.client, window, 3, 0).await;
            (first, self.page(&self.client, window, 3, 2).await)
        };
        self.tell(match self.budget.within(SEAM, pages).await {
            Some((Ok(first), Ok(second))) if first.len() > 2 => match second.first() {
                again if again == first.get(2) => Finding::ok(
                    "seam",
                    "a page begins with the row that the one before ended with",
                ),
                again if again == first.first() => Finding::warning(
                    "seam",
                    "offset is ignored: every page is the first one",
                    "a day is only complete where one page holds it; narrow the pull with a filter",
                ),
                _ => Finding::warning(
                    "seam",
                    "rows are in another place the second time",
                    "days will be read several times until they are proven; that takes longer",
                ),
            },
            Some((Ok(_), Ok(_))) => Finding::ok("seam", "too few customers for two pages"),
            Some((Err(error), _) | (_, Err(error))) => Finding::warning(
                "seam",
                error.root().to_string(),
                "what comes and goes is tried again in a pull",
            ),
            None => Finding::warning(
                "seam",
                "requests had to be repeated",
                "what comes and goes is tried again in a pull",
            ),
        })
    }

    /// Two, then four requests at once. Comes back with how many are tolerated, if fewer.
    async fn speed(&self) -> Result<Option<usize>, CliError> {
        let begun = Instant::now();
        let (mut tolerated, mut too_many) = (1, None);
        let mut asked = 0;
        for at_once in RAMP
            .into_iter()
            .filter(|most| *most <= self.client.concurrency())
        {
            let calls = (0..at_once).map(|_| self.page(&self.client, wide(self.day), 1, 0));
            // Any that had to be repeated would be one too many.
            let within = self.budget.within(at_once, join_all(calls)).await;
            if within.is_none() {
                too_many = Some(at_once);
                break;
            }
            (tolerated, asked) = (at_once, asked + at_once);
        }
        let seconds = begun.elapsed().as_secs_f64().max(0.001);
        self.tell(match too_many {
            Some(at_once) => Finding::warning(
                "speed",
                format!("{at_once} at once are too many: some had to be repeated"),
                format!("a pull finds its speed by itself; to be gentler from the start, add --concurrency {tolerated} or --max-rps 2"),
            ),
            None if asked == 0 => Finding::ok("speed", "one at a time, as is asked for"),
            None => Finding::ok(
                "speed",
                format!("{tolerated} at once are tolerated: {:.0} requests a second", asked as f64 / seconds),
            ),
        })?;
        Ok(too_many.map(|_| tolerated))
    }

    async fn page(
        &self,
        client: &Client,
        window: Window,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<CustomerId>, Error> {
        let body = self.query.body(window, limit, offset);
        let policy = CallPolicy {
            refusals: RefusalPolicy::First,
            ..CallPolicy::default()
        };
        let records = client.call(body.into(), policy).await?;
        Ok(records.iter().map(|record| record.id().clone()).collect())
    }
}

fn wide(day: NaiveDate) -> Window {
    Window {
        start: day,
        end: day.succ_opt().unwrap_or(day),
    }
}

/// What a pull has shown so far.
#[derive(Default)]
struct Shown {
    reach: EndBound,
    page: Option<usize>,
    receipt: Option<Receipt>,
}

impl Shown {
    async fn follow(&mut self, pull: Pull) -> Result<(), kapture_customers::PullError> {
        let mut events = events(pull);
        while let Some(event) = events.next().await {
            match event? {
                Event::Discovered(kapture_customers::Finding::EndBound(reach)) => {
                    self.reach = reach
                }
                Event::Discovered(kapture_customers::Finding::PageLength(rows)) => {
                    self.page = Some(rows)
                }
                Event::DayDone(receipt) => {
                    self.reach = receipt.end_bound;
                    self.receipt = Some(receipt);
                }
                Event::DayFailed { error, .. } => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn shown_complete(receipt: &Receipt) -> String {
    let how = match receipt.proof {
        Proof::Contiguous => "pages join exactly",
        Proof::Recaptured => "its order changes, so customers were counted",
        Proof::StableRows => "rows came or went meanwhile",
    };
    let customers = crate::output::summary::counted(receipt.customers, "customer");
    format!("{}: {customers}, complete; {how}", receipt.day)
}
