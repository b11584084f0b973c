//! One pass: one reading of a window, page by page, from its first page to an end that was asked for.

use foldhash::HashSet;
use kapture_model::CustomerId;

use crate::evidence::Evidence;
use crate::evidence::last_page::LastPage;
use crate::evidence::row_order::MIN_OVERLAP;
use crate::request::{Length, PageIds};
use crate::window::prefetch::Stride;
use crate::window::stitcher::{OverlapMatch, PageStitcher};

/// How many rows back a page is asked when the usual overlap was not enough.
const WIDE_OVERLAP: u64 = 16;

/// A pass ends after so many pages in a row without a new customer: it repeats itself.
const MAX_IDLE_PAGES: u32 = 24;

/// Reads the pages behind a first page.
///
/// ```text
///            ┌──────── page joins, or brings rows ───────┐
///            ▼                                            │
///  asks `overlap` rows back ── page ─► compared with the rows before it
///            ▲                                            │
///            └── too few known rows: further back ────────┤
///                                                         ├─► Ended: nothing but the overlap, or nothing
///                                                         ├─► Ended(hole): nothing where rows were known
///                                                         └─► FirstPageRepeated, Endless
/// ```
#[derive(Debug)]
pub(crate) struct PassReader {
    stitcher: PageStitcher,
    limit: u32,
    /// The rows that the next page is to repeat.
    overlap: u64,
    /// Some page did not join: the pass proves nothing but the number of rows.
    disorder: bool,
    /// The smallest overlap at which a page joined.
    min_overlap: u64,
    /// No further page brought rows that the first one lacks.
    only_page: bool,
    previous: Length,
    /// The page before was asked for with the limit of this pass: a first page may be shorter.
    is_regular: bool,
    /// The rows of first pages that came again.
    repeated: usize,
    /// Where there was nothing although rows were known there.
    hole: Option<u64>,
    /// Overlaps are asked for as usual: nothing moved, and no page was asked from further back.
    is_steady: bool,
    /// How many pages in a row had no new customer.
    idle: u32,
    /// Customers of pages that did not join and were asked for again from further back.
    passed_over: HashSet<CustomerId>,
}

/// What a page was to the rows before it.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// The end before it.
    end: u64,
    /// It holds customers that were not met.
    news: bool,
    matched: OverlapMatch,
}

/// What a page did to a pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PassStep {
    Continue,
    Ended(PassEnd),
    /// The first page came again: the server ignores `offset`, or takes it for a page number.
    FirstPageRepeated,
    /// Far more rows came than there are customers.
    Endless,
}

/// How a pass ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PassEnd {
    /// From this offset on there was nothing although rows were known there: the pass proves nothing.
    pub(crate) hole: Option<u64>,
    pub(crate) last_page: Vec<CustomerId>,
    /// The end was told from the length of the last page, and not asked for.
    pub(crate) inferred: bool,
}

impl PassReader {
    /// Begins behind a first page that was asked for with `first_limit`.
    pub(crate) fn begin(
        first: &PageIds,
        first_limit: u32,
        limit: u32,
        evidence: &Evidence,
    ) -> Self {
        let stitcher = PageStitcher::begin(&first.ids);
        Self {
            overlap: evidence.row_order.overlap(stitcher.longest_page()),
            stitcher,
            limit,
            disorder: false,
            min_overlap: u64::MAX,
            only_page: true,
            previous: first.length,
            is_regular: first_limit == limit,
            repeated: 0,
            hole: None,
            is_steady: true,
            idle: 0,
            passed_over: HashSet::default(),
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn stitcher(&self) -> &PageStitcher {
        &self.stitcher
    }

    pub(crate) fn is_only_page(&self) -> bool {
        self.only_page
    }

    /// Some page did not join.
    pub(crate) fn is_in_disorder(&self) -> bool {
        self.disorder
    }

    /// The offset of the next page.
    pub(crate) fn next_offset(&self) -> u64 {
        self.stitcher.end().saturating_sub(self.overlap)
    }

    /// Where the pages behind the next one are expected, while they join in a regular way.
    pub(crate) fn stride(&self, evidence: &Evidence) -> Option<Stride> {
        let is_full = evidence.last_page.is_full(self.previous.rows, self.limit);
        let step = (self.previous.rows as u64).saturating_sub(1);
        (self.is_regular
            && self.is_steady
            && is_full
            && step > 0
            && !self.disorder
            && evidence.row_order.may_be_stable())
        .then(|| {
            // Pages ahead are asked one row back: the order is known when they are taken, or they are
            // asked again.
            let next = self.next_offset() + step;
            Stride { next, step }
        })
    }

    /// Whether its page boundaries show that no row was skipped.
    pub(crate) fn is_joined(&self, evidence: &Evidence) -> bool {
        if self.stitcher.end() == 1 {
            // A page that has room for more than one row shows that there is no other.
            return evidence.last_page.longest_rows(self.limit) > 1;
        }
        let enough = match evidence.row_order.is_stable() {
            true => 1,
            false => MIN_OVERLAP as u64,
        };
        !self.disorder && self.min_overlap >= enough
    }

    /// Whether nothing moved and no customer was listed twice.
    pub(crate) fn is_clean(&self) -> bool {
        !self.disorder && !self.stitcher.has_moved() && !self.stitcher.has_repeats()
    }

    /// Takes the page at [`next_offset`](Self::next_offset).
    pub(crate) fn on_page(&mut self, page: &PageIds, evidence: &mut Evidence) -> PassStep {
        let (end, offset) = (self.stitcher.end(), self.next_offset());
        let news = self.stitcher.lacks_any_of(&page.ids);
        self.idle = if news { 0 } else { self.idle + 1 };
        if self.idle > MAX_IDLE_PAGES {
            return PassStep::Endless;
        }
        if page.ids.is_empty() && offset < end {
            return self.on_hole(offset, page);
        }
        if page.ids.is_empty() && self.repeated > 0 {
            // Where the rows asked back were the first ones again, nothing behind the last row is no end yet.
            return PassStep::FirstPageRepeated;
        }
        let matched = match self.disorder {
            true => OverlapMatch::Disorder,
            // Behind the first page comes a whole new one, though one row back it was the first again.
            false if self.is_page_number(&page.ids) => OverlapMatch::PageNumbers,
            false => self.stitcher.join(&page.ids, offset),
        };
        match matched {
            OverlapMatch::Exact => {
                // Nothing behind the last row is an end, and no boundary.
                if !page.ids.is_empty() {
                    self.min_overlap = self.min_overlap.min(self.overlap);
                }
                evidence.row_order.was_kept(self.overlap);
            }
            OverlapMatch::Moved => {
                evidence.row_order.was_kept(MIN_OVERLAP as u64);
                // Rows came or went, or the server counts rows that it does not show.
                evidence.last_page.doubt(self.limit);
                self.is_steady = false;
            }
            OverlapMatch::Inconclusive | OverlapMatch::Gap => {
                self.is_steady = false;
                if let Some(further) = further_back(self.overlap, self.previous.rows) {
                    self.overlap = further;
                    self.passed_over.extend(page.ids.iter().cloned());
                    return PassStep::Continue;
                }
                self.stitcher.take(&page.ids, offset);
                self.disorder = true;
            }
            OverlapMatch::Disorder => {
                self.stitcher.take(&page.ids, offset);
                self.disorder = true;
            }
            OverlapMatch::FirstPageRepeated => return self.on_repeated_first_page(),
            OverlapMatch::PageNumbers => return PassStep::FirstPageRepeated,
        }
        let taken = Taken { end, news, matched };
        self.go_on(page, taken, evidence)
    }

    /// What follows a page that was taken.
    fn go_on(&mut self, page: &PageIds, taken: Taken, evidence: &mut Evidence) -> PassStep {
        let Taken { end, news, .. } = taken;
        if self.stitcher.is_endless() {
            return PassStep::Endless;
        }
        if self.disorder {
            evidence.row_order.was_broken();
        }
        if news {
            self.only_page = false;
            if self.is_regular && self.stitcher.end() > end {
                evidence.last_page.was_full(self.previous, self.limit);
            }
        }
        // One that ends elsewhere was cut, or rows came or went, or were left out of it.
        let is_last = self.stitcher.end() == end && self.has_room(evidence);
        let passed_over = std::mem::take(&mut self.passed_over);
        if is_last && !passed_over.iter().all(|id| self.stitcher.has_met(id)) {
            // There is more behind it, as a page has shown that was not taken.
            self.disorder = true;
            evidence.row_order.was_broken();
            self.overlap = 0;
            return PassStep::Continue;
        }
        self.passed_over = passed_over;
        self.advance(page, taken, is_last, evidence)
    }

    /// Whether a page has room for more than the few rows that were asked back. Where they are most of a page,
    /// a few rows that are left out of it would hide that others follow.
    fn has_room(&self, evidence: &Evidence) -> bool {
        let seen = evidence.last_page.longest_rows(self.limit);
        let longest = seen.max(self.stitcher.longest_page()) as u64;
        self.overlap <= WIDE_OVERLAP && (self.overlap <= 1 || 2 * self.overlap <= longest)
    }

    /// Rows may have gone: the page is asked from further back before the pass is broken off.
    fn on_hole(&mut self, offset: u64, page: &PageIds) -> PassStep {
        let hole = *self.hole.get_or_insert(offset);
        self.is_steady = false;
        match further_back(self.overlap, self.previous.rows) {
            Some(further) => {
                self.overlap = further;
                PassStep::Continue
            }
            None => self.ended(Some(hole), page, false),
        }
    }

    fn is_page_number(&self, ids: &[CustomerId]) -> bool {
        self.repeated >= MIN_OVERLAP && self.overlap == 0 && self.stitcher.lacks_all_of(ids)
    }

    /// Decides whether the page that was taken is the last one, and else where the next one begins.
    fn advance(
        &mut self,
        page: &PageIds,
        taken: Taken,
        is_last: bool,
        evidence: &mut Evidence,
    ) -> PassStep {
        let Taken {
            end, news, matched, ..
        } = taken;
        let inferred = evidence.infers_ends
            && self.stitcher.end() >= end
            && evidence.last_page.end(page.length, self.limit) == LastPage::Proven;
        if is_last || inferred {
            if !news && self.is_regular {
                evidence
                    .last_page
                    .was_asked_in_vain(self.previous, self.limit);
            }
            // Rows went, if it ends before the place that was without any; else some may be hidden there.
            let hole = self.hole.filter(|hole| self.stitcher.end() > *hole);
            return self.ended(hole, page, !is_last);
        }
        self.previous = page.length;
        self.is_regular = true;
        self.overlap = if matched == OverlapMatch::Moved {
            WIDE_OVERLAP.min(page.length.rows as u64 - 1)
        } else if self.stitcher.end() <= end {
            // No more rows than were asked back: only the row behind them can tell more.
            0
        } else {
            evidence.row_order.overlap(self.stitcher.longest_page())
        };
        PassStep::Continue
    }

    /// Rows may be the first ones again by coincidence, or because the page was asked from far back: then
    /// the page behind the last row is asked.
    fn on_repeated_first_page(&mut self) -> PassStep {
        self.is_steady = false;
        self.repeated += self.stitcher.first_page();
        if self.overlap == 0 && self.repeated >= 2 * MIN_OVERLAP {
            return PassStep::FirstPageRepeated;
        }
        self.overlap = 0;
        PassStep::Continue
    }

    fn ended(&self, hole: Option<u64>, page: &PageIds, inferred: bool) -> PassStep {
        PassStep::Ended(PassEnd {
            hole,
            last_page: page.ids.clone(),
            inferred,
        })
    }
}

/// The next distance to ask back, as long as a page has room for more than known rows.
fn further_back(overlap: u64, page_length: usize) -> Option<u64> {
    let furthest = (page_length as u64).saturating_sub(1);
    let next = match overlap < WIDE_OVERLAP {
        true => WIDE_OVERLAP.min(furthest),
        false => furthest,
    };
    (next > overlap).then_some(next)
}

/// For tests of what a pass proves.
#[cfg(test)]
fn joined_at(min_overlap: u64, row_order: crate::evidence::row_order::RowOrder) -> bool {
    let evidence = Evidence {
        row_order,
        ..Evidence::default()
    };
    let first = PageIds {
        ids: (1..=2).map(CustomerId::Number).collect(),
        ..PageIds::default()
    };
    let mut pass = PassReader::begin(&first, 500, 500, &evidence);
    pass.min_overlap = min_overlap;
    pass.is_joined(&evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: impl IntoIterator<Item = u64>) -> PageIds {
        let ids: Vec<_> = ids.into_iter().map(CustomerId::Number).collect();
        let length = Length {
            rows: ids.len(),
            bytes: 100 * ids.len(),
        };
        PageIds { ids, length }
    }

    /// Reads pages of at most so many rows from a window of 1 to `rows`, and counts them.
    fn read(rows: u64, cap: u64, evidence: &mut Evidence) -> (PassReader, PassEnd, u32) {
        let at = |offset: u64| page(offset + 1..=rows.min(offset + cap));
        let mut pass = PassReader::begin(&at(0), 500, 500, evidence);
        let mut pages = 1;
        loop {
            pages += 1;
            match pass.on_page(&at(pass.next_offset()), evidence) {
                PassStep::Continue => {}
                PassStep::Ended(end) => return (pass, end, pages),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn window_ends_where_a_page_holds_only_the_overlap() {
        for (rows, cap, pages) in [
            (37, 500, 2),
            // Eight of nine rows are most of a page.
            (9, 500, 3),
            (60, 37, 3),
            (800, 500, 3),
            (1, 500, 2),
        ] {
            let mut evidence = Evidence::default();
            let (pass, end, asked) = read(rows, cap, &mut evidence);
            assert_eq!(end.hole, None);
            assert_eq!(
                (pass.stitcher().end(), asked),
                (rows, pages),
                "{rows} {cap}"
            );
            assert!(pass.is_clean() && !end.inferred);
            assert_eq!(pass.is_joined(&evidence), rows > 8, "{rows}");
        }
    }

    #[test]
    fn transition_table_of_a_window_of_66_rows() {
        let mut evidence = Evidence::default();
        let mut pass = PassReader::begin(&page(1..=37), 500, 500, &evidence);
        assert_eq!(pass.next_offset(), 29);
        assert_eq!(
            pass.on_page(&page(30..=66), &mut evidence),
            PassStep::Continue
        );
        assert_eq!(
            pass.next_offset(),
            65,
            "one row back, once the order is known"
        );
        let PassStep::Ended(end) = pass.on_page(&page([66]), &mut evidence) else {
            panic!("the end")
        };
        assert_eq!(end.hole, None);
        assert!(pass.is_joined(&evidence) && !pass.is_only_page());
    }

    /// Pages of seven rows, one of which is not shown: a page that is asked six rows back has room for one
    /// more, and shows none.
    #[test]
    fn page_of_little_more_than_the_overlap_is_no_end() {
        let mut evidence = Evidence::default();
        let mut pass = PassReader::begin(&page(1..=7), 7, 7, &evidence);
        assert_eq!(pass.next_offset(), 1);
        let step = pass.on_page(&page(2..=7), &mut evidence);
        assert_eq!((step, pass.next_offset()), (PassStep::Continue, 7));
        let step = pass.on_page(&page(9..=14), &mut evidence);
        assert_eq!(step, PassStep::Continue, "there are more");
        assert!(pass.is_in_disorder(), "and nothing joins them");
    }

    #[test]
    fn nothing_where_rows_were_known_is_a_hole() {
        let mut evidence = Evidence::default();
        let mut pass = PassReader::begin(&page(1..=37), 500, 500, &evidence);
        for offset in [29, 21] {
            assert_eq!(pass.next_offset(), offset, "from further back");
            assert_eq!(pass.on_page(&page([]), &mut evidence), PassStep::Continue);
        }
        let PassStep::Ended(end) = pass.on_page(&page([]), &mut evidence) else {
            panic!("the end")
        };
        assert_eq!(end.hole, Some(29));
    }

    #[test]
    fn rows_behind_a_hole_are_not_taken_for_gone() {
        let mut evidence = Evidence::default();
        let mut pass = PassReader::begin(&page(1..=37), 500, 500, &evidence);
        pass.on_page(&page([]), &mut evidence);
        let PassStep::Ended(end) = pass.on_page(&page(22..=37), &mut evidence) else {
            panic!("the end")
        };
        assert_eq!(end.hole, Some(29), "they may be hidden");
    }

    #[test]
    fn first_page_again_is_told_apart_from_a_coincidence() {
        let mut evidence = Evidence::default();
        let mut read = |first: u64, next: [PageIds; 2]| {
            let mut pass = PassReader::begin(&page(1..=first), 500, 500, &evidence);
            next.map(|page| pass.on_page(&page, &mut evidence))
        };
        let repeated = [PassStep::Continue, PassStep::FirstPageRepeated];
        assert_eq!(read(37, [page(1..=37), page(1..=37)]), repeated, "ignored");
        assert_eq!(
            read(37, [page(1..=37), page(38..=50)]),
            repeated,
            "page numbers"
        );
        let few = read(3, [page(1..=3), page(1..=3)]);
        assert_eq!(few, [PassStep::Continue, PassStep::Continue]);
    }

    #[test]
    fn single_row_overlap_is_no_proof_before_order_is_known() {
        let mut order = crate::evidence::row_order::RowOrder::default();
        assert!(!joined_at(1, order) && joined_at(8, order));
        order.was_kept(8);
        assert!(joined_at(1, order) && !joined_at(0, order));
        order.was_broken();
        assert!(!joined_at(7, order) && joined_at(8, order));
    }
}
