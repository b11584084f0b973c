//! What a window is in: the states of its reader, and what the engine sees of them.

use crate::api::{Proof, PullError};
use crate::evidence::last_page::LastPages;
use crate::request::{Length, PageRequest};

use super::grid::GridReader;
use super::pass::{PassEnd, PassReader};

#[derive(Debug)]
pub(super) enum WindowState {
    /// The first page of a pass is to be asked for. Where the limit is larger than that of other
    /// pages, a failure is no trouble.
    First {
        limit: u32,
        is_sent: bool,
    },
    Paging(PassReader),
    Grid {
        reader: GridReader,
        is_sent: bool,
    },
    /// The whole window is asked for in one page, since the server ignores `offset`.
    Whole {
        limit: u32,
        is_sent: bool,
        shown: ShownPages,
    },
    /// The page of the largest limit came. Only longer pages of other windows can show that it was not cut.
    Uncut(ShownPages),
    /// Read to its end, but the order of rows is not known well enough yet.
    Deferred(PassReader, PassEnd),
    /// It has no rows, so the server says.
    Empty,
    /// Nothing where rows were known, time and again.
    Doubtful {
        offset: u64,
    },
    Complete(CompleteWindow),
    Failed(Box<PullError>),
}

/// The longest first pages of a window whose server ignores `offset`, with the limits that were asked.
#[derive(Debug, Default)]
pub(super) struct ShownPages(Vec<(u32, Length)>);

impl ShownPages {
    /// A page of `limit` came that is not shorter than the ones before.
    pub(super) fn add(&mut self, limit: u32, page: Length) {
        self.0.retain(|(_, before)| before.rows == page.rows);
        self.0.push((limit, page));
    }

    pub(super) fn rows(&self) -> usize {
        self.0.first().map_or(0, |(_, page)| page.rows)
    }

    /// Whether the lengths of other pages show that one of these was not cut.
    pub(super) fn are_whole(&self, pages: &LastPages) -> bool {
        self.0
            .iter()
            .any(|(limit, page)| pages.is_last(*page, *limit))
    }
}

/// A window that was read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompleteWindow {
    pub(crate) proof: Proof,
    pub(crate) rows: u64,
}

/// What the engine has to know of a window.
#[derive(Debug)]
pub(crate) enum WindowStatus<'a> {
    Reading,
    Deferred,
    Empty,
    Doubtful,
    Complete(CompleteWindow),
    Failed(&'a PullError),
}

/// Which request of a window it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageTicket {
    pub(crate) pass: u32,
    /// A failure is no trouble: the window can do without this page.
    pub(crate) is_optional: bool,
}

/// A request for a page, and the ticket with which its answer is passed back to the window.
pub(crate) type NextPage = (PageRequest, PageTicket);
