//! One run over a set of days, as its user sees it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use kapture_model::{CustomerQuery, DayState, Days};
use kapture_transport::Client;

use crate::api::{Event, PullError};
use crate::assembly::Assembly;
use crate::events::{EventSender, channel};
use crate::run::Run;
use crate::server::Server;

/// One run over a set of days.
///
/// ```no_run
/// use chrono::NaiveDate;
/// use futures_util::StreamExt;
/// use kapture_customers::{Days, Event, Pull};
/// use kapture_model::CustomerQuery;
/// # async fn example(client: kapture_transport::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let may = |day| NaiveDate::from_ymd_opt(2024, 5, day).expect("a day of May");
/// let days = Days::between(may(1), may(7))?;
///
/// let mut events = Pull::new(client, CustomerQuery::new(424242), days).events();
/// while let Some(event) = events.next().await {
///     match event? {
///         Event::Records { day, records } => println!("{day}: {} more", records.len()),
///         Event::DayDone(receipt) => println!("{}: {} in all", receipt.day, receipt.customers),
///         Event::DayFailed { day, error } => println!("{day}: not complete: {error}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Pull {
    client: Client,
    query: CustomerQuery,
    days: Days,
    previously_nonempty: Days,
    page_size: u32,
    empty_answer: Option<String>,
    calendar: Calendar,
}

/// Where the time of day comes from.
pub(crate) type Clock = fn() -> DateTime<Utc>;

/// What is needed to tell whether a day is over.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub(crate) clock: Clock,
    zone: Option<Tz>,
    grace_period: TimeDelta,
}

impl Pull {
    /// A pull of the customers of `query` that were created on `days`.
    pub fn new(client: Client, query: CustomerQuery, days: Days) -> Self {
        Self {
            client,
            query,
            days,
            previously_nonempty: Days::default(),
            page_size: 500,
            empty_answer: None,
            calendar: Calendar {
                clock: system_clock,
                zone: None,
                grace_period: TimeDelta::hours(6),
            },
        }
    }

    /// Days that held customers when an earlier run read them, or may have. That one of them holds none
    /// any more is believed only if it is answered so twice, and a window that holds customers shows
    /// before and after that the server is well; else the day fails.
    pub fn previously_nonempty(mut self, days: Days) -> Self {
        self.previously_nonempty = days;
        self
    }

    /// How many rows are asked for in one page: 500 by default. What the server makes of it is
    /// found out; at least 2.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = rows.max(2);
        self
    }

    /// The sentence with which this server says "no customers", where the run cannot prove it.
    pub fn empty_answer(mut self, sentence: impl Into<String>) -> Self {
        self.empty_answer = Some(sentence.into());
        self
    }

    /// The zone of the tenant: where a day ends, and in which instants (epoch milliseconds) are
    /// seen. Without it a day is over when it is over everywhere, and instants are seen in UTC.
    pub fn time_zone(mut self, zone: Tz) -> Self {
        self.calendar.zone = Some(zone);
        self
    }

    /// How long after its end a day may still gain customers: 6 h by default.
    pub fn grace_period(mut self, time: TimeDelta) -> Self {
        self.calendar.grace_period = time;
        self
    }

    /// Where the time of day comes from: the system's clock by default.
    pub fn clock(mut self, clock: fn() -> DateTime<Utc>) -> Self {
        self.calendar.clock = clock;
        self
    }

    /// Runs, as far as the stream is read. Dropping the stream abandons the run.
    ///
    /// A day that cannot be completed is an event ([`Event::DayFailed`]) and leaves the others
    /// alone; an error ends the stream: the server cannot be reached, or refuses altogether.
    pub fn events(self) -> impl Stream<Item = Result<Event, PullError>> + Send + Unpin + 'static {
        let (sender, receiver) = channel();
        let errors = sender.clone();
        let run = async move {
            if let Err(error) = self.run(sender).run().await {
                errors.send(Err(error)).await;
            }
        };
        // The run makes progress whenever the stream is polled, and ends it by dropping its senders.
        let run = stream::once(run).filter_map(|()| async { None });
        Box::pin(stream::select(receiver, run))
    }

    fn run(self, events: EventSender) -> Run {
        let last_day = self.days.bounds().map_or(NaiveDate::MIN, |(_, last)| last);
        let windows = self.days.padded().collect();
        let zone = self.calendar.zone.unwrap_or(Tz::UTC);
        let server = Server::new(
            self.client,
            self.query,
            self.page_size,
            last_day,
            self.previously_nonempty,
            self.empty_answer,
            events,
        );
        let assembly = Assembly::new(self.days, zone, self.calendar.clock);
        Run::new(Arc::new(server), Arc::new(assembly), windows, self.calendar)
    }
}

fn system_clock() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

impl Calendar {
    /// Whether `day` could still gain customers after it was `asked`.
    pub(crate) fn state(&self, day: NaiveDate, asked: DateTime<Utc>) -> DayState {
        let Some(midnight) = day.succ_opt().and_then(|next| next.and_hms_opt(0, 0, 0)) else {
            return DayState::Open;
        };
        let end = match self.zone {
            // Where clocks change at midnight the later reading is the safe one.
            Some(zone) => match zone.from_local_datetime(&midnight).latest() {
                Some(end) => end.to_utc(),
                None => midnight.and_utc() + TimeDelta::hours(12),
            },
            // The last zone in which a day ends is twelve hours behind UTC.
            None => midnight.and_utc() + TimeDelta::hours(12),
        };
        // A time to settle that no calendar reaches is for ever.
        match end.checked_add_signed(self.grace_period) {
            Some(settled) if asked >= settled => DayState::Sealed,
            _ => DayState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(zone: Option<Tz>, now: &str) -> DayState {
        state_of("2024-05-02", zone, now)
    }

    fn state_of(day: &str, zone: Option<Tz>, now: &str) -> DayState {
        let calendar = Calendar {
            clock: system_clock,
            zone,
            grace_period: TimeDelta::hours(6),
        };
        calendar.state(day.parse().unwrap(), now.parse().unwrap())
    }

    #[test]
    fn a_day_is_sealed_a_settling_time_after_its_midnight() {
        let zone = Some(Tz::Asia__Kolkata);
        assert_eq!(state(zone, "2024-05-03T00:29:59Z"), DayState::Open);
        assert_eq!(state(zone, "2024-05-03T00:30:00Z"), DayState::Sealed);
    }

    #[test]
    fn without_a_zone_it_is_over_when_it_is_over_everywhere() {
        assert_eq!(state(None, "2024-05-03T17:59:59Z"), DayState::Open);
        assert_eq!(state(None, "2024-05-03T18:00:00Z"), DayState::Sealed);
    }

    #[test]
    fn a_day_may_settle_for_ever() {
        let calendar = Calendar {
            clock: system_clock,
            zone: None,
            grace_period: TimeDelta::MAX,
        };
        let day = "2024-05-02".parse().unwrap();
        assert_eq!(calendar.state(day, system_clock()), DayState::Open);
    }

    #[test]
    fn where_clocks_leave_midnight_out_a_day_is_over_when_it_is_over_everywhere() {
        let state = |now| state_of("2024-04-25", Some(Tz::Africa__Cairo), now);
        assert_eq!(state("2024-04-26T17:59:59Z"), DayState::Open);
        assert_eq!(state("2024-04-26T18:00:00Z"), DayState::Sealed);
    }
}
