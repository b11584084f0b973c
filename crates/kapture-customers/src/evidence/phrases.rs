//! What sentences say: which plainly mean that nothing was found, which are documented to mean something
//! else, and which are the same but for dates and numbers.

use kapture_model::Window;
use kapture_transport::Refusal;

/// Failures that are documented to mean something else than "no customers".
const DOCUMENTED: [&str; 6] = [
    "invalid json",
    "authkeyinvalid",
    "apiexpired",
    "api request is expired",
    "serverfailure",
    "reqfieldmissing",
];

/// Whether a failure says that the request lacks a field: it does so for every window.
pub(crate) fn says_field_is_missing(refusal: &Refusal) -> bool {
    let message = refusal.message.to_ascii_lowercase();
    message.contains("reqfieldmissing")
}

/// How many words a sentence has at least that is compared without its numbers: an error code alone
/// (`E-1017`) is compared as it is.
const MIN_WORDS: usize = 2;

/// A failure in the server's words, without what differs from one window to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageTemplate {
    status: u16,
    /// With the dates of the window taken out.
    exact: String,
    /// Its words without digits, dates and references, if they are enough to tell one sentence from
    /// another.
    words: Option<Vec<String>>,
}

impl MessageTemplate {
    pub(crate) fn of(refusal: &Refusal, window: Window) -> Self {
        let exact = refusal
            .message
            .replace(&window.start.to_string(), "#")
            .replace(&window.end.to_string(), "#")
            .trim()
            .to_lowercase();
        let words: Vec<_> = words(&exact).filter(|word| is_constant(word)).collect();
        Self {
            status: refusal.status,
            words: (words.len() >= MIN_WORDS).then_some(words),
            exact,
        }
    }

    /// Whether both say the same, but for dates and numbers.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.status == other.status
            && (self.exact == other.exact || self.words.is_some() && self.words == other.words)
    }
}

/// Whether a word is the same in every answer: it has no digit and names no month or day.
fn is_constant(word: &str) -> bool {
    const DATES: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon",
        "tue", "wed", "thu", "fri", "sat", "sun",
    ];
    let is_date = word.len() == 3 && DATES.contains(&word);
    !is_date && !word.chars().any(|letter| letter.is_ascii_digit())
}

fn words(sentence: &str) -> impl Iterator<Item = String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '-';
    sentence
        .split(move |letter| !is_part(letter))
        .map(|word| word.trim_matches('-').to_owned())
        .filter(|word| !word.is_empty())
}

/// Whether a failure is documented to mean something else than "no customers".
pub(crate) fn is_documented(refusal: &Refusal) -> bool {
    let lower = refusal.message.to_lowercase();
    DOCUMENTED
        .iter()
        .any(|documented| lower.contains(documented))
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
    (denied || missing || words == ["nothing", "found"]) && !words.iter().any(|it| is_doubtful(it))
}

/// Words of trouble behind a beginning that sounds like it: "No data available, please try again later".
fn is_doubtful(word: &str) -> bool {
    matches!(
        word,
        "again"
            | "later"
            | "retry"
            | "timeout"
            | "timed"
            | "cache"
            | "node"
            | "shard"
            | "index"
            | "unavailable"
            | "temporarily"
            | "maintenance"
            | "error"
    )
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
    use crate::request::Span;
    use chrono::NaiveDate;

    fn window(day: u32) -> Window {
        Span::TwoDays.window(NaiveDate::from_ymd_opt(2024, 5, day).unwrap())
    }

    fn refusal(status: u16, message: &str) -> Refusal {
        Refusal::new(status, message)
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
            "No data available, please try again later",
            "Data not found in cache for node 3",
        ] {
            assert!(!says_nothing_found(sentence), "{sentence}");
        }
    }

    #[test]
    fn sentences_are_the_same_but_for_dates_and_numbers() {
        let here = MessageTemplate::of(&refusal(200, "No rows since 2024-05-02"), window(2));
        let same = |status, message: &str| {
            here.matches(&MessageTemplate::of(&refusal(status, message), window(9)))
        };
        assert!(same(200, "No rows since 2024-05-09"));
        assert!(same(200, "no rows since May 9, 2024"));
        assert!(same(200, "No rows since 1715212800000 (9f31-22)"));
        assert!(!same(404, "No rows since 2024-05-09"));
        assert!(!same(200, "Overloaded since 2024-05-09"));
    }

    #[test]
    fn error_codes_are_compared_as_they_are() {
        let same = |one: &str, other: &str| {
            let one = MessageTemplate::of(&refusal(200, one), window(2));
            one.matches(&MessageTemplate::of(&refusal(200, other), window(9)))
        };
        assert!(same("E-1017", "e-1017 "));
        assert!(!same("E-1017", "E-1018"));
        assert!(same("E-1017 2024-05-02", "E-1017 2024-05-09"));
    }

    #[test]
    fn documented_failures_are_no_empty_response() {
        for message in ["Invalid Json.", "AuthKeyInvalid", "API Request is Expired"] {
            assert!(is_documented(&refusal(200, message)), "{message}");
        }
        assert!(!is_documented(&refusal(200, "No Data Found")));
    }
}
