//! Proof by counting, for windows whose order proves nothing.
//!
//! A pass that ends behind `c` rows shows that the window had `c` rows at that moment. A customer
//! that was met before that moment and again after it was there at that moment. Where `c` such
//! customers are known, they are all there were.

use foldhash::{HashMap, HashSet};
use kapture_model::CustomerId;

use crate::window::stitcher::PageStitcher;

/// The customers of one window, and when each pass met them.
#[derive(Debug, Default)]
pub(crate) struct CaptureRecapture {
    met: HashMap<CustomerId, Met>,
    counts: Vec<Count>,
    /// How many rows the last two passes counted.
    rows: [Option<u64>; 2],
}

/// The first and the last pass that met a customer.
#[derive(Debug)]
struct Met {
    first: u32,
    last: u32,
}

/// What one pass counted.
#[derive(Debug)]
struct Count {
    pass: u32,
    rows: u64,
    /// Those on the last page were there when the rows were counted; one that was met on an earlier
    /// page of the same pass may have gone since.
    last_page: HashSet<CustomerId>,
}

impl CaptureRecapture {
    /// A page of `pass` held these customers.
    pub(crate) fn meet<'a>(&mut self, pass: u32, customers: impl Iterator<Item = &'a CustomerId>) {
        for id in customers {
            if let Some(met) = self.met.get_mut(id) {
                met.last = pass;
            } else {
                let (first, last) = (pass, pass);
                self.met.insert(id.clone(), Met { first, last });
            }
        }
    }

    /// `pass` ended behind so many rows, by this last page; the customers of all its pages were
    /// met before.
    pub(crate) fn count(&mut self, pass: u32, rows: u64, last_page: &[CustomerId]) {
        self.rows = [self.rows[1], Some(rows)];
        // A customer that was not met by now cannot be counted for this pass any more.
        if self.met.len() as u64 >= rows {
            self.counts.push(Count {
                pass,
                rows,
                last_page: last_page.iter().cloned().collect(),
            });
        }
    }

    /// Whether some pass counted just as many rows as customers are known to have been there, and the last two
    /// passes counted so many: a machine that lags behind shows fewer.
    pub(crate) fn is_complete(&self) -> bool {
        let [before, last] = self.rows;
        let mut counts = self.counts.iter();
        counts.any(|count| {
            let is_agreed = before == Some(count.rows) && last == Some(count.rows);
            let there = |id: &CustomerId, met: &Met| {
                met.first <= count.pass && (met.last > count.pass || count.last_page.contains(id))
            };
            let known = self.met.iter().filter(|(id, met)| there(id, met)).count();
            is_agreed && known as u64 == count.rows
        })
    }

    /// Whether a pass met all customers that were met so far.
    pub(crate) fn has_all_in(&self, pass: &PageStitcher) -> bool {
        self.met.keys().all(|id| pass.has_met(id))
    }

    /// How many different customers were met.
    pub(crate) fn known(&self) -> u64 {
        self.met.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> Vec<CustomerId> {
        numbers.iter().copied().map(CustomerId::Number).collect()
    }

    /// Adds a pass by its pages. The rows are those of the pages unless told otherwise.
    fn pass(counting: &mut CaptureRecapture, number: u32, pages: &[&[u64]]) {
        for page in pages {
            counting.meet(number, ids(page).iter());
        }
        let rows = pages.iter().map(|page| page.len() as u64).sum();
        let last = pages.last().copied().unwrap_or_default();
        counting.count(number, rows, &ids(last));
    }

    #[test]
    fn all_are_known_once_as_many_were_met_before_and_after() {
        let mut counting = CaptureRecapture::default();
        pass(&mut counting, 1, &[&[1, 2], &[3]]);
        assert!(
            !counting.is_complete(),
            "1 or 2 may have gone before 3 came"
        );
        pass(&mut counting, 2, &[&[1, 3], &[1]]);
        assert!(!counting.is_complete());
        counting.meet(3, ids(&[2]).iter());
        assert!(counting.is_complete(), "the last page of the first shows 3");
    }

    #[test]
    fn whoever_went_does_not_stand_for_another() {
        let mut counting = CaptureRecapture::default();
        // Four stand, 1 to 4. Then 1 goes and 5 comes; 4 is never met.
        pass(&mut counting, 1, &[&[1, 2], &[3, 2]]);
        pass(&mut counting, 2, &[&[2, 3], &[5, 3]]);
        pass(&mut counting, 3, &[&[2, 5], &[3, 5]]);
        assert_eq!(counting.known(), 4, "as many as there are rows");
        assert!(!counting.is_complete());
        pass(&mut counting, 4, &[&[2, 4], &[3, 5]]);
        pass(&mut counting, 5, &[&[4, 2], &[3, 5]]);
        assert!(counting.is_complete());
    }

    /// A machine that lags behind has answered a pass: two passes in a row have to count the same.
    #[test]
    fn count_is_not_believed_before_it_was_counted_twice() {
        let mut counting = CaptureRecapture::default();
        pass(&mut counting, 1, &[&[1, 2]]);
        pass(&mut counting, 2, &[&[1, 2, 3], &[3, 5]]);
        assert!(!counting.is_complete(), "two were met twice, of five rows");
        pass(&mut counting, 3, &[&[1, 2]]);
        assert!(!counting.is_complete());
        pass(&mut counting, 4, &[&[1, 2, 3], &[4, 5]]);
        counting.meet(5, ids(&[1, 2, 3]).iter());
        assert!(
            !counting.is_complete(),
            "five rows were not counted in a row"
        );
        pass(&mut counting, 5, &[&[1, 2, 3], &[4, 5]]);
        assert!(counting.is_complete());
    }

    #[test]
    fn rows_that_are_listed_twice_are_never_all_known() {
        let mut counting = CaptureRecapture::default();
        for number in 1..9 {
            pass(&mut counting, number, &[&[1, 2], &[3, 1]]);
        }
        assert!(!counting.is_complete());
    }
}
