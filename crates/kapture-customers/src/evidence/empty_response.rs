//! What "no customers" looks like where the server says it with a failure.
//!
//! Taking a real failure for "no customers" loses a day in silence; taking "no customers" for a failure
//! makes every quiet Sunday an error. A failure counts as one if the user says so, if it says so in plain
//! words, or if a *control* that must be empty is answered in the same words. What is then taken for an
//! empty window is still confirmed between canaries.

use chrono::{Days, NaiveDate};
use kapture_model::{Window, sanitize};
use kapture_transport::Refusal;

use crate::evidence::phrases::{MessageTemplate, is_documented, says_nothing_found};
use crate::request::{PageRequest, Span};

/// How far after the last asked day a window must be empty. Far enough for every time zone and typing
/// error, not so far that a 32-bit clock ends before it.
const YEARS_AHEAD: u64 = 5;

/// A day before there was any such system.
const LONG_AGO: (i32, u32, u32) = (1980, 1, 2);

/// How far behind the end of a window an offset must be past it, and not beyond 31 bits.
const ROWS_BEHIND: u64 = 1_000_000_000;

/// What has been learnt about empty responses in one run.
#[derive(Debug, Default)]
pub(crate) struct EmptyResponses {
    /// The sentence that the user says means "no customers".
    from_user: Option<String>,
    learnt: Vec<(Kind, Form)>,
    /// The words that were first taken for "no customers", and whether they are to be told.
    named: Option<String>,
    is_news: bool,
}

/// How requests of a kind are answered where there are no customers.
#[derive(Debug)]
enum Form {
    /// With success, at least once: then failures are failures, whatever is said elsewhere.
    Success,
    /// As the controls were: none of them, if they failed otherwise.
    Refusals(Vec<MessageTemplate>),
}

/// Empty windows and offsets past the end may be answered differently, as may windows of different
/// width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    span: Span,
    further_page: bool,
}

impl Kind {
    fn of(request: &PageRequest) -> Self {
        Self {
            span: request.span(),
            further_page: request.offset > 0,
        }
    }
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    NoCustomers,
    /// Trouble, or a failure.
    Trouble,
    /// Not known before the controls are answered.
    AskControls,
}

impl EmptyResponses {
    pub(crate) fn new(from_user: Option<String>) -> Self {
        Self {
            from_user,
            ..Self::default()
        }
    }

    /// What it means that `request` was refused. A window that `is_in_future` is not learnt about.
    pub(crate) fn judge(
        &mut self,
        request: &PageRequest,
        refusal: &Refusal,
        is_in_future: bool,
    ) -> Meaning {
        let meaning = self.meaning(request, refusal, is_in_future);
        if meaning == Meaning::NoCustomers && self.named.is_none() {
            self.named = Some(words(refusal, request.window));
            self.is_news = true;
        }
        meaning
    }

    fn meaning(&self, request: &PageRequest, refusal: &Refusal, is_in_future: bool) -> Meaning {
        if self.is_users(refusal) {
            return Meaning::NoCustomers;
        }
        if is_documented(refusal) {
            return Meaning::Trouble;
        }
        if says_nothing_found(&refusal.message) {
            return Meaning::NoCustomers;
        }
        if is_in_future {
            return Meaning::Trouble;
        }
        let template = MessageTemplate::of(refusal, request.window);
        match self.form(Kind::of(request)) {
            None => Meaning::AskControls,
            Some(Form::Success) => Meaning::Trouble,
            Some(Form::Refusals(controls)) => {
                match controls.iter().any(|control| control.matches(&template)) {
                    true => Meaning::NoCustomers,
                    false => Meaning::Trouble,
                }
            }
        }
    }

    /// Whether a refusal of `request` is known to mean "no customers".
    pub(crate) fn is_known(&self, request: &PageRequest, refusal: &Refusal) -> bool {
        self.meaning(request, refusal, false) == Meaning::NoCustomers
    }

    /// Whether a refusal says so by itself, or by the user's word.
    pub(crate) fn is_plain(&self, refusal: &Refusal) -> bool {
        self.is_users(refusal) || says_nothing_found(&refusal.message)
    }

    /// Whether the user said that these words mean "no customers".
    pub(crate) fn is_users(&self, refusal: &Refusal) -> bool {
        let users = self.from_user.as_ref();
        users.is_some_and(|text| as_told(text) == as_told(&refusal.message))
    }

    /// A request was answered with success and without customers: that is how this server says it.
    pub(crate) fn observe_success(&mut self, request: &PageRequest) {
        let kind = Kind::of(request);
        self.learnt.retain(|(learnt, _)| *learnt != kind);
        self.learnt.push((kind, Form::Success));
    }

    /// The controls of `request` were refused in these words; those that failed otherwise tell nothing.
    pub(crate) fn observe_controls(
        &mut self,
        request: &PageRequest,
        refusals: impl IntoIterator<Item = (Window, Refusal)>,
    ) {
        let kind = Kind::of(request);
        if self.form(kind).is_none() {
            let templates = refusals
                .into_iter()
                .filter(|(_, refusal)| !is_documented(refusal))
                .map(|(window, refusal)| MessageTemplate::of(&refusal, window));
            self.learnt
                .push((kind, Form::Refusals(templates.collect())));
        }
    }

    /// Forgets how the controls of `request` were refused. Returns whether there was anything to forget.
    pub(crate) fn forget_controls(&mut self, request: &PageRequest) -> bool {
        let kind = Kind::of(request);
        let before = self.learnt.len();
        self.learnt
            .retain(|(learnt, form)| *learnt != kind || matches!(form, Form::Success));
        self.learnt.len() < before
    }

    fn form(&self, kind: Kind) -> Option<&Form> {
        let mut learnt = self.learnt.iter();
        let (_, form) = learnt.find(|(learnt, _)| *learnt == kind)?;
        Some(form)
    }

    /// The words that stand for "no customers" on this server, where some do, for receipts.
    pub(crate) fn named(&self) -> Option<String> {
        self.named.clone()
    }

    /// The same, once.
    pub(crate) fn take_named(&mut self) -> Option<String> {
        std::mem::take(&mut self.is_news)
            .then(|| self.named.clone())
            .flatten()
    }
}

/// The same request where the answer must be empty: for windows long ago and years ahead, and for a
/// further page far behind the end of any window.
pub(crate) fn controls(request: &PageRequest, last_day: NaiveDate) -> Vec<PageRequest> {
    if request.offset > 0 {
        let offset = request.offset + ROWS_BEHIND;
        return vec![PageRequest { offset, ..*request }];
    }
    let (year, month, day) = LONG_AGO;
    let ahead = request.window.start.max(last_day);
    let days = [
        NaiveDate::from_ymd_opt(year, month, day),
        ahead.checked_add_days(Days::new(365 * YEARS_AHEAD)),
    ];
    let windows = days.into_iter().flatten();
    windows
        .map(|day| PageRequest {
            window: request.span().window(day),
            ..*request
        })
        .collect()
}

/// A refusal without the dates of its window.
fn words(refusal: &Refusal, window: Window) -> String {
    let words = refusal
        .message
        .replace(&window.start.to_string(), "DATE")
        .replace(&window.end.to_string(), "DATE");
    match words.trim().is_empty() {
        true => format!("HTTP status {}", refusal.status),
        false => words,
    }
}

/// A sentence as a user knows it: as errors print it, of whatever dates, in whatever case.
fn as_told(sentence: &str) -> String {
    let told = sanitize(sentence).to_ascii_lowercase();
    let is_date = |letters: &[char]| {
        let mut places = letters.iter().enumerate();
        places.all(|(place, letter)| match place {
            4 | 7 => *letter == '-',
            _ => letter.is_ascii_digit(),
        })
    };
    let letters: Vec<_> = told.chars().collect();
    let mut text = String::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        if letters.get(at..at + DATE.len()).is_some_and(is_date) {
            text.push_str(DATE);
            at += DATE.len();
        } else {
            text.push(*letter);
            at += 1;
        }
    }
    text
}

/// Stands for any date.
const DATE: &str = "YYYY-MM-DD";

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn refusal(status: u16, message: &str) -> Refusal {
        Refusal::new(status, message)
    }

    fn first_page(span: Span) -> PageRequest {
        PageRequest::first(span.window(day(2)), 100)
    }

    #[test]
    fn words_of_the_user_are_those_that_were_printed_for_any_window() {
        let printed = sanitize("Nichts\tvon 2024-05-01\nbis 2024-05-02\u{200b}");
        let responses = EmptyResponses::new(Some(printed.to_string()));
        let is_users = |message| responses.is_users(&refusal(200, message));
        assert!(is_users("nichts\tvon 2031-12-30\nbis 2031-12-31\u{200b}"));
        assert!(!is_users("nichts von 2031-12-30"));
        assert!(!is_users("Nichts von 2031-1-30 bis 2031-12-31"));
        assert!(EmptyResponses::new(Some("é".into())).is_users(&refusal(200, " é\n")));
    }

    #[test]
    fn odd_words_are_believed_if_a_control_is_answered_alike() {
        let mut responses = EmptyResponses::default();
        let request = first_page(Span::OneDay);
        let odd = refusal(200, "E-1017");
        assert_eq!(responses.judge(&request, &odd, false), Meaning::AskControls);
        let control = controls(&request, day(9))[0];
        responses.observe_controls(&request, [(control.window, odd.clone())]);
        assert_eq!(responses.judge(&request, &odd, false), Meaning::NoCustomers);
        assert_eq!(responses.take_named().as_deref(), Some("E-1017"));
        assert_eq!(responses.take_named(), None);
        let busy = refusal(200, "Overloaded");
        assert_eq!(responses.judge(&request, &busy, false), Meaning::Trouble);
        // A window of another width, and a further page, may be answered otherwise.
        let wide = first_page(Span::TwoDays);
        assert_eq!(responses.judge(&wide, &odd, false), Meaning::AskControls);
        let further = PageRequest {
            offset: 9,
            ..request
        };
        assert_eq!(responses.judge(&further, &odd, false), Meaning::AskControls);
    }

    #[test]
    fn refusal_is_trouble_where_empty_windows_are_answered_with_success() {
        let mut responses = EmptyResponses::default();
        let request = first_page(Span::OneDay);
        responses.observe_success(&request);
        responses.observe_controls(&request, [(request.window, refusal(200, "E-1017"))]);
        let odd = refusal(200, "E-1017");
        assert_eq!(responses.judge(&request, &odd, false), Meaning::Trouble);
        let plain = refusal(200, "No customers found");
        assert_eq!(
            responses.judge(&request, &plain, false),
            Meaning::NoCustomers
        );
    }

    #[test]
    fn windows_in_the_future_and_documented_failures_are_not_learnt_from() {
        let mut responses = EmptyResponses::default();
        let request = first_page(Span::OneDay);
        let future = refusal(200, "End date cannot be in the future");
        assert_eq!(responses.judge(&request, &future, true), Meaning::Trouble);
        let documented = refusal(200, "Invalid Json.");
        assert_eq!(
            responses.judge(&request, &documented, false),
            Meaning::Trouble
        );
    }

    #[test]
    fn controls_are_long_ago_and_years_ahead_or_far_behind_the_end() {
        let request = first_page(Span::TwoDays);
        let windows: Vec<_> = controls(&request, day(9))
            .iter()
            .map(|it| it.window)
            .collect();
        assert!(windows[0].start < day(2) - Days::new(365 * 30));
        assert_eq!(windows[1].start, day(9) + Days::new(365 * 5));
        assert!(
            windows
                .iter()
                .all(|window| Span::of(*window) == Span::TwoDays)
        );
        let further = PageRequest {
            offset: 7,
            ..request
        };
        assert_eq!(controls(&further, day(9))[0].offset, 1_000_000_007);
    }
}
