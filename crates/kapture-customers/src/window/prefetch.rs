//! Chooses which pages of a window are requested before their turn.
//!
//! A page with rows shows that every page before it has rows too, so all of those can be requested at once. A *far
//! probe* requests one page far ahead to find such a page. Each window has one at a time. As long as it finds rows,
//! the next one looks four times as far, and later twice. When it finds no rows, the window ends between the last
//! page with rows and this one, and the next probe looks at a quarter of the way between them. A probe without rows
//! is a wasted request ("in vain"), and a run may make only a few. Neighbouring windows often have similar sizes, so
//! a window first probes where another window had rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::request::PageIds;

/// How many pages ahead the first far probe looks.
const FIRST_PROBE: u64 = 3;

/// From so many pages on a far probe looks twice as far, and not four times.
const MANY_PAGES: u64 = 16;

/// The end of a window lies between the last page with rows and the first one without. The next far probe looks at
/// this fraction of the way between them, near the page with rows: it then mostly finds rows, and a page with rows
/// costs no further request, because it has to be requested anyway.
const PARTS: u64 = 4;

/// How many pages of one pass may wait for their turn.
const MAX_WAITING: usize = 64;

/// The pages of one pass that were asked for and not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Prefetch {
    /// By their offset.
    asked: BTreeSet<u64>,
    came: BTreeMap<u64, PageIds>,
    far_probe: Option<u64>,
    /// The furthest offset at which there were rows.
    holds: u64,
    /// The lowest offset at which there are no rows: a page there had none, or the page before it was not full.
    empty: Option<u64>,
}

/// Where pages are expected, while they join in a regular way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stride {
    /// The offset of the next page.
    pub(crate) next: u64,
    /// The rows from the beginning of one page to that of the next.
    pub(crate) step: u64,
}

/// How many rows another window has, which may be about as large as this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Like {
    Unknown,
    /// The other window is still being probed and has at least so many rows. This window is not probed further
    /// ahead than that.
    AtLeast(u64),
    /// The other window was read to its end.
    Exactly(u64),
}

impl Prefetch {
    /// Whether the page at `offset` was asked for, or came and was not taken.
    pub(crate) fn has(&self, offset: u64) -> bool {
        self.asked.contains(&offset) || self.came.contains_key(&offset)
    }

    pub(crate) fn sent(&mut self, offset: u64) {
        self.asked.insert(offset);
    }

    /// Whether the page is one of this pass.
    pub(crate) fn is_awaited(&self, offset: u64) -> bool {
        self.asked.contains(&offset)
    }

    /// Takes the page at `offset`, if it came.
    pub(crate) fn take(&mut self, offset: u64) -> Option<PageIds> {
        self.came.remove(&offset)
    }

    /// Takes the page at `offset`. If it is not full, the window ends with it. Returns whether it was a far probe
    /// that found no rows: such a page is not kept.
    pub(crate) fn came(&mut self, offset: u64, page: PageIds, is_full: bool) -> bool {
        self.asked.remove(&offset);
        let was_far = self.far_probe.take_if(|far| *far == offset).is_some();
        if !page.ids.is_empty() {
            self.holds = self.holds.max(offset);
            self.empty = self.empty.filter(|empty| *empty > offset);
        }
        if !is_full {
            let end = offset + page.ids.len() as u64;
            self.empty = Some(self.empty.map_or(end, |empty| empty.min(end)));
        }
        let in_vain = was_far && page.ids.is_empty();
        if !in_vain {
            self.came.insert(offset, page);
        }
        in_vain
    }

    /// A page before its turn that is known to be of use.
    pub(crate) fn certain(&self, stride: Stride) -> Option<u64> {
        if stride.step == 0 || self.asked.len() + self.came.len() >= MAX_WAITING {
            return None;
        }
        let mut offset = stride.next;
        while offset <= self.holds {
            if !self.has(offset) {
                return Some(offset);
            }
            offset += stride.step;
        }
        None
    }

    /// Where the next far probe is to look, if one would tell much. It is to be [sent](Self::sent_far).
    pub(crate) fn far(&self, stride: Stride, like: Like) -> Option<u64> {
        if stride.step == 0 || self.far_probe.is_some() {
            return None;
        }
        let pages = |offset: u64| offset.saturating_sub(stride.next) / stride.step;
        let at = |place: u64| stride.next + place * stride.step;
        let is_news = |offset: u64| {
            offset > self.holds
                && self.empty.is_none_or(|empty| offset < empty)
                && !self.has(offset)
        };
        let row = match like {
            Like::Unknown => None,
            Like::AtLeast(rows) | Like::Exactly(rows) => rows.checked_sub(1),
        };
        if let Some(row) = row.filter(|row| *row >= stride.next)
            && is_news(at(pages(row)))
        {
            return Some(at(pages(row)));
        }
        let known = pages(self.holds);
        let place = match self.empty {
            Some(empty) => known + (pages(empty).saturating_sub(known) / PARTS).max(2),
            None if matches!(like, Like::AtLeast(_)) => return None,
            None => {
                let far = stride.next / stride.step + known;
                let times = if far < MANY_PAGES { 4 } else { 2 };
                FIRST_PROBE.max(times * far)
            }
        };
        (place > known + 1 && is_news(at(place))).then_some(at(place))
    }

    /// The number of rows that the window has at least.
    pub(crate) fn rows(&self) -> u64 {
        self.holds + 1
    }

    /// Whether a far probe is on its way.
    pub(crate) fn awaits_far(&self) -> bool {
        self.far_probe.is_some()
    }

    pub(crate) fn sent_far(&mut self, offset: u64) {
        self.far_probe = Some(offset);
        self.sent(offset);
    }

    /// Forgets the pages before `offset`, which a pass has overtaken, and returns those of them that
    /// are still awaited.
    pub(crate) fn overtaken(&mut self, offset: u64) -> BTreeSet<u64> {
        self.came = self.came.split_off(&offset);
        let rest = self.asked.split_off(&offset);
        let overtaken = std::mem::replace(&mut self.asked, rest);
        self.far_probe = self.far_probe.filter(|far| *far >= offset);
        overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kapture_model::CustomerId;

    const STRIDE: Stride = Stride {
        next: 100,
        step: 100,
    };

    fn rows() -> PageIds {
        PageIds {
            ids: vec![CustomerId::Number(1)],
            ..PageIds::default()
        }
    }

    #[test]
    fn nothing_is_certain_before_a_far_probe_has_found_rows() {
        let mut prefetch = Prefetch::default();
        assert_eq!(prefetch.certain(STRIDE), None);
        let far = prefetch.far(STRIDE, Like::Unknown).unwrap();
        assert_eq!(far, 500);
        prefetch.sent_far(far);
        assert_eq!(prefetch.far(STRIDE, Like::Unknown), None, "one at a time");
        assert!(!prefetch.came(far, rows(), true));
        let mut certain = Vec::new();
        while let Some(offset) = prefetch.certain(STRIDE) {
            prefetch.sent(offset);
            certain.push(offset);
        }
        assert_eq!(certain, [100, 200, 300, 400]);
        assert_eq!(
            prefetch.far(STRIDE, Like::Unknown),
            Some(2_100),
            "four times as far"
        );
    }

    #[test]
    fn end_is_searched_for_in_parts_once_a_far_probe_was_in_vain() {
        let mut prefetch = Prefetch::default();
        prefetch.sent_far(1_700);
        assert!(prefetch.came(1_700, PageIds::default(), false));
        assert!(!prefetch.has(1_700), "it is asked again if its turn comes");
        assert_eq!(prefetch.far(STRIDE, Like::Unknown), Some(500));
        prefetch.sent_far(500);
        assert!(!prefetch.came(500, rows(), true));
        assert_eq!(prefetch.far(STRIDE, Like::Unknown), Some(800));
        prefetch.sent_far(800);
        assert!(prefetch.came(800, PageIds::default(), false));
        assert_eq!(prefetch.far(STRIDE, Like::Unknown), Some(700));
        prefetch.sent_far(700);
        prefetch.came(700, rows(), true);
        assert_eq!(
            prefetch.far(STRIDE, Like::Unknown),
            None,
            "too near to tell more"
        );
    }

    #[test]
    fn first_far_probe_looks_where_the_window_before_had_its_last_rows() {
        let mut prefetch = Prefetch::default();
        for (rows, far) in [(201, 200), (300, 200), (301, 300), (10_000, 9_900)] {
            let like = Like::Exactly(rows);
            assert_eq!(prefetch.far(STRIDE, like), Some(far), "{rows}");
        }
        let first = prefetch.far(STRIDE, Like::Unknown);
        assert_eq!(prefetch.far(STRIDE, Like::Exactly(0)), first);
        let same = prefetch.far(STRIDE, Like::Exactly(100));
        assert_eq!(same, first, "it ended on the page before");
        prefetch.sent_far(9_900);
        assert!(prefetch.came(9_900, PageIds::default(), false));
        let next = prefetch.far(STRIDE, Like::Exactly(10_000)).unwrap();
        assert!(next < 9_900, "{next}: the end is before it");
    }

    #[test]
    fn window_goes_no_further_than_the_one_it_follows() {
        let mut prefetch = Prefetch::default();
        assert_eq!(prefetch.far(STRIDE, Like::AtLeast(1)), None);
        assert_eq!(prefetch.far(STRIDE, Like::AtLeast(2_001)), Some(2_000));
        prefetch.sent_far(2_000);
        prefetch.came(2_000, rows(), true);
        assert_eq!(prefetch.far(STRIDE, Like::AtLeast(2_001)), None);
        assert_eq!(prefetch.far(STRIDE, Like::AtLeast(5_001)), Some(5_000));
        prefetch.sent_far(5_000);
        assert!(prefetch.came(5_000, PageIds::default(), false));
        assert!(
            prefetch.far(STRIDE, Like::AtLeast(5_001)).is_some(),
            "shorter: on its own"
        );
    }

    #[test]
    fn nothing_is_looked_for_behind_a_page_that_is_not_full() {
        let mut prefetch = Prefetch::default();
        prefetch.sent_far(2_000);
        assert!(!prefetch.came(2_000, rows(), false));
        assert_eq!(prefetch.far(STRIDE, Like::Unknown), None);
    }

    #[test]
    fn pages_that_a_pass_has_overtaken_are_dropped() {
        let mut prefetch = Prefetch::default();
        for offset in [100, 200, 300] {
            prefetch.sent(offset);
        }
        prefetch.came(100, rows(), true);
        assert_eq!(prefetch.overtaken(250), BTreeSet::from([200]));
        assert!(!prefetch.is_awaited(200) && prefetch.is_awaited(300));
        assert!(prefetch.take(100).is_none());
    }
}
