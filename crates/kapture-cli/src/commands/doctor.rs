//! `kapture doctor`: diagnoses a connection step by step, from DNS to concurrency.

mod connect;
mod finding;
mod request_budget;
mod save;
mod speed;
mod windows;

use std::time::Duration;

use chrono::NaiveDate;
use kapture_customers::EndBound;
use kapture_model::{CustomerId, CustomerQuery, Window};
use kapture_transport::{CallPolicy, Client, Error, RefusalPolicy, RetryPolicy};

use crate::args::DoctorArgs;
use crate::config::connection::{Connection, TenantAccess};
use crate::config::dates;
use crate::error::CliError;
use crate::output::stdout;
use finding::Finding;
use request_budget::RequestBudget;
use save::ProfileUpdate;

/// The request budget of each step, 35 in all.
const CONNECT_REQUESTS: usize = 6;
const PULL_REQUESTS: usize = 20;
const BOUNDARY_REQUESTS: usize = 3;
/// Concurrent requests, one after the other: 6 requests in all.
const RAMP: [usize; 2] = [2, 4];

/// The requested rows of a page.
const PAGE: u32 = 500;

/// Examines a connection, and prints each finding at once.
pub(crate) async fn run(arguments: &DoctorArgs) -> Result<(), CliError> {
    let mut connection = Connection::resolve(&arguments.connection)?;
    let update = ProfileUpdate::begin(arguments, connection.profile.as_deref())?;
    let day = dates::Calendar::of(connection.zone)
        .date(&arguments.day)
        .map_err(CliError::usage)?;
    connection.options.retry = RetryPolicy::default()
        .retry_timeout(Duration::from_secs(20).min(connection.options.timeout))
        .unanswered_attempts(2)
        .refusal_confirmations(2);
    let query = CustomerQuery::new(connection.cm_id);
    let description = connection.description.clone();
    let access = connection.access().await?;
    let transport = access.transport()?;
    let proxy = access.proxy(&transport);
    let budget = RequestBudget::new(transport);
    let mut doctor = Doctor {
        client: access.client(budget.clone(), access.endpoint()),
        other: access.client(budget.clone(), access.endpoint().other()),
        access,
        proxy,
        budget,
        query,
        day,
        json: arguments.json,
        update,
    };
    doctor.print(Finding::ok("connection", description))?;
    let outcome = doctor.examine().await;
    if let Some(saved) = doctor.update.save()? {
        doctor.print(Finding::ok("saved", saved))?;
    }
    outcome
}

struct Doctor {
    access: TenantAccess,
    /// The host and port of the proxy in between.
    proxy: Option<String>,
    budget: RequestBudget,
    client: Client,
    /// A client of the other endpoint.
    other: Client,
    query: CustomerQuery,
    day: NaiveDate,
    json: bool,
    update: ProfileUpdate,
}

impl Doctor {
    async fn examine(&mut self) -> Result<(), CliError> {
        self.dns().await?;
        self.update.endpoint = self.connect().await?;
        let end_bound = self.windows().await?;
        if end_bound != EndBound::Unknown {
            self.boundary(end_bound).await?;
        }
        self.update.concurrency = self.speed().await?;
        Ok(())
    }

    /// Prints a finding.
    fn print(&self, finding: Finding) -> Result<(), CliError> {
        stdout::print(&if self.json {
            format!("{}\n", finding.json())
        } else {
            finding.text()
        })
    }

    /// Prints why a step failed, which ends the examination.
    fn end(&self, step: &'static str, failure: CliError) -> CliError {
        match self.print(Finding::failed(step, &failure)) {
            Ok(()) => failure.already_printed(),
            Err(closed) => closed,
        }
    }

    async fn page(
        &self,
        client: &Client,
        window: Window,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<CustomerId>, Error> {
        let body = self.query.body(window, limit, offset);
        let policy = CallPolicy::default().refusals(RefusalPolicy::First);
        let records = client.call(body.into(), policy).await?;
        Ok(records.iter().map(|record| record.id().clone()).collect())
    }
}
