//! Windows without customers, confirmed: empty because there were none, and not because the server
//! changed its ways or was out of order.

use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};
use kapture_model::{Record, Window};
use kapture_transport::{Error, Refusal};

use crate::calibration::{self, is_narrow, wide};
use crate::empty_answer::same_words;
use crate::error::PullError;
use crate::receipt::Joint;
use crate::run::Run;
use crate::server::{Ask, Moment, Page, Server, is_witness};

/// How often a window is read again because it was refused for a while.
const MOST_REREADINGS: u32 = 20;

/// A window without customers that waits for proof that windows like it still show theirs.
pub(crate) struct Unconfirmed {
    pub(crate) day: NaiveDate,
    pub(crate) window: Window,
    pub(crate) joint: Joint,
    pub(crate) answered: Moment,
    /// It was refused, in these words.
    pub(crate) refused: Option<Refusal>,
    /// Its day held customers before this run.
    pub(crate) vanished: bool,
}

impl Unconfirmed {
    /// Whether it was refused in words that could just as well tell of a passing trouble.
    fn is_opaque(&self, server: &Server) -> bool {
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
            let well = self.still_holds_customers(other.ask).await?;
            return self
                .doubt(well.err().unwrap_or(PullError::Unwitnessed { window }))
                .await;
        };
        if let Err(error) = self.still_holds_customers(witness.ask).await? {
            return self.doubt(error).await;
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
        let asking: Vec<_> = asking.collect();
        let at_once = self.server.client.concurrency();
        let answers: Vec<_> = stream::iter(asking).buffered(at_once).collect().await;
        let well = self.still_holds_customers(witness.ask).await?;
        for (doubtful, answer) in left.into_iter().zip(answers) {
            if let Ok(page) = &answer {
                self.keep(doubtful.window, &page.records).await;
            }
            match answer {
                Ok(Page { records, refused })
                    if well.is_ok() && records.is_empty() && refused == doubtful.refused =>
                {
                    self.done(doubtful.day, doubtful.joint).await;
                }
                Err(error) if error.is_fatal() => return Err(error),
                _ if self.may_read_again(doubtful.day) => self.put_back([doubtful.day]),
                Err(error) => self.fail(doubtful.day, &error).await,
                Ok(_) => {
                    let error = well.clone().err().unwrap_or(PullError::Wavering {
                        window: doubtful.window,
                        answer: doubtful.refused,
                    });
                    self.fail(doubtful.day, &error).await;
                }
            }
        }
        Ok(())
    }

    /// The whole run met no customer. Then windows are believed for a plain sentence only, and if they
    /// held none before; and narrow ones, which are asked only because wide ones are refused, if those
    /// still are.
    async fn confirm_without_customers(&mut self) -> Result<(), PullError> {
        let narrow = self.unconfirmed.iter();
        let narrow = narrow.filter(|doubtful| is_narrow(doubtful.window));
        let narrow: Vec<_> = narrow.map(|doubtful| doubtful.day).collect();
        let answers = self.ask_wide(&narrow).await;
        let mut answered = None;
        for (day, answer) in narrow.iter().zip(&answers) {
            match answer {
                Ok(records) => self.keep(wide(*day), records).await,
                // That it plainly has no customers is no word about its width.
                Err(error) if error.refusal().is_some_and(|it| self.server.is_plain(it)) => {}
                Err(_) => continue,
            }
            answered = Some(calibration::narrow(*day));
        }
        if let Some(window) = answered {
            return self.doubt(PullError::Unwitnessed { window }).await;
        }
        let accepts_wide = self.server.knowledge().accepts_wide;
        for (day, answer) in narrow.into_iter().zip(answers) {
            // Where others as wide were accepted, it is the trouble of this one.
            if let Err(error) = answer
                && (accepts_wide || error.refusal().is_none())
            {
                let error = self.wide_page(day).failed(error);
                if error.is_fatal() {
                    return Err(error);
                }
                self.unconfirmed.retain(|doubtful| doubtful.day != day);
                self.fail(day, &error).await;
            }
        }
        // What was taken for an empty answer is a failure where others have turned out to be.
        let server = Arc::clone(&self.server);
        let is_failure = |doubtful: &mut Unconfirmed| {
            let ask = Ask::first_page(doubtful.window, server.page_size());
            let is_failure = server.knowledge().empty_answers.are_successes(&ask);
            is_failure && doubtful.is_opaque(&server)
        };
        let failures = self.unconfirmed.extract_if(.., is_failure);
        let failures: Vec<_> = failures.map(|doubtful| doubtful.day).collect();
        if !failures.is_empty() {
            self.put_back(failures);
            return Ok(());
        }
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
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
            let Unconfirmed { day, window, .. } = doubtful;
            match doubtful.vanished {
                true => self.fail(day, &PullError::Vanished { window }).await,
                false => self.done(day, doubtful.joint).await,
            }
        }
        Ok(())
    }

    fn wide_page(&self, day: NaiveDate) -> Ask {
        Ask::first_page(wide(day), self.server.page_size())
    }

    /// Asks the wide windows of `days`, which are likely to be refused in the words of the first.
    async fn ask_wide(&self, days: &[NaiveDate]) -> Vec<Result<Vec<Record>, Error>> {
        let Some((first, others)) = days.split_first() else {
            return Vec::new();
        };
        let answer = self.server.ask_plainly(self.wide_page(*first)).await;
        let refusal = answer.as_ref().err().and_then(Error::refusal).cloned();
        let asking = others.iter().map(|day| {
            let words = refusal.as_ref();
            let expected = words.map(|words| same_words(words, wide(*first), wide(*day)));
            self.server.ask_expecting(self.wide_page(*day), expected)
        });
        let asking: Vec<_> = asking.collect();
        let at_once = self.server.client.concurrency();
        let others: Vec<_> = stream::iter(asking).buffered(at_once).collect().await;
        [answer].into_iter().chain(others).collect()
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
        Ok(Err(PullError::Contradiction { window, answer }))
    }

    /// Reads the first of the unconfirmed windows and those as wide anew, because they prove nothing
    /// any more; `error` tells why, should that have been done too often.
    async fn doubt(&mut self, error: PullError) -> Result<(), PullError> {
        let Some(first) = self.unconfirmed.first() else {
            return Ok(());
        };
        let doubtful = self.take_unconfirmed_like(first.window);
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
