//! Windows without customers, confirmed: empty because there were none, and not because the server
//! changed its ways or was out of order.

use chrono::NaiveDate;
use kapture_model::{Proof, Window};
use kapture_transport::{Error, Refusal};

use crate::api::PullError;
use crate::calibration::is_narrow;
use crate::run::Run;
use crate::server::{Ask, Moment, Page, Server, is_witness};

/// How often a window is read again because it was refused for a while.
const MOST_REREADINGS: u32 = 20;

/// A window without customers that waits for proof that windows like it still show theirs.
pub(crate) struct Unconfirmed {
    pub(crate) day: NaiveDate,
    pub(crate) window: Window,
    pub(crate) proof: Proof,
    pub(crate) answered: Moment,
    /// It was refused, in these words.
    pub(crate) refused: Option<Refusal>,
    /// Its day held customers before this run.
    pub(crate) vanished: bool,
}

impl Unconfirmed {
    /// Whether it was refused in words that could just as well tell of a passing trouble.
    pub(crate) fn is_opaque(&self, server: &Server) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refusal| !server.is_plain(refusal))
    }

    /// Whether it has to be answered so once more while the server is known to be well.
    fn has_to_repeat(&self, server: &Server) -> bool {
        self.is_opaque(server) || self.vanished
    }
}

impl Run {
    /// Sees off the doubtful windows after which one like them was asked and held customers.
    pub(crate) async fn settle_confirmed(&mut self) {
        let witnesses = self.server.knowledge().witnesses;
        for doubtful in std::mem::take(&mut self.unconfirmed) {
            let witnessed = witnesses
                .like(doubtful.window)
                .is_some_and(|witness| doubtful.answered < witness.asked);
            if witnessed && !doubtful.has_to_repeat(&self.server) {
                self.done(doubtful.day, doubtful.proof).await;
            } else {
                self.unconfirmed.push(doubtful);
            }
        }
    }

    /// Makes sure that windows without customers were empty because there were none, and not
    /// because the server changed its ways or was out of order: a window like them that held
    /// customers before must hold them still.
    pub(crate) async fn confirm(&mut self) -> Result<(), PullError> {
        let Some(first) = self.unconfirmed.first() else {
            return Ok(());
        };
        let window = first.window;
        let witnesses = self.server.knowledge().witnesses;
        let Some(witness) = witnesses.like(window) else {
            let Some(other) = witnesses.latest() else {
                return self.confirm_without_customers().await;
            };
            // Customers were met in windows of another width only.
            let well = self.still_holds_customers(other.ask).await?;
            let error = well.err().unwrap_or(PullError::NoCanary { window });
            return self.doubt(window, error).await;
        };
        if let Err(error) = self.still_holds_customers(witness.ask).await? {
            return self.doubt(window, error).await;
        }
        self.settle_confirmed().await;
        // What is left may tell of a passing trouble. The server is well now; if it is well afterwards
        // too, the same answer in between tells of no customers.
        let left = self.take_unconfirmed_like(window);
        if left.is_empty() {
            return Ok(());
        }
        let asking = left.iter().map(|doubtful| {
            let ask = Ask::first_page(doubtful.window, self.server.page_size());
            self.server.ask(ask)
        });
        let answers = self.server.all(asking).await;
        let well = self.still_holds_customers(witness.ask).await?;
        for (doubtful, answer) in left.into_iter().zip(answers) {
            if let Ok(page) = &answer {
                self.keep(doubtful.window, &page.records).await;
            }
            match answer {
                Ok(Page { records, refused })
                    if well.is_ok() && records.is_empty() && refused == doubtful.refused =>
                {
                    self.done(doubtful.day, doubtful.proof).await;
                }
                Err(error) if error.is_fatal() => return Err(error),
                _ if self.may_read_again(doubtful.day) => self.put_back([doubtful.day]),
                Err(error) => self.fail(doubtful.day, &error).await,
                Ok(_) => {
                    let error = well
                        .clone()
                        .err()
                        .unwrap_or(PullError::InconsistentRefusal {
                            window: doubtful.window,
                            answer: doubtful.refused,
                        });
                    self.fail(doubtful.day, &error).await;
                }
            }
        }
        Ok(())
    }

    /// Asks a page that held customers once more. If it shows none: what is wrong.
    async fn still_holds_customers(&self, ask: Ask) -> Result<Result<(), PullError>, PullError> {
        let window = ask.window;
        let answer = match self.server.ask(ask).await {
            Ok(page) => {
                self.keep(window, &page.records).await;
                if is_witness(window, &page.records) {
                    return Ok(Ok(()));
                }
                page.refused
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => match error.call_error().and_then(Error::refusal) {
                Some(refusal) => Some(refusal.clone()),
                None => return Ok(Err(error)),
            },
        };
        Ok(Err(PullError::InconsistentServer { window, answer }))
    }

    /// Reads the unconfirmed windows as wide as `window` anew, because they prove nothing any more;
    /// `error` tells why, should that have been done too often.
    pub(crate) async fn doubt(
        &mut self,
        window: Window,
        error: PullError,
    ) -> Result<(), PullError> {
        let doubtful = self.take_unconfirmed_like(window);
        let days = doubtful.iter().map(|doubtful| doubtful.day);
        if self.may_reopen() {
            self.reopen(days);
            return Ok(());
        }
        for day in days {
            self.fail(day, &error).await;
        }
        Ok(())
    }

    /// Takes the unconfirmed windows as wide as `window`.
    fn take_unconfirmed_like(&mut self, window: Window) -> Vec<Unconfirmed> {
        let is_like = |doubtful: &mut Unconfirmed| is_narrow(doubtful.window) == is_narrow(window);
        self.unconfirmed.extract_if(.., is_like).collect()
    }

    /// Whether a window that was refused for a while may be read once more.
    fn may_read_again(&mut self, day: NaiveDate) -> bool {
        let times = self.rereadings.entry(day).or_default();
        *times += 1;
        *times <= MOST_REREADINGS
    }
}
