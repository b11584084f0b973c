//! What a request is for, and how far its question has been pressed.

use chrono::NaiveDate;
use kapture_transport::{CallPolicy, Refusal, RefusalPolicy};
use std::time::Duration;

use crate::engine::budget::{
    ATTEMPTS_FOR_CONTROL, ATTEMPTS_FOR_FURTHER_PAGE, ATTEMPTS_WITH_LARGE_LIMIT,
};
use crate::request::{DEFAULT_LIMIT, PageRequest, Seq, Span};
use crate::window::PageTicket;

/// Why a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It belongs to the window of `day`.
    Page { day: NaiveDate, ticket: PageTicket },
    /// To learn how far windows reach.
    Probe { day: NaiveDate, span: Span },
    /// It must be empty: shows what "no customers" looks like.
    Control { group: Seq },
    /// Compares D…D+1 with the windows of its days.
    Audit,
    /// Looks again at a window without rows.
    Look { day: NaiveDate },
    /// Shows whether the server is well, before or after looks.
    Canary,
    /// Looks for a canary before the asked days.
    Search,
    /// Shows whether the trouble of other questions is that of the whole server.
    TroubleCanary,
}

/// How far a question has been pressed. Each stage is asked with another policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Initial,
    /// With the documented `limit`, because it failed with a larger one.
    Smaller,
    /// With every retry that the client allows.
    Unbounded,
    /// Once more in a new session, until its refusal has repeated.
    Confirming,
    /// Once more, after a canary has shown the server to be well, or was not there.
    AfterTrouble {
        is_patient: bool,
    },
}

/// A request, with what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) purpose: Purpose,
    pub(crate) request: PageRequest,
    pub(crate) stage: Stage,
    pub(crate) delay: Duration,
}

impl Question {
    pub(crate) fn new(purpose: Purpose, request: PageRequest) -> Self {
        Self {
            purpose,
            request,
            stage: Stage::Initial,
            delay: Duration::ZERO,
        }
    }

    pub(crate) fn at(self, stage: Stage) -> Self {
        let limit = match stage {
            Stage::Initial | Stage::Unbounded => self.request.limit,
            Stage::Smaller | Stage::Confirming | Stage::AfterTrouble { .. } => {
                self.request.limit.min(DEFAULT_LIMIT)
            }
        };
        Self {
            stage,
            request: PageRequest {
                limit,
                ..self.request
            },
            ..self
        }
    }

    /// Whether the run can do without an answer.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(self.purpose, Purpose::Page { ticket, .. } if ticket.is_optional)
    }

    pub(crate) fn has_large_limit(&self) -> bool {
        self.request.limit > DEFAULT_LIMIT
    }

    pub(crate) fn policy(&self) -> CallPolicy {
        let (refusals, max_attempts) = match self.purpose {
            Purpose::Control { .. } => (RefusalPolicy::Confirmed, Some(ATTEMPTS_FOR_CONTROL)),
            Purpose::Canary => (RefusalPolicy::Confirmed, None),
            Purpose::TroubleCanary | Purpose::Search | Purpose::Audit => {
                (RefusalPolicy::First, None)
            }
            Purpose::Probe { .. } if self.stage == Stage::Confirming => {
                (RefusalPolicy::Confirmed, None)
            }
            Purpose::Probe { span, .. } => {
                let is_extra = span == Span::OneDay || self.has_large_limit();
                // A server that never answered is given up by the client.
                let attempts = is_extra.then_some(ATTEMPTS_WITH_LARGE_LIMIT);
                (RefusalPolicy::First, attempts)
            }
            Purpose::Page { .. } | Purpose::Look { .. } => self.stage_policy(),
        };
        CallPolicy::default()
            .refusals(refusals)
            .max_attempts(max_attempts)
            .delay(self.delay)
            // A session that has ended refuses everything in the same words.
            .new_session(self.begins_session())
    }

    fn begins_session(&self) -> bool {
        let is_alone = matches!(
            self.purpose,
            Purpose::Control { .. } | Purpose::TroubleCanary
        );
        is_alone || self.stage == Stage::Confirming
    }

    fn stage_policy(&self) -> (RefusalPolicy, Option<u32>) {
        let is_further = self.request.offset > 0;
        let further = is_further.then_some(ATTEMPTS_FOR_FURTHER_PAGE);
        match self.stage {
            Stage::Initial if self.has_large_limit() => {
                (RefusalPolicy::First, Some(ATTEMPTS_WITH_LARGE_LIMIT))
            }
            Stage::Initial | Stage::Smaller => (RefusalPolicy::First, further),
            Stage::Unbounded => (RefusalPolicy::First, None),
            Stage::AfterTrouble { is_patient: true } => (RefusalPolicy::Patient, further),
            Stage::Confirming | Stage::AfterTrouble { is_patient: false } => {
                (RefusalPolicy::Confirmed, further)
            }
        }
    }
}

/// Questions that wait for what "no customers" looks like.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    pub(crate) id: Seq,
    /// A question of the kind.
    pub(crate) sample: PageRequest,
    pub(crate) outstanding: usize,
    pub(crate) refusals: Vec<(kapture_model::Window, Refusal)>,
    pub(crate) parked: Vec<(Question, Refusal)>,
}

impl ControlGroup {
    /// Whether questions like `request` are answered alike.
    pub(crate) fn is_for(&self, request: &PageRequest) -> bool {
        self.sample.span() == request.span() && (self.sample.offset > 0) == (request.offset > 0)
    }
}

/// Whether it is being found out if the trouble of some questions is that of the whole server.
#[derive(Debug, Default)]
pub(crate) enum TroubleCheck {
    #[default]
    None,
    /// A canary was asked, when so much had happened, for so many times.
    Canary { since: Seq, attempts: u32 },
    /// No canary is known: one of the questions is pressed for all.
    Spokesman,
}
