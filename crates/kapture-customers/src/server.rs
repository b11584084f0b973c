//! One server as a pull knows it: how to ask it, and what has been learnt of it so far.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt};
use kapture_model::{CustomerId, CustomerQuery, Days, EndBound, Record, Window};
use kapture_transport::{Client, Error, Refusal, RefusalPolicy};
use tracing::Instrument;

use crate::api::PullError;
use crate::calibration::{go_beyond_midnight, is_narrow};
use crate::empty_answer::EmptyAnswers;
use crate::events::EventSender;
use crate::evidence::row_order::RowOrder;
use crate::page_length::{Length, PageLength};
use crate::window_length::WindowLength;

pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) query: CustomerQuery,
    /// The last day of the pull.
    pub(crate) last_day: NaiveDate,
    /// The days that held customers before this run.
    pub(crate) held: Days,
    pub(crate) events: EventSender,
    /// Held while an empty answer is being proven.
    pub(crate) learning: futures_util::lock::Mutex<()>,
    knowledge: Mutex<Knowledge>,
    in_flight: AtomicUsize,
    spare_pages: AtomicUsize,
    scouts: AtomicUsize,
    /// The first days of the windows that were asked patiently in vain. Held while one is.
    given_up: futures_util::lock::Mutex<BTreeSet<NaiveDate>>,
    page_size: AtomicU32,
    order: AtomicU64,
}

/// What has been learnt of the server in this run.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub(crate) reach: EndBound,
    pub(crate) empty_answers: EmptyAnswers,
    /// Whether any request was answered with success.
    pub(crate) answered: bool,
    /// Whether a window wider than D…D was.
    pub(crate) accepts_wide: bool,
    pub(crate) pages: PageLength,
    pub(crate) row_order: RowOrder,
    pub(crate) windows: WindowLength,
    /// The windows that were last seen to hold customers.
    pub(crate) witnesses: Witnesses,
    /// Days of which windows that begin with them have shown customers.
    shown: BTreeSet<NaiveDate>,
}

/// Whether windows as wide as this one are answered with what they hold.
pub(crate) fn is_witness(window: Window, records: &[Record]) -> bool {
    if is_narrow(window) {
        go_beyond_midnight(records)
    } else {
        !records.is_empty()
    }
}

/// A window that held customers, and when it was asked: proof that windows of its width are
/// answered with what they hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Witness {
    /// The page to ask again: a first page, once one has shown customers.
    pub(crate) ask: Ask,
    pub(crate) asked: Moment,
}

/// The latest witness for windows of one day and of two.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Witnesses {
    narrow: Option<Witness>,
    wide: Option<Witness>,
}

impl Witnesses {
    /// The one for windows as wide as `window`.
    pub(crate) fn like(&self, window: Window) -> Option<Witness> {
        if is_narrow(window) {
            self.narrow
        } else {
            self.wide
        }
    }

    fn add(&mut self, mut witness: Witness) {
        let like = if is_narrow(witness.ask.window) {
            &mut self.narrow
        } else {
            &mut self.wide
        };
        if let Some(before) = like.filter(|before| before.ask.offset < witness.ask.offset) {
            witness.ask = before.ask;
        }
        *like = Some(witness);
    }

    /// The one that was asked last.
    pub(crate) fn latest(&self) -> Option<Witness> {
        [self.narrow, self.wide]
            .into_iter()
            .flatten()
            .max_by_key(|witness| witness.asked)
    }
}

/// What one page holds.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// There are none because the server refused, in these words, which are believed to mean just that.
    pub(crate) refused: Option<Refusal>,
}

impl Page {
    pub(crate) fn of(records: Vec<Record>) -> Self {
        Self {
            records,
            refused: None,
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        let ids = self.records.iter().map(|record| record.id().clone());
        Rows {
            ids: ids.collect(),
            length: length(&self.records),
        }
    }
}

/// What has to be remembered of the rows of a page, once its records are told.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) ids: Vec<CustomerId>,
    pub(crate) length: Length,
}

fn length(records: &[Record]) -> Length {
    Length {
        rows: records.len(),
        bytes: records.iter().map(|record| record.raw().len()).sum(),
    }
}

/// The documented default of `limit`: if any is accepted, this one is.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// How many pages a run may ask beyond the end of their windows.
const SPARE_PAGES: usize = 2;

/// How many pages a run may ask far beyond the end of their windows, to find out how far those go.
const SCOUTS: usize = 3;

/// For how many days a run may ask patiently in vain what was refused for no good reason: a server that
/// tells its trouble in words has time to recover, as one that tells it with a status, but one that will
/// not be moved is soon believed.
const PATIENCE: usize = 3;

/// The order in which things happened in a run.
pub(crate) type Moment = u64;

/// One page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) window: Window,
    pub(crate) limit: u32,
    pub(crate) offset: u64,
}

impl Ask {
    pub(crate) fn first_page(window: Window, limit: u32) -> Self {
        Self {
            window,
            limit,
            offset: 0,
        }
    }

    pub(crate) fn failed(self, source: Error) -> PullError {
        PullError::Call {
            window: self.window,
            offset: self.offset,
            source,
        }
    }
}

impl Server {
    pub(crate) fn new(
        client: Client,
        query: CustomerQuery,
        page_size: u32,
        last_day: NaiveDate,
        held: Days,
        empty_answer: Option<String>,
        events: EventSender,
    ) -> Self {
        Self {
            client,
            query,
            last_day,
            held,
            events,
            learning: futures_util::lock::Mutex::new(()),
            knowledge: Mutex::new(Knowledge {
                empty_answers: EmptyAnswers::new(empty_answer),
                ..Knowledge::default()
            }),
            in_flight: AtomicUsize::new(0),
            spare_pages: AtomicUsize::new(SPARE_PAGES),
            scouts: AtomicUsize::new(SCOUTS),
            given_up: futures_util::lock::Mutex::default(),
            page_size: AtomicU32::new(page_size),
            order: AtomicU64::new(0),
        }
    }

    /// What is known. Not to be held across an await.
    pub(crate) fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows asked for in one page.
    pub(crate) fn page_size(&self) -> u32 {
        self.page_size.load(Ordering::Relaxed)
    }

    /// From now on asks for no more rows than the server gives unasked.
    pub(crate) fn ask_for_less(&self) {
        self.page_size.fetch_min(DEFAULT_LIMIT, Ordering::Relaxed);
    }

    /// Whether an error is the trouble of one window alone. Who has sent nothing yet but too much would
    /// send too much at once for several.
    pub(crate) fn is_of_a_window(&self, error: &PullError) -> bool {
        let too_much = matches!(
            error.call_error(),
            Some(Error::TooLarge { .. } | Error::TooManyRows { .. })
        );
        !error.is_fatal() && (self.knowledge().answered || !too_much)
    }

    /// Whether a day has held customers, in this run or before.
    pub(crate) fn has_held(&self, day: NaiveDate) -> bool {
        self.held.contains(day) || self.knowledge().shown.contains(&day)
    }

    /// The answers to all of these questions, in their order: as many are asked at once as can be sent.
    pub(crate) async fn all<T>(
        &self,
        asking: impl Iterator<Item = impl Future<Output = T>>,
    ) -> Vec<T> {
        let asking: Vec<_> = asking.collect();
        let at_once = self.client.concurrency();
        stream::iter(asking).buffered(at_once).collect().await
    }

    /// Whether a refusal plainly says that there are no customers.
    pub(crate) fn is_plain(&self, refusal: &Refusal) -> bool {
        self.knowledge().empty_answers.is_plain(refusal)
    }

    /// Now, in the order of this run.
    pub(crate) fn moment(&self) -> Moment {
        self.order.fetch_add(1, Ordering::Relaxed)
    }

    /// How many more requests the client could have in flight.
    pub(crate) fn idle(&self) -> usize {
        self.client
            .concurrency()
            .saturating_sub(self.in_flight.load(Ordering::Relaxed))
    }

    /// How many more pages of use may be asked: as many wait for a place as have one.
    pub(crate) fn room(&self) -> usize {
        let most = 2 * self.client.concurrency();
        most.saturating_sub(self.in_flight.load(Ordering::Relaxed))
    }

    /// Takes one of the pages that a run may ask in vain, if there is one left. One that was of
    /// use is to be given back.
    pub(crate) fn take_spare_page(&self) -> bool {
        take_one(&self.spare_pages)
    }

    pub(crate) fn give_back_spare_page(&self) {
        self.spare_pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one of the scouts that a run may send in vain, likewise.
    pub(crate) fn take_scout(&self) -> bool {
        take_one(&self.scouts)
    }

    pub(crate) fn give_back_scout(&self) {
        self.scouts.fetch_add(1, Ordering::Relaxed);
    }

    /// One page. A failure that is proven to mean "no customers" is a page without rows.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Page, PullError> {
        self.ask_believing(ask, None).await
    }

    /// The same for a window that is asked again before it is believed to have no customers, if the
    /// words are not plain: what is known to mean that need not repeat at the first time.
    pub(crate) async fn ask_provisionally(&self, ask: Ask) -> Result<Page, PullError> {
        let expected = self.knowledge().empty_answers.expected(&ask);
        self.ask_believing(ask, expected).await
    }

    async fn ask_believing(&self, ask: Ask, expected: Option<Refusal>) -> Result<Page, PullError> {
        let answer = self.ask_expecting(ask, expected.clone()).await;
        let mut error = match self.believe(ask, answer).await? {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        if error.refusal().is_some()
            && let Some(answer) = self.outlast(ask, expected).await
        {
            error = match self.believe(ask, answer).await? {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            self.give_up(ask).await;
        }
        Err(ask.failed(error))
    }

    /// The page that was answered: one without rows where a failure is proven to mean just that.
    async fn believe(
        &self,
        ask: Ask,
        answer: Result<Vec<Record>, Error>,
    ) -> Result<Result<Page, Error>, PullError> {
        let error = match answer {
            Ok(records) => return Ok(Ok(Page::of(records))),
            Err(error) => error,
        };
        Ok(match error.refusal() {
            Some(refusal) if self.means_no_customers(ask, refusal).await? => Ok(Page {
                records: Vec::new(),
                refused: Some(refusal.clone()),
            }),
            _ => Err(error),
        })
    }

    /// Asks patiently what was refused for no good reason, in case that passes; one refusal would be no
    /// surprise and need not repeat. What comes is to be judged anew, and perhaps
    /// [given up](Self::give_up). `None` if that was done too often.
    pub(crate) async fn outlast(
        &self,
        ask: Ask,
        expected: Option<Refusal>,
    ) -> Option<Result<Vec<Record>, Error>> {
        if !self.knowledge().answered {
            return None;
        }
        // Most likely all are refused for the same reason: when it has passed for one, the others are
        // answered at once.
        let given_up = self.given_up.lock().await;
        if given_up.len() >= PATIENCE || given_up.contains(&ask.window.start) {
            return None;
        }
        let is_answer = self.is_answer(ask, expected);
        Some(self.ask_until(RefusalPolicy::Patient, ask, is_answer).await)
    }

    /// What was asked patiently is refused in earnest.
    pub(crate) async fn give_up(&self, ask: Ask) {
        self.given_up.lock().await.insert(ask.window.start);
    }

    /// The same without any thought about what a failure means.
    pub(crate) async fn ask_plainly(&self, ask: Ask) -> Result<Vec<Record>, Error> {
        self.ask_expecting(ask, None).await
    }

    /// The same, where one refusal would be no surprise and need not repeat.
    pub(crate) async fn ask_expecting(
        &self,
        ask: Ask,
        expected: Option<Refusal>,
    ) -> Result<Vec<Record>, Error> {
        self.ask_until(RefusalPolicy::Confirmed, ask, self.is_answer(ask, expected))
            .await
    }

    /// The same for what a run can do without: anything but an answer is enough at its first coming.
    pub(crate) async fn ask_in_passing(&self, ask: Ask) -> Result<Vec<Record>, Error> {
        let is_answer = self.is_answer(ask, None);
        self.ask_until(RefusalPolicy::Confirmed, ask, |error| {
            error.refusal().is_none() || is_answer(error)
        })
        .await
    }

    /// Tells the refusals that need not repeat.
    fn is_answer(&self, ask: Ask, expected: Option<Refusal>) -> impl Fn(&Error) -> bool {
        let suspected = {
            let knowledge = self.knowledge();
            knowledge
                .empty_answers
                .suspected(ask.window)
                .filter(|_| !knowledge.answered)
        };
        move |error| {
            error.refusal().is_some_and(|refusal| {
                suspected.as_ref() == Some(refusal)
                    || expected.as_ref() == Some(refusal)
                    || self.knowledge().empty_answers.is_understood(&ask, refusal)
            })
        }
    }

    async fn ask_until(
        &self,
        refusals: RefusalPolicy,
        ask: Ask,
        is_enough: impl Fn(&Error) -> bool + Sync,
    ) -> Result<Vec<Record>, Error> {
        let body = self.query.body(ask.window, ask.limit, ask.offset).into();
        let span = tracing::debug_span!("page", day = %ask.window.start, window = %ask.window, offset = ask.offset, limit = ask.limit);
        let asked = self.moment();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let _leaving = Leaving(&self.in_flight);
        let records = self
            .client
            .call_until(body, refusals, &is_enough, &|waiting| {
                self.events.tell(waiting.into())
            })
            .instrument(span)
            .await?;
        let mut knowledge = self.knowledge();
        knowledge.answered = true;
        knowledge.accepts_wide |= !is_narrow(ask.window);
        knowledge.pages.saw(length(&records), ask.limit);
        if records.is_empty() {
            knowledge.empty_answers.saw_plain_success(&ask);
        }
        if is_witness(ask.window, &records) {
            knowledge.witnesses.add(Witness { ask, asked });
        }
        let day = ask.window.start;
        let mut created = records.iter().filter_map(Record::created);
        if created.any(|created| created.local(&chrono::Utc).date() == day) {
            knowledge.shown.insert(day);
        }
        Ok(records)
    }
}

fn take_one(of: &AtomicUsize) -> bool {
    of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

/// Counts a call out, also when its future is dropped.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::narrow;

    /// A first page may show nobody but those of midnight where the next one shows more.
    #[test]
    fn the_page_that_is_asked_again_is_a_first_one_if_any_showed_customers() {
        let mut witnesses = Witnesses::default();
        let window = narrow(NaiveDate::from_ymd_opt(2024, 5, 2).unwrap());
        for (offset, asked, expected) in [(10, 1, 10), (0, 2, 0), (20, 3, 0)] {
            let ask = Ask {
                offset,
                ..Ask::first_page(window, 500)
            };
            witnesses.add(Witness { ask, asked });
            let witness = witnesses.like(window).unwrap();
            assert_eq!((witness.ask.offset, witness.asked), (expected, asked));
        }
    }
}
