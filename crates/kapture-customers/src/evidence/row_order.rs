//! Whether a server lists the rows of a window in the same order at every request.
//!
//! A page that begins with the last row of the page before proves that none was skipped only if
//! the order is the same; otherwise a single row may stand there by coincidence.

/// How many known rows, in the order in which they are known, show that the order is stable:
/// eight rows fall into their order by chance once in 40,320 times.
pub(crate) const MIN_OVERLAP: usize = 8;

/// What the seams of a run have shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowOrder {
    /// Rows that were met again in their order.
    in_order: u64,
    disorder: bool,
}

impl RowOrder {
    /// So many rows were met again, in their order.
    pub(crate) fn was_kept(&mut self, rows: u64) {
        self.in_order += rows;
    }

    /// A page did not join. For the rest of the run, no order is relied on.
    pub(crate) fn was_broken(&mut self) {
        self.disorder = true;
    }

    /// Whether the order was kept so often that a single row in its place proves a seam.
    pub(crate) fn is_stable(&self) -> bool {
        !self.disorder && self.in_order >= MIN_OVERLAP as u64
    }

    /// Whether nothing speaks against it so far.
    pub(crate) fn may_be_stable(&self) -> bool {
        !self.disorder
    }

    /// How many rows back a page is to be asked, where the longest page of the window has so many.
    ///
    /// None where pages have one row, since asking for that again could show nothing new. While
    /// nothing is known the most can be learnt from much, and it takes a page or two; later on a
    /// quarter of a page is what it may cost.
    pub(crate) fn overlap(&self, longest_page: usize) -> u64 {
        let most = if self.is_stable() {
            1
        } else if self.disorder {
            (longest_page / 4).max(1)
        } else {
            longest_page
        };
        most.min(MIN_OVERLAP).min(longest_page.saturating_sub(1)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_enough_once_eight_were_in_order() {
        let mut order = RowOrder::default();
        assert_eq!(order.overlap(100), 8);
        order.was_kept(7);
        assert!(!order.is_stable());
        assert_eq!(order.overlap(100), 8);
        order.was_kept(1);
        assert!(order.is_stable());
        assert_eq!(order.overlap(100), 1);
    }

    #[test]
    fn no_order_is_relied_on_once_it_was_broken() {
        let mut order = RowOrder::default();
        assert!(order.may_be_stable());
        order.was_broken();
        order.was_kept(1_000);
        assert!(!order.is_stable() && !order.may_be_stable());
        assert_eq!(order.overlap(100), 8);
        assert_eq!(order.overlap(20), 5);
        assert_eq!(order.overlap(2), 1);
    }

    #[test]
    fn a_page_always_has_room_for_a_new_row() {
        for longest in 0..20 {
            let mut order = RowOrder::default();
            assert!(order.overlap(longest) < longest.max(1) as u64);
            order.was_kept(8);
            assert!(order.overlap(longest) < longest.max(1) as u64);
            order.was_broken();
            assert!(order.overlap(longest) < longest.max(1) as u64);
        }
    }
}
