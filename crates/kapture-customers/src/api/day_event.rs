//! What an event says of a day.

use kapture_model::DayEvent;

use crate::api::{Event, PullError};

/// The customers, the receipt or the failure of a day; `None` for an event of another kind.
impl From<Event> for Option<DayEvent<PullError>> {
    fn from(event: Event) -> Self {
        match event {
            Event::Records { day, records } => Some(DayEvent::Records { day, records }),
            Event::DayDone(receipt) => Some(DayEvent::Done(receipt)),
            Event::DayFailed { day, error } => Some(DayEvent::Failed { day, error }),
            Event::DayStarted(_) | Event::Discovered(_) | Event::RetryScheduled { .. } => None,
        }
    }
}
