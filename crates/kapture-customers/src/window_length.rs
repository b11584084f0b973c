//! How long the last windows were: what may be asked ahead of its turn with little risk.

use std::collections::VecDeque;

/// Enough for weekends to count among them, and for chance not to.
const LAST: usize = 12;

/// The rows of the last windows that had more than one page.
#[derive(Debug, Default)]
pub(crate) struct WindowLength(VecDeque<u64>);

impl WindowLength {
    /// A window of more than one page was read to its end.
    pub(crate) fn saw(&mut self, rows: u64) {
        self.0.push_back(rows);
        if self.0.len() > LAST {
            self.0.pop_front();
        }
    }

    /// How many rows a window most likely has that has more than one page: each of the last ones
    /// had as many. None while few were read.
    pub(crate) fn likely(&self) -> u64 {
        let shortest = self.0.iter().min().filter(|_| self.0.len() == LAST);
        shortest.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_of_the_last_dozen_is_likely() {
        let mut length = WindowLength::default();
        let mut likely = |rows| {
            length.saw(rows);
            length.likely()
        };
        for rows in [900, 40].into_iter().chain(700..709) {
            assert_eq!(likely(rows), 0, "too few are known");
        }
        assert_eq!(likely(900), 40);
        assert_eq!(likely(900), 40);
        assert_eq!(likely(900), 700, "what was long ago does not count");
    }
}
