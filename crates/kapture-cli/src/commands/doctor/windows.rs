//! The steps windows, pages, day and boundary.

use futures_util::StreamExt;
use kapture_customers::{
    Days, EndBound, Event, Finding as Discovery, Proof, Pull, PullError, Receipt,
};
use kapture_transport::Error;

use super::finding::Finding;
use super::{BOUNDARY_REQUESTS, Doctor, PAGE, PULL_REQUESTS};
use crate::error::CliError;
use crate::output::summary::counted;
use crate::pipeline::events::events;

impl Doctor {
    /// Pulls one day within the budget, and prints what it has shown.
    pub(super) async fn windows(&self) -> Result<EndBound, CliError> {
        let days = Days::from_iter([self.day]);
        let pull = self.access.pull(&self.client, self.query.clone(), &days);
        let mut shown = Shown::default();
        let outcome = self
            .budget
            .within(PULL_REQUESTS, shown.consume(pull.page_size(PAGE)))
            .await;
        let cut_short = outcome.is_none();
        // A day without customers does not mean that the connection fails.
        if let Some(Err(error)) = outcome
            && !matches!(error, PullError::AmbiguousEmpty { .. })
        {
            let failure = CliError::pull(error, self.access.endpoint());
            return Err(self.end("windows", failure));
        }
        let day = self.day;
        let other_day = "choose a day that has customers with --day";
        self.print(match shown.end_bound {
            EndBound::Inclusive => {
                Finding::ok("windows", "proven: the end day of a window is included")
            }
            EndBound::Exclusive => {
                Finding::ok("windows", "proven: the end day of a window is not included")
            }
            EndBound::SingleDay => {
                Finding::ok("windows", "proven: only windows of one day are accepted")
            }
            EndBound::Unknown if cut_short => self.not_proven(shown.last_error.take()),
            EndBound::Unknown => Finding::warning(
                "windows",
                format!("no customers on {day} and the days before and after it"),
                other_day,
            ),
        })?;
        self.print(match (shown.page, &shown.receipt) {
            (Some(rows), _) if rows < PAGE as usize => Finding::ok(
                "pages",
                format!("{rows} of {PAGE} requested rows: the server has a lower limit"),
            ),
            (Some(rows), _) => Finding::ok("pages", format!("{rows} of {PAGE} requested rows")),
            (None, Some(_)) => Finding::ok(
                "pages",
                "each window fitted in one page, so the limit is unknown",
            ),
            (None, None) => Finding::warning("pages", "the limit is unknown", other_day),
        })?;
        self.print(match &shown.receipt {
            Some(receipt) => Finding::ok("day", completeness(receipt)),
            None if cut_short => Finding::ok(
                "day",
                format!(
                    "{day} needs more than {PULL_REQUESTS} requests, so it was not read completely"
                ),
            ),
            None => Finding::warning(
                "day",
                format!("whether {day} has no customers cannot be told"),
                other_day,
            ),
        })?;
        Ok(shown.end_bound)
    }

    /// The budget was spent before it was known how far windows reach.
    fn not_proven(&self, last_error: Option<Error>) -> Finding {
        let text = format!("not proven by {PULL_REQUESTS} requests");
        match last_error {
            Some(error) => {
                let error = CliError::call(error, self.access.endpoint());
                let hint = error.hint_text().unwrap_or("run it again later with -vv");
                let text = format!(
                    "{text}; the last retry was made because {}",
                    error.one_line()
                );
                Finding::warning("windows", text, hint)
            }
            None => Finding::warning("windows", text, "run it again later with -vv"),
        }
    }

    /// Whether the second page starts where the first one ended.
    pub(super) async fn boundary(&self, end_bound: EndBound) -> Result<(), CliError> {
        let window = end_bound.window(self.day);
        let pages = async {
            let first = self.page(&self.client, window, 3, 0).await;
            (first, self.page(&self.client, window, 3, 2).await)
        };
        self.print(match self.budget.within(BOUNDARY_REQUESTS, pages).await {
            Some((Ok(first), Ok(second))) if first.len() > 2 => match second.first() {
                again if again == first.get(2) => {
                    Finding::ok("boundary", "pages overlap exactly at the requested offset")
                }
                again if again == first.first() => Finding::warning(
                    "boundary",
                    "offset is ignored: every page is the first one",
                    "a day is complete only if it fits in one page; add a filter to the pull",
                ),
                _ => Finding::warning(
                    "boundary",
                    "the order of rows changes between requests",
                    "days are read several times until they are proven, which takes longer",
                ),
            },
            Some((Ok(_), Ok(_))) => Finding::ok("boundary", "too few customers for two pages"),
            Some((Err(error), _) | (_, Err(error))) => Finding::warning(
                "boundary",
                error.root().to_string(),
                "a pull retries temporary errors",
            ),
            None => Finding::warning(
                "boundary",
                "some requests were retries",
                "a pull retries temporary errors",
            ),
        })
    }
}

/// What a pull has shown so far.
#[derive(Default)]
struct Shown {
    end_bound: EndBound,
    page: Option<usize>,
    receipt: Option<Receipt>,
    /// Why the last retry was made.
    last_error: Option<Error>,
}

impl Shown {
    async fn consume(&mut self, pull: Pull) -> Result<(), PullError> {
        // One day is examined.
        let mut events = events(pull, 1);
        while let Some(event) = events.next().await {
            match event? {
                Event::Discovered(Discovery::EndBound(end_bound)) => self.end_bound = end_bound,
                Event::Discovered(Discovery::PageLength(rows)) => self.page = Some(rows),
                Event::DayDone(receipt) => {
                    self.end_bound = receipt.end_bound;
                    self.receipt = Some(receipt);
                }
                Event::RetryScheduled { error, .. } => self.last_error = Some(error),
                Event::DayFailed { error, .. } => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn completeness(receipt: &Receipt) -> String {
    let how = match receipt.proof {
        Proof::Contiguous => "pages overlap exactly",
        Proof::Recaptured => "the order changes, so its size was estimated by capture-recapture",
        Proof::StableRows => "rows changed while it was read",
        Proof::Inferred => "its end was inferred from the length of its pages",
        Proof::Unvouched => "no other window shows that the server is well",
    };
    let customers = counted(receipt.customers, "customer");
    format!("{}: {customers}, complete; {how}", receipt.day)
}
