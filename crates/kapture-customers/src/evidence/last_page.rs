//! When a page is the last one: what the lengths of pages prove.
//!
//! A server may cap `limit` without saying so, or ignore it, so a page shorter than asked proves
//! nothing by itself. But no page can be cut short by a cap below the longest page that the same
//! `limit` was answered with, unless rows were left out of it after it was cut; and then it is
//! nearly as long. Where the cap is one of bytes, the same holds for these. What another limit brought
//! proves nothing: one that is too large may be refused, or taken for the default.

use std::collections::BTreeMap;

use crate::request::Length;

/// What the pages given so far tell about the longest page that this server gives.
#[derive(Debug, Default)]
pub(crate) struct LastPages {
    /// By the limit that was asked for.
    lengths: BTreeMap<u32, Lengths>,
    asked_in_vain: u32,
    /// The rows of a full page, until they are told.
    news: Option<usize>,
    /// The smallest limit that brought less than a smaller one, or nothing.
    too_large: Option<u32>,
}

/// The lengths of the pages that were answered to the same limit.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    /// The most rows that one had, and the most bytes that one had.
    longest: Length,
    /// The rows of the last page that was followed by more.
    full: Option<usize>,
    /// Pages nearly as long that were asked about, and those of them that turned out to be last,
    /// since the last sign that rows are left out.
    doubted: u32,
    doubted_in_vain: u32,
}

/// How many requests in vain (pages that turned out to be last) are spent at once on the longest
/// pages. Further questions wait: until then a longer page may have answered them.
const AT_ONCE: u32 = 2;

/// And how many on pages that are nearly as long.
const MAX_DOUBTED: u32 = 7;

/// What is to be done about a page that may be the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastPage {
    /// It is the last one.
    Proven,
    /// Only the next page can tell: ask for it.
    Probe,
    /// Only the next page can tell, but what becomes of other windows may tell as well.
    Defer,
}

impl LastPages {
    /// A page as long as this came where `limit` rows were asked.
    pub(crate) fn saw(&mut self, page: Length, limit: u32) {
        let longest = &mut self.lengths.entry(limit).or_default().longest;
        longest.rows = page.rows.max(longest.rows);
        longest.bytes = page.bytes.max(longest.bytes);
    }

    /// The rows of the longest page that came where `limit` were asked.
    pub(crate) fn longest_rows(&self, limit: u32) -> usize {
        self.lengths(limit).longest.rows
    }

    /// The rows of the longest page of all.
    pub(crate) fn longest(&self) -> usize {
        let longest = self.lengths.values().map(|lengths| lengths.longest.rows);
        longest.max().unwrap_or_default()
    }

    /// How many rows a full page has, where that is news.
    pub(crate) fn take_full(&mut self) -> Option<usize> {
        self.news.take()
    }

    /// A page as long as this, where `limit` rows were asked, was followed by more.
    pub(crate) fn was_full(&mut self, page: Length, limit: u32) {
        if self.is_shorter(page, limit) {
            self.doubt(limit);
        }
        let full = &mut self.lengths.entry(limit).or_default().full;
        if full.replace(page.rows) != Some(page.rows) {
            self.news = Some(page.rows);
        }
    }

    /// It seems that rows are left out of the pages that `limit` is answered with: more of those that
    /// are nearly as long as the longest are to be asked about.
    pub(crate) fn doubt(&mut self, limit: u32) {
        let lengths = self.lengths.entry(limit).or_default();
        (lengths.doubted, lengths.doubted_in_vain) = (0, 0);
    }

    /// A page as long as this, where `limit` rows were asked, was asked about and followed by nothing.
    pub(crate) fn was_asked_in_vain(&mut self, page: Length, limit: u32) {
        if self.is_shorter(page, limit) && self.lengths(limit).is_near(page) {
            self.lengths.entry(limit).or_default().doubted_in_vain += 1;
        } else if !self.is_full(page.rows, limit) {
            self.asked_in_vain += 1;
        }
    }

    /// Whether pages of `rows`, where `limit` were asked, are known to be followed by more.
    pub(crate) fn is_full(&self, rows: usize, limit: u32) -> bool {
        rows == limit as usize || self.lengths(limit).full == Some(rows)
    }

    /// Whether pages shorter than `limit` were followed by more: a larger limit is no use.
    pub(crate) fn is_capped_below(&self, limit: u32) -> bool {
        let full = self.lengths(limit).full;
        full.is_some_and(|rows| rows < limit as usize)
    }

    /// A page of `limit` was refused, or shorter than one with a smaller limit.
    pub(crate) fn was_too_large(&mut self, limit: u32) {
        self.too_large = Some(self.too_large.map_or(limit, |least| least.min(limit)));
    }

    pub(crate) fn is_too_large(&self, limit: u32) -> bool {
        self.too_large.is_some_and(|least| limit >= least)
    }

    /// What is to be done about a page as long as this, where `limit` rows were asked. Where it says
    /// to probe, the caller does: some probes are counted.
    pub(crate) fn end(&mut self, page: Length, limit: u32) -> LastPage {
        if self.is_last(page, limit) {
            return LastPage::Proven;
        }
        if !self.is_shorter(page, limit) {
            return match self.is_full(page.rows, limit) || self.asked_in_vain < AT_ONCE {
                true => LastPage::Probe,
                false => LastPage::Defer,
            };
        }
        let lengths = self.lengths.entry(limit).or_default();
        if lengths.doubted < MAX_DOUBTED {
            lengths.doubted += 1;
            LastPage::Probe
        } else {
            LastPage::Defer
        }
    }

    /// Whether a page as long as this is the last one, where `limit` rows were asked.
    ///
    /// It is when it [is shorter](Self::is_shorter) than another, and not by little only. A server that
    /// leaves rows out of pages which it has cut, or cuts them at a number of bytes, gives pages of many
    /// lengths. So the first pages that are nearly as long as the longest are asked about, and further
    /// ones as long as there are [signs](Self::doubt) of this.
    pub(crate) fn is_last(&self, page: Length, limit: u32) -> bool {
        let lengths = self.lengths(limit);
        let is_known = !lengths.is_near(page) || lengths.doubted_in_vain >= MAX_DOUBTED;
        page.rows == 0 || self.is_shorter(page, limit) && is_known
    }

    /// Whether a page, where `limit` rows were asked, is shorter than the longest page of that limit,
    /// in rows as in bytes (so no cap cut it), and not of just as many rows as were asked for (so
    /// `limit` did not cut it; a longer one shows that `limit` is ignored).
    fn is_shorter(&self, page: Length, limit: u32) -> bool {
        let longest = self.lengths(limit).longest;
        page.rows < longest.rows && page.bytes < longest.bytes && page.rows != limit as usize
    }

    fn lengths(&self, limit: u32) -> Lengths {
        self.lengths.get(&limit).copied().unwrap_or_default()
    }
}

impl Lengths {
    /// Whether a page may be a full one: but for a few rows left out of it, or one that was too long
    /// to fit in.
    fn is_near(&self, page: Length) -> bool {
        let near = |length, longest| length >= longest - longest / 4;
        near(page.rows, self.longest.rows) || near(page.bytes, self.longest.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of as many rows of one length.
    fn page(rows: usize) -> Length {
        let bytes = 100 * rows;
        Length { rows, bytes }
    }

    fn after(pages: &[usize]) -> LastPages {
        let mut length = LastPages::default();
        pages.iter().for_each(|rows| length.saw(page(*rows), 500));
        length
    }

    #[test]
    fn a_short_page_alone_proves_nothing() {
        assert_eq!(after(&[37]).end(page(37), 500), LastPage::Probe);
    }

    #[test]
    fn a_page_shorter_than_another_is_not_cut_by_a_cap() {
        assert_eq!(after(&[37, 12]).end(page(12), 500), LastPage::Proven);
    }

    #[test]
    fn a_page_of_the_length_asked_is_never_the_proven_end() {
        assert_eq!(after(&[800]).end(page(500), 500), LastPage::Probe);
        assert_eq!(after(&[800]).end(page(499), 500), LastPage::Proven);
        // Longer than asked: `limit` is ignored, so it did not cut this page either.
        assert_eq!(after(&[800]).end(page(501), 500), LastPage::Proven);
    }

    #[test]
    fn the_longest_page_itself_has_to_be_asked_about() {
        let mut length = after(&[100, 60]);
        assert_eq!(length.end(page(100), 500), LastPage::Probe);
        length.was_asked_in_vain(page(100), 500);
        length.was_asked_in_vain(page(100), 500);
        assert_eq!(length.end(page(100), 500), LastPage::Defer);
        assert!(!length.is_capped_below(500));
        length.was_full(page(100), 500);
        assert_eq!(length.take_full(), Some(100));
        length.was_full(page(100), 500);
        assert_eq!(length.take_full(), None);
        assert_eq!(length.end(page(100), 500), LastPage::Probe);
        assert!(length.is_capped_below(500) && !length.is_capped_below(100));
    }

    #[test]
    fn a_few_pages_nearly_as_long_as_the_longest_are_asked_about() {
        let mut length = after(&[100, 75]);
        for _ in 0..MAX_DOUBTED {
            assert_eq!(length.end(page(75), 500), LastPage::Probe);
        }
        assert_eq!(
            length.end(page(75), 500),
            LastPage::Defer,
            "until these are answered"
        );
        assert_eq!(length.end(page(74), 500), LastPage::Proven);
        for rows in [100, 40] {
            for _ in 0..MAX_DOUBTED {
                length.was_asked_in_vain(page(rows), 500);
            }
            assert_eq!(length.end(page(75), 500), LastPage::Defer, "says nothing");
        }
        for _ in 0..MAX_DOUBTED {
            assert!(!length.is_last(page(75), 500));
            length.was_asked_in_vain(page(99), 500);
        }
        assert_eq!(length.end(page(75), 500), LastPage::Proven);
        assert_eq!(
            length.end(page(75), 600),
            LastPage::Defer,
            "of another limit"
        );
    }

    #[test]
    fn signs_that_rows_are_left_out_bring_further_doubts() {
        let settled = || {
            let mut length = after(&[100]);
            for _ in 0..MAX_DOUBTED {
                length.was_asked_in_vain(page(96), 500);
            }
            assert_eq!(length.end(page(96), 500), LastPage::Proven);
            length
        };
        let mut was_followed = settled();
        was_followed.was_full(page(99), 500);
        assert_eq!(was_followed.end(page(96), 500), LastPage::Probe);
        let mut seemed_so = settled();
        seemed_so.doubt(500);
        assert_eq!(seemed_so.end(page(96), 500), LastPage::Probe);
        let mut longest_was_followed = settled();
        longest_was_followed.was_full(page(100), 500);
        assert_eq!(longest_was_followed.end(page(96), 500), LastPage::Proven);
    }

    #[test]
    fn what_one_limit_brought_proves_nothing_about_another() {
        let mut length = after(&[500]);
        length.saw(page(100), 1_000);
        assert_eq!(length.end(page(100), 1_000), LastPage::Probe);
        length.saw(page(300), 1_000);
        assert_eq!(length.end(page(100), 1_000), LastPage::Proven);
    }

    #[test]
    fn a_limit_is_too_large_if_a_smaller_one_was() {
        let mut length = LastPages::default();
        assert!(!length.is_too_large(1_000));
        length.was_too_large(2_000);
        assert!(length.is_too_large(2_000) && length.is_too_large(4_000));
        assert!(!length.is_too_large(1_000));
        length.was_too_large(1_000);
        length.was_too_large(4_000);
        assert!(length.is_too_large(1_000) && !length.is_too_large(500));
    }

    #[test]
    fn a_page_of_long_rows_may_have_been_cut_at_a_number_of_bytes() {
        let of_long_rows = |rows| Length {
            rows,
            bytes: 1_000 * rows,
        };
        let mut length = after(&[100]);
        length.saw(of_long_rows(12), 500);
        assert_eq!(length.end(of_long_rows(12), 500), LastPage::Probe);
        length.was_full(of_long_rows(12), 500);
        assert_eq!(
            length.end(of_long_rows(9), 500),
            LastPage::Probe,
            "one more did not fit"
        );
        assert_eq!(length.end(of_long_rows(8), 500), LastPage::Proven);
        assert_eq!(length.end(page(60), 500), LastPage::Proven);
        // As many bytes as any has are too many, however often others were asked about in vain.
        for _ in 0..MAX_DOUBTED {
            length.was_asked_in_vain(page(99), 500);
        }
        assert_eq!(length.end(page(99), 500), LastPage::Proven);
        assert_eq!(length.end(of_long_rows(12), 500), LastPage::Probe);
    }

    #[test]
    fn no_rows_are_the_end() {
        assert_eq!(after(&[]).end(page(0), 500), LastPage::Proven);
    }
}
