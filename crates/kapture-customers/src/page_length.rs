//! When a page is the last one: what the lengths of pages prove.
//!
//! A server may cap `limit` without saying so, or ignore it, so a page shorter than asked proves
//! nothing by itself. But no page can be cut short by a cap below the longest page that the same
//! `limit` was answered with. What another limit brought proves nothing: one that is too large may
//! be refused, or taken for the default.

use std::collections::BTreeMap;

/// What the pages given so far tell about the longest page that this server gives.
#[derive(Debug, Default)]
pub(crate) struct PageLength {
    /// By the limit that was asked for.
    longest: BTreeMap<u32, usize>,
    full: Option<usize>,
    asked_in_vain: u32,
    /// The smallest limit that brought less than a smaller one, or nothing.
    too_large: Option<u32>,
}

/// How many requests in vain (pages that turned out to be last) are spent at once. Further
/// questions wait for the end of the run: until then a longer page may have answered them.
const AT_ONCE: u32 = 2;

/// What is to be done about a page that may be the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is the last one.
    Proven,
    /// Only the next page can tell: ask for it.
    Ask,
    /// Only the next page can tell, but a longer page of another window would tell as well.
    MayWait,
}

impl PageLength {
    /// A page with so many rows came where `limit` were asked.
    pub(crate) fn saw(&mut self, rows: usize, limit: u32) {
        let longest = self.longest.entry(limit).or_default();
        *longest = rows.max(*longest);
    }

    /// A page with so many rows was followed by more. Returns whether that is news.
    pub(crate) fn was_full(&mut self, rows: usize) -> bool {
        self.full.replace(rows) != Some(rows)
    }

    /// A page that was asked for only because the one before might have been full brought nothing.
    pub(crate) fn was_asked_in_vain(&mut self) {
        self.asked_in_vain += 1;
    }

    /// Whether pages of `rows`, where `limit` were asked, are known to be followed by more.
    pub(crate) fn is_full(&self, rows: usize, limit: u32) -> bool {
        rows == limit as usize || self.full == Some(rows)
    }

    /// Whether pages shorter than `limit` were followed by more: a larger limit is no use.
    pub(crate) fn is_capped_below(&self, limit: u32) -> bool {
        self.full.is_some_and(|full| full < limit as usize)
    }

    /// A page of `limit` was refused, or shorter than one with a smaller limit.
    pub(crate) fn was_too_large(&mut self, limit: u32) {
        self.too_large = Some(self.too_large.map_or(limit, |least| least.min(limit)));
    }

    pub(crate) fn is_too_large(&self, limit: u32) -> bool {
        self.too_large.is_some_and(|least| limit >= least)
    }

    /// Whether a page of `rows` is the last one, where `limit` were asked.
    ///
    /// It is when it is shorter than the longest page of that limit (so no cap cut it) and not of
    /// just the length asked for (so `limit` did not cut it; a longer one shows that `limit` is
    /// ignored).
    pub(crate) fn end(&self, rows: usize, limit: u32) -> End {
        let longest = self.longest.get(&limit).copied().unwrap_or_default();
        if rows == 0 || (rows < longest && rows != limit as usize) {
            End::Proven
        } else if self.is_full(rows, limit) || self.asked_in_vain < AT_ONCE {
            End::Ask
        } else {
            End::MayWait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pages: &[usize]) -> PageLength {
        let mut length = PageLength::default();
        pages.iter().for_each(|rows| length.saw(*rows, 500));
        length
    }

    #[test]
    fn a_short_page_alone_proves_nothing() {
        assert_eq!(after(&[37]).end(37, 500), End::Ask);
    }

    #[test]
    fn a_page_shorter_than_another_is_not_cut_by_a_cap() {
        assert_eq!(after(&[37, 12]).end(12, 500), End::Proven);
    }

    #[test]
    fn a_page_of_the_length_asked_is_never_the_proven_end() {
        assert_eq!(after(&[800]).end(500, 500), End::Ask);
        assert_eq!(after(&[800]).end(499, 500), End::Proven);
        // Longer than asked: `limit` is ignored, so it did not cut this page either.
        assert_eq!(after(&[800]).end(501, 500), End::Proven);
    }

    #[test]
    fn the_longest_page_itself_has_to_be_asked_about() {
        let mut length = after(&[100, 60]);
        assert_eq!(length.end(100, 500), End::Ask);
        length.was_asked_in_vain();
        length.was_asked_in_vain();
        assert_eq!(length.end(100, 500), End::MayWait);
        assert!(!length.is_capped_below(500));
        assert!(length.was_full(100));
        assert!(!length.was_full(100));
        assert_eq!(length.end(100, 500), End::Ask);
        assert!(length.is_capped_below(500) && !length.is_capped_below(100));
    }

    #[test]
    fn what_one_limit_brought_proves_nothing_about_another() {
        let mut length = after(&[500]);
        length.saw(100, 1_000);
        assert_eq!(length.end(100, 1_000), End::Ask);
        length.saw(300, 1_000);
        assert_eq!(length.end(100, 1_000), End::Proven);
    }

    #[test]
    fn a_limit_is_too_large_if_a_smaller_one_was() {
        let mut length = PageLength::default();
        assert!(!length.is_too_large(1_000));
        length.was_too_large(2_000);
        assert!(length.is_too_large(2_000) && length.is_too_large(4_000));
        assert!(!length.is_too_large(1_000));
        length.was_too_large(1_000);
        length.was_too_large(4_000);
        assert!(length.is_too_large(1_000) && !length.is_too_large(500));
    }

    #[test]
    fn no_rows_are_the_end() {
        assert_eq!(after(&[]).end(0, 500), End::Proven);
    }
}
