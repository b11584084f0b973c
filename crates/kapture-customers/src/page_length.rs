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
    lengths: BTreeMap<u32, Lengths>,
    full: Option<usize>,
    asked_in_vain: u32,
    /// Pages nearly as long as a full one that were asked about, and those that were in vain.
    doubted: u32,
    doubted_in_vain: u32,
    /// The smallest limit that brought less than a smaller one, or nothing.
    too_large: Option<u32>,
}

/// The lengths of the pages that were answered to the same limit.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    longest: usize,
    /// The shortest one that was followed by more. On most servers it is the longest as well.
    shortest_full: Option<usize>,
    /// The longest one that was followed by nothing.
    longest_last: usize,
}

/// How many requests in vain (pages that turned out to be last) are spent at once. Further
/// questions wait for the end of the run: until then a longer page may have answered them.
const AT_ONCE: u32 = 2;

/// How many pages that are nearly as long as a full one are asked about, and turn out to be last.
const MOST_DOUBTED: u32 = 4;

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
        let lengths = self.lengths.entry(limit).or_default();
        lengths.longest = rows.max(lengths.longest);
    }

    /// A page with so many rows, where `limit` were asked, was followed by more. Returns whether
    /// that is news.
    pub(crate) fn was_full(&mut self, rows: usize, limit: u32) -> bool {
        self.may_be_cut(rows, limit);
        self.full.replace(rows) != Some(rows)
    }

    /// A page with so many rows, where `limit` were asked, may be followed by more, whatever other
    /// pages say.
    pub(crate) fn may_be_cut(&mut self, rows: usize, limit: u32) {
        let lengths = self.lengths.entry(limit).or_default();
        let shortest = lengths.shortest_full.map_or(rows, |full| full.min(rows));
        lengths.shortest_full = Some(shortest);
    }

    /// A page with so many rows, where `limit` were asked, was followed by nothing.
    pub(crate) fn was_asked_in_vain(&mut self, rows: usize, limit: u32) {
        let last = &mut self.lengths.entry(limit).or_default().longest_last;
        *last = rows.max(*last);
        if self.is_full(rows, limit) {
            // Most pages like this are followed by more.
        } else if self.full.is_some() {
            self.doubted_in_vain += 1;
        } else {
            self.asked_in_vain += 1;
        }
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

    /// Whether a page of `rows` is the last one, where `limit` were asked. Whoever is told to ask
    /// does; some questions are counted.
    ///
    /// It is when it [is shorter](Self::is_shorter) than another, and not by a few rows only. A
    /// server that leaves rows out of pages which it has cut gives pages of many lengths. So a page
    /// that is nearly as long as the longest waits until it is known whether that one is followed by
    /// more. If it is, the first pages like this are asked about; and all of them, once a page was
    /// followed by more that was not the longest.
    pub(crate) fn end(&mut self, rows: usize, limit: u32) -> End {
        let lengths = self.lengths(limit);
        let full = lengths.shortest_full;
        if !self.is_shorter(rows, limit) {
            let must_ask = full.is_some() || self.is_full(rows, limit);
            return match must_ask || self.asked_in_vain < AT_ONCE {
                true => End::Ask,
                false => End::MayWait,
            };
        }
        let is_near = is_near(rows, full.unwrap_or(lengths.longest));
        match full {
            _ if !is_near => End::Proven,
            None if rows < lengths.longest_last => End::Proven,
            None => End::MayWait,
            Some(full) if full < lengths.longest => End::Ask,
            Some(_) if self.doubted_in_vain >= MOST_DOUBTED => End::Proven,
            Some(_) if self.doubted >= MOST_DOUBTED => End::MayWait,
            Some(_) => {
                self.doubted += 1;
                End::Ask
            }
        }
    }

    /// Whether a page of `rows`, where `limit` were asked, was cut at no length: it is shorter than
    /// the longest page of that limit (so no cap cut it) and not of just the length asked for (so
    /// `limit` did not cut it; a longer one shows that `limit` is ignored).
    pub(crate) fn is_shorter(&self, rows: usize, limit: u32) -> bool {
        rows == 0 || rows < self.lengths(limit).longest && rows != limit as usize
    }

    fn lengths(&self, limit: u32) -> Lengths {
        self.lengths.get(&limit).copied().unwrap_or_default()
    }
}

/// Whether a page is so long that it might be a page of `full` rows but for some left out.
fn is_near(rows: usize, full: usize) -> bool {
    rows > 0 && rows >= full - full / 4
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
        length.was_asked_in_vain(100, 500);
        length.was_asked_in_vain(100, 500);
        assert_eq!(length.end(100, 500), End::MayWait);
        assert!(!length.is_capped_below(500));
        assert!(length.was_full(100, 500));
        assert!(!length.was_full(100, 500));
        assert_eq!(length.end(100, 500), End::Ask);
        assert!(length.is_capped_below(500) && !length.is_capped_below(100));
    }

    #[test]
    fn a_page_nearly_as_long_waits_for_what_becomes_of_the_longest() {
        let mut length = after(&[100, 75]);
        assert_eq!(length.end(75, 500), End::MayWait);
        assert_eq!(length.end(74, 500), End::Proven);
        length.was_asked_in_vain(75, 500);
        assert_eq!(
            length.end(75, 500),
            End::MayWait,
            "who knows, it may be a cap"
        );
        assert_eq!(length.end(76, 500), End::MayWait);
        length.was_asked_in_vain(100, 500);
        assert_eq!(length.end(75, 500), End::Proven);
    }

    #[test]
    fn of_a_server_that_cuts_a_few_pages_nearly_as_long_are_asked_about() {
        let mut length = after(&[100, 75]);
        length.was_full(100, 500);
        for _ in 0..MOST_DOUBTED {
            assert_eq!(length.end(75, 500), End::Ask);
        }
        assert_eq!(
            length.end(75, 500),
            End::MayWait,
            "until these are answered"
        );
        assert_eq!(length.end(74, 500), End::Proven);
        for _ in 0..MOST_DOUBTED {
            length.was_asked_in_vain(100, 500);
        }
        assert_eq!(
            length.end(75, 500),
            End::MayWait,
            "a full page says nothing"
        );
        for _ in 0..MOST_DOUBTED {
            length.was_asked_in_vain(75, 500);
        }
        assert_eq!(length.end(75, 500), End::Proven);
    }

    #[test]
    fn where_rows_are_left_out_only_much_shorter_pages_are_the_end() {
        let shorter_followed = {
            let mut length = after(&[100]);
            length.was_full(96, 500);
            length
        };
        let longer_came = {
            let mut length = after(&[96]);
            length.was_full(96, 500);
            length.saw(100, 500);
            length
        };
        let suspected = {
            let mut length = after(&[100]);
            length.may_be_cut(96, 500);
            length
        };
        for mut length in [shorter_followed, longer_came, suspected] {
            for _ in 0..20 {
                length.was_asked_in_vain(97, 500);
                assert_eq!(length.end(72, 500), End::Ask);
            }
            assert_eq!(length.end(71, 500), End::Proven);
            assert_ne!(length.end(99, 1_000), End::Proven, "of another limit");
        }
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
