//! The events of a pull, logged for every consumer.

use futures_util::{Stream, StreamExt};
use kapture_customers::{Event, Finding, Pull, PullError};
use tracing::info;

use crate::output::message::Message;

/// The events of a pull.
pub(crate) fn events(
    pull: Pull,
) -> impl Stream<Item = Result<Event, PullError>> + Send + Unpin + 'static {
    pull.events().inspect(|event| {
        if let Ok(event) = event {
            log(event);
        }
    })
}

fn log(event: &Event) {
    match event {
        Event::DayDone(receipt) => {
            info!(day = %receipt.day, customers = receipt.customers, "day done");
        }
        Event::Discovered(Finding::NoCanary) => Message::note(
            "no request of this run returned customers, so nothing but the server's word says that these days have none; they stay open, and a later run looks again",
        )
        .print(),
        Event::Discovered(finding) => info!(?finding, "discovered"),
        Event::RetryScheduled {
            wait,
            attempt,
            error,
        } => info!(?wait, attempt, %error, "retry scheduled"),
        _ => {}
    }
}
