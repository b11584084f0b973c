//! Errors of object stores in our own words. Theirs name the URL of the request, and quote its
//! answer.

use std::error::Error as StdError;

use kapture_model::sanitize;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// Why an object store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There are no credentials in the environment or on this machine.
    #[error("no credentials were found")]
    NoCredentials,
    /// The store does not know the credentials, or their secret is another.
    #[error("the store refuses the credentials{}", in_brackets(.0))]
    Credentials(String),
    /// The credentials are right, and may not do what was asked.
    #[error("the credentials do not permit it{}", in_brackets(.0))]
    Permission(String),
    /// The bucket or container does not exist.
    #[error("the bucket does not exist")]
    NoBucket,
    /// The store cannot be reached, or the connection broke.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// The client cannot be set up as the environment says.
    #[error("its settings cannot be used: {0}")]
    Settings(String),
    /// The store answered with an error.
    #[error("the store answers {0}")]
    Answer(String),
}

fn in_brackets(code: &str) -> String {
    match code {
        "" => String::new(),
        code => format!(" ({code})"),
    }
}

/// The codes of credentials that are wrong, whatever the status.
const CREDENTIAL_CODES: [&str; 8] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidSecurity",
    "AuthenticationFailed",
    "TokenRefreshRequired",
    "AuthorizationHeaderMalformed",
];

/// The codes of a missing bucket.
const BUCKET_CODES: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "notFound"];

impl StoreError {
    pub(super) fn new(error: &Error) -> Self {
        let text = chain(error);
        let code = code(&text).unwrap_or_default().to_owned();
        if BUCKET_CODES.contains(&&*code) || text.contains("bucket does not exist") {
            return Self::NoBucket;
        }
        // The addresses at which clouds give credentials to their own machines.
        if ["169.254.", "metadata.google.internal"]
            .iter()
            .any(|host| text.contains(host))
        {
            return Self::NoCredentials;
        }
        if CREDENTIAL_CODES.contains(&&*code) {
            return Self::Credentials(code);
        }
        match error {
            Error::Unauthenticated { .. } => return Self::Credentials(code),
            Error::PermissionDenied { .. } => return Self::Permission(code),
            _ => {}
        }
        match (status(&text), http_error(error)) {
            (Some(status), _) => Self::Answer(match &*code {
                "" => status.to_owned(),
                code => format!("{status} ({code})"),
            }),
            (None, Some(http)) => Self::Unreachable(match http.kind() {
                HttpErrorKind::Timeout => "it did not answer in time".into(),
                _ => sanitize(&innermost(http)),
            }),
            (None, None) => Self::Answer("what cannot be understood".into()),
        }
    }
}

/// Whether an object does not exist, in a bucket that does.
pub(super) fn is_missing_object(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && StoreError::new(error) != StoreError::NoBucket
}

/// The error and its causes. Never shown: it may quote a request.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What is at the bottom of an error, such as "connection refused".
fn innermost(error: &dyn StdError) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

fn http_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e HttpError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref() {
            return Some(http);
        }
        cause = error.source();
    }
    None
}

/// The code in an answer: `<Code>NoSuchBucket</Code>`, or `"reason": "notFound"`.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_code = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

/// The status in the text of an error.
fn status(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status code: ")?;
    let status = rest.get(..3)?;
    status
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(status)
}
