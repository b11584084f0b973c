//! The body of a response: customers, or a failure with a message.

use crate::Record;
use crate::json::lossy_text::LossyText;
use crate::json::scanner::{self, Scanner};
use crate::json::strict::{self, strict};
use crate::record::Shape;
use crate::schema::documented::fields;
use crate::schema::drift::Owner;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

/// The longest message that is kept though it is JSON and not text, in bytes.
const QUOTED: usize = 2_000;

/// The most characters of a message that are kept.
const LONGEST_MESSAGE: usize = 10_000;

/// One answer, decoded from its body alone: the API sends failures with HTTP 200, and the content
/// type is not documented.
///
/// ```
/// use kapture_model::Answer;
///
/// let page = br#"{"message": [{"id": 1}, {"id": 2}], "status": "success"}"#;
/// let Answer::Customers(records) = Answer::decode(page.as_slice().into())? else { panic!() };
/// assert_eq!(records.len(), 2);
///
/// let body = br#"{"message": "Invalid Auth Key", "status": "failed"}"#;
/// let Answer::Failed { message } = Answer::decode(body.as_slice().into())? else { panic!() };
/// assert_eq!(message, "Invalid Auth Key");
/// # Ok::<(), kapture_model::AnswerError>(())
/// ```
#[derive(Debug, Clone)]
pub enum Answer {
    /// The customers of a page, in the order the API sent them.
    Customers(Vec<Record>),
    /// The API reports a failure.
    Failed {
        /// The API's message, unchanged, which may be empty; at most 10,000 characters of it. A
        /// message that is not text, or text that contains JSON, is given as JSON if it is short
        /// and cannot be a customer; else a description stands for it. A code in place of the status
        /// comes before it: `APIExpired: API Request is Expired`. Without a message it is the one
        /// text of the answer, if there is one, or what is under a key such as `error`.
        message: String,
    },
}

/// Why a body is not an answer. Contains no part of the body, which may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The body is not JSON, but for example a login page or the error page of a gateway.
    #[error("the answer is not JSON: error at line {line}, column {column}")]
    NotJson {
        /// Line of the first error, counted from 1.
        line: usize,
        /// Column of the first error in bytes, counted from 1.
        column: usize,
    },
    /// The body is empty or incomplete.
    #[error("the answer is incomplete")]
    Truncated,
    /// An object with other text behind it, as a proxy may add it.
    #[error("the answer is JSON with other text behind it, at line {line}, column {column}")]
    TrailingText {
        /// Line of the other text, counted from 1.
        line: usize,
        /// Column of the other text in bytes, counted from 1.
        column: usize,
    },
    /// The body is JSON, but has neither of the shapes an answer has.
    #[error("the answer is JSON, but not of the documented shape")]
    UnexpectedShape,
    /// A row of the page is not a customer, or has no usable id.
    #[error("row {row} of the page has no usable id")]
    MissingId {
        /// The number of the row in the page, counted from 0. The offset of the request plus this
        /// number is its place in the window.
        row: usize,
    },
    /// The page has more rows than customers fit into a body of a few hundred MB. Decoding them
    /// would take far more memory than the body.
    #[error("the page has more than {limit} rows")]
    TooManyRows {
        /// The most rows that are decoded: a million.
        limit: usize,
    },
}

impl AnswerError {
    /// Why a text is no JSON.
    fn of(text: &str) -> Self {
        let mut scanner = Scanner::new(text);
        scanner.skip_whitespace();
        if scanner.value().is_some_and(|value| value.starts_with('{')) {
            scanner.skip_whitespace();
            let before = scanner.since(0);
            let line = before.rsplit('\n').next().unwrap_or_default();
            return AnswerError::TrailingText {
                line: before.matches('\n').count() + 1,
                column: line.len() + 1,
            };
        }
        match serde_json::from_str::<IgnoredAny>(&strict::mask(text)) {
            Err(error) if error.is_eof() => AnswerError::Truncated,
            Err(error) => AnswerError::NotJson {
                line: error.line(),
                column: error.column(),
            },
            Ok(_) => AnswerError::UnexpectedShape,
        }
    }
}

const MAX_ROWS: usize = 1_000_000;

/// The raw values of the two keys of an answer, in any case: older answers have `Message`.
#[derive(Default)]
struct Envelope<'a> {
    message: Option<Member<'a>>,
    status: Option<Member<'a>>,
    /// One of the keys is repeated with another value, or in another case.
    contradicts_itself: bool,
    /// There are rows under another key.
    has_other_rows: bool,
    /// The texts under other keys.
    other_texts: Vec<&'a str>,
    /// The value under a key that speaks of an error.
    error: Option<&'a str>,
}

/// A key as it is spelled, and its raw value.
#[derive(PartialEq)]
struct Member<'a> {
    key: String,
    value: &'a str,
}

impl Answer {
    /// Decodes the body of an answer.
    ///
    /// - A list with status `success` or without a status: customers. An object with a usable id in
    ///   place of the list is a page of one row. An empty list, null, blank text or nothing at all
    ///   with `success`: no customers, unless rows with an id are under another key.
    /// - Any other status, or text in place of the list: a failure, unless the body has rows that
    ///   may be customers. So is an object with neither key that has one such as `error`.
    ///
    /// The keys and the word `success` may be in any case.
    ///
    /// A leading byte order mark and whitespace are skipped. Bytes in text that are no UTF-8, control
    /// characters in text and numbers that are not finite (`NaN`) stay as they are in the records:
    /// none of them may cost a page of customers. Null and blank text count as absent.
    ///
    /// # Errors
    /// When the body is empty, cut short, not JSON or of another shape, when it contradicts itself
    /// (`message` or `status` twice, and not the same or not in the same case; a failure with rows;
    /// rows that are not where they belong), or when a row has no usable id.
    pub fn decode(body: Bytes) -> Result<Answer, AnswerError> {
        let source = LossyText::of(&body);
        let text = source.text();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(records) = page(&source, text) {
            return Ok(Answer::Customers(records));
        }
        let mut scanner = Scanner::new(text);
        scanner.skip_whitespace();
        match scanner.value().filter(|_| scanner.is_at_end()) {
            Some(answer) => Envelope::of(answer).decode(&source),
            None => Err(AnswerError::of(text)),
        }
    }
}

/// The keys of an answer, in any case.
enum Key {
    Message,
    Status,
    Other,
}

impl Key {
    fn of(key: &str) -> Self {
        if key.eq_ignore_ascii_case("message") {
            Key::Message
        } else if key.eq_ignore_ascii_case("status") {
            Key::Status
        } else {
            Key::Other
        }
    }
}

/// The records of an answer as nearly every one is, in one pass. `None` where anything is out of
/// the ordinary: then it is looked at with more patience.
fn page(body: &LossyText, text: &str) -> Option<Vec<Record>> {
    let mut records = None;
    let mut status = None;
    let mut has_more = false;
    let mut scanner = Scanner::new(text);
    scanner.skip_whitespace();
    scanner.object(|key, scanner| {
        match Key::of(key) {
            Key::Message if records.is_none() => {
                let mut page = Vec::new();
                let mut shape = Shape::default();
                if scanner.peek() == Some(b'{') {
                    page.push(shape.scan(body, scanner)?.ok()?);
                    records = Some(page);
                    return Some(());
                }
                scanner.list(|scanner| {
                    if page.len() == MAX_ROWS {
                        return None;
                    }
                    page.push(shape.scan(body, scanner)?.ok()?);
                    Some(())
                })?;
                records = Some(page);
            }
            Key::Status if status.is_none() => status = Some(scanner.value()?),
            Key::Message | Key::Status => return None,
            Key::Other => {
                scanner.value()?;
                has_more = true;
            }
        }
        Some(())
    })?;
    let succeeded = status.is_none_or(says_success) && scanner.is_at_end();
    // Perhaps the rows are elsewhere.
    records.filter(|records: &Vec<Record>| succeeded && !(records.is_empty() && has_more))
}

impl<'a> Envelope<'a> {
    fn of(answer: &'a str) -> Self {
        let mut envelope = Envelope::default();
        // An answer that is no object has neither key.
        let _ = Scanner::new(answer).object(|key, scanner| {
            let value = scanner.value()?;
            let place = match Key::of(key) {
                Key::Message => &mut envelope.message,
                Key::Status => &mut envelope.status,
                Key::Other => {
                    envelope.has_other_rows |= has_rows(value, OTHER_ROWS_WITHIN);
                    if value.starts_with('"') && !scanner::is_blank(value) {
                        envelope.other_texts.push(value);
                    }
                    if speaks_of_error(key) && is_error(value) {
                        envelope.error.get_or_insert(value);
                    }
                    return Some(());
                }
            };
            let key = key.to_owned();
            let known = place.replace(Member { key, value });
            envelope.contradicts_itself |=
                known.is_some_and(|known| Some(&known) != place.as_ref());
            Some(())
        });
        envelope
    }

    fn decode(self, body: &LossyText) -> Result<Answer, AnswerError> {
        if self.contradicts_itself {
            return Err(AnswerError::UnexpectedShape);
        }
        let is_empty = self.message.is_some();
        let said = |member: Option<Member<'a>>| {
            let value = member.map(|member| member.value);
            value.filter(|json| !scanner::is_null_or_blank(json))
        };
        let (status, said) = (said(self.status), said(self.message));
        let succeeded = status.map(says_success);
        let only_text = match *self.other_texts {
            [text] => Some(text),
            _ => None,
        };
        match (succeeded, said) {
            // Perhaps these are the customers.
            (Some(true), None) if self.has_other_rows => Err(AnswerError::UnexpectedShape),
            (_, Some(message)) if self.has_other_rows && is_empty_list(message) => {
                Err(AnswerError::UnexpectedShape)
            }
            (Some(true) | None, Some(message))
                if self.has_other_rows && message.starts_with('"') =>
            {
                Err(AnswerError::UnexpectedShape)
            }
            (Some(true), None) => Ok(Answer::Customers(Vec::new())),
            (Some(false), said) => {
                let message = said.or(only_text).or(self.error);
                let message = message.map(|text| body.lossy(text));
                failed(status.and_then(code), message)
            }
            (None, None) if !is_empty && !self.has_other_rows && self.error.is_some() => {
                failed(None, self.error.map(|error| body.lossy(error)))
            }
            // Without a status nothing vouches for an empty message: it may be a failure.
            (None, None) if is_empty => failed(None, None),
            (None, None) => Err(AnswerError::UnexpectedShape),
            (_, Some(message)) => match message.as_bytes().first() {
                Some(b'[') => records(body, message),
                Some(b'{') => match Record::scan(body, &mut Scanner::new(message)) {
                    Some(Ok(record)) => Ok(Answer::Customers(vec![record])),
                    _ => Err(AnswerError::UnexpectedShape),
                },
                Some(b'"') => failed(None, Some(body.lossy(message))),
                _ => Err(AnswerError::UnexpectedShape),
            },
        }
    }
}

fn records(body: &LossyText, list: &str) -> Result<Answer, AnswerError> {
    let mut values = Vec::new();
    let whole = Scanner::new(list).list(|scanner| {
        values.push(scanner.value()?);
        (values.len() <= MAX_ROWS).then_some(())
    });
    if values.len() > MAX_ROWS {
        return Err(AnswerError::TooManyRows { limit: MAX_ROWS });
    }
    whole.ok_or(AnswerError::UnexpectedShape)?;
    let record = |(row, value): (usize, &str)| {
        let record = Record::scan(body, &mut Scanner::new(value));
        let record = record.and_then(Result::ok);
        record.ok_or(AnswerError::MissingId { row })
    };
    let records = values.into_iter().enumerate().map(record);
    Ok(Answer::Customers(records.collect::<Result<_, _>>()?))
}

fn is_empty_list(value: &str) -> bool {
    Scanner::new(value).list(|_| None).is_some()
}

/// How deep in other values rows are looked for: `{"data":{"customers":[{…}]}}`.
const OTHER_ROWS_WITHIN: usize = 2;

/// Whether a value is a list that begins with an object that has an id, or has one `within` so many
/// objects.
fn has_rows(value: &str, within: usize) -> bool {
    let mut has_rows = false;
    let mut scanner = Scanner::new(value);
    match scanner.peek() {
        Some(b'[') => {
            let _ = scanner.list(|scanner| {
                let _ = scanner.object(|key, scanner| {
                    has_rows |= key == "id";
                    scanner.value().map(|_| ())
                });
                None
            });
        }
        Some(b'{') if within > 0 => {
            let _ = scanner.object(|_, scanner| {
                has_rows |= self::has_rows(scanner.value()?, within - 1);
                Some(())
            });
        }
        _ => {}
    }
    has_rows
}

/// Whether a key has the failure in an answer of another shape: `{"error":"APIExpired"}`,
/// `{"fault":{"faultstring":"…"}}`.
fn speaks_of_error(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["error", "fault", "exception"]
        .iter()
        .any(|word| key.contains(word))
}

/// Whether the value of such a key is a failure: text, an object or a list that is not empty.
fn is_error(value: &str) -> bool {
    !scanner::is_null_or_blank(value)
        && value.starts_with(['"', '{', '['])
        && !is_empty_list(value)
        && value != "{}"
}

fn says_success(status: &str) -> bool {
    scanner::decode_text(status).is_some_and(|text| text.trim().eq_ignore_ascii_case("success"))
}

/// A failure's own name, if the status has one in place of a plain word: `APIExpired`.
fn code(status: &str) -> Option<String> {
    const PLAIN: [&str; 8] = [
        "failed",
        "failure",
        "fail",
        "error",
        "ok",
        "false",
        "true",
        "unsuccessful",
    ];
    let word = scanner::decode_text(status)?.trim().to_owned();
    let is_name = word.len() <= LONGEST_CODE && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_plain = PLAIN.iter().any(|plain| word.eq_ignore_ascii_case(plain));
    (is_name && !is_plain).then_some(word)
}

/// The longest name of a failure, in letters.
const LONGEST_CODE: usize = 40;

fn failed(code: Option<String>, message: Option<Cow<'_, str>>) -> Result<Answer, AnswerError> {
    let message = message.map_or_else(|| Some(String::new()), |json| words(&json));
    // A failure with customers contradicts itself: it must not count as "no customers".
    let message = message.ok_or(AnswerError::UnexpectedShape)?;
    let message = match code {
        Some(code) if message.is_empty() => code,
        Some(code) => format!("{code}: {message}"),
        None => message,
    };
    Ok(Answer::Failed { message })
}

/// What a message says; nothing where it is a list of rows that may be customers.
fn words(json: &str) -> Option<String> {
    let text = scanner::decode_text(json);
    // Some encode twice.
    let json = text.as_deref().unwrap_or(json);
    let json = &*strict(json);
    let short = (json.len() <= QUOTED).then(|| serde_json::from_str::<Value>(json));
    match (&text, short) {
        (Some(text), _) if !looks_like_json(text) => {
            Some(text.chars().take(LONGEST_MESSAGE).collect())
        }
        // Written anew, with no sign escaped that need not be.
        (_, Some(Ok(value))) if !may_be_customers(&value) => Some(value.to_string()),
        (None, _) if json.starts_with('"') => Some(json.chars().take(QUOTED).collect()),
        _ if json.trim_start().starts_with('[') => None,
        _ => Some("(an object)".into()),
    }
}

/// Whether a text is, or begins like, a list of objects or an object.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let behind = |sign| text.strip_prefix(sign).map(str::trim_start);
    behind('[').is_some_and(|inner| inner.starts_with(['{', '[']))
        || behind('{').is_some_and(|inner| inner.starts_with('"'))
}

/// Whether there is an object in it that has a field of customers or contacts.
fn may_be_customers(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(may_be_customers),
        Value::Object(object) => object.iter().any(|(key, value)| {
            let mut documented = fields(Owner::Customer).iter().chain(fields(Owner::Contact));
            documented.any(|(name, _)| name == key) || may_be_customers(value)
        }),
        _ => false,
    }
}
