//! The form of answers: envelope, content type, and the ways to say "no customers".

/// The form of "no customers".
///
/// A sentence may hold placeholders, which make it differ from answer to answer: `{reference}` (16
/// hexadecimal digits that never repeat), `{number}` (of the request), `{start}` and `{end}` (the
/// window's dates as `2024-05-02`), `{day}` (its start as `2 May 2024`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyForm {
    /// `{"message":[],"status":"success"}`
    EmptyList,
    /// An empty list beside further members, given as JSON text without braces: `"hasMore":true`
    /// results in `{"message":[],"status":"success","hasMore":true}`.
    ListBeside(String),
    /// `{"message":null,"status":"success"}`
    Null,
    /// `{"status":"success"}`
    Missing,
    /// `{"message":{},"status":"success"}`
    EmptyObject,
    /// `{"message":" ","status":"success"}`
    BlankText,
    /// `{"message":"","status":"success"}`
    EmptyString,
    /// `{"message":"<sentence>","status":"success"}`
    SuccessText(String),
    /// `{"message":"<sentence>","status":"failed"}` with HTTP 200.
    Failed(String),
    /// `{"<key>":"<sentence>","status":"failed"}` with HTTP 200.
    FailedUnder {
        /// The key in place of `message`.
        key: String,
        /// The sentence.
        sentence: String,
    },
    /// The body of `Failed` with HTTP 404.
    NotFound(String),
    /// HTTP 204 without a body.
    NoContent,
}

/// The content type of answers; the body is JSON either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json;charset=UTF-8`
    Json,
    /// `text/html;charset=UTF-8`
    Html,
}

/// The JSON around the rows of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The spelling of keys and status words. Default as documented.
    pub spelling: Spelling,
    /// Whether a page of exactly one row is an object under `message` instead of a list. Default no.
    pub single_row_as_object: bool,
    /// The member `totalCount` in answers with status success. Default none.
    pub total_count: Option<TotalCount>,
    /// The place of error codes (of the vendor's older pages) in refusals. Default: refusals have none.
    pub error_codes: Option<CodePlace>,
}

/// The spelling of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `message`, `status`, `success`, `failed`.
    #[default]
    Documented,
    /// `Message`, `Status`, `Success`, `Failed`, as in older answers of the vendor.
    Capitalised,
}

/// The value of `totalCount`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalCount {
    /// `null`
    Null,
    /// The number of rows in the window (0 in an [`Outage`](crate::Outage)).
    Right,
    /// This number in every answer.
    Wrong(u64),
}

/// The place of the error code in a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePlace {
    /// `{"message":"APIExpired","status":"failed"}`
    Message,
    /// `{"message":"API Request is Expired","status":"APIExpired"}`
    Status,
    /// `{"message":"APIExpired: API Request is Expired","status":"failed"}`
    Both,
    /// No code: `{"message":"API Request is Expired","status":"failed"}`
    Nowhere,
    /// `{"error":"APIExpired"}`
    Error,
    /// `{"error":{"code":"APIExpired","message":"API Request is Expired"}}`
    ErrorObject,
}
