//! The pagination of one window: a machine that reads its pages, pass by pass, until nothing can have been skipped.
//! It knows the evidence, not the engine.

mod agreement;
mod capture_recapture;
mod grid;
mod judge;
mod pass;
mod planning;
mod prefetch;
mod state;
mod stitcher;
#[cfg(test)]
mod transitions;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kapture_model::Window;
use kapture_transport::Refusal;

use crate::api::{Proof, PullError};
use crate::evidence::Evidence;
use crate::evidence::last_page::LastPage;
use crate::evidence::offset_dialect::OffsetDialect;
use crate::request::{DEFAULT_LIMIT, Length, PageIds, PageRequest, Span};

use agreement::Agreement;
use capture_recapture::CaptureRecapture;
use grid::{GridReader, GridStep};
use pass::{PassEnd, PassReader, PassStep};
use prefetch::Prefetch;
use state::{ShownPages, WindowState};

pub(crate) use prefetch::Like;
pub(crate) use state::{CompleteWindow, PageTicket, WindowStatus};

/// The largest window that is asked for in one page.
const LARGEST_PAGE: u64 = 20_000;

/// Reads one window.
///
/// ```text
///  First ── no rows ──────────────────────────► Empty (confirmed by the engine)
///    │ ▲
///    │ └─ next pass: cut elsewhere, or larger ◄────────────────┐
///    │                                                        │
///    ├─ rows ─► Paging ── end, and nothing skipped ─► Complete │
///    │             │  ├── end, order not known yet ─► Deferred ┤ (second pass, or known meanwhile)
///    │             │  ├── moved, in disorder ──────────────────┘
///    │             │  ├── nothing where rows were known, twice ─► Doubtful (looked at by the engine)
///    │             │  └── 24 passes ─► Failed(Unstable)
///    │             ▼ the first page again
///    └──────────► Grid ── two page lengths agree ─► Complete
///                  └───── the first page at every offset ─► Whole ─► Uncut ─► Complete(Inferred), Failed
/// ```
#[derive(Debug)]
pub(crate) struct WindowReader {
    pub(crate) day: NaiveDate,
    pub(crate) window: Window,
    state: WindowState,
    /// The rows asked for in one page.
    limit: u32,
    /// The limit and the length of the first page of this pass.
    first: Option<(u32, Length)>,
    prefetch: Prefetch,
    /// Pages that were asked for when it was their turn.
    in_turn: BTreeSet<u64>,
    /// Requests that this pass has overtaken.
    overtaken: Vec<u64>,
    /// Counts readings, so that a late page of an earlier one is told apart.
    pass: u32,
    passes: u32,
    recapture: CaptureRecapture,
    agreement: Agreement,
    /// The rows that the last pass counted.
    rows: u64,
    /// Passes in a row that found nothing where rows were known.
    holes: u32,
    /// Larger pages are not asked for any more.
    was_too_large: bool,
    /// The last words in which a page was refused.
    refusal: Option<Refusal>,
}

impl WindowReader {
    pub(crate) fn new(day: NaiveDate, span: Span, evidence: &Evidence) -> Self {
        let limit = evidence.page_limit.size();
        Self {
            day,
            window: span.window(day),
            state: WindowState::First {
                limit,
                is_sent: false,
            },
            limit,
            first: None,
            prefetch: Prefetch::default(),
            in_turn: BTreeSet::new(),
            overtaken: Vec::new(),
            pass: 0,
            passes: 0,
            recapture: CaptureRecapture::default(),
            agreement: Agreement::default(),
            rows: 0,
            holes: 0,
            was_too_large: false,
            refusal: None,
        }
    }

    /// A window that was asked already, and shown to have no rows.
    pub(crate) fn empty(
        day: NaiveDate,
        span: Span,
        refusal: Option<Refusal>,
        evidence: &Evidence,
    ) -> Self {
        Self {
            refusal,
            state: WindowState::Empty,
            ..Self::new(day, span, evidence)
        }
    }

    /// The last words in which a page of it was refused.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    pub(crate) fn status(&self) -> WindowStatus<'_> {
        match &self.state {
            WindowState::First { .. }
            | WindowState::Paging(_)
            | WindowState::Grid { .. }
            | WindowState::Whole { .. } => WindowStatus::Reading,
            WindowState::Deferred(..) | WindowState::Uncut(..) => WindowStatus::Deferred,
            WindowState::Empty => WindowStatus::Empty,
            WindowState::Doubtful { .. } => WindowStatus::Doubtful,
            WindowState::Complete(complete) => WindowStatus::Complete(*complete),
            WindowState::Failed(error) => WindowStatus::Failed(error),
        }
    }

    /// How many rows it has, once a pass has come to its end.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.state {
            WindowState::Deferred(pass, _) => Some(pass.stitcher().end()),
            WindowState::Empty => Some(0),
            WindowState::Complete(complete) => Some(complete.rows),
            _ => None,
        }
    }

    /// Whether it has shown rows.
    pub(crate) fn has_rows(&self) -> bool {
        self.first.is_some()
    }

    /// Whether its next request is a page larger than others.
    pub(crate) fn wants_large_page(&self) -> bool {
        matches!(self.state, WindowState::First { limit, is_sent: false } if limit > self.limit)
    }

    fn ticket(&self, limit: u32) -> PageTicket {
        PageTicket {
            pass: self.pass,
            // Pages of a grid are as long as the first page, whatever was asked for.
            is_optional: limit > self.limit && !matches!(self.state, WindowState::Grid { .. }),
        }
    }

    fn request(&self, limit: u32, offset: u64) -> PageRequest {
        PageRequest {
            window: self.window,
            limit,
            offset,
        }
    }

    /// The first page came already, while something else was to be learnt.
    pub(crate) fn on_known_first_page(
        &mut self,
        limit: u32,
        page: PageIds,
        evidence: &mut Evidence,
    ) {
        self.on_first_page(limit.min(self.limit), page, evidence);
    }

    /// Offsets of requests whose pages are of no use any more.
    pub(crate) fn take_overtaken(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.overtaken)
    }

    /// A page of this window came: with rows, or without, perhaps refused in these words. Returns
    /// whether a far probe was made in vain.
    pub(crate) fn on_page(
        &mut self,
        ticket: PageTicket,
        request: PageRequest,
        page: PageIds,
        refusal: Option<Refusal>,
        evidence: &mut Evidence,
    ) -> bool {
        if ticket.pass != self.pass || request.window != self.window {
            return false;
        }
        if refusal.is_some() {
            self.refusal.clone_from(&refusal);
        }
        match &mut self.state {
            WindowState::First { limit, .. } if request.offset == 0 => {
                let limit = *limit;
                self.on_first_page(limit, page, evidence);
                false
            }
            WindowState::Whole { .. } => {
                self.on_whole_page(request.limit, page, evidence);
                false
            }
            WindowState::Paging(_) if self.prefetch.is_awaited(request.offset) => {
                let is_full = evidence.last_page.is_full(page.ids.len(), request.limit);
                let in_vain = self.prefetch.came(request.offset, page, is_full);
                self.read_on(evidence);
                in_vain
            }
            WindowState::Grid { reader, is_sent } => {
                *is_sent = false;
                let step = reader.on_page(&page);
                self.on_grid_step(step, evidence);
                false
            }
            _ => false,
        }
    }

    /// A request failed for good. An optional one is done without.
    pub(crate) fn on_failure(
        &mut self,
        ticket: PageTicket,
        limit: u32,
        error: PullError,
        evidence: &mut Evidence,
    ) {
        if ticket.pass != self.pass {
            return;
        }
        if !ticket.is_optional {
            self.state = WindowState::Failed(Box::new(error));
            return;
        }
        evidence.last_page.was_too_large(limit);
        match &mut self.state {
            WindowState::Whole { shown, .. } => {
                self.state = WindowState::Uncut(std::mem::take(shown));
            }
            _ => self.without_large_page(),
        }
    }

    fn on_first_page(&mut self, limit: u32, page: PageIds, evidence: &mut Evidence) {
        // Once a larger page was too large, one that is larger is but cut otherwise.
        if limit > self.limit && !self.was_too_large {
            let longest = self.agreement.longest_page();
            if page.ids.len() < longest {
                evidence.last_page.was_too_large(limit);
                return self.without_large_page();
            }
            self.limit = limit;
        }
        if page.ids.is_empty() {
            self.state = match self.passes {
                0 => WindowState::Empty,
                // Rows were read before: all of them are gone, or the server is out of order.
                _ => WindowState::Doubtful { offset: 0 },
            };
            return;
        }
        if self.passes > 0 {
            self.recapture.meet(self.passes + 1, page.ids.iter());
            if self.recapture.is_complete() {
                return self.complete(Proof::Recaptured, self.rows);
            }
        }
        self.first = Some((limit, page.length));
        if evidence.offsets == OffsetDialect::PageNumber {
            self.state = WindowState::Grid {
                reader: GridReader::begin(&page),
                is_sent: false,
            };
            return;
        }
        let pass = PassReader::begin(&page, limit, self.limit, evidence);
        if evidence.infers_ends {
            match evidence.last_page.end(page.length, limit) {
                LastPage::Proven => return self.complete(Proof::Inferred, page.length.rows as u64),
                LastPage::Defer => {
                    let end = PassEnd {
                        inferred: true,
                        ..PassEnd::default()
                    };
                    self.state = WindowState::Deferred(pass, end);
                    return;
                }
                LastPage::Probe => {}
            }
        }
        self.state = WindowState::Paging(pass);
        self.read_on(evidence);
    }

    /// Takes the pages that came, as far as it is their turn.
    fn read_on(&mut self, evidence: &mut Evidence) {
        while let WindowState::Paging(pass) = &mut self.state {
            let offset = pass.next_offset();
            let Some(page) = self.prefetch.take(offset) else {
                break;
            };
            let was_in_turn = self.in_turn.contains(&offset);
            match pass.on_page(&page, evidence) {
                PassStep::Continue => {}
                PassStep::Ended(end) => self.on_pass_ended(end, was_in_turn, evidence),
                PassStep::FirstPageRepeated | PassStep::Endless => self.begin_grid(evidence),
            }
        }
        if let WindowState::Paging(pass) = &self.state {
            let overtaken = self.prefetch.overtaken(pass.next_offset());
            self.overtaken.extend(overtaken);
        }
    }

    fn begin_grid(&mut self, evidence: &mut Evidence) {
        let WindowState::Paging(pass) = &self.state else {
            return;
        };
        let page = PageIds {
            ids: pass.stitcher().first_page_ids().to_vec(),
            ..PageIds::default()
        };
        self.pass += 1;
        let overtaken = self.prefetch.overtaken(u64::MAX);
        self.overtaken.extend(overtaken);
        evidence.row_order.was_broken();
        self.state = WindowState::Grid {
            reader: GridReader::begin(&page),
            is_sent: false,
        };
    }

    fn on_grid_step(&mut self, step: GridStep, evidence: &mut Evidence) {
        match step {
            GridStep::Continue => {}
            GridStep::Proven(rows) => {
                evidence.offsets = OffsetDialect::PageNumber;
                self.complete(Proof::Contiguous, rows);
            }
            GridStep::OffsetIgnored => {
                let (limit, page) = self.first.unwrap_or((self.limit, Length::default()));
                let mut shown = ShownPages::default();
                shown.add(limit, page);
                self.ask_whole(limit, shown, evidence);
            }
            GridStep::Unstable {
                readings,
                known,
                rows,
            } => {
                self.state = WindowState::Failed(Box::new(PullError::Unstable {
                    window: self.window,
                    passes: readings,
                    known,
                    rows,
                }));
            }
        }
    }

    /// The server ignores `offset`: its first page is the whole window where the lengths of pages show that
    /// it was not cut; else a larger one is asked for.
    fn ask_whole(&mut self, limit: u32, shown: ShownPages, evidence: &Evidence) {
        if shown.are_whole(&evidence.last_page) {
            return self.complete(Proof::Inferred, shown.rows() as u64);
        }
        // The same limits in every window, so that their pages can be compared.
        let larger = match limit < self.limit {
            true => self.limit,
            false => limit.saturating_mul(4),
        };
        if u64::from(limit) >= LARGEST_PAGE || evidence.last_page.is_too_large(larger) {
            self.state = WindowState::Uncut(shown);
            return;
        }
        self.pass += 1;
        self.state = WindowState::Whole {
            limit: larger,
            is_sent: false,
            shown,
        };
    }

    fn on_whole_page(&mut self, limit: u32, page: PageIds, evidence: &mut Evidence) {
        let (asked, mut shown) = match &mut self.state {
            WindowState::Whole {
                limit: asked,
                shown,
                ..
            } => (*asked, std::mem::take(shown)),
            _ => return,
        };
        if limit < asked {
            // It failed, and was asked smaller.
            evidence.last_page.was_too_large(asked);
        }
        if page.length.rows < shown.rows() {
            evidence.last_page.was_too_large(limit);
            self.state = WindowState::Uncut(shown);
            return;
        }
        shown.add(limit, page.length);
        self.ask_whole(limit, shown, evidence);
    }

    /// Whether the evidence that came meanwhile completes a deferred window.
    pub(crate) fn reconsider(&mut self, evidence: &mut Evidence) {
        if let WindowState::Uncut(shown) = &self.state
            && shown.are_whole(&evidence.last_page)
        {
            let rows = shown.rows() as u64;
            return self.complete(Proof::Inferred, rows);
        }
        let WindowState::Deferred(pass, end) = &self.state else {
            return;
        };
        let (limit, length) = self.first.unwrap_or((self.limit, Length::default()));
        if end.inferred {
            match evidence.last_page.end(length, limit) {
                LastPage::Proven => self.complete(Proof::Inferred, length.rows as u64),
                LastPage::Probe => self.resume(),
                LastPage::Defer => {}
            }
        } else if pass.is_joined(evidence) {
            let rows = pass.stitcher().end();
            self.complete(Proof::Contiguous, rows);
        } else if !evidence.row_order.may_be_stable() {
            self.resume();
        }
    }

    /// Reads a deferred window on: its next page, or another pass. One that ignores `offset` fails.
    pub(crate) fn resume(&mut self) {
        let state = std::mem::replace(
            &mut self.state,
            WindowState::First {
                limit: self.limit,
                is_sent: false,
            },
        );
        match state {
            WindowState::Uncut(shown) => {
                self.state = WindowState::Failed(Box::new(PullError::OffsetIgnored {
                    window: self.window,
                    rows: shown.rows(),
                }));
            }
            WindowState::Deferred(pass, end) if end.inferred => {
                self.state = WindowState::Paging(pass);
            }
            WindowState::Deferred(pass, _) => {
                self.rows = pass.stitcher().end();
                self.recapture
                    .meet(self.passes, pass.stitcher().customers());
                let (first_limit, _) = self.first.unwrap_or((self.limit, Length::default()));
                let is_single = self.rows == 1;
                self.agreement
                    .meet(pass.stitcher(), first_limit, true, is_single);
                self.prefetch = Prefetch::default();
                self.in_turn.clear();
                self.begin_cut_pass();
            }
            other => self.state = other,
        }
    }

    fn complete(&mut self, proof: Proof, rows: u64) {
        self.state = WindowState::Complete(CompleteWindow { proof, rows });
        // Nothing of it is needed any more.
        self.recapture = CaptureRecapture::default();
        self.agreement = Agreement::default();
        let overtaken = self.prefetch.overtaken(u64::MAX);
        self.overtaken.extend(overtaken);
    }

    /// The window lies in the future, where it is refused for that: it has no rows.
    pub(crate) fn excuse(&mut self) {
        self.complete(Proof::Contiguous, 0);
    }

    /// The engine has confirmed what a window without rows, or with fewer than before, said.
    pub(crate) fn confirm(&mut self) {
        match self.state {
            WindowState::Empty => self.complete(Proof::Contiguous, 0),
            // All rows that were read before are gone, or the server is out of order for this window.
            WindowState::Doubtful { offset: 0 } => {
                self.state = WindowState::Failed(Box::new(PullError::InconsistentServer {
                    window: self.window,
                    answer: self.refusal.clone(),
                }));
            }
            WindowState::Doubtful { offset } => {
                self.state = WindowState::Failed(Box::new(PullError::OffsetCapped {
                    window: self.window,
                    offset,
                }));
            }
            _ => {}
        }
    }

    /// The request with which the engine looks again at a window without rows, or at a place without.
    pub(crate) fn look(&self) -> Option<PageRequest> {
        match &self.state {
            // Canaries use this limit too. Some servers answer a larger limit with an empty list.
            WindowState::Empty => Some(self.request(self.limit.min(DEFAULT_LIMIT), 0)),
            WindowState::Doubtful { offset } => Some(self.request(self.limit, *offset)),
            _ => None,
        }
    }

    /// The look has shown rows: an empty window is read from this page on, another one anew.
    pub(crate) fn on_look(&mut self, page: PageIds, evidence: &mut Evidence) {
        match self.state {
            WindowState::Empty => {
                if self.limit > DEFAULT_LIMIT {
                    self.limit = DEFAULT_LIMIT;
                    evidence.page_limit.was_too_much();
                }
                self.on_first_page(self.limit, page, evidence);
            }
            WindowState::Doubtful { .. } => self.restart(),
            _ => {}
        }
    }
}
