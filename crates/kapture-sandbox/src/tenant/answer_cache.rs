//! A cache of answers by request body, as of a gateway that caches.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::reply::Reply;
use crate::request::Request;

#[derive(Debug, Default)]
pub(crate) struct AnswerCache {
    lifetime: Option<Duration>,
    answers: Mutex<HashMap<Vec<u8>, Answer>>,
}

#[derive(Debug)]
struct Answer {
    at: Duration,
    reply: Reply,
    rows: u64,
}

impl AnswerCache {
    /// A cache that keeps answers for `lifetime`; with `None` it keeps nothing.
    pub(crate) fn new(lifetime: Option<Duration>) -> Self {
        Self {
            lifetime,
            answers: Mutex::default(),
        }
    }

    /// The cached answer to this request and its number of rows.
    pub(crate) fn get(&self, request: &Request<'_>) -> Option<(Reply, u64)> {
        let lifetime = self.lifetime?;
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(request.body)?;
        let is_fresh = request.at.saturating_sub(answer.at) < lifetime;
        is_fresh.then(|| (answer.reply.clone(), answer.rows))
    }

    pub(crate) fn insert(&self, request: &Request<'_>, reply: &Reply, rows: u64) {
        if self.lifetime.is_none() {
            return;
        }
        let answer = Answer {
            at: request.at,
            reply: reply.clone(),
            rows,
        };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(request.body.to_vec(), answer);
    }
}
