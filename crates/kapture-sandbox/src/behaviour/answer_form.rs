//! How an answer looks from outside: its envelope, its content type, and the form of "no customers".

/// How "no customers" is said.
///
/// A sentence may hold placeholders, which make it differ from answer to answer: `{reference}` (16
/// hexadecimal digits that never repeat), `{number}` (of the request), `{start}` and `{end}` (the
/// window's dates as `2024-05-02`), `{day}` (its start as `2 May 2024`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyForm {
    /// `{"message":[],"status":"success"}`
    EmptyList,
    /// An empty list beside further members, which are given as JSON text without braces:
    /// `"hasMore":true` makes it `{"message":[],"status":"success","hasMore":true}`.
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
        /// The key that stands where `message` should.
        key: String,
        /// What it says.
        sentence: String,
    },
    /// The body of `Failed` with HTTP 404.
    NotFound(String),
    /// HTTP 204 without a body.
    NoContent,
}

/// The content type that an answer claims; the body is JSON either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json;charset=UTF-8`
    Json,
    /// `text/html;charset=UTF-8`
    Html,
}

/// What stands around the rows of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// How keys and status words are spelled. Default as documented.
    pub spelling: Spelling,
    /// A page of exactly one row is a bare object under `message`, not a list. Default no.
    pub single_row_as_object: bool,
    /// `totalCount` in answers with status success. Default none.
    pub total_count: Option<TotalCount>,
    /// Where refusals name an error code of the vendor's older pages. Default: they name none.
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
    /// How many rows the window lists (0 in an [`Outage`](crate::Outage)).
    Right,
    /// This number, whatever the window holds.
    Wrong(u64),
}

/// Where a failure names its error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePlace {
    /// `{"message":"APIExpired","status":"failed"}`
    Message,
    /// `{"message":"API Request is Expired","status":"APIExpired"}`
    Status,
    /// `{"message":"APIExpired: API Request is Expired","status":"failed"}`
    Both,
    /// Nowhere: `{"message":"API Request is Expired","status":"failed"}`
    Nowhere,
}
