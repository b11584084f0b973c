//! The events of a pull, logged for every consumer.

use futures_util::{Stream, StreamExt};
use kapture_customers::{Event, Finding, Pull, PullError, Receipt};
use tracing::info;

use crate::output::message::Message;

/// The events of a pull of so many days.
pub(crate) fn events(
    pull: Pull,
    days: usize,
) -> impl Stream<Item = Result<Event, PullError>> + Send + Unpin + 'static {
    let mut done = 0;
    pull.events().inspect(move |event| {
        if let Ok(event) = event {
            done += usize::from(matches!(event, Event::DayDone(_) | Event::DayFailed { .. }));
            log(event, done, days);
        }
    })
}

/// Logs an event, when `done` days of the `days` asked for have a result. Each field is a number or a
/// text, so that log collectors can read it.
fn log(event: &Event, done: usize, days: usize) {
    match event {
        Event::DayDone(receipt) => {
            let Receipt { day, customers, .. } = receipt;
            info!(%day, customers, done, of = days, "day done");
        }
        Event::DayFailed { day, error } => {
            info!(%day, %error, done, of = days, "day failed");
        }
        Event::Discovered(Finding::NoCanary) => Message::note(
            "no request of this run returned customers, so nothing but the server's word says that these days have none; they stay open, and a later run looks again. If they should have some, check the account and the spelling of the filters",
        )
        .print(),
        Event::Discovered(finding) => log_finding(finding),
        Event::RetryScheduled {
            wait,
            attempt,
            error,
        } => {
            let wait_ms = wait.as_millis() as u64;
            info!(wait_ms, attempt, %error, "retry scheduled");
        }
        _ => {}
    }
}

fn log_finding(finding: &Finding) {
    match finding {
        Finding::EndBound(bound) => info!(finding = "end_bound", value = %bound, "discovered"),
        Finding::EmptyResponse(words) => {
            info!(finding = "empty_response", value = %kapture_model::sanitize(words), "discovered");
        }
        Finding::PageLength(rows) => info!(finding = "page_length", value = rows, "discovered"),
        Finding::ConflictingRows(day) => {
            info!(finding = "conflicting_rows", %day, "discovered");
        }
        _ => {}
    }
}
