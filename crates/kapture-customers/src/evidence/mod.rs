//! What the server has shown in this run. Each file answers one question: it observes, and is asked.
//!
//! No I/O and no clock.

pub(crate) mod canaries;
pub(crate) mod creation_dates;
pub(crate) mod empty_response;
pub(crate) mod end_bound;
pub(crate) mod last_page;
pub(crate) mod offset_dialect;
pub(crate) mod page_limit;
pub(crate) mod phrases;
pub(crate) mod row_order;

use kapture_model::Record;

use crate::api::Finding;
use crate::request::{PageIds, PageRequest, Seq, Span};

use canaries::Canaries;
use creation_dates::CreationDates;
use empty_response::EmptyResponses;
use end_bound::EndBoundEvidence;
use last_page::LastPages;
use offset_dialect::OffsetDialect;
use page_limit::PageLimit;
use row_order::RowOrder;

/// All that was learnt of the server.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) end_bound: EndBoundEvidence,
    pub(crate) empty_responses: EmptyResponses,
    pub(crate) row_order: RowOrder,
    pub(crate) offsets: OffsetDialect,
    pub(crate) canaries: Canaries,
    pub(crate) creation_dates: CreationDates,
    pub(crate) last_page: LastPages,
    pub(crate) page_limit: PageLimit,
    /// Ends of windows are told from the lengths of pages where these prove something.
    pub(crate) infers_ends: bool,
    /// Some request was answered with success.
    pub(crate) answered: bool,
    /// When the last one was.
    pub(crate) last_success: Seq,
    /// The last first page that was answered with success, perhaps without rows.
    pub(crate) answered_by: Option<PageRequest>,
    /// How often a window was answered otherwise than before: empty, and then not; or without rows
    /// that it had.
    pub(crate) contradictions: u32,
}

impl Evidence {
    /// A request was answered with success.
    pub(crate) fn observe(
        &mut self,
        request: PageRequest,
        records: &[Record],
        page: &PageIds,
        now: Seq,
    ) {
        self.answered = true;
        self.last_success = now;
        if request.offset == 0 {
            self.answered_by = Some(request);
        }
        self.last_page.saw(page.length, request.limit);
        self.page_limit.worked(request.limit, page.length.rows);
        if request.span() == Span::TwoDays {
            self.end_bound.accepts_two_days = true;
            self.end_bound.shows_two_days |= !records.is_empty();
        }
        if records.is_empty() {
            self.empty_responses.observe_success(&request);
        } else {
            self.canaries.observe(request, page.ids.len());
        }
    }

    /// What is to be told of what was learnt.
    pub(crate) fn take_findings(&mut self) -> impl Iterator<Item = Finding> {
        let lengths = self.last_page.take_full().map(Finding::PageLength);
        let words = self
            .empty_responses
            .take_named()
            .map(Finding::EmptyResponse);
        lengths.into_iter().chain(words)
    }
}
