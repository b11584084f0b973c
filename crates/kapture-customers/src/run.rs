//! The course of a pull: calibration first, then days in parallel, proofs to the end.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kapture_model::Window;
use kapture_transport::{Error, Refusal};

use crate::assembly::Assembly;
use crate::calibration::{Reach, narrow, wide};
use crate::empty_answer::same_sentence;
use crate::error::PullError;
use crate::event::{Event, Lesson};
use crate::pull::Calendar;
use crate::reading::{Unproven, Whole, WindowRead, WindowReader};
use crate::receipt::{Joint, Receipt};
use crate::server::{Ask, Moment, Server};

/// How often a run believes that a server has changed its ways.
const MOST_REOPENINGS: u32 = 3;

/// How many wide windows are asked at once while nothing is known. On an inclusive server each of
/// them costs a day too much, so few.
const MOST_SCOUTS: usize = 4;

pub(crate) struct Run {
    server: Arc<Server>,
    assembly: Arc<Assembly>,
    calendar: Calendar,
    /// The days whose windows are still to be read, ascending.
    windows: VecDeque<NaiveDate>,
    unproven: Vec<Unproven>,
    /// Windows without customers that wait for proof that windows like them still showed theirs.
    unconfirmed: Vec<Unconfirmed>,
    /// Windows that were refused before anything else was answered.
    refused: Vec<(NaiveDate, Vec<(Window, Refusal)>)>,
    reopenings: u32,
    /// How many windows may still be read again because they were refused for a while.
    rereadings: usize,
}

struct Unconfirmed {
    day: NaiveDate,
    window: Window,
    joint: Joint,
    answered: Moment,
    /// It was refused, in these words.
    refused: Option<Refusal>,
}

impl Unconfirmed {
    /// Whether it was refused in words that could just as well tell of a passing trouble.
    fn is_opaque(&self, server: &Server) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refusal| !server.is_plain(refusal))
    }
}

type Reading = (WindowReader, Result<WindowRead, PullError>);

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
            unconfirmed: Vec::new(),
            refused: Vec::new(),
            reopenings: 0,
            rereadings: 1_000,
        }
    }

    pub(crate) async fn run(mut self) -> Result<(), PullError> {
        let mut readings = FuturesUnordered::<BoxFuture<'static, Reading>>::new();
        loop {
            if readings.is_empty() && self.reach() == Reach::Unknown {
                self.scout().await?;
            }
            while readings.len() < self.server.client.concurrency()
                && let Some(reader) = self.next_window().await
            {
                readings.push(async move { (reader.clone(), reader.read().await) }.boxed());
            }
            if let Some((reader, read)) = readings.next().await {
                self.take(&reader, read).await?;
            } else if self.windows.is_empty() {
                if self.unproven.is_empty() && self.unconfirmed.is_empty() {
                    return Ok(());
                }
                // Nothing else is left that could prove these windows: their next pages have to.
                let most = self.server.client.concurrency().min(self.unproven.len());
                for unproven in self.unproven.drain(..most) {
                    let reader = unproven.reader.clone();
                    readings.push(async move { (reader, unproven.read_on().await) }.boxed());
                }
                if readings.is_empty() {
                    self.confirm().await?;
                }
            }
        }
    }

    fn reach(&self) -> Reach {
        self.server.knowledge().reach
    }

    /// Settles how far windows reach, and asks what one without customers looks like before many
    /// are met at once.
    async fn learn_reach(&self, reach: Reach, day: NaiveDate) -> Result<(), PullError> {
        self.server.knowledge().reach = reach;
        self.server.events.learned(Lesson::Reach(reach));
        let ask = Ask::first_page(reach.window(day), self.server.page_size);
        self.server.learn_empty_answer(ask).await
    }

    async fn next_window(&mut self) -> Option<WindowReader> {
        let reach = self.reach();
        if reach == Reach::Unknown {
            return None;
        }
        let day = self.windows.pop_front()?;
        self.begin_window(day).await;
        Some(WindowReader {
            server: Arc::clone(&self.server),
            assembly: Arc::clone(&self.assembly),
            day,
            reach,
        })
    }

    async fn begin_window(&self, day: NaiveDate) {
        for day in self.assembly.begin_window(day) {
            self.server.events.send(Ok(Event::DayStarted(day))).await;
        }
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
            Err(error) if is_refusal(&error) && reader.reach != self.reach() => {
                self.put_back([reader.day]);
            }
            Err(error) if is_refusal(&error) && self.may_reopen() => self.reopen([reader.day]),
            Err(error) => self.fail(reader.day, &error).await,
        }
        for unproven in std::mem::take(&mut self.unproven) {
            if unproven.is_proven_meanwhile() {
                self.whole(unproven.whole()).await;
            } else {
                self.unproven.push(unproven);
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
                joint: whole.joint,
                answered: whole.answered,
                refused: whole.refused,
            });
            return;
        }
        if whole.spans_two_days && self.reach() == Reach::Exclusive && self.may_reopen() {
            // Nothing is lost, an exclusive window is only larger than needed; but it will do with less.
            self.reopen([]);
        }
        self.done(whole.day, whole.joint).await;
    }

    /// Sees off the doubtful windows after which one like them was asked and held customers.
    async fn settle_confirmed(&mut self) {
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
    async fn confirm(&mut self) -> Result<(), PullError> {
        let Some(first) = self.unconfirmed.first() else {
            return Ok(());
        };
        let window = first.window;
        let witnesses = self.server.knowledge().witnesses;
        let Some(witness) = witnesses.like(window) else {
            // Customers were met in windows of another width only.
            if witnesses.any() {
                return self.doubt(window, None).await;
            }
            return self.confirm_without_customers().await;
        };
        if let Err(answer) = self.still_holds_customers(witness.window).await? {
            return self.doubt(witness.window, answer).await;
        }
        self.settle_confirmed().await;
        // What is left was refused in words that may tell of a passing trouble. The server is well
        // now; if it is well afterwards too, the same words in between tell of no customers.
        let (opaque, others) = self.take_unconfirmed_like(window);
        self.unconfirmed = others;
        if opaque.is_empty() {
            return Ok(());
        }
        let answers = join_all(opaque.iter().map(|doubtful| {
            let ask = Ask::first_page(doubtful.window, self.server.page_size);
            self.server.ask(ask)
        }))
        .await;
        let well = self.still_holds_customers(witness.window).await?.is_ok();
        for (doubtful, answer) in opaque.into_iter().zip(answers) {
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
        for doubtful in &unconfirmed {
            if let Some(refusal) = doubtful.refused.as_ref()
                && doubtful.is_opaque(&self.server)
            {
                return Err(PullError::EmptyUnproven {
                    answers: vec![(doubtful.window, refusal.clone())],
                });
            }
        }
        let narrow = unconfirmed
            .iter()
            .find(|doubtful| doubtful.window.start == doubtful.window.end);
        if let Some(narrow) = narrow {
            let window = narrow.window;
            let ask = Ask::first_page(wide(narrow.day), self.server.page_size);
            match self.server.ask_plainly(ask).await {
                Ok(_) => {
                    self.unconfirmed = unconfirmed;
                    return self.doubt(window, None).await;
                }
                Err(error) if error.refusal().is_some() => {}
                Err(error) => return Err(ask.failed(error)),
            }
        }
        for doubtful in unconfirmed {
            self.done(doubtful.day, doubtful.joint).await;
        }
        Ok(())
    }

    /// Asks a window that held customers once more. If it holds none: the words of the refusal.
    async fn still_holds_customers(
        &self,
        window: Window,
    ) -> Result<Result<(), Option<Refusal>>, PullError> {
        let ask = Ask::first_page(window, self.server.page_size);
        match self.server.ask(ask).await {
            Ok(page) if page.records.is_empty() => Ok(Err(page.refused)),
            Ok(_) => Ok(Ok(())),
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

    fn may_reopen(&self) -> bool {
        self.reopenings < MOST_REOPENINGS
    }

    /// Takes back what was believed about the reach of windows, and reads `days` anew.
    fn reopen(&mut self, days: impl IntoIterator<Item = NaiveDate>) {
        self.put_back(days);
        self.reopenings += 1;
        let mut knowledge = self.server.knowledge();
        knowledge.reach = Reach::Unknown;
        knowledge.empty_answers.forget();
    }

    fn put_back(&mut self, days: impl IntoIterator<Item = NaiveDate>) {
        self.windows.extend(days);
        self.windows.make_contiguous().sort_unstable();
    }

    async fn done(&self, day: NaiveDate, joint: Joint) {
        for assembled in self.assembly.end_window(day, joint) {
            let fetched = (self.calendar.clock)();
            let (reach, empty_answer) = {
                let knowledge = self.server.knowledge();
                (knowledge.reach, knowledge.empty_answers.named())
            };
            let receipt = Receipt {
                day: assembled.day,
                customers: assembled.customers,
                checksum: assembled.checksum,
                undated: assembled.undated,
                fetched,
                state: self.calendar.state(assembled.day, fetched),
                reach,
                joint: assembled.joint,
                empty_answer,
            };
            self.server.events.send(Ok(Event::DayDone(receipt))).await;
        }
    }

    async fn fail(&self, day: NaiveDate, error: &PullError) {
        for day in self.assembly.fail_window(day) {
            let error = error.clone();
            self.server
                .events
                .send(Ok(Event::DayFailed { day, error }))
                .await;
        }
    }

    /// Finds out how far windows reach, with the first window that holds customers. Windows that
    /// are empty in their wide form are done with it.
    async fn scout(&mut self) -> Result<(), PullError> {
        let mut scouts = 1;
        // After a change of ways a window that is known to hold customers tells most.
        let witness = self.server.knowledge().witnesses.latest();
        if let Some(witness) = witness {
            self.scout_days(vec![witness.window.start], false).await?;
        }
        while self.reach() == Reach::Unknown && !self.windows.is_empty() {
            let days: Vec<_> = self
                .windows
                .drain(..scouts.min(self.windows.len()))
                .collect();
            scouts = (scouts * 2).min(MOST_SCOUTS);
            for day in &days {
                self.begin_window(*day).await;
            }
            self.scout_days(days, true).await?;
            if self.server.knowledge().answered {
                // What was refused before can be judged now.
                let days: Vec<_> = self.refused.drain(..).map(|(day, ..)| day).collect();
                self.put_back(days);
            }
        }
        match self.refused.first() {
            Some((_, answers)) if self.windows.is_empty() => Err(PullError::EmptyUnproven {
                answers: answers.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Asks the wide windows of `days`, until one shows how far windows reach. `needed` days are
    /// read as well if that is all there is to them, and put back otherwise.
    async fn scout_days(&mut self, days: Vec<NaiveDate>, needed: bool) -> Result<(), PullError> {
        let answered_before = self.server.knowledge().answered;
        let answers = join_all(days.iter().map(|day| {
            let ask = Ask::first_page(wide(*day), self.server.page_size);
            self.server.ask_plainly(ask)
        }))
        .await;
        for (day, answer) in days.into_iter().zip(answers) {
            let verdict = match answer {
                Ok(records) if records.is_empty() => Scouted::Empty,
                Ok(_) => Scouted::Customers,
                Err(error) => self.judge_refused(day, error, answered_before).await?,
            };
            let known = self.reach() != Reach::Unknown;
            match &verdict {
                Scouted::Customers if !known => {
                    let reach = self.server.calibrate(day).await?;
                    self.learn_reach(reach, day).await?;
                }
                Scouted::Narrow if !known => self.learn_reach(Reach::Strict, day).await?,
                _ => {}
            }
            if !needed {
                continue;
            }
            match verdict {
                Scouted::Empty => self.done(day, Joint::Exact).await,
                Scouted::Customers | Scouted::Narrow => self.put_back([day]),
                _ if known => self.put_back([day]),
                Scouted::RefusedAsEmpty(refusal) => self.unconfirmed.push(Unconfirmed {
                    day,
                    window: wide(day),
                    joint: Joint::Exact,
                    answered: self.server.moment(),
                    refused: Some(refusal),
                }),
                Scouted::Unclear(answers) => self.refused.push((day, answers)),
                Scouted::Failed(error) => self.fail(day, &error).await,
            }
        }
        Ok(())
    }

    /// D…D+1 is refused: because it is too wide, because it holds no customers, or in earnest.
    async fn judge_refused(
        &self,
        day: NaiveDate,
        error: Error,
        answered_before: bool,
    ) -> Result<Scouted, PullError> {
        let ask = Ask::first_page(wide(day), self.server.page_size);
        let Some(refusal) = error.refusal() else {
            return Err(ask.failed(error));
        };
        let mut may_be_empty = true;
        let mut answers = vec![(ask.window, refusal.clone())];
        if !self.server.is_plain(refusal) {
            let narrow = Ask::first_page(narrow(day), self.server.page_size);
            match self.server.ask_plainly(narrow).await {
                Ok(_) => return Ok(Scouted::Narrow),
                Err(other) => match other.refusal() {
                    Some(other) if self.server.is_plain(other) => return Ok(Scouted::Narrow),
                    // A window without customers is refused whatever its width.
                    Some(other) => {
                        may_be_empty = same_sentence(refusal, ask.window, other, narrow.window);
                        if !may_be_empty {
                            answers.push((narrow.window, other.clone()));
                        }
                    }
                    None => return Err(narrow.failed(other)),
                },
            }
        }
        if may_be_empty && self.server.means_no_customers(ask, refusal).await? {
            return Ok(Scouted::RefusedAsEmpty(refusal.clone()));
        }
        if answered_before {
            return Ok(Scouted::Failed(ask.failed(error)));
        }
        // Nothing had been answered yet, so there was nothing to judge it by.
        self.server
            .knowledge()
            .empty_answers
            .suspect(refusal, ask.window);
        Ok(Scouted::Unclear(answers))
    }
}

/// What the wide window of a day, or the narrow one in its stead, has shown.
enum Scouted {
    Empty,
    Customers,
    /// Only D…D is accepted.
    Narrow,
    /// It is refused in the way that means "no customers" here.
    RefusedAsEmpty(Refusal),
    /// It is refused, and nothing has been answered yet to judge that by.
    Unclear(Vec<(Window, Refusal)>),
    /// It is refused in earnest.
    Failed(PullError),
}

fn is_refusal(error: &PullError) -> bool {
    error
        .call_error()
        .is_some_and(|error| error.refusal().is_some())
}
