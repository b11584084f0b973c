//! The reasons to refuse a request, in the server's words.

use crate::behaviour::fault::ErrorCode;

/// A refusal; its text is the `message` of the reply.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Invalid Auth Key")]
    InvalidAuthKey,
    #[error("Session expired, please login again")]
    SessionMissing,
    #[error("Request method '{0}' not supported")]
    Method(String),
    #[error("Invalid Json.")]
    InvalidJson,
    #[error("{0} is mandatory")]
    Mandatory(&'static str),
    #[error("{0} has the wrong type, {1} expected")]
    Type(&'static str, &'static str),
    #[error("{0} must be a date, yyyy-MM-dd")]
    Date(&'static str),
    #[error("{0} must be a number")]
    Number(&'static str),
    #[error("limit must be greater than 0")]
    LimitZero,
    #[error("limit must not exceed {0}")]
    LimitTooLarge(u64),
    #[error("Invalid cm_id")]
    Account,
    #[error("Either customer id, email or phone is mandatory")]
    PersonRequired,
    #[error("createEndDate is before createStartDate")]
    EndBeforeStart,
    #[error("createEndDate must be after createStartDate")]
    EndNotAfterStart,
    #[error("Customers can be fetched for at most 24 hours")]
    TooWide,
    #[error("End date cannot be in the future")]
    EndInFuture,
}

impl Refusal {
    /// Its error code on the vendor's older pages.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::InvalidAuthKey => Some(ErrorCode::AuthKeyInvalid),
            Self::Mandatory(key) => Some(ErrorCode::ReqFieldMissing((*key).into())),
            Self::PersonRequired => Some(ErrorCode::ReqFieldMissing("customer_id".into())),
            _ => None,
        }
    }
}
