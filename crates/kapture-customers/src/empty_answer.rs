//! What "no customers" looks like where the server says it with a failure.
//!
//! Taking a real failure for "no customers" loses a day in silence; taking "no customers" for a
//! failure makes every quiet Sunday an error. So a failure is believed only on proof: it repeats
//! unchanged (which the client sees to) or plainly says that nothing was found, the same comes for
//! a window that must be empty, and the server has answered something else with success in this
//! run. And in the end a window that held customers must hold them still: see `run`.

use chrono::{Days, NaiveDate};
use kapture_model::sanitize;
use kapture_model::{Record, Window};
use kapture_transport::{Error, Refusal};

use crate::api::{Finding, PullError};
use crate::calibration::is_narrow;
use crate::server::{Ask, Server};

/// A failure that is documented to mean something else.
const KNOWN_REFUSAL: &str = "invalid json";

/// How far after the last asked day a window must be empty. Far enough for every time zone and
/// typing error, not so far that a 32-bit clock ends before it.
const YEARS_AHEAD: u64 = 5;

/// How far behind the end of a window an offset must be past it, and not beyond 31 bits.
const ROWS_BEHIND: u64 = 1_000_000_000;

/// What has been learnt about empty answers in one run.
#[derive(Debug, Default)]
pub(crate) struct EmptyAnswers {
    /// The sentence that the user says means "no customers".
    from_user: Option<String>,
    learnt: Vec<(Kind, Form)>,
    /// Refused windows, before anything was answered: each further one need not repeat it.
    suspected: Option<Sentence>,
}

/// How questions of a kind are answered where there are no customers.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// With success, at least once: then failures are failures, whatever is said elsewhere.
    Success,
    Refusal(Sentence),
}

/// Empty windows and offsets past the end may be answered differently, as may windows of
/// different width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    one_day: bool,
    further_page: bool,
}

impl Kind {
    fn of(ask: &Ask) -> Self {
        Self {
            one_day: is_narrow(ask.window),
            further_page: ask.offset > 0,
        }
    }
}

/// A failure in the server's words, with the dates of the window taken out, so that "nothing
/// between 2024-05-01 and 2024-05-02" is the same sentence for every window.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sentence {
    status: u16,
    template: String,
}

const START: &str = "\u{1}";
const END: &str = "\u{2}";

impl Sentence {
    fn of(refusal: &Refusal, window: Window) -> Self {
        let template = refusal
            .message
            .replace(&window.start.to_string(), START)
            .replace(&window.end.to_string(), END);
        Self {
            status: refusal.status,
            template,
        }
    }

    fn for_window(&self, window: Window) -> Refusal {
        Refusal {
            status: self.status,
            message: self
                .template
                .replace(START, &window.start.to_string())
                .replace(END, &window.end.to_string()),
        }
    }
}

impl EmptyAnswers {
    pub(crate) fn new(from_user: Option<String>) -> Self {
        Self {
            from_user,
            ..Self::default()
        }
    }

    /// The refusal that other windows met before anything was answered, for this one.
    pub(crate) fn suspected(&self, window: Window) -> Option<Refusal> {
        Some(self.suspected.as_ref()?.for_window(window))
    }

    /// A refusal that repeated unchanged before anything was answered.
    pub(crate) fn suspect(&mut self, refusal: &Refusal, window: Window) {
        self.suspected = Some(Sentence::of(refusal, window));
    }

    fn learnt(&self, kind: Kind) -> Option<&Form> {
        let mut learnt = self.learnt.iter();
        let (_, form) = learnt.find(|(learnt, _)| *learnt == kind)?;
        Some(form)
    }

    /// Returns whether it is believed.
    fn learn(&mut self, kind: Kind, form: Form) -> bool {
        let believed = self.learnt(kind) != Some(&Form::Success);
        if believed {
            self.learnt.retain(|(learnt, _)| *learnt != kind);
            self.learnt.push((kind, form));
        }
        believed
    }

    /// Whether questions like this one are answered with success where there are no customers.
    pub(crate) fn are_successes(&self, ask: &Ask) -> bool {
        self.learnt(Kind::of(ask)) == Some(&Form::Success)
    }

    /// Whether a refusal is known to be the answer where there are no customers.
    fn is_learnt(&self, ask: &Ask, refusal: &Refusal) -> bool {
        let Some(Form::Refusal(sentence)) = self.learnt(Kind::of(ask)) else {
            return false;
        };
        *sentence == Sentence::of(refusal, ask.window)
    }

    /// Whether a refusal plainly says that there are no customers: in itself, or by the user's word.
    pub(crate) fn is_plain(&self, refusal: &Refusal) -> bool {
        self.is_users(refusal) || says_nothing_found(&refusal.message)
    }

    /// Whether a refusal need not repeat to be taken for the server's answer: it says plainly what
    /// it means, or it is a 404 that is known to mean just that. Any other words might stand for a
    /// hiccup as well.
    pub(crate) fn is_understood(&self, ask: &Ask, refusal: &Refusal) -> bool {
        self.is_plain(refusal) || refusal.status == 404 && self.is_learnt(ask, refusal)
    }

    /// What a first page without customers is known to be answered with. There is none for further
    /// pages: a window is not asked again for where it was found to end.
    pub(crate) fn expected(&self, ask: &Ask) -> Option<Refusal> {
        match self.learnt(Kind::of(ask))? {
            Form::Refusal(sentence) if ask.offset == 0 => Some(sentence.for_window(ask.window)),
            _ => None,
        }
    }

    fn is_users(&self, refusal: &Refusal) -> bool {
        let users = self.from_user.as_ref();
        users.is_some_and(|text| as_told(text) == as_told(&refusal.message))
    }

    /// A question was answered with success and without customers: that is how this server says
    /// it, and a failure is a failure.
    pub(crate) fn saw_plain_success(&mut self, ask: &Ask) {
        self.learn(Kind::of(ask), Form::Success);
    }

    /// Takes back what was learnt of failures, but not what the user said. That a failure is one stays.
    pub(crate) fn forget(&mut self) {
        self.learnt.retain(|(_, form)| *form == Form::Success);
    }

    /// The sentence for receipts.
    pub(crate) fn named(&self) -> Option<String> {
        let mut forms = self.learnt.iter().map(|(_, form)| form);
        let sentence = forms.find_map(|form| match form {
            Form::Success => None,
            Form::Refusal(sentence) => Some(sentence),
        })?;
        let words = sentence
            .template
            .replace(START, "DATE")
            .replace(END, "DATE");
        Some(if words.trim().is_empty() {
            format!("HTTP status {}", sentence.status)
        } else {
            words
        })
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

impl Server {
    /// Whether a failure that repeated unchanged is this server's way to say "no customers".
    pub(crate) async fn means_no_customers(
        &self,
        ask: Ask,
        refusal: &Refusal,
    ) -> Result<bool, PullError> {
        if self.knowledge().empty_answers.is_users(refusal) {
            return Ok(true);
        }
        if refusal.message.to_lowercase().contains(KNOWN_REFUSAL) {
            return Ok(false);
        }
        // One proof serves all days: whoever comes second finds it made.
        let _one_at_a_time = self.learning.lock().await;
        let is_learnt = || self.knowledge().empty_answers.is_learnt(&ask, refusal);
        if is_learnt() {
            return Ok(true);
        }
        {
            let knowledge = self.knowledge();
            // Without any success in this run, only a sentence that leaves no doubt is believed.
            let answers = &knowledge.empty_answers;
            let believable = knowledge.answered || answers.is_plain(refusal);
            if !believable || answers.are_successes(&ask) {
                return Ok(false);
            }
        }
        match self.learn_empty_answer(ask).await {
            Err(error) if error.is_fatal() => Err(error),
            // Nothing was learnt from trouble in the far future, and nothing is believed.
            _ => Ok(is_learnt()),
        }
    }

    /// Asks the same question where the answer must be empty.
    async fn learn_empty_answer(&self, ask: Ask) -> Result<(), PullError> {
        let Some(empty) = self.must_be_empty(ask) else {
            return Ok(());
        };
        let answer = self.ask_plainly(empty).await;
        self.take_empty_answer(ask, empty, answer)
            .map_err(|error| empty.failed(error))
    }

    /// The same before it is known whether that will be needed. Whoever answers with trouble that far
    /// ahead may do well elsewhere.
    pub(crate) async fn learn_empty_answer_in_passing(&self, ask: Ask) {
        if let Some(empty) = self.must_be_empty(ask) {
            let answer = self.ask_in_passing(empty).await;
            if let Err(error) = self.take_empty_answer(ask, empty, answer) {
                tracing::debug!(window = %empty.window, %error, "not learnt");
            }
        }
    }

    /// What the question `ask` was answered with where the answer must be `empty`.
    fn take_empty_answer(
        &self,
        ask: Ask,
        empty: Ask,
        answer: Result<Vec<Record>, Error>,
    ) -> Result<(), Error> {
        let sentence = match answer {
            Ok(_) => {
                self.knowledge().empty_answers.saw_plain_success(&ask);
                return Ok(());
            }
            Err(error) => match error.refusal() {
                Some(refusal) => Sentence::of(refusal, empty.window),
                None => return Err(error),
            },
        };
        let learnt = {
            let answers = &mut self.knowledge().empty_answers;
            let believed = answers.learn(Kind::of(&ask), Form::Refusal(sentence));
            answers.named().filter(|_| believed)
        };
        if let Some(named) = learnt {
            self.events.learned(Finding::EmptyResponse(named));
        }
        Ok(())
    }

    /// The same question for a window years ahead; and for a further page, one so far behind that
    /// no window has as many rows.
    fn must_be_empty(&self, ask: Ask) -> Option<Ask> {
        if ask.offset > 0 {
            let offset = ask.offset + ROWS_BEHIND;
            return Some(Ask { offset, ..ask });
        }
        let later = |day: NaiveDate| {
            day.max(self.last_day)
                .checked_add_days(Days::new(365 * YEARS_AHEAD))
        };
        let start = later(ask.window.start)?;
        let end = start.checked_add_signed(ask.window.end - ask.window.start)?;
        let window = Window::new(start, end).ok()?;
        Some(Ask { window, ..ask })
    }
}

/// The words in which `asked` was refused, as they would be for another window.
pub(crate) fn same_words(refusal: &Refusal, asked: Window, other: Window) -> Refusal {
    Sentence::of(refusal, asked).for_window(other)
}

/// Whether two windows were refused in the same words, dates aside.
pub(crate) fn same_sentence(one: &Refusal, first: Window, other: &Refusal, second: Window) -> bool {
    Sentence::of(one, first) == Sentence::of(other, second)
}

/// Whether a sentence plainly says that nothing was found. The patterns, with `thing` for
/// customer, record, data, result, information, detail or entry and their plurals:
/// "no thing", "no thing found / available / exist / present / between / in / matching / were …",
/// and, with nothing before it but "the", "given", "requested", "any", "such" or another `thing`,
/// "thing not found" and "thing does / do not exist"; and "nothing found".
///
/// "Not found" alone is none of them: a wrong path is answered so. Nor is "user details not found".
pub(crate) fn says_nothing_found(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let denied = words.first() == Some(&"no")
        && words.get(1).is_some_and(|word| is_thing(word))
        && words.get(2).is_none_or(|word| {
            matches!(
                *word,
                "found"
                    | "available"
                    | "exist"
                    | "exists"
                    | "present"
                    | "between"
                    | "in"
                    | "matching"
                    | "were"
                    | "was"
            )
        });
    let subject = words
        .iter()
        .take_while(|word| {
            is_thing(word) || matches!(**word, "the" | "given" | "requested" | "any" | "such")
        })
        .count();
    let missing = subject > 0
        && is_thing(words[subject - 1])
        && (words[subject..].starts_with(&["not", "found"])
            || words[subject..].starts_with(&["does", "not", "exist"])
            || words[subject..].starts_with(&["do", "not", "exist"]));
    denied || missing || words == ["nothing", "found"]
}

fn is_thing(word: &str) -> bool {
    matches!(
        word.strip_suffix('s').unwrap_or(word),
        "customer" | "record" | "data" | "result" | "information" | "detail" | "entrie" | "entry"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{narrow, wide};

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn refusal(status: u16, message: &str) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }

    #[test]
    fn words_are_the_same_but_for_the_dates_that_were_asked() {
        let here = refusal(200, "Nothing since 2024-05-02");
        let same = |other| same_sentence(&here, narrow(day(2)), &other, narrow(day(9)));
        assert!(same(refusal(200, "Nothing since 2024-05-09")));
        assert!(!same(refusal(200, "Nothing since 2024-05-02")));
        assert!(!same(refusal(404, "Nothing since 2024-05-09")));
        assert!(!same(refusal(200, "Overloaded since 2024-05-09")));
    }

    #[test]
    fn plain_sentences_say_that_nothing_was_found() {
        for sentence in [
            "No customers found",
            "No Data Found.",
            "no record",
            "No customer found for the given dates!",
            "Customer not found",
            "Given information does not exist.",
            "Records do not exist in our system",
            "Nothing found",
            "No results between 2024-05-01 and 2024-05-02",
        ] {
            assert!(says_nothing_found(sentence), "{sentence}");
        }
    }

    #[test]
    fn other_sentences_do_not() {
        for sentence in [
            "",
            "Not found",
            "Not Found: /ms/customer-search",
            "Invalid Auth Key",
            "Something went wrong",
            "Account does not exist",
            "No permission",
            "No customer id given",
            "Customer search failed",
            "Customer id, e-mail or phone is mandatory",
            "User not found",
            "User details not found",
            "Account information does not exist",
            "Data not available, please try again later",
        ] {
            assert!(!says_nothing_found(sentence), "{sentence}");
        }
    }

    #[test]
    fn the_users_words_are_those_that_were_printed_for_whatever_window() {
        let said = |message: &str| refusal(200, message);
        let printed = sanitize("Nichts\tvon 2024-05-01\nbis 2024-05-02\u{200b}");
        let answers = EmptyAnswers::new(Some(printed));
        let other = "nichts\tvon 2031-12-30\nbis 2031-12-31\u{200b}";
        assert!(answers.is_plain(&said(other)));
        assert!(!answers.is_plain(&said("nichts von 2031-12-30")));
        assert!(!answers.is_plain(&said("Nichts von 2031-1-30 bis 2031-12-31")));
        assert!(EmptyAnswers::new(Some("é".into())).is_plain(&said(" é\n")));
    }

    #[test]
    fn a_sentence_with_dates_is_the_same_for_every_window() {
        let said = |text: &str| refusal(200, text);
        let one = Sentence::of(&said("none from 2024-05-01 to 2024-05-02"), wide(day(1)));
        let other = Sentence::of(&said("none from 2024-05-08 to 2024-05-09"), wide(day(8)));
        assert_eq!(one, other);
        assert_eq!(
            one.for_window(wide(day(3))).message,
            "none from 2024-05-03 to 2024-05-04"
        );
        let same_day = Sentence::of(&said("none from 2024-05-01 to 2024-05-01"), narrow(day(1)));
        assert_eq!(
            same_day.for_window(narrow(day(2))).message,
            "none from 2024-05-02 to 2024-05-02"
        );
        assert_ne!(one, Sentence::of(&said("busy"), wide(day(1))));
    }

    /// Where it was learnt that `ask` is answered so for want of customers.
    fn learnt(ask: &Ask, refusal: &Refusal) -> EmptyAnswers {
        let mut answers = EmptyAnswers::new(Some("None".into()));
        let sentence = Sentence::of(refusal, ask.window);
        assert!(answers.learn(Kind::of(ask), Form::Refusal(sentence)));
        answers
    }

    #[test]
    fn what_was_learnt_holds_for_first_pages_of_windows_as_wide() {
        let ask = Ask::first_page(wide(day(1)), 500);
        let further = Ask { offset: 1, ..ask };
        let answers = learnt(&ask, &refusal(200, "none since 2024-05-01"));
        let expected = answers.expected(&Ask::first_page(wide(day(8)), 100));
        assert_eq!(expected, Some(refusal(200, "none since 2024-05-08")));
        assert_eq!(answers.expected(&further), None);
        assert_eq!(
            answers.expected(&Ask::first_page(narrow(day(1)), 500)),
            None
        );
        let answers = learnt(&further, &refusal(200, "no more"));
        assert_eq!(
            answers.expected(&further),
            None,
            "of further pages nothing is"
        );
    }

    #[test]
    fn plain_words_and_a_known_404_need_not_repeat() {
        let ask = Ask::first_page(wide(day(1)), 500);
        let answers = learnt(&ask, &refusal(404, "gone"));
        let understood = |refusal| answers.is_understood(&ask, &refusal);
        assert!(understood(refusal(200, "No customers found")));
        assert!(understood(refusal(200, "none ")), "the user said so");
        assert!(understood(refusal(404, "gone")));
        assert!(!understood(refusal(404, "down")));
        assert!(!understood(refusal(200, "gone")));
        let answers = learnt(&ask, &refusal(200, "E-1017"));
        assert!(!answers.is_understood(&ask, &refusal(200, "E-1017")));
    }

    #[test]
    fn a_failure_is_one_where_a_question_like_it_was_answered_with_success() {
        let ask = Ask::first_page(wide(day(1)), 500);
        let further = Ask { offset: 1, ..ask };
        let gone = || Form::Refusal(Sentence::of(&refusal(404, "gone"), wide(day(1))));
        for success_first in [true, false] {
            let mut answers = EmptyAnswers::default();
            if success_first {
                answers.saw_plain_success(&ask);
            }
            assert_eq!(answers.learn(Kind::of(&ask), gone()), !success_first);
            answers.saw_plain_success(&ask);
            assert!(!answers.is_understood(&ask, &refusal(404, "gone")));
            assert_eq!((answers.expected(&ask), answers.named()), (None, None));
            assert!(answers.learn(Kind::of(&further), gone()));
            assert!(answers.is_understood(&further, &refusal(404, "gone")));
            assert_eq!(answers.named().as_deref(), Some("gone"));
        }
    }

    #[test]
    fn what_was_learnt_is_forgotten_and_what_the_user_said_is_not() {
        let ask = Ask::first_page(wide(day(1)), 500);
        let mut answers = learnt(&ask, &refusal(404, "gone"));
        answers.forget();
        assert_eq!((answers.expected(&ask), answers.named()), (None, None));
        assert!(answers.is_plain(&refusal(200, "none")));
        answers.saw_plain_success(&ask);
        answers.forget();
        assert!(answers.are_successes(&ask));
    }

    #[test]
    fn what_one_window_met_before_anything_was_answered_is_suspected_of_all() {
        let mut answers = EmptyAnswers::default();
        assert_eq!(answers.suspected(wide(day(8))), None);
        answers.suspect(&refusal(200, "none since 2024-05-01"), wide(day(1)));
        let suspected = Some(refusal(200, "none since 2024-05-08"));
        assert_eq!(answers.suspected(wide(day(8))), suspected);
    }
}
