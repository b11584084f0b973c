//! What was asked: the latest requests, for tests of what a client sends.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;

use crate::behaviour::fault::FaultKind;

/// One request as the tenant saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request's number; the first is 1.
    pub number: u64,
    /// `createStartDate` and `createEndDate`; `None` where the body was not looked at or is wrong.
    pub window: Option<(NaiveDate, NaiveDate)>,
    /// The asked `limit`; `None` where absent or blank.
    pub limit: Option<u64>,
    /// The asked `offset`; 0 where absent or blank.
    pub offset: u64,
    /// Whether the request brought the right token.
    pub authorised: bool,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How many rows the answer holds.
    pub rows: u64,
    /// What the server said where it refused the request.
    pub refusal: Option<String>,
    /// What went wrong with the answer.
    pub fault: Option<FaultKind>,
    /// Whether an [`Outage`](crate::Outage) or a [`PartialOutage`](crate::PartialOutage) struck.
    pub outage: bool,
    /// Whether the request came in a session that had ended.
    pub session_ended: bool,
}

#[derive(Debug)]
pub(crate) struct Journal {
    most: usize,
    latest: Mutex<VecDeque<Asked>>,
}

impl Journal {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            latest: Mutex::default(),
        }
    }

    pub(crate) fn note(&self, asked: Asked) {
        if self.most == 0 {
            return;
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == self.most {
            latest.pop_front();
        }
        latest.push_back(asked);
    }

    pub(crate) fn latest(&self) -> Vec<Asked> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}
