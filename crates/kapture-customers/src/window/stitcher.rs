//! One pass through the rows of a window: how its pages join.
//!
//! There is no cursor and no total, and the order is not promised. What can be proven is proven
//! by rows that were seen before: each page is asked a few rows back, and must begin where the
//! pass stands.

use std::collections::VecDeque;

use foldhash::{HashMap, HashSet};
use kapture_model::CustomerId;

use crate::evidence::row_order::MIN_OVERLAP;

/// The rows of a window as one pass has met them.
#[derive(Debug, Default)]
pub(crate) struct PageStitcher {
    /// Where each customer stands in the order met; `None` for one that appeared among rows
    /// already read. Of a large window this is most of what a pull keeps in memory.
    places: HashMap<CustomerId, Option<u32>>,
    /// The last rows read, as many as the longest page had: what a seam is compared with.
    tail: VecDeque<CustomerId>,
    first_page: Vec<CustomerId>,
    longest_page: usize,
    /// The offset behind the last row read.
    end: u64,
    /// How many rows repeat one of the same page.
    doubles: u64,
    /// A page ended before the ones before it did.
    shrank: bool,
    repeats: bool,
    moved: bool,
}

/// How a page joins the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverlapMatch {
    /// It begins with the last rows read: as many rows stand before it as before.
    Exact,
    /// It begins with rows read before, in their order: rows came or went, but none was skipped.
    Moved,
    /// It begins with rows that tell too little: ask again from further back.
    Inconclusive,
    /// It begins with a row that was not read before: rows may have been skipped. Ask again from further back.
    Gap,
    /// Known rows come in another order than before: the order proves nothing here.
    Disorder,
    /// A whole new page comes where one row back the first page came again: `offset` is a page number.
    PageNumbers,
    /// It is the first page once more: the server ignores the offset.
    FirstPageRepeated,
}

impl PageStitcher {
    /// Begins a pass with its first page.
    pub(crate) fn begin(page: &[CustomerId]) -> Self {
        let mut stitcher = Self {
            first_page: page.to_vec(),
            ..Self::default()
        };
        stitcher.take(page, 0);
        stitcher
    }

    /// The offset behind the last row read: how many rows the window has, if that was the last.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How many rows its first page had.
    pub(crate) fn first_page(&self) -> usize {
        self.first_page.len()
    }

    /// The rows of its first page.
    pub(crate) fn first_page_ids(&self) -> &[CustomerId] {
        &self.first_page
    }

    /// How many rows the longest page of this pass had.
    pub(crate) fn longest_page(&self) -> usize {
        self.longest_page
    }

    /// Whether a page holds a customer that this pass has not met.
    pub(crate) fn lacks_any_of(&self, page: &[CustomerId]) -> bool {
        page.iter().any(|id| !self.places.contains_key(id))
    }

    /// Whether a page holds customers, and none that this pass has met.
    pub(crate) fn lacks_all_of(&self, page: &[CustomerId]) -> bool {
        !page.is_empty() && !page.iter().any(|id| self.places.contains_key(id))
    }

    /// Whether this pass has met a customer.
    pub(crate) fn has_met(&self, id: &CustomerId) -> bool {
        self.places.contains_key(id)
    }

    /// Whether rows came or went during the pass.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Whether a page listed a customer of an earlier one: either the server lists some twice, or the
    /// order is unstable. One that a single page lists twice is listed twice.
    pub(crate) fn has_repeats(&self) -> bool {
        self.repeats
    }

    /// Whether there is a customer for each row, but for those that a single page lists twice.
    pub(crate) fn lists_each_once(&self) -> bool {
        let rows = self.end.checked_sub(self.doubles);
        !self.shrank && rows == Some(self.places.len() as u64)
    }

    /// The customers met.
    pub(crate) fn customers(&self) -> impl Iterator<Item = &CustomerId> {
        self.places.keys()
    }

    /// Joins the page that begins at `offset`, which is not behind [`end`](Self::end). Nothing is
    /// taken from a page that does not join.
    pub(crate) fn join(&mut self, page: &[CustomerId], offset: u64) -> OverlapMatch {
        let join = self.examine(page, offset);
        match join {
            OverlapMatch::Exact => self.take(page, offset),
            OverlapMatch::Moved => {
                self.moved = true;
                self.take(page, offset);
            }
            OverlapMatch::Inconclusive
            | OverlapMatch::Gap
            | OverlapMatch::Disorder
            | OverlapMatch::PageNumbers
            | OverlapMatch::FirstPageRepeated => {}
        }
        join
    }

    /// Whether far more rows came than there are customers: pages go on for ever, because the
    /// server ignores the offset.
    pub(crate) fn is_endless(&self) -> bool {
        let customers = self.places.len() + self.longest_page;
        self.end > 8 * customers as u64
    }

    fn examine(&self, page: &[CustomerId], offset: u64) -> OverlapMatch {
        let overlap = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        if self.is_first_page_again(page) {
            return OverlapMatch::FirstPageRepeated;
        }
        let Some(first) = page.first() else {
            return if overlap == 0 {
                OverlapMatch::Exact
            } else {
                OverlapMatch::Gap
            };
        };
        let known: Vec<u32> = page
            .iter()
            .filter_map(|id| self.places.get(id).copied().flatten())
            .collect();
        let ordered = known.is_sorted_by(|one, next| one < next);
        if overlap == 0 {
            // Without a row to meet again, nothing shows that these are the next ones.
            return OverlapMatch::Disorder;
        }
        if self.begins_with_the_last(page, overlap) {
            return OverlapMatch::Exact;
        }
        if !ordered {
            return OverlapMatch::Disorder;
        }
        if !self.places.contains_key(first) {
            return OverlapMatch::Gap;
        }
        if known.len() < MIN_OVERLAP {
            return OverlapMatch::Inconclusive;
        }
        OverlapMatch::Moved
    }

    fn begins_with_the_last(&self, page: &[CustomerId], overlap: usize) -> bool {
        let Some(before) = self.tail.len().checked_sub(overlap) else {
            return false;
        };
        page.len() >= overlap && self.tail.iter().skip(before).eq(&page[..overlap])
    }

    fn is_first_page_again(&self, page: &[CustomerId]) -> bool {
        self.first_page.len() > 1 && page.starts_with(&self.first_page)
    }

    /// Takes a page for what it brings, whether it joins or not.
    pub(crate) fn take(&mut self, page: &[CustomerId], offset: u64) {
        let seam = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let last_known = page.iter().rposition(|id| self.places.contains_key(id));
        let mut here = HashSet::default();
        for (row, id) in page.iter().enumerate() {
            let is_first_here = here.insert(id);
            if self.places.contains_key(id) {
                if row >= seam && is_first_here {
                    self.repeats = true;
                }
                self.doubles += u64::from(row >= seam && !is_first_here);
            } else {
                // A new row among known ones has no place in the order that was met.
                let place = last_known
                    .is_none_or(|last| row > last)
                    .then(|| u32::try_from(self.places.len()).ok())
                    .flatten();
                self.places.insert(id.clone(), place);
            }
        }
        let end = offset + page.len() as u64;
        self.shrank |= end < self.end;
        self.end = end;
        self.longest_page = self.longest_page.max(page.len());
        // What a page repeats of the rows before it takes their place.
        self.tail.truncate(self.tail.len().saturating_sub(seam));
        self.tail.extend(page.iter().cloned());
        let surplus = self.tail.len().saturating_sub(self.longest_page);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<CustomerId> {
        numbers.into_iter().map(CustomerId::Number).collect()
    }

    fn stitcher(first_page: impl IntoIterator<Item = u64>) -> PageStitcher {
        PageStitcher::begin(&ids(first_page))
    }

    #[test]
    fn a_page_joins_by_the_rows_it_begins_with() {
        let join = |offset, page: &[u64]| stitcher(1..=20).join(&ids(page.iter().copied()), offset);
        assert_eq!(join(18, &[19, 20, 21]), OverlapMatch::Exact);
        assert_eq!(join(18, &[19, 20]), OverlapMatch::Exact);
        assert_eq!(join(20, &[]), OverlapMatch::Exact, "the window ends here");
        assert_eq!(join(19, &[]), OverlapMatch::Gap, "a row was there before");
        assert_eq!(
            join(18, &[19]),
            OverlapMatch::Inconclusive,
            "so was another"
        );
        assert_eq!(
            join(20, &[21]),
            OverlapMatch::Disorder,
            "nothing shows that it is"
        );
        assert_eq!(join(18, &[21, 22]), OverlapMatch::Gap);
        assert_eq!(join(18, &[20, 21]), OverlapMatch::Inconclusive);
        assert_eq!(join(18, &[20, 19, 21]), OverlapMatch::Disorder);
        assert_eq!(join(18, &[20, 20, 21]), OverlapMatch::Disorder);
    }

    #[test]
    fn eight_known_rows_in_their_order_show_that_rows_moved() {
        let join = |page: Vec<u64>| stitcher(1..=20).join(&ids(page), 10);
        assert_eq!(join((12..=24).collect()), OverlapMatch::Moved);
        assert_eq!(
            join((13..=24).collect()),
            OverlapMatch::Moved,
            "eight of them"
        );
        assert_eq!(
            join((14..=24).collect()),
            OverlapMatch::Inconclusive,
            "seven of them"
        );
        assert_eq!(
            join([12, 99].into_iter().chain(13..=20).collect()),
            OverlapMatch::Moved
        );
        assert_eq!(
            join([99].into_iter().chain(11..=20).collect()),
            OverlapMatch::Gap
        );
    }

    #[test]
    fn the_first_page_once_more_is_no_next_one() {
        assert_eq!(
            stitcher(1..=5).join(&ids(1..=5), 4),
            OverlapMatch::FirstPageRepeated
        );
        assert_eq!(
            stitcher(1..=5).join(&ids(1..=4), 4),
            OverlapMatch::Inconclusive
        );
        assert_eq!(
            stitcher([1]).join(&ids([1]), 1),
            OverlapMatch::Disorder,
            "too few to tell"
        );
    }

    #[test]
    fn what_does_not_join_leaves_the_pass_as_it_was() {
        let mut stitcher = stitcher(1..=20);
        for (page, offset) in [(ids(22..=30), 19), (ids([20, 19]), 18), (ids(1..=20), 19)] {
            stitcher.join(&page, offset);
            assert_eq!(stitcher.end(), 20);
            assert!(stitcher.lacks_any_of(&ids([22])));
        }
        assert!(!stitcher.has_moved() && !stitcher.has_repeats());
        assert_eq!(stitcher.join(&ids([20, 21]), 19), OverlapMatch::Exact);
        assert_eq!(stitcher.end(), 21);
    }

    #[test]
    fn only_rows_that_came_or_went_are_told_as_moved() {
        let mut stitcher = stitcher(1..=20);
        stitcher.join(&ids(20..=25), 19);
        assert!(!stitcher.has_moved());
        stitcher.join(&ids(17..=30), 15);
        assert!(stitcher.has_moved());
    }

    #[test]
    fn a_customer_is_repeated_behind_the_seam_alone() {
        let mut stitcher = stitcher(1..=5);
        stitcher.join(&ids([4, 5, 6]), 3);
        assert!(!stitcher.has_repeats(), "it was asked for");
        stitcher.join(&ids([6, 7, 2]), 5);
        assert!(stitcher.has_repeats());
        stitcher.join(&ids([2, 8]), 7);
        assert!(stitcher.has_repeats(), "once is enough");
        let double = self::stitcher([1, 2, 1]);
        assert!(!double.has_repeats(), "one page may list a customer twice");
        assert!(double.lists_each_once());
        // As many rows as customers, but only since rows went.
        let mut shrunk = self::stitcher(1..=4);
        shrunk.take(&ids([5, 1, 2]), 4);
        shrunk.take(&ids([5]), 4);
        assert!(!shrunk.lists_each_once());
    }

    #[test]
    fn a_page_brings_news_if_any_of_it_was_not_met() {
        let stitcher = stitcher(1..=5);
        assert!(!stitcher.lacks_any_of(&ids([])));
        assert!(!stitcher.lacks_any_of(&ids([5, 3])));
        assert!(stitcher.lacks_any_of(&ids([5, 6])));
    }

    /// Where a new row has come among known ones cannot be told, so it is no proof of order later.
    #[test]
    fn a_new_row_has_a_place_only_behind_the_known_ones() {
        let moved = |anew: &[u64]| {
            let mut stitcher = stitcher(1..=20);
            let page = [12].into_iter().chain([99]).chain(13..=30);
            assert_eq!(stitcher.join(&ids(page), 10), OverlapMatch::Moved);
            stitcher.join(&ids(anew.iter().copied()), stitcher.end() - 2)
        };
        assert_eq!(
            moved(&[22, 23, 24, 25, 26, 27, 28, 29, 30, 31]),
            OverlapMatch::Moved
        );
        assert_eq!(
            moved(&[99, 24, 25, 26, 27, 28, 29, 30, 31]),
            OverlapMatch::Inconclusive
        );
        assert_eq!(
            moved(&[99, 13, 14, 15, 16, 17, 18, 19, 20, 31]),
            OverlapMatch::Moved
        );
    }

    #[test]
    fn rows_without_end_are_told_from_customers() {
        let mut stitcher = stitcher(1..=4);
        let mut offset = 4;
        while !stitcher.is_endless() {
            assert!(offset <= 64, "four customers and a page of four");
            stitcher.take(&ids([3, 1, 4, 2]), offset);
            offset += 4;
        }
        assert_eq!(stitcher.end(), 68);
    }
}
