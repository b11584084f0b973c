//! Windows without customers, confirmed: empty because there were none, and not because the server
//! changed its ways or was out of order.

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};
use kapture_model::Window;
use kapture_transport::{Error, Refusal};

use crate::calibration::wide;
use crate::error::PullError;
use crate::receipt::Joint;
use crate::run::Run;
use crate::server::{Ask, Moment, Server, is_witness};

/// A window without customers that waits for proof that windows like it still show theirs.
pub(crate) struct Unconfirmed {
    pub(crate) day: NaiveDate,
    pub(crate) window: Window,
    pub(crate) joint: Joint,
    pub(crate) answered: Moment,
    /// It was refused, in these words.
    pub(crate) refused: Option<Refusal>,
}

impl Unconfirmed {
    /// Whether it was refused in words that could just as well tell of a passing trouble.
    pub(crate) fn is_opaque(&self, server: &Server) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refusal| !server.is_plain(refusal))
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
            if witnessed && !doubtful.is_opaque(&self.server) {
                self.done(doubtful.day, doubtful.joint).await;
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
            return match self.still_holds_customers(other.ask).await? {
                Ok(()) => self.doubt(window, None).await,
                Err(answer) => self.doubt(other.ask.window, answer).await,
            };
        };
        if let Err(answer) = self.still_holds_customers(witness.ask).await? {
            return self.doubt(witness.ask.window, answer).await;
        }
        self.settle_confirmed().await;
        // What is left was refused in words that may tell of a passing trouble. The server is well
        // now; if it is well afterwards too, the same words in between tell of no customers.
        let (opaque, others) = self.take_unconfirmed_like(window);
        self.unconfirmed = others;
        if opaque.is_empty() {
            return Ok(());
        }
        let asking = opaque.iter().map(|doubtful| {
            let ask = Ask::first_page(doubtful.window, self.server.page_size());
            self.server.ask(ask)
        });
        let asking: Vec<_> = asking.collect();
        // No more at a time than can be sent: the time for a call begins when it is made.
        let at_once = self.server.client.concurrency();
        let answers: Vec<_> = stream::iter(asking).buffered(at_once).collect().await;
        let well = self.still_holds_customers(witness.ask).await?.is_ok();
        for (doubtful, answer) in opaque.into_iter().zip(answers) {
            if let Ok(page) = &answer {
                self.keep(doubtful.window, &page.records).await;
            }
            match answer {
                Ok(page) if well && page.refused == doubtful.refused => {
                    self.done(doubtful.day, doubtful.joint).await;
                }
                Err(error) if error.is_fatal() => return Err(error),
                _ if self.rereadings > 0 => {
                    self.rereadings -= 1;
                    self.put_back([doubtful.day]);
                }
                Err(error) => self.fail(doubtful.day, &error).await,
                Ok(_) => {
                    let error = PullError::Contradiction {
                        window: doubtful.window,
                        answer: doubtful.refused,
                    };
                    self.fail(doubtful.day, &error).await;
                }
            }
        }
        Ok(())
    }

    /// The whole run met no customer. Then windows are believed for a plain sentence only; and
    /// narrow ones, which are asked only because wide ones are refused, if those still are.
    async fn confirm_without_customers(&mut self) -> Result<(), PullError> {
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        let narrow = unconfirmed
            .iter()
            .find(|doubtful| doubtful.window.start == doubtful.window.end);
        if let Some(narrow) = narrow {
            let window = narrow.window;
            let ask = Ask::first_page(wide(narrow.day), self.server.page_size());
            let too_wide = match self.server.ask_plainly(ask).await {
                Ok(records) => {
                    self.keep(ask.window, &records).await;
                    false
                }
                Err(error) => match error.refusal() {
                    // That it plainly has no customers is no word about its width.
                    Some(refusal) => !self.server.is_plain(refusal),
                    None => return Err(ask.failed(error)),
                },
            };
            if !too_wide {
                self.unconfirmed = unconfirmed;
                return self.doubt(window, None).await;
            }
        }
        for doubtful in &unconfirmed {
            if let Some(refusal) = doubtful.refused.as_ref()
                && doubtful.is_opaque(&self.server)
            {
                return Err(PullError::EmptyUnproven {
                    answers: vec![(doubtful.window, refusal.clone())],
                });
            }
        }
        for doubtful in unconfirmed {
            self.done(doubtful.day, doubtful.joint).await;
        }
        Ok(())
    }

    /// Asks a page that held customers once more. If it holds none: the words of the refusal.
    async fn still_holds_customers(
        &self,
        ask: Ask,
    ) -> Result<Result<(), Option<Refusal>>, PullError> {
        match self.server.ask(ask).await {
            Ok(page) => {
                self.keep(ask.window, &page.records).await;
                if is_witness(ask.window, &page.records) {
                    Ok(Ok(()))
                } else {
                    Ok(Err(page.refused))
                }
            }
            Err(error) => match error.call_error().and_then(Error::refusal) {
                Some(refusal) => Ok(Err(Some(refusal.clone()))),
                None => Err(error),
            },
        }
    }

    /// Reads the unconfirmed windows anew, because they prove nothing any more: `window` held
    /// customers, and does not now.
    async fn doubt(&mut self, window: Window, answer: Option<Refusal>) -> Result<(), PullError> {
        let first = self
            .unconfirmed
            .first()
            .map_or(window, |first| first.window);
        let (doubtful, others) = self.take_unconfirmed_like(first);
        self.unconfirmed = others;
        let days: Vec<_> = doubtful.iter().map(|doubtful| doubtful.day).collect();
        if self.may_reopen() {
            self.reopen(days);
            return Ok(());
        }
        for day in days {
            let answer = answer.clone();
            self.fail(day, &PullError::Contradiction { window, answer })
                .await;
        }
        Ok(())
    }

    /// The unconfirmed windows as wide as `window`, and the others.
    fn take_unconfirmed_like(&mut self, window: Window) -> (Vec<Unconfirmed>, Vec<Unconfirmed>) {
        let is_narrow = |window: Window| window.start == window.end;
        std::mem::take(&mut self.unconfirmed)
            .into_iter()
            .partition(|doubtful| is_narrow(doubtful.window) == is_narrow(window))
    }
}
