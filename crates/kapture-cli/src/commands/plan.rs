//! `kapture plan`, and `--dry-run` of pull and sync.

use chrono_tz::Tz;
use kapture_customers::Days;
use kapture_model::{CustomerQuery, Window};
use kapture_sinks::{Ledger, SinkError};
use serde_json::json;

use crate::args::{ConnectionArgs, DayArgs, FilterArgs, PlanArgs, PullArgs, SyncArgs};
use crate::commands::sync::{self, Range};
use crate::config::connection::{Connection, Target};
use crate::config::refresh::Refresh;
use crate::config::{dates, destination, query};
use crate::error::{CliError, hinted};
use crate::output::message::Message;
use crate::output::stdout;
use crate::output::summary::counted;

/// How many customers one page has.
const PAGE: u32 = 500;

/// About how many requests a run makes to learn how the server works.
const LEARNING: usize = 12;

/// The seconds that a response is assumed to take.
const RESPONSE_SECONDS: f64 = 0.5;

/// What the requests are for that are not the first one of a window.
const OTHER_KINDS: [&str; 3] = [
    "two days at once, to learn whether the end day counts",
    "a further page, which begins with rows of the one before",
    "a smaller page, after failures",
];

/// What is planned.
struct Plan<'a> {
    /// Where the customers are to go, if it has a ledger.
    destination: Option<&'a str>,
    /// Whether the days of the destination are those that sync would pull.
    is_sync: bool,
    days: &'a DayArgs,
    refresh: &'a str,
    fewer_requests: bool,
    connection: &'a ConnectionArgs,
    filters: &'a FilterArgs,
    json: bool,
    body: bool,
}

/// Prints the days that a pull or sync would ask for. Makes no requests.
pub(crate) async fn run(arguments: &PlanArgs) -> Result<(), CliError> {
    refuse_unused(&arguments.connection).map_err(CliError::usage)?;
    let plan = Plan {
        destination: arguments.destination.as_deref(),
        is_sync: true,
        days: &arguments.days,
        refresh: &arguments.refresh,
        fewer_requests: false,
        connection: &arguments.connection,
        filters: &arguments.filters,
        json: arguments.json,
        body: arguments.body,
    };
    plan.print().await
}

/// Prints the days that this pull would ask for.
pub(crate) async fn pull(arguments: &PullArgs) -> Result<(), CliError> {
    let output = arguments.output.as_str();
    let has_ledger = !arguments.again
        && arguments.form.contacts.is_none()
        && destination::incremental(output).is_ok();
    let plan = Plan {
        destination: has_ledger.then_some(output),
        is_sync: false,
        days: &arguments.days,
        refresh: "0",
        fewer_requests: arguments.proof.fewer_requests,
        connection: &arguments.connection,
        filters: &arguments.filters,
        json: false,
        body: false,
    };
    plan.print().await
}

/// Prints the days that this sync would ask for.
pub(crate) async fn sync(arguments: &SyncArgs) -> Result<(), CliError> {
    let days = DayArgs {
        from: arguments.from.clone(),
        to: Some(arguments.to.clone()),
        ..DayArgs::default()
    };
    let plan = Plan {
        destination: Some(&arguments.destination),
        is_sync: true,
        days: &days,
        refresh: &arguments.refresh,
        fewer_requests: arguments.proof.fewer_requests,
        connection: &arguments.connection,
        filters: &arguments.filters,
        json: false,
        body: false,
    };
    plan.print().await
}

/// Refuses options that a command without requests does not use.
fn refuse_unused(connection: &ConnectionArgs) -> anyhow::Result<()> {
    let unused = [
        ("--token-file", connection.token_file.is_some()),
        ("--empty-answer", connection.empty_answer.is_some()),
        ("--timeout", connection.timeout.is_some()),
        ("--retry-for", connection.retry_for.is_some()),
    ];
    match unused.iter().find(|(_, is_set)| *is_set) {
        Some((flag, _)) => Err(hinted(
            format!("{flag} has no effect: plan makes no requests"),
            "omit it; kapture pull --dry-run takes every option of a pull",
        )),
        None => Ok(()),
    }
}

impl Plan<'_> {
    async fn print(&self) -> Result<(), CliError> {
        let usage = CliError::usage;
        let target = Connection::target(self.connection).map_err(usage)?;
        let calendar = dates::Calendar::of(target.zone);
        // Without an account the filters are checked all the same.
        let query = query::resolve(target.cm_id.unwrap_or_default(), self.filters);
        let query = query.map_err(usage)?;
        let days = match self.destination {
            Some(destination) => {
                self.lacking(destination, &target, &query, &calendar)
                    .await?
            }
            None => dates::resolve(self.days, &calendar).map_err(usage)?,
        };
        let windows: Days = days.padded().collect();
        let text = match (self.body, self.json) {
            (true, false) => {
                let requests = Requests::of(&target, &query).map_err(usage)?;
                requests.text(&days, &windows)
            }
            (body, true) => {
                let requests = body.then(|| Requests::of(&target, &query)).transpose();
                described(&days, requests.map_err(usage)?.as_ref())
            }
            (false, false) => days.iter().map(|day| format!("{day}\n")).collect(),
        };
        stdout::print(&text)?;
        if self.body && !self.json && !days.is_empty() {
            let kinds = OTHER_KINDS.join("; ");
            Message::note(format!("the last bodies are of other kinds: {kinds}")).print();
        }
        self.summarize(&target, &query, &days, &windows);
        Ok(())
    }

    /// Prints how much it is.
    fn summarize(&self, target: &Target, query: &CustomerQuery, days: &Days, windows: &Days) {
        let Some((first, last)) = windows.bounds() else {
            Message::info("up to date: no day to pull")
                .with(
                    "plan",
                    json!({"days": 0, "windows": 0, "requests": 0, "seconds": 0}),
                )
                .print();
            return;
        };
        // A window is asked for its customers and for its end, or twice whether it is empty.
        let each = if self.fewer_requests { 1 } else { 2 };
        let requests = windows.len() * each + LEARNING;
        let seconds = target.least_seconds(requests);
        let filters = match query.filtered_keys() {
            keys if keys.is_empty() => String::new(),
            keys => format!(", filtered by {}", keys.join(", ")),
        };
        let from = target.description().map(|from| format!(" from {from}"));
        Message::info(format!(
            "{}{}{filters} to pull, in {} of one day each, {first} to {last}; about {requests} requests, and one more for every further {PAGE} customers of a day: {} if a response takes half a second",
            counted(days.len() as u64, "day"),
            from.unwrap_or_default(),
            counted(windows.len() as u64, "window"),
            roughly(seconds),
        ))
        .with(
            "plan",
            json!({"days": days.len(), "windows": windows.len(), "requests": requests, "seconds": seconds}),
        )
        .print();
    }

    /// The days that a run into `destination` would pull.
    async fn lacking(
        &self,
        destination: &str,
        target: &Target,
        query: &CustomerQuery,
        calendar: &dates::Calendar,
    ) -> Result<Days, CliError> {
        let usage = CliError::usage;
        let destination = destination::incremental(destination).map_err(usage)?;
        let identity = target.identity(query);
        let ledger = match destination.open(identity.as_ref()).await {
            Ok(sink) => sink.ledger().await.map_err(CliError::sink)?,
            Err(SinkError::NotFound { .. }) => Ledger::default(),
            Err(error) => return Err(CliError::sink(error)),
        };
        // A sync would be refused as well.
        let asked = target.zone.unwrap_or(Tz::UTC).name();
        if let Some(held) = ledger.time_zone().filter(|held| *held != asked) {
            return Err(CliError::sink(SinkError::OtherZone {
                destination: destination.to_string(),
                held: held.to_owned(),
                asked: asked.to_owned(),
            }));
        }
        let days = self.days;
        let is_listed = days.last.is_some() || days.month.is_some() || days.days.is_some();
        let wanted = if is_listed || !self.is_sync {
            dates::asked(days, calendar)
        } else {
            let to = days.to.as_deref().unwrap_or("today");
            let range = Range::resolve(days.from.as_deref(), to, calendar);
            range.and_then(|range| range.wanted(&ledger))
        };
        let wanted = wanted.map_err(usage)?;
        let refresh = Refresh::parse(self.refresh).map_err(usage)?;
        let lacking = sync::lacking(&ledger, &wanted, &refresh, calendar);
        dates::part(&lacking, days.shard.as_deref()).map_err(usage)
    }
}

/// A day in JSON with its windows: its own and its neighbours, since a server may use another time
/// zone.
fn described(days: &Days, requests: Option<&Requests<'_>>) -> String {
    let line = |day| {
        let windows = Days::from_iter([day]).padded().collect::<Vec<_>>();
        let mut object = json!({"day": day, "windows": windows});
        if let Some(requests) = requests {
            object["url"] = requests.url.as_str().into();
            let bodies = windows.iter().map(|window| requests.body(*window));
            object["bodies"] = bodies.collect::<Vec<_>>().into();
        }
        format!("{object}\n")
    };
    days.iter().map(line).collect()
}

/// The first request of each window.
struct Requests<'a> {
    url: String,
    query: &'a CustomerQuery,
}

impl<'a> Requests<'a> {
    fn of(target: &Target, query: &'a CustomerQuery) -> anyhow::Result<Self> {
        let missing = |what: &str, how: &str| {
            hinted(format!("--body: no {what} is set"), format!("set {how}"))
        };
        let url = target
            .url()
            .ok_or_else(|| missing("tenant", "--subdomain NAME, or use --sandbox"))?;
        target
            .cm_id
            .ok_or_else(|| missing("account id", "--cm-id N"))?;
        Ok(Self { url, query })
    }

    fn body(&self, day: chrono::NaiveDate) -> serde_json::Value {
        self.page(Window::day(day), PAGE, 0)
    }

    /// An example of each of [`OTHER_KINDS`], for a day.
    fn others(&self, day: chrono::NaiveDate) -> [serde_json::Value; OTHER_KINDS.len()] {
        let window = Window::day(day);
        [
            self.page(Window::two_days(day), PAGE, 0),
            // Eight rows are asked for again.
            self.page(window, PAGE, u64::from(PAGE) - 8),
            self.page(window, 100, 0),
        ]
    }

    fn page(&self, window: Window, limit: u32, offset: u64) -> serde_json::Value {
        let body = self.query.body(window, limit, offset);
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// The address, the body for each window on a line, and one of each other kind.
    fn text(&self, days: &Days, windows: &Days) -> String {
        let bodies = windows.iter().map(|day| self.body(day));
        let example = days.bounds().map(|(first, _)| first);
        let others = example.into_iter().flat_map(|day| self.others(day));
        let bodies = bodies.chain(others).map(|body| format!("{body}\n"));
        format!("POST {}\n{}", self.url, bodies.collect::<String>())
    }
}

/// A time to plan by.
fn roughly(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{:.0} s", seconds.ceil()),
        seconds if seconds < 5_400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3_600.0),
    }
}

impl Target {
    /// How long so many requests take at least.
    fn least_seconds(&self, requests: usize) -> f64 {
        let requests = requests as f64;
        let by_latency = requests * RESPONSE_SECONDS / self.options.concurrency.max(1) as f64;
        let by_rate = self.options.requests_per_second;
        by_latency.max(by_rate.map_or(0.0, |rate| requests / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rough() {
        for (seconds, text) in [
            (0.2, "1 s"),
            (66.6, "67 s"),
            (600.0, "10 min"),
            (7_300.0, "2 h"),
        ] {
            assert_eq!(roughly(seconds), text);
        }
    }
}
