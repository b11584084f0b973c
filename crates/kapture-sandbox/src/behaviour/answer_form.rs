//! How an answer looks from outside: content type, and how "no customers" is said.

/// How "no customers" is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyForm {
    /// `{"message":[],"status":"success"}`
    EmptyList,
    /// `{"message":null,"status":"success"}`
    Null,
    /// `{"status":"success"}`
    Missing,
    /// `{"message":" ","status":"success"}`
    BlankText,
    /// `{"message":"","status":"success"}`
    EmptyString,
    /// `{"message":"<sentence>","status":"failed"}` with HTTP 200.
    Failed(String),
    /// The same body with HTTP 404.
    NotFound(String),
}

/// The content type that an answer claims; the body is JSON either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json;charset=UTF-8`
    Json,
    /// `text/html;charset=UTF-8`
    Html,
}
