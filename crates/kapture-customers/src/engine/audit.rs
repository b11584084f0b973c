//! Audits: windows of one day compared with those of two, before anything is told and now and then later.

use chrono::NaiveDate;
use foldhash::HashSet;
use kapture_model::CustomerId;
use kapture_transport::Refusal;

use crate::api::{EndBound, Event, Finding, PullError};
use crate::engine::Engine;
use crate::engine::questions::{Purpose, Question};
use crate::evidence::empty_response::Meaning;
use crate::evidence::end_bound::Audit;
use crate::request::{PageRequest, Span};

/// How often the same windows are compared, where customers may have come or gone meanwhile.
const MAX_COMPARISONS: u32 = 3;

/// Whether windows of one day are being compared with those of two.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AuditState {
    None,
    /// Windows of one day are read, but none is told before this comparison is made, and enough customers
    /// were compared.
    Due {
        day: NaiveDate,
        comparisons: u32,
    },
    /// It was asked for, for so many times. Windows that are read meanwhile wait.
    Asked {
        audit: Audit,
        comparisons: u32,
    },
    /// A sample has shown customers that the windows of its days, read again, have to show.
    Recheck {
        day: NaiveDate,
        missing: HashSet<CustomerId>,
        comparisons: u32,
    },
}

impl AuditState {
    /// Whether windows that were read have to wait.
    pub(super) fn holds(&self) -> bool {
        *self != Self::None
    }
}

impl Engine {
    /// Sends an audit where one is due: the first one, or one of two windows side by side that were read.
    pub(super) fn plan_audit(&mut self) {
        match &self.audit {
            AuditState::Due { day, comparisons } => self.plan_first_audit(*day, *comparisons),
            AuditState::Recheck { .. } => self.end_recheck(),
            AuditState::None if self.bound() == EndBound::Inclusive => {
                let read: Vec<_> = self.windows.read.keys().copied().collect();
                for day in read {
                    self.plan_later_audit(day);
                }
            }
            _ => {}
        }
    }

    fn rows_of_pair(&self, day: NaiveDate) -> Option<(u64, u64)> {
        let own = self.windows.rows_of_day(day)?;
        let next = self.windows.rows_of_day(day.succ_opt()?)?;
        Some((own, own + next))
    }

    fn plan_first_audit(&mut self, day: NaiveDate, comparisons: u32) {
        if let Some((own, both)) = self.rows_of_pair(day) {
            self.evidence.end_bound.was_compared(day, own, both);
            let room = self.evidence.last_page.longest();
            return self.send_audit(Audit::count(day, both, room), comparisons);
        }
        // A window that failed, or is not one of the run, cannot be compared.
        let is_missing =
            |day: NaiveDate| !self.windows.has(day) && self.windows.rows_of_day(day).is_none();
        if !is_missing(day) && !day.succ_opt().is_none_or(is_missing) {
            return;
        }
        match self.evidence.end_bound.has_compared() {
            true => {
                self.compare_next_pair(day);
                self.plan_audit();
            }
            false => self.is_exclusive(),
        }
    }

    /// What was to be compared cannot be: what was compared before is enough, or nothing shows that D…D stands
    /// for a day.
    pub(super) fn give_up_first_audit(&mut self) {
        match self.evidence.end_bound.has_compared() {
            true => self.end_comparisons(),
            false => self.is_exclusive(),
        }
    }

    fn plan_later_audit(&mut self, day: NaiveDate) {
        // The pair that is complete with this window, where the one before it was read first.
        let before = day.pred_opt();
        let pair = before.and_then(|day| Some((day, self.rows_of_pair(day)?)));
        if let Some((day, (own, both))) = pair
            && self.audit == AuditState::None
            && self.evidence.end_bound.wants_audit(both)
        {
            self.send_audit(Audit::sample(day, own, both), 1);
        }
    }

    fn send_audit(&mut self, audit: Audit, comparisons: u32) {
        self.ready
            .push_back(Question::new(Purpose::Audit, audit.request));
        self.audit = AuditState::Asked { audit, comparisons };
    }

    /// D…D+1 was refused: in words that mean "no customers", because it is not answered any more, or in
    /// words that tell nothing of a pair that may be empty.
    pub(super) fn on_audit_refused(&mut self, request: &PageRequest, refusal: &Refusal) {
        let AuditState::Asked { audit, .. } = self.audit else {
            return;
        };
        let responses = &mut self.evidence.empty_responses;
        match responses.judge(request, refusal, false) {
            Meaning::NoCustomers => self.on_audit(0, Vec::new()),
            Meaning::AskControls if audit.is_empty() => self.compare_next_pair(audit.day),
            _ => self.on_audit(usize::MAX, Vec::new()),
        }
    }

    /// D…D+1 has so many rows from the audit's offset on, and these customers that are not known.
    pub(super) fn on_audit(&mut self, rows: usize, unknown: Vec<CustomerId>) {
        let AuditState::Asked { audit, comparisons } = self.audit else {
            return;
        };
        if audit.is_sample {
            return self.end_sample(audit, unknown, comparisons);
        }
        if audit.agrees(rows) {
            return self.compare_next_pair(audit.day);
        }
        let next = audit.day.succ_opt().unwrap_or(audit.day);
        if self.is_open(next) && comparisons < MAX_COMPARISONS {
            // Customers may have come between the windows.
            self.read_pair_again(audit.day);
            self.audit = AuditState::Due {
                day: audit.day,
                comparisons: comparisons + 1,
            };
            return;
        }
        self.is_exclusive();
    }

    /// The pair that begins with `day` agrees, or cannot be compared. Few customers show little about when their day ends: then the
    /// next pair is compared as well before anything is told.
    fn compare_next_pair(&mut self, day: NaiveDate) {
        let next = day.succ_opt();
        let evidence = &self.evidence;
        let wants = |next: &NaiveDate| {
            let end_bound = &evidence.end_bound;
            end_bound.wants_comparison(*next, evidence.infers_ends)
        };
        match next.filter(wants) {
            Some(day) => {
                self.audit = AuditState::Due {
                    day,
                    comparisons: 1,
                };
            }
            None => self.end_comparisons(),
        }
    }

    fn end_comparisons(&mut self) {
        self.audit = AuditState::None;
        self.shown = HashSet::default();
        let finding = Finding::EndBound(EndBound::Inclusive);
        self.events.push_back(Event::Discovered(finding));
    }

    /// A sample has shown customers that are not known: they may have come meanwhile, so the windows of
    /// its days are read again and have to show them.
    fn end_sample(&mut self, audit: Audit, unknown: Vec<CustomerId>, comparisons: u32) {
        self.audit = match unknown.is_empty() {
            true => AuditState::None,
            false => AuditState::Recheck {
                day: audit.day,
                missing: unknown.into_iter().collect(),
                comparisons,
            },
        };
        if self.audit != AuditState::None {
            self.read_pair_again(audit.day);
        }
    }

    fn read_pair_again(&mut self, day: NaiveDate) {
        for day in [Some(day), day.succ_opt()].into_iter().flatten() {
            if self.windows.take_read(day) {
                self.begin_window(day, Span::OneDay);
            }
        }
    }

    /// The windows of the sample were read again.
    fn end_recheck(&mut self) {
        let AuditState::Recheck {
            day,
            missing,
            comparisons,
        } = &self.audit
        else {
            return;
        };
        let (day, comparisons) = (*day, *comparisons);
        if missing.is_empty() {
            self.audit = AuditState::None;
            return;
        }
        let days = [Some(day), day.succ_opt()].into_iter().flatten();
        let is_over = |day| !self.windows.reading.contains_key(&day);
        if !days.clone().all(is_over) {
            return;
        }
        if comparisons < MAX_COMPARISONS
            && let Some((own, both)) = self.rows_of_pair(day)
        {
            // Those customers may have gone meanwhile: another sample has to show others.
            return self.send_audit(Audit::sample(day, own, both), comparisons + 1);
        }
        if self.assembler.done() > 0 {
            let window = Span::TwoDays.window(day);
            let answer = None;
            return self.finish_with(PullError::InconsistentServer { window, answer });
        }
        self.is_exclusive();
    }
}
