//! The days that failed: one error for all that failed for the same reason.

use chrono::NaiveDate;
use kapture_customers::{Days, PullError};
use kapture_transport::Endpoint;

use super::date_ranges::ranges;
use crate::error::CliError;

/// The days that failed, by the reason.
pub(crate) struct FailedDays {
    endpoint: Endpoint,
    /// In the order of their first day.
    reasons: Vec<Reason>,
}

/// Days that failed for one reason.
struct Reason {
    /// What the errors of these days have in common.
    key: String,
    /// The error of the first one, which stands for all.
    error: PullError,
    days: Vec<NaiveDate>,
}

impl FailedDays {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            reasons: Vec::new(),
        }
    }

    /// The days that failed.
    pub(crate) fn days(&self) -> Days {
        let reasons = self.reasons.iter();
        reasons.flat_map(|reason| &reason.days).copied().collect()
    }

    /// Days failed with this error.
    pub(crate) fn add(&mut self, days: impl IntoIterator<Item = NaiveDate>, error: PullError) {
        let key = key(&error);
        let reason = match self.reasons.iter().position(|reason| reason.key == key) {
            Some(known) => &mut self.reasons[known],
            None => {
                let days = Vec::new();
                self.reasons.push(Reason { key, error, days });
                self.reasons.last_mut().expect("one was added")
            }
        };
        reason.days.extend(days);
    }

    /// The days that failed, by the kind of failure: for a request that failed, why it did.
    pub(crate) fn by_kind(&self) -> impl Iterator<Item = (String, Days)> {
        self.reasons.iter().map(|reason| {
            let kind = match reason.error.call_error() {
                Some(call) => format!("{:?}", call.root().kind()),
                None => format!("{:?}", reason.error.kind()),
            };
            (kind, reason.days.iter().copied().collect())
        })
    }

    /// One error for each reason, the one of the first failed day last. `what` makes the text of days
    /// such as `2024-05-01 to 2024-05-03 (3)`.
    pub(crate) fn take(&mut self, what: impl Fn(&str) -> String) -> Vec<CliError> {
        let reasons = std::mem::take(&mut self.reasons);
        let error = |Reason { error, days, .. }: Reason| {
            let days: Days = days.into_iter().collect();
            let failure = CliError::pull(error, self.endpoint);
            failure.context(what(&ranges(&days))).of_days(days)
        };
        reasons.into_iter().rev().map(error).collect()
    }
}

/// What errors of one reason have in common: the words of the server or the kind of failure, without
/// the window and any number, which differ from day to day.
fn key(error: &PullError) -> String {
    let text = match (refusal(error), error.call_error()) {
        (Some(refusal), _) => refusal,
        (None, Some(call)) => call.root().to_string(),
        (None, None) => return format!("{:?}", error.kind()),
    };
    text.replace(|letter: char| letter.is_ascii_digit(), "#")
}

/// The words of the server, if it refused.
fn refusal(error: &PullError) -> Option<String> {
    let refusal = match error {
        PullError::RefusesEverything { answer, .. } => Some(answer),
        error => error.call_error().and_then(|call| call.root().refusal()),
    };
    refusal.map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use kapture_model::Window;
    use kapture_transport::{Error, Refusal};

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).expect("a date")
    }

    fn call(of: u32, source: Error) -> PullError {
        PullError::Call {
            window: Window::day(day(of)),
            offset: 0,
            source,
        }
    }

    fn refusal(message: &str) -> Refusal {
        Refusal::new(200, message)
    }

    fn texts(mut failed: FailedDays) -> Vec<String> {
        let errors = failed.take(|days| format!("failed: {days}"));
        errors.iter().map(CliError::one_line).collect()
    }

    #[test]
    fn days_of_one_reason_are_one_error_with_ranges() {
        let mut failed = FailedDays::new(Endpoint::default());
        for of in [3, 1, 2, 9] {
            let message = format!("Session expired (reference {of}{of})");
            failed.add([day(of)], call(of, Error::Refused(refusal(&message))));
        }
        failed.add([day(4)], call(4, Error::Truncated));
        failed.add(
            (20..=25).map(day),
            PullError::RefusesEverything {
                window: Window::day(day(20)),
                answer: refusal("Session expired (reference 77)"),
            },
        );
        assert_eq!(failed.days().len(), 11);
        let texts = texts(failed);
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("failed: 2024-05-04: "), "{texts:?}");
        let days =
            "failed: 2024-05-01 to 2024-05-03 (3), 2024-05-09, 2024-05-20 to 2024-05-25 (6): ";
        assert!(texts[1].starts_with(days), "{texts:?}");
        assert!(texts[1].contains("Session expired (reference 33)"));
    }

    #[test]
    fn other_words_are_another_reason() {
        let mut failed = FailedDays::new(Endpoint::default());
        failed.add([day(1)], call(1, Error::Refused(refusal("Busy"))));
        failed.add([day(2)], call(2, Error::Refused(refusal("Moved"))));
        assert_eq!(texts(failed).len(), 2);
    }
}
