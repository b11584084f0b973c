//! How many rows may be asked for in one page. The largest accepted `limit` is stated nowhere.

use crate::request::DEFAULT_LIMIT;

/// The rows asked for in one page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimit {
    size: u32,
    /// More than the documented default was accepted.
    works: bool,
}

impl Default for PageLimit {
    fn default() -> Self {
        Self {
            size: DEFAULT_LIMIT,
            works: false,
        }
    }
}

impl PageLimit {
    pub(crate) fn new(size: u32) -> Self {
        Self { size, works: false }
    }

    /// The rows to ask for in one page.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Whether more than the documented default was ever accepted.
    pub(crate) fn has_worked(&self) -> bool {
        self.works
    }

    /// A page of so many rows came where `limit` were asked.
    pub(crate) fn worked(&mut self, limit: u32, rows: usize) {
        self.works |= limit > DEFAULT_LIMIT && rows > 0;
    }

    /// A request that failed with a larger limit was answered with the documented one. Unless a larger
    /// one ever worked, no more than that is asked from now on.
    pub(crate) fn was_too_much(&mut self) {
        if !self.works {
            self.size = self.size.min(DEFAULT_LIMIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_that_never_worked_is_lowered_to_the_documented_one() {
        let mut limit = PageLimit::new(500);
        limit.was_too_much();
        assert_eq!(limit.size(), 100);
        let mut limit = PageLimit::new(500);
        limit.worked(500, 3);
        limit.was_too_much();
        assert_eq!(limit.size(), 500, "it was the trouble of one window");
        let mut limit = PageLimit::new(50);
        limit.was_too_much();
        assert_eq!(limit.size(), 50);
    }
}
