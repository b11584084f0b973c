//! Windows without customers in a run that has met none: no witness shows that they prove anything.

use chrono::NaiveDate;
use kapture_model::Record;
use kapture_transport::Error;

use crate::api::PullError;
use crate::calibration::{is_narrow, narrow, wide};
use crate::confirmation::Unconfirmed;
use crate::empty_answer::same_words;
use crate::run::Run;
use crate::server::Ask;

impl Run {
    /// They are believed if they are narrow for good reason, are empty by a plain word, and held no
    /// customers before. Else they are read again, or fail, or end the run.
    pub(crate) async fn confirm_without_customers(&mut self) -> Result<(), PullError> {
        if self.is_narrow_in_vain().await? || self.has_failures() {
            return Ok(());
        }
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        for doubtful in &unconfirmed {
            if let Some(refusal) = doubtful.refused.as_ref()
                && doubtful.is_opaque(&self.server)
            {
                return Err(PullError::AmbiguousEmpty {
                    answers: vec![(doubtful.window, refusal.clone())],
                });
            }
        }
        for doubtful in unconfirmed {
            let Unconfirmed { day, window, .. } = doubtful;
            match doubtful.vanished {
                true => {
                    self.fail(day, &PullError::EmptiedEverywhere { window })
                        .await
                }
                false => self.done(day, doubtful.proof).await,
            }
        }
        Ok(())
    }

    /// Narrow windows are asked only because wide ones are refused. Whether one of these is answered
    /// after all, so that the narrow ones have to be read anew; where others as wide were answered
    /// before, a day whose wide window is refused fails.
    async fn is_narrow_in_vain(&mut self) -> Result<bool, PullError> {
        let unconfirmed = self.unconfirmed.iter();
        let days = unconfirmed.filter(|doubtful| is_narrow(doubtful.window));
        let days: Vec<_> = days.map(|doubtful| doubtful.day).collect();
        let answers = self.ask_wide(&days).await;
        let mut answered = None;
        for (day, answer) in days.iter().zip(&answers) {
            match answer {
                Ok(records) => self.keep(wide(*day), records).await,
                // That it plainly has no customers is no word about its width.
                Err(error) if error.refusal().is_some_and(|it| self.server.is_plain(it)) => {}
                Err(_) => continue,
            }
            answered = Some(narrow(*day));
        }
        if let Some(window) = answered {
            self.doubt(window, PullError::NoCanary { window }).await?;
            return Ok(true);
        }
        let accepts_wide = self.server.knowledge().accepts_wide;
        for (day, answer) in days.into_iter().zip(answers) {
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
        Ok(false)
    }

    /// What was taken for an empty answer is a failure where others like it have turned out to be
    /// answered with success. Whether there are such, which have to be read anew.
    fn has_failures(&mut self) -> bool {
        let server = &self.server;
        let is_failure = |doubtful: &mut Unconfirmed| {
            let ask = Ask::first_page(doubtful.window, server.page_size());
            let are_successes = server.knowledge().empty_answers.are_successes(&ask);
            are_successes && doubtful.is_opaque(server)
        };
        let failures = self.unconfirmed.extract_if(.., is_failure);
        let days: Vec<_> = failures.map(|doubtful| doubtful.day).collect();
        let are_there = !days.is_empty();
        self.put_back(days);
        are_there
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
        let others = self.server.all(asking).await;
        [answer].into_iter().chain(others).collect()
    }
}
