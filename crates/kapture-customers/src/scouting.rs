//! The first questions of a run: how far windows reach on this server.

use chrono::NaiveDate;
use futures_util::future::join_all;
use kapture_model::{EndBound, Proof, Record, Window};
use kapture_transport::{Error, Refusal};

use crate::api::PullError;
use crate::calibration::{go_beyond_midnight, narrow, wide};
use crate::confirmation::Unconfirmed;
use crate::empty_answer::same_sentence;
use crate::run::Run;
use crate::server::{Ask, DEFAULT_LIMIT};

/// How many wide windows are asked at once while nothing is known. On an inclusive server each of
/// them costs a day too much, so few.
const MOST_SCOUTS: usize = 4;

impl Run {
    /// Finds out how far windows reach, with the first window that holds customers. Windows that
    /// are empty in their wide form are done with it.
    pub(crate) async fn scout(&mut self) -> Result<(), PullError> {
        // After a change of ways a window that is known to hold customers tells most.
        let witness = self.server.knowledge().witnesses.latest();
        if let Some(witness) = witness {
            let day = witness.ask.window.start;
            self.scout_days(vec![day], false).await?;
            // Whoever does not show what was there is most likely in trouble.
            if self.reach() == EndBound::Unknown
                && let Some(Ok(records)) = self.server.outlast(witness.ask, None).await
                && !records.is_empty()
            {
                self.keep(witness.ask.window, &records).await;
                self.scout_days(vec![day], false).await?;
            }
        } else if !self.server.knowledge().answered {
            self.begin().await?;
        }
        let mut may_be_too_much = self.server.page_size() > DEFAULT_LIMIT;
        let mut scouts = 1;
        while self.reach() == EndBound::Unknown && !self.windows.is_empty() {
            let days: Vec<_> = self
                .windows
                .drain(..scouts.min(self.windows.len()))
                .collect();
            scouts = (scouts * 2).min(MOST_SCOUTS);
            for day in &days {
                self.begin_window(*day).await;
            }
            self.scout_days(days, true).await?;
            self.first_answer = None;
            if may_be_too_much && let Some((_, answers)) = self.refused.first() {
                may_be_too_much = false;
                if self.is_limit_refused(answers).await {
                    self.server.ask_for_less();
                    let days: Vec<_> = self.refused.drain(..).map(|(day, ..)| day).collect();
                    self.put_back(days);
                }
            }
            if self.server.knowledge().answered {
                // What was refused before can be judged now.
                let days: Vec<_> = self.refused.drain(..).map(|(day, ..)| day).collect();
                self.put_back(days);
            }
        }
        let windows = &self.windows;
        self.first_pages
            .retain(|window, _| windows.binary_search(&window.start).is_ok());
        match self.refused.first() {
            Some((_, answers)) => Err(PullError::AmbiguousEmpty {
                answers: answers.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The first question of all, D…D of the first day asked for: if it holds customers, as on
    /// most servers and most days, nothing else needs to be asked to know how far windows reach.
    async fn begin(&mut self) -> Result<(), PullError> {
        let mut windows = self.windows.iter();
        let Some(day) = windows.find(|day| self.assembly.wants(**day)).copied() else {
            return Ok(());
        };
        self.begin_window(day).await;
        let answer = match self.ask_narrow(day, None).await {
            // It is the trouble of this day, and tells nothing about the others.
            Err(error) if self.server.is_of_a_window(&error) => return Ok(()),
            answer => answer?,
        };
        match answer {
            Ok(records) if go_beyond_midnight(&records) => {
                self.first_pages.insert(narrow(day), records);
                self.learn_reach(EndBound::Inclusive, day);
                return Ok(());
            }
            Ok(_) => {}
            Err(ref refusal) => {
                let empty_answers = &mut self.server.knowledge().empty_answers;
                empty_answers.suspect(refusal, narrow(day));
            }
        }
        self.first_answer = Some((day, answer));
        Ok(())
    }

    /// Asks the wide windows of `days`, until one shows how far windows reach. `needed` days are
    /// read as well if that is all there is to them, and put back otherwise.
    async fn scout_days(&mut self, days: Vec<NaiveDate>, needed: bool) -> Result<(), PullError> {
        let answered_before = self.server.knowledge().answered;
        let answers = join_all(days.iter().map(|day| {
            let ask = Ask::first_page(wide(*day), self.server.page_size());
            self.server.ask_plainly(ask)
        }))
        .await;
        for (day, answer) in days.into_iter().zip(answers) {
            let verdict = match answer {
                Ok(records) => self.take_scouted(day, records).await,
                Err(error) => self.judge_refused(day, error, answered_before).await?,
            };
            let known = self.reach() != EndBound::Unknown;
            let accepts_wide = self.server.knowledge().accepts_wide;
            match &verdict {
                Scouted::Customers(_) if !known => {
                    let reach = self.calibrate(day).await?;
                    self.learn_reach(reach, day);
                }
                // Where D…D+1 was accepted before, that it is refused for a day without customers is the
                // trouble of this day alone.
                Scouted::Narrow(records) if !known && (!records.is_empty() || !accepts_wide) => {
                    self.learn_reach(EndBound::SingleDay, day);
                }
                _ => {}
            }
            if !needed {
                continue;
            }
            match verdict {
                // Where the server has contradicted itself, no empty list is believed at once.
                Scouted::Empty if self.has_reopened() || self.server.has_held(day) => {
                    self.leave_unconfirmed(day, wide(day), None);
                }
                Scouted::Empty => self.done(day, Proof::Contiguous).await,
                Scouted::Customers(records) => {
                    if self.reach() == EndBound::Exclusive {
                        self.first_pages.insert(wide(day), records);
                    }
                    self.put_back([day]);
                }
                Scouted::Narrow(records) if self.reach() == EndBound::SingleDay => {
                    if !records.is_empty() {
                        self.first_pages.insert(narrow(day), records);
                    }
                    self.put_back([day]);
                }
                _ if known => self.put_back([day]),
                Scouted::Narrow(_) => self.leave_unconfirmed(day, narrow(day), None),
                Scouted::RefusedAsEmpty(refusal) => {
                    self.leave_unconfirmed(day, wide(day), Some(refusal));
                }
                Scouted::Unclear(answers) => self.refused.push((day, answers)),
                Scouted::Failed(error) => self.fail(day, &error).await,
            }
        }
        Ok(())
    }

    /// Hands on what the wide window of a day has shown.
    async fn take_scouted(&self, day: NaiveDate, records: Vec<Record>) -> Scouted {
        if records.is_empty() {
            return Scouted::Empty;
        }
        self.keep(wide(day), &records).await;
        Scouted::Customers(records)
    }

    fn leave_unconfirmed(&mut self, day: NaiveDate, window: Window, refused: Option<Refusal>) {
        self.unconfirmed.push(Unconfirmed {
            day,
            window,
            proof: Proof::Contiguous,
            answered: self.server.moment(),
            refused,
            vanished: self.server.has_held(day),
        });
    }

    /// Whether a window was refused because of the number of rows that was asked for: with the default
    /// it is answered, or refused in other words.
    async fn is_limit_refused(&self, answers: &[(Window, Refusal)]) -> bool {
        for (window, refusal) in answers {
            let ask = Ask::first_page(*window, DEFAULT_LIMIT);
            match self.server.ask_expecting(ask, Some(refusal.clone())).await {
                Ok(records) => {
                    self.keep(ask.window, &records).await;
                    return true;
                }
                Err(error) if error.refusal().is_some_and(|other| other != refusal) => return true,
                Err(_) => {}
            }
        }
        false
    }

    /// D…D+1 is refused: because it is too wide, because it holds no customers, or in earnest.
    async fn judge_refused(
        &self,
        day: NaiveDate,
        mut error: Error,
        answered_before: bool,
    ) -> Result<Scouted, PullError> {
        let ask = Ask::first_page(wide(day), self.server.page_size());
        let mut verdict = self.judge(ask, &error).await?;
        if answered_before
            && matches!(verdict, Scouted::Unclear(_))
            && let Some(answer) = self.server.outlast(ask, None).await
        {
            error = match answer {
                Ok(records) => return Ok(self.take_scouted(day, records).await),
                Err(error) => error,
            };
            verdict = self.judge(ask, &error).await?;
            if matches!(verdict, Scouted::Unclear(_)) {
                self.server.give_up(ask).await;
            }
        }
        match verdict {
            Scouted::Unclear(_) if answered_before => Ok(Scouted::Failed(ask.failed(error))),
            verdict => Ok(verdict),
        }
    }

    /// What it means that D…D+1 is refused, or fails otherwise: `Unclear` where that is not known.
    async fn judge(&self, ask: Ask, error: &Error) -> Result<Scouted, PullError> {
        let Some(refusal) = error.refusal() else {
            let error = ask.failed(error.clone());
            return match self.server.is_of_a_window(&error) {
                true => Ok(Scouted::Failed(error)),
                false => Err(error),
            };
        };
        let mut may_be_empty = true;
        let mut answers = vec![(ask.window, refusal.clone())];
        if !self.server.is_plain(refusal) {
            let day = ask.window.start;
            let answer = match self.ask_narrow(day, None).await {
                Err(error) if self.server.is_of_a_window(&error) => {
                    return Ok(Scouted::Failed(error));
                }
                answer => answer?,
            };
            match answer {
                Ok(records) => return Ok(Scouted::Narrow(records)),
                Err(other) if self.server.is_plain(&other) => {
                    return Ok(Scouted::Narrow(Vec::new()));
                }
                // A window without customers is refused whatever its width.
                Err(other) => {
                    may_be_empty = same_sentence(refusal, ask.window, &other, narrow(day));
                    if !may_be_empty {
                        answers.push((narrow(day), other));
                    }
                }
            }
        }
        if may_be_empty && self.server.means_no_customers(ask, refusal).await? {
            return Ok(Scouted::RefusedAsEmpty(refusal.clone()));
        }
        // Where nothing was answered yet there is nothing to judge it by.
        let empty_answers = &mut self.server.knowledge().empty_answers;
        empty_answers.suspect(refusal, ask.window);
        Ok(Scouted::Unclear(answers))
    }

    /// What D…D holds, or how it is refused; one refusal would be no surprise and need not repeat.
    pub(crate) async fn ask_narrow(
        &self,
        day: NaiveDate,
        expected: Option<Refusal>,
    ) -> Result<Result<Vec<Record>, Refusal>, PullError> {
        if let Some((first, answer)) = &self.first_answer
            && *first == day
        {
            return Ok(answer.clone());
        }
        let ask = Ask::first_page(narrow(day), self.server.page_size());
        match self.server.ask_expecting(ask, expected).await {
            Ok(records) => {
                self.keep(ask.window, &records).await;
                Ok(Ok(records))
            }
            Err(error) => match error.refusal() {
                Some(refusal) => Ok(Err(refusal.clone())),
                None => Err(ask.failed(error)),
            },
        }
    }
}

/// What the wide window of a day, or the narrow one in its stead, has shown.
enum Scouted {
    Empty,
    Customers(Vec<Record>),
    /// D…D alone is accepted, and holds these.
    Narrow(Vec<Record>),
    /// It is refused in the way that means "no customers" here.
    RefusedAsEmpty(Refusal),
    /// It is refused, and nothing has been answered yet to judge that by.
    Unclear(Vec<(Window, Refusal)>),
    /// It is refused in earnest, or answered with something that cannot be read.
    Failed(PullError),
}
