//! Reading a window whose server takes `offset` for a page number.
//!
//! Where `offset` is rounded down to a multiple of `limit`, as Spring Data does, pages cannot overlap.
//! They are asked for at multiples of their length, and two readings with pages of different lengths
//! have to meet the same customers, each of them once.

use foldhash::HashSet;
use kapture_model::CustomerId;

use crate::request::PageIds;

/// How many readings may differ until the window is called unstable.
const MAX_READINGS: u32 = 6;

/// Reads pages at multiples of `limit`.
///
/// ```text
///  page 0 ─► page 1 ─► … ─► nothing: reading done ─┬─► same customers as the one before: Proven
///    ▲                                             └─► another page length ─┐
///    └──────────────────────────────────────────────────────────────────────┘
///  the first page at every offset so far: OffsetIgnored
/// ```
#[derive(Debug)]
pub(crate) struct GridReader {
    limit: u32,
    /// The page to ask for next, counted from 0.
    next: u64,
    first_page: Vec<CustomerId>,
    current: Reading,
    previous: Option<Reading>,
    readings: u32,
    /// A page behind the first one had other customers: `offset` is not ignored.
    shows_more: bool,
}

/// What one reading met.
#[derive(Debug, Default)]
struct Reading {
    met: HashSet<CustomerId>,
    rows: u64,
}

/// What a page did to the reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GridStep {
    Continue,
    /// Two readings met the same customers; so many rows.
    Proven(u64),
    /// Every offset is answered with the first page.
    OffsetIgnored,
    Unstable {
        readings: u32,
        known: u64,
        rows: u64,
    },
}

impl GridReader {
    /// Begins with a first page, whose rows are as many as later pages are to have.
    pub(crate) fn begin(first: &PageIds) -> Self {
        let mut grid = Self {
            limit: u32::try_from(first.ids.len()).unwrap_or(u32::MAX).max(1),
            next: 1,
            first_page: first.ids.clone(),
            current: Reading::default(),
            previous: None,
            readings: 1,
            shows_more: false,
        };
        grid.current.take(&first.ids);
        grid
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn next_offset(&self) -> u64 {
        self.next * u64::from(self.limit)
    }

    /// Takes the page at [`next_offset`](Self::next_offset).
    pub(crate) fn on_page(&mut self, page: &PageIds) -> GridStep {
        if self.next == 0 {
            self.first_page = page.ids.clone();
        } else if !self.shows_more && self.is_first_page_again(page) {
            return GridStep::OffsetIgnored;
        } else if self.current.is_endless() {
            return self.unstable(self.current.met.len() as u64, self.current.rows);
        }
        if page.ids.is_empty() {
            return self.end_reading();
        }
        self.current.take(&page.ids);
        self.shows_more |= self.next > 0 && self.has_others_than_first(page);
        self.next += 1;
        GridStep::Continue
    }

    fn has_others_than_first(&self, page: &PageIds) -> bool {
        page.ids.iter().any(|id| !self.first_page.contains(id))
    }

    fn end_reading(&mut self) -> GridStep {
        let current = std::mem::take(&mut self.current);
        let rows = current.rows;
        let known = current.met.len() as u64;
        let agrees = |other: &Reading| other.met == current.met && other.rows == rows;
        // A reading without rows met a server that is out of order, since the first page had some.
        if known > 0 && known == rows && self.previous.as_ref().is_some_and(agrees) {
            return GridStep::Proven(rows);
        }
        if self.readings >= MAX_READINGS {
            return self.unstable(known, rows);
        }
        self.previous = Some(current);
        self.readings += 1;
        self.next = 0;
        // Two thirds of the length, and more again: no boundary stands where one stood before.
        self.limit = match self.readings.is_multiple_of(2) {
            true => (self.limit - self.limit / 3).saturating_sub(1).max(1),
            false => self.limit + 1,
        };
        GridStep::Continue
    }
}

impl GridReader {
    /// The first page once more, whole or as far as the limit goes. Rows may be left out of it, but a few of its
    /// rows may also be there by coincidence.
    fn is_first_page_again(&self, page: &PageIds) -> bool {
        let expected = self.first_page.len().min(self.limit as usize);
        let are_most = !page.ids.is_empty() && 2 * page.ids.len() >= expected;
        are_most && page.ids.iter().all(|id| self.first_page.contains(id))
    }

    fn unstable(&self, known: u64, rows: u64) -> GridStep {
        GridStep::Unstable {
            readings: self.readings,
            known,
            rows,
        }
    }
}

impl Reading {
    /// Whether far more rows came than there are customers.
    fn is_endless(&self) -> bool {
        self.rows > 8 * (self.met.len() as u64 + 1)
    }

    fn take(&mut self, ids: &[CustomerId]) {
        self.met.extend(ids.iter().cloned());
        self.rows += ids.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: std::ops::Range<u64>) -> PageIds {
        PageIds {
            ids: ids.map(CustomerId::Number).collect(),
            ..PageIds::default()
        }
    }

    /// The page that a server with `rows` shows which rounds `offset` down to a multiple of `limit`.
    fn rounded(rows: u64, limit: u64, offset: u64) -> PageIds {
        let first = offset / limit * limit;
        page(first.min(rows)..(first + limit).min(rows))
    }

    fn read(first: PageIds, page: impl Fn(u64, u64) -> PageIds) -> GridStep {
        let mut grid = GridReader::begin(&first);
        for _ in 0..1_000 {
            let step = grid.on_page(&page(grid.limit().into(), grid.next_offset()));
            if step != GridStep::Continue {
                return step;
            }
        }
        panic!("no end")
    }

    #[test]
    fn two_page_lengths_that_agree_prove_a_window() {
        for rows in [1, 2, 3, 7, 99, 100, 101, 260] {
            let first = page(0..rows.min(100));
            let step = read(first, |limit, offset| rounded(rows, limit, offset));
            assert_eq!(step, GridStep::Proven(rows), "{rows}");
        }
    }

    #[test]
    fn first_page_at_every_offset_means_that_offset_is_ignored() {
        let step = read(page(0..100), |limit, _| page(0..limit.min(260)));
        assert_eq!(step, GridStep::OffsetIgnored);
    }

    /// Rows are left out of its pages.
    #[test]
    fn one_row_of_the_first_page_does_not_mean_that_offset_is_ignored() {
        let second_page = |rows| GridReader::begin(&page(0..6)).on_page(&page(rows));
        assert_eq!(second_page(5..6), GridStep::Continue);
        assert_eq!(second_page(0..6), GridStep::OffsetIgnored);
        assert_eq!(
            second_page(0..5),
            GridStep::OffsetIgnored,
            "one was left out"
        );
    }

    /// Two machines in turn, one of which lists rows the other way round.
    #[test]
    fn offset_that_has_shown_others_is_not_ignored() {
        let mut grid = GridReader::begin(&page(0..6));
        assert_eq!(grid.on_page(&page(6..8)), GridStep::Continue);
        assert_eq!(grid.on_page(&page(0..0)), GridStep::Continue);
        assert_eq!(grid.on_page(&page(0..3)), GridStep::Continue);
        assert_eq!(grid.on_page(&page(0..3)), GridStep::Continue);
    }

    #[test]
    fn readings_without_rows_prove_nothing() {
        let mut grid = GridReader::begin(&page(0..50));
        for _ in 0..MAX_READINGS {
            let step = grid.on_page(&page(0..0));
            assert!(!matches!(step, GridStep::Proven(_)), "{step:?}");
        }
    }

    #[test]
    fn customers_listed_twice_or_never_are_not_proven() {
        let step = read(page(0..10), |limit, offset| {
            let rows = rounded(25, limit, offset);
            match offset == limit {
                true => page(0..1 + rows.ids.len() as u64 / 2).clone(),
                false => rows,
            }
        });
        assert!(!matches!(step, GridStep::Proven(_)), "{step:?}");
    }
}
