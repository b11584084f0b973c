//! A pull as whole days, for a program that has room for them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;

use chrono::NaiveDate;
use futures_util::{Stream, StreamExt, TryStreamExt};
use kapture_model::{DayEvent, Receipt, Record};

use super::Pull;
use crate::api::{Event, PullError};

/// A day with all of its customers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompleteDay {
    /// What is proven about the day.
    pub receipt: Receipt,
    /// Its customers, each once, in the order in which they were listed.
    pub records: Vec<Record>,
}

/// Why a day, or the pull, is not complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DayError {
    /// The day that cannot be shown to be complete. `None` when the pull ended early.
    pub day: Option<NaiveDate>,
    /// Why.
    pub error: PullError,
}

impl fmt::Display for DayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.day {
            Some(day) => write!(f, "cannot prove that the customers of {day} are complete"),
            None => f.write_str("the pull ended early"),
        }
    }
}

impl std::error::Error for DayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Pull {
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
