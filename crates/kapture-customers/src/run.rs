//! The course of a pull: calibration first, then days in parallel, proofs to the end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kapture_model::{EndBound, Proof, Receipt, Record, Window};
use kapture_transport::Refusal;
use tracing::{Instrument, trace_span};

use crate::api::{Event, Finding, PullError};
use crate::assembly::Assembly;
use crate::confirmation::Unconfirmed;
use crate::page_length::End;
use crate::pull::Calendar;
use crate::reading::{Unproven, Whole, WindowRead, WindowReader};
use crate::server::{Ask, Server};

/// How often a run believes that a server has changed its ways.
const MOST_REOPENINGS: u32 = 3;

/// How many windows may wait for a proof that others could bring for nothing: until one with a longer
/// page is proven, and until they can be confirmed. What waits keeps its days open, and whoever
/// writes them busy: a run of many years must not need more of that than one of a month.
const MOST_UNPROVEN: usize = 16;
const MOST_UNCONFIRMED: usize = 64;

pub(crate) struct Run {
    pub(crate) server: Arc<Server>,
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) calendar: Calendar,
    /// The days whose windows are still to be read, ascending.
    pub(crate) windows: VecDeque<NaiveDate>,
    /// Windows whose only page may be the last one, which others can prove.
    unproven: Vec<Unproven>,
    /// Those of them that nothing but their next page can prove.
    to_ask: Vec<Unproven>,
    /// Windows without customers that wait for proof that windows like them still showed theirs.
    pub(crate) unconfirmed: Vec<Unconfirmed>,
    /// Windows that were refused before anything else was answered.
    pub(crate) refused: Vec<(NaiveDate, Vec<(Window, Refusal)>)>,
    /// First pages of windows that were asked to learn how far windows reach.
    pub(crate) first_pages: BTreeMap<Window, Vec<Record>>,
    /// What D…D of the first day of all holds, or how it was refused, where that settled nothing.
    pub(crate) first_answer: Option<(NaiveDate, Result<Vec<Record>, Refusal>)>,
    /// Where it is to be learnt what a window without customers looks like.
    to_learn: Option<Ask>,
    /// It is being learnt: until then only windows that are known to hold customers are read.
    is_learning: bool,
    pub(crate) reopenings: u32,
    /// How often windows were read again because they were refused for a while.
    pub(crate) rereadings: BTreeMap<NaiveDate, u32>,
}

/// What goes on at the same time, and what came of it.
enum Done {
    Reading(WindowReader, Result<WindowRead, PullError>),
    Learning,
}

type Doing = BoxFuture<'static, Done>;

impl Run {
    pub(crate) fn new(
        server: Arc<Server>,
        assembly: Arc<Assembly>,
        windows: VecDeque<NaiveDate>,
        calendar: Calendar,
    ) -> Self {
        Self {
            server,
            assembly,
            calendar,
            windows,
            unproven: Vec::new(),
            to_ask: Vec::new(),
            unconfirmed: Vec::new(),
            refused: Vec::new(),
            first_pages: BTreeMap::new(),
            first_answer: None,
            to_learn: None,
            is_learning: false,
            reopenings: 0,
            rereadings: BTreeMap::new(),
        }
    }

    pub(crate) async fn run(mut self) -> Result<(), PullError> {
        let mut doing = FuturesUnordered::<Doing>::new();
        loop {
            if doing.is_empty() && self.reach() == EndBound::Unknown {
                self.scout().await?;
            }
            if let Some(ask) = self.to_learn.take() {
                doing.push(self.learn(ask));
            }
            // Proof is asked for alone: what is not polled meanwhile could hold the place, or the
            // moment, that it waits for.
            let is_confirming = self.has_many_unconfirmed();
            while !is_confirming
                && doing.len() < self.server.client.concurrency()
                && let Some(reading) = self.next_reading().await
            {
                doing.push(reading);
            }
            if let Some(done) = doing.next().await {
                match done {
                    Done::Reading(reader, read) => self.take(&reader, read).await?,
                    Done::Learning => self.is_learning = false,
                }
            } else if is_confirming {
                self.confirm().await?;
            } else if self.windows.is_empty() {
                if self.unproven.is_empty() && self.unconfirmed.is_empty() {
                    return Ok(());
                }
                // Nothing else is left that could prove these windows: the next pages of the longest
                // have to, and prove the others as well.
                let at_once = self.server.client.concurrency();
                doing.extend(self.longest_unproven().take(at_once).map(read_on));
                if doing.is_empty() {
                    self.confirm().await?;
                }
            }
        }
    }

    pub(crate) fn reach(&self) -> EndBound {
        self.server.knowledge().reach
    }

    /// Settles how far windows reach. What one without customers looks like is to be asked next,
    /// before many are met at once.
    pub(crate) fn learn_reach(&mut self, reach: EndBound, day: NaiveDate) {
        self.server.knowledge().reach = reach;
        self.server.events.learned(Finding::EndBound(reach));
        self.to_learn = Some(Ask::first_page(reach.window(day), self.server.page_size()));
    }

    fn learn(&mut self, ask: Ask) -> Doing {
        self.is_learning = true;
        let server = Arc::clone(&self.server);
        let learning = async move {
            server.learn_empty_answer_in_passing(ask).await;
            Done::Learning
        };
        learning.boxed()
    }

    async fn next_reading(&mut self) -> Option<Doing> {
        if let Some(unproven) = self.to_ask.pop() {
            return Some(read_on(unproven));
        }
        if self.unproven.len() > MOST_UNPROVEN
            && let Some(longest) = self.longest_unproven().next()
        {
            return Some(read_on(longest));
        }
        let reader = self.next_window().await?;
        let first_page = self.first_pages.remove(&reader.window());
        let span = trace_span!("window", window = %reader.window());
        let reading = async move { Done::Reading(reader.clone(), reader.read(first_page).await) };
        Some(reading.instrument(span).boxed())
    }

    /// Takes those windows whose only page is the longest: whether it is followed by more is a proof
    /// for the others.
    fn longest_unproven(&mut self) -> impl Iterator<Item = Unproven> {
        let longest = self.unproven.iter().map(Unproven::rows).max();
        let is_longest = move |unproven: &mut Unproven| Some(unproven.rows()) == longest;
        self.unproven.extract_if(.., is_longest)
    }

    /// Whether many windows wait for a proof, and a window like them has shown customers.
    fn has_many_unconfirmed(&self) -> bool {
        let first = self.unconfirmed.first();
        self.unconfirmed.len() > MOST_UNCONFIRMED
            && first.is_some_and(|doubtful| {
                let witnesses = self.server.knowledge().witnesses;
                witnesses.like(doubtful.window).is_some()
            })
    }

    async fn next_window(&mut self) -> Option<WindowReader> {
        let reach = self.reach();
        if reach == EndBound::Unknown {
            return None;
        }
        let mut windows = self.windows.iter();
        let place = windows.position(|day| {
            !self.is_learning || self.first_pages.contains_key(&reach.window(*day))
        })?;
        let day = self.windows.remove(place)?;
        self.begin_window(day).await;
        Some(WindowReader {
            server: Arc::clone(&self.server),
            assembly: Arc::clone(&self.assembly),
            day,
            reach,
        })
    }

    pub(crate) async fn begin_window(&self, day: NaiveDate) {
        for day in self.assembly.begin_window(day) {
            self.server.events.send(Ok(Event::DayStarted(day))).await;
        }
    }

    /// Hands on customers that came while something else was to be learnt.
    pub(crate) async fn keep(&self, window: Window, records: &[Record]) {
        let events = &self.server.events;
        self.assembly.keep(events, window, records).await;
    }

    async fn take(
        &mut self,
        reader: &WindowReader,
        read: Result<WindowRead, PullError>,
    ) -> Result<(), PullError> {
        match read {
            Ok(WindowRead::Whole(whole)) => self.whole(whole).await,
            Ok(WindowRead::Unproven(unproven)) => self.unproven.push(unproven),
            Err(error) if error.is_fatal() => return Err(error),
            // A refusal of what was accepted before: perhaps the server has changed its ways.
            Err(error) if error.is_refusal() && reader.reach != self.reach() => {
                self.put_back([reader.day]);
            }
            Err(error) if error.is_refusal() && self.may_reopen() => self.reopen([reader.day]),
            Err(error) => self.fail(reader.day, &error).await,
        }
        for unproven in std::mem::take(&mut self.unproven) {
            match unproven.end() {
                End::Proven => self.whole(unproven.whole()).await,
                End::Ask => self.to_ask.push(unproven),
                End::MayWait => self.unproven.push(unproven),
            }
        }
        self.settle_confirmed().await;
        Ok(())
    }

    async fn whole(&mut self, whole: Whole) {
        if whole.doubtful {
            self.unconfirmed.push(Unconfirmed {
                day: whole.day,
                window: whole.window,
                proof: whole.proof,
                answered: whole.answered,
                refused: whole.refused,
                vanished: whole.vanished,
            });
            return;
        }
        self.done(whole.day, whole.proof).await;
        if whole.spans_two_days && self.reach() == EndBound::Exclusive && self.may_reopen() {
            // Nothing is lost, an exclusive window is only larger than needed; but it will do with less.
            self.reopen([]);
        }
    }

    /// Whether what was believed about the reach of windows was ever taken back.
    pub(crate) fn has_reopened(&self) -> bool {
        self.reopenings > 0
    }

    pub(crate) fn may_reopen(&self) -> bool {
        self.reopenings < MOST_REOPENINGS
    }

    /// Takes back what was believed about the reach of windows, and reads `days` anew.
    pub(crate) fn reopen(&mut self, days: impl IntoIterator<Item = NaiveDate>) {
        self.put_back(days);
        self.reopenings += 1;
        self.first_pages.clear();
        let mut knowledge = self.server.knowledge();
        knowledge.reach = EndBound::Unknown;
        knowledge.empty_answers.forget();
    }

    pub(crate) fn put_back(&mut self, days: impl IntoIterator<Item = NaiveDate>) {
        self.windows.extend(days);
        self.windows.make_contiguous().sort_unstable();
    }

    pub(crate) async fn done(&self, day: NaiveDate, proof: Proof) {
        for assembled in self.assembly.end_window(day, proof) {
            let fetched = (self.calendar.clock)();
            let (end_bound, empty_response) = {
                let knowledge = self.server.knowledge();
                (knowledge.reach, knowledge.empty_answers.named())
            };
            let receipt = Receipt {
                day: assembled.day,
                customers: assembled.customers,
                checksum: assembled.checksum,
                undated: assembled.undated,
                fetched,
                state: self.calendar.state(assembled.day, assembled.begun),
                end_bound,
                proof: assembled.proof,
                empty_response,
            };
            self.server.events.send(Ok(Event::DayDone(receipt))).await;
        }
    }

    pub(crate) async fn fail(&self, day: NaiveDate, error: &PullError) {
        for day in self.assembly.fail_window(day) {
            let error = error.clone();
            self.server
                .events
                .send(Ok(Event::DayFailed { day, error }))
                .await;
        }
    }
}

/// Asks what only the next page of a window can tell.
fn read_on(unproven: Unproven) -> Doing {
    let reader = unproven.reader.clone();
    let span = trace_span!("window", window = %reader.window());
    async move { Done::Reading(reader, unproven.read_on().await) }
        .instrument(span)
        .boxed()
}
