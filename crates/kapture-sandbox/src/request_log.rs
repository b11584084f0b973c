//! The log of the latest requests, for tests of what a client sends.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;

use crate::behaviour::fault::FaultKind;

/// One request as the tenant received it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedRequest {
    /// The request's number; the first is 1.
    pub number: u64,
    /// `createStartDate` and `createEndDate`; `None` where the body was not read or is malformed.
    pub window: Option<(NaiveDate, NaiveDate)>,
    /// The requested `limit`; `None` where absent or blank.
    pub limit: Option<u64>,
    /// The requested `offset`; 0 where absent or blank.
    pub offset: u64,
    /// Whether the request carried the right token.
    pub authorised: bool,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The number of rows in the answer.
    pub rows: u64,
    /// The message of the refusal, where the request was refused.
    pub refusal: Option<String>,
    /// The fault that was injected.
    pub fault: Option<FaultKind>,
    /// Whether an [`Outage`](crate::Outage) or a [`PartialOutage`](crate::PartialOutage) applied.
    pub outage: bool,
    /// Whether the request belonged to a session that had ended.
    pub session_ended: bool,
}

#[derive(Debug)]
pub(crate) struct RequestLog {
    capacity: usize,
    latest: Mutex<VecDeque<LoggedRequest>>,
}

impl RequestLog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            latest: Mutex::default(),
        }
    }

    pub(crate) fn push(&self, request: LoggedRequest) {
        if self.capacity == 0 {
            return;
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == self.capacity {
            latest.pop_front();
        }
        latest.push_back(request);
    }

    pub(crate) fn latest(&self) -> Vec<LoggedRequest> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}
