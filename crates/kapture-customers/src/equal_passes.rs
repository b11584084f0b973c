//! Passes through a window that met the same customers: what they prove, and how the next one is cut.
//!
//! A server that lists some customers twice does so at every reading, and so does one whose order
//! depends on the page that is asked for, which then lists others nowhere. The same pages once more
//! would show the same of either; pages that begin elsewhere tell them apart.

use std::collections::BTreeSet;

use crate::evidence::row_order::MIN_OVERLAP;
use crate::listing::Listing;
use kapture_model::Checksum;

/// After how many passes that met the same customers, however odd, these are all there are: if their
/// pages joined, and if they did not.
const ENOUGH_JOINED: usize = 2;
const ENOUGH: usize = 8;

/// The last passes, as long as they met the same customers.
#[derive(Debug, Default)]
pub(crate) struct EqualPasses {
    customers: Checksum,
    passes: usize,
    /// Those of the latest that joined at every seam.
    joined: usize,
    /// The rows of their first pages: from there on their pages began at different rows.
    cuts: BTreeSet<usize>,
    longest_page: usize,
    /// The first page of the latest held everybody, though fewer rows were asked for.
    uncut: bool,
    /// The latest met no customer on two pages: nobody is listed in the place of another.
    each_once: bool,
}

impl EqualPasses {
    /// The next pass is over, for whose first page so many rows were asked; `only_page` if that one
    /// held everybody. Its pages `joined` or not.
    pub(crate) fn meet(&mut self, pass: &Listing, asked: u32, only_page: bool, joined: bool) {
        let mut customers = Checksum::default();
        pass.customers().for_each(|id| customers.add(id));
        if self.passes == 0 || self.customers != customers {
            *self = Self {
                customers,
                ..Self::default()
            };
        }
        self.passes += 1;
        self.joined = if joined { self.joined + 1 } else { 0 };
        self.cuts.insert(pass.first_page());
        self.longest_page = pass.longest_page();
        self.uncut = only_page && pass.first_page() > asked as usize;
        self.each_once = pass.lists_each_once();
    }

    /// Whether these customers are all there are.
    pub(crate) fn prove(&self) -> bool {
        // Pages of few rows can be cut in few ways, and those of a server that ignores `limit` in none.
        let ways = match self.uncut {
            true => 1,
            false => self.longest_page.saturating_sub(1).max(1),
        };
        let proven = |passes, enough: usize| {
            passes >= enough && (self.each_once || self.cuts.len() >= enough.min(ways))
        };
        proven(self.joined, ENOUGH_JOINED) || proven(self.passes, ENOUGH)
    }

    /// Whether there were so many that their pages cannot be cut in other ways.
    pub(crate) fn prove_nothing(&self) -> bool {
        self.passes >= 2 * ENOUGH && !self.prove()
    }

    /// The rows to ask for in the first page of pass `number`, so that its pages begin at other
    /// rows than those of the passes before: another share of the longest page for each. `None`
    /// where there is no other way, or no need for one.
    pub(crate) fn cut(&self, number: u32) -> Option<u32> {
        if self.each_once {
            return None;
        }
        let most = self.longest_page.checked_sub(1)?;
        // As many as a seam may need; where seams do not hold, two: one row cannot be met again.
        let least = if self.joined > 0 { MIN_OVERLAP + 1 } else { 2 }.min(most);
        let share = f64::from(number.reverse_bits()) / 2_f64.powi(32);
        let rows = least + ((most + 1 - least) as f64 * share) as usize;
        (rows..=most)
            .chain(least..rows)
            .find(|rows| *rows > 1 && !self.cuts.contains(rows))
            .and_then(|rows| u32::try_from(rows).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kapture_model::CustomerId;

    /// A pass of these rows whose first page has so many.
    fn pass(rows: &[u64], first_page: usize) -> Listing {
        let ids: Vec<_> = rows.iter().map(|id| CustomerId::Number(*id)).collect();
        let mut pass = Listing::begin(&ids[..first_page]);
        pass.take(&ids[first_page..], first_page as u64);
        pass
    }

    fn after(joined: bool, passes: &[Listing]) -> EqualPasses {
        let mut equal = EqualPasses::default();
        let meet = |pass| equal.meet(pass, 500, false, joined);
        passes.iter().for_each(meet);
        equal
    }

    #[test]
    fn the_same_pages_once_more_prove_nothing_of_who_is_on_two_of_them() {
        let twice = [1, 2, 3, 4, 2];
        let same = || pass(&twice, 3);
        assert!(!after(true, &[same(), same()]).prove());
        assert!(after(true, &[same(), pass(&[2, 1, 4, 3, 2], 2)]).prove());
        assert!(!after(true, &[same(), pass(&[1, 2, 3, 5, 2], 2)]).prove());
        assert!(!after(true, &[pass(&twice, 2), same(), pass(&[5, 6], 1)]).prove());
        let each_once = || pass(&[1, 2, 3, 4], 3);
        assert!(after(true, &[each_once(), each_once()]).prove());
        let on_one_page = || pass(&[1, 2, 1, 4], 3);
        assert!(after(true, &[on_one_page(), on_one_page()]).prove());
    }

    #[test]
    fn two_of_them_have_to_join() {
        let (one, other) = (pass(&[1, 2, 3, 4, 2], 3), pass(&[1, 2, 3, 4, 2], 2));
        let mut equal = after(false, &[one]);
        equal.meet(&other, 500, false, true);
        assert!(!equal.prove());
        equal.meet(&other, 500, false, true);
        assert!(equal.prove());
    }

    #[test]
    fn eight_passes_do_without_seams_if_they_were_cut_in_as_many_ways() {
        let twice: Vec<_> = (1..=20).chain([2]).collect();
        let cut = |passes: usize, ways| {
            let pass = |number| pass(&twice, 11 + number % ways);
            after(false, &(0..passes).map(pass).collect::<Vec<_>>())
        };
        assert!(!cut(7, 8).prove());
        assert!(cut(8, 8).prove());
        assert!(!cut(15, 7).prove_nothing());
        assert!(cut(16, 7).prove_nothing());
    }

    #[test]
    fn pages_of_two_rows_can_be_cut_in_one_way_alone() {
        let passes = |number| {
            let passes: Vec<_> = (0..number).map(|_| pass(&[1, 2, 2], 2)).collect();
            after(false, &passes)
        };
        assert!(passes(8).prove());
        assert!(!passes(7).prove());
        assert_eq!(passes(7).cut(9), None);
    }

    #[test]
    fn a_server_that_ignores_the_limit_cannot_be_asked_for_less() {
        let passes = |rows: &[u64], asked, only_page| {
            let mut equal = EqualPasses::default();
            (0..8).for_each(|_| equal.meet(&pass(rows, 3), asked, only_page, false));
            equal
        };
        assert!(passes(&[1, 2, 3, 3], 2, true).prove());
        assert!(!passes(&[1, 2, 3, 3], 3, true).prove());
        assert!(!passes(&[1, 2, 3, 4, 3], 2, false).prove());
    }

    #[test]
    fn each_pass_is_cut_elsewhere_and_leaves_enough_for_a_seam() {
        let cuts = |longest_page, joined| {
            let mut equal = EqualPasses {
                longest_page,
                joined,
                ..EqualPasses::default()
            };
            let cut = |number| {
                let cut = equal.cut(number);
                equal.cuts.extend(cut.map(|rows| rows as usize));
                cut
            };
            (2..10).filter_map(cut).collect::<Vec<_>>()
        };
        for (joined, least) in [(0, 2), (1, 9)] {
            let mut hundred = cuts(100, joined);
            assert!(
                hundred.iter().all(|rows| (least..100).contains(rows)),
                "{hundred:?}"
            );
            hundred.sort_unstable();
            hundred.dedup();
            assert_eq!(hundred.len(), 8);
        }
        assert_eq!(cuts(10, 0).len(), 8, "every other way");
        assert_eq!(cuts(10, 1), [9]);
        assert_eq!(cuts(3, 0), [2]);
        assert!(cuts(2, 0).is_empty());
        assert!(cuts(0, 0).is_empty());
    }
}
