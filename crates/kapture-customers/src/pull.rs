//! One run over a set of days, as its user sees it.

use std::collections::BTreeMap;
use std::future::ready;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
#[cfg(feature = "privacy")]
use kapture_model::Privacy;
use kapture_model::{CustomerQuery, DayEvent, Record};
use kapture_transport::Client;

use crate::api::{CompleteDay, DayError, Days, Event, PullError};
use crate::driver::{Clock, drive};
use crate::engine::{Engine, Settings};

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
    settings: Settings,
    clock: Clock,
    #[cfg(feature = "privacy")]
    privacy: Privacy,
}

impl Pull {
    /// A pull of the customers of `query` that were created on `days`.
    pub fn new(client: Client, query: CustomerQuery, days: Days) -> Self {
        Self {
            client,
            query,
            settings: Settings::new(days),
            clock: system_clock,
            #[cfg(feature = "privacy")]
            privacy: Privacy::default(),
        }
    }

    /// Days that held customers when an earlier run read them, or may have. They are asked as canaries
    /// where this run meets no customers: a window is believed to be empty only while a canary shows that
    /// the server is well.
    pub fn previously_nonempty(mut self, days: Days) -> Self {
        self.settings.previously_nonempty = days;
        self
    }

    /// How many rows are asked for in one page: 500 by default, at least 2. What the server makes of it is
    /// found out.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.settings.page_size = rows.max(2);
        self
    }

    /// Whether the end of a window is inferred from the lengths of pages instead of asked for: false by
    /// default. It takes fewer requests, and the receipts say [`Proof::Inferred`](crate::Proof::Inferred).
    pub fn fewer_requests(mut self, infer: bool) -> Self {
        self.settings.fewer_requests = infer;
        self
    }

    /// The sentence with which this server says "no customers", where the run cannot prove it.
    pub fn empty_answer(mut self, sentence: impl Into<String>) -> Self {
        self.settings.empty_answer = Some(sentence.into());
        self
    }

    /// The zone of the tenant: where a day ends, and in which instants (epoch milliseconds) are seen.
    /// Without it a day is over when it is over everywhere, and instants are seen in UTC.
    pub fn time_zone(mut self, zone: Tz) -> Self {
        self.settings.calendar.zone = Some(zone);
        self
    }

    /// How long after its end a day may still gain customers: 6 h by default.
    pub fn grace_period(mut self, time: TimeDelta) -> Self {
        self.settings.calendar.grace_period = time;
        self
    }

    /// Where the time of day comes from: the system's clock by default.
    pub fn clock(mut self, clock: fn() -> DateTime<Utc>) -> Self {
        self.clock = clock;
        self
    }

    /// Leaves fields out of every record that this pull tells, or hashes them: none by default.
    /// Days and receipts are those of the records as the server sent them. A destination that
    /// remembers is told by [`Identity::protected_by`][identity], so that no other choice is written to it.
    ///
    /// [identity]: https://docs.rs/kapture-sinks/latest/kapture_sinks/struct.Identity.html
    #[cfg(feature = "privacy")]
    pub fn privacy(mut self, privacy: Privacy) -> Self {
        self.privacy = privacy;
        self
    }

    /// Runs, as far as the stream is read. Dropping the stream abandons the run.
    ///
    /// A day that cannot be completed is an event ([`Event::DayFailed`]) and leaves the others alone; an
    /// error ends the stream: the server cannot be reached, or refuses altogether.
    pub fn events(self) -> impl Stream<Item = Result<Event, PullError>> + Send + Unpin + 'static {
        let engine = Engine::new(self.settings, (self.clock)());
        let (run, events) = drive(engine, self.client, self.query, self.clock);
        // The run makes progress whenever the stream is polled, and ends it by dropping its sender.
        let run = stream::once(run).filter_map(|()| async { None });
        let events = stream::select(events, run);
        #[cfg(feature = "privacy")]
        let events = {
            let privacy = self.privacy;
            events.map_ok(move |event| protected(&privacy, event))
        };
        Box::pin(events)
    }

    /// The pull as whole days, each as soon as it is complete, not in order. Keeps the customers of
    /// the days that are being read in memory.
    ///
    /// A day that fails is an error of the stream, after which other days follow; an error without a
    /// day is the last.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// # use kapture_customers::{Days, Pull};
    /// # use kapture_model::CustomerQuery;
    /// # use kapture_transport::{Client, ClientOptions, TenantUrl, Token};
    /// # use kapture_sandbox::{SandboxTransport, Tenant};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(
    /// #     SandboxTransport::new(std::sync::Arc::new(Tenant::demo())),
    /// #     &TenantUrl::base_url("http://localhost")?,
    /// #     Token::from_user("sandbox", "sandbox"),
    /// #     ClientOptions::default(),
    /// # );
    /// let days = Days::between("2024-05-01".parse()?, "2024-05-07".parse()?)?;
    /// let mut days = Pull::new(client, CustomerQuery::new(424242), days).by_day();
    /// while let Some(day) = days.next().await {
    ///     let day = day?;
    ///     assert_eq!(day.records.len() as u64, day.receipt.customers);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`events`](Self::events).
    pub fn by_day(
        self,
    ) -> impl Stream<Item = Result<CompleteDay, DayError>> + Send + Unpin + 'static {
        let mut begun = BTreeMap::new();
        self.events()
            .filter_map(move |event| ready(completed(&mut begun, event)))
    }

    /// All days, in ascending order, or the first that cannot be shown to be complete, which ends the
    /// pull. For as many customers as there is memory for: some 2 KB each.
    ///
    /// # Errors
    /// When a day fails, or the pull ends early.
    ///
    /// # Panics
    /// As [`events`](Self::events).
    pub async fn collect_days(self) -> Result<Vec<CompleteDay>, DayError> {
        let mut days: Vec<_> = self.by_day().try_collect().await?;
        days.sort_unstable_by_key(|day: &CompleteDay| day.receipt.day);
        Ok(days)
    }
}

/// The event, with records that show no more than `privacy` allows.
#[cfg(feature = "privacy")]
fn protected(privacy: &Privacy, event: Event) -> Event {
    match event {
        Event::Records { day, records } if !privacy.is_empty() => Event::Records {
            day,
            records: records
                .into_iter()
                .map(|record| privacy.protect(record))
                .collect(),
        },
        event => event,
    }
}

/// The day that an event completes or fails; customers are kept until then.
fn completed(
    begun: &mut BTreeMap<NaiveDate, Vec<Record>>,
    event: Result<Event, PullError>,
) -> Option<Result<CompleteDay, DayError>> {
    let event: Option<DayEvent<_>> = match event {
        Ok(event) => event.into(),
        Err(error) => return Some(Err(DayError { day: None, error })),
    };
    match event? {
        DayEvent::Records { day, records } => {
            begun.entry(day).or_default().extend(records);
            None
        }
        DayEvent::Done(receipt) => Some(Ok(CompleteDay {
            records: begun.remove(&receipt.day).unwrap_or_default(),
            receipt,
        })),
        DayEvent::Failed { day, error } => {
            begun.remove(&day);
            Some(Err(DayError {
                day: Some(day),
                error,
            }))
        }
    }
}

fn system_clock() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}
