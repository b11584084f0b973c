//! Which pages of a window are asked for before their turn.
//!
//! A page with rows at some offset shows that every page before it is of use. So one *far probe* at a
//! time looks further and further ahead, four times as far at each step and later twice; where it finds
//! nothing, the end is searched for by halves. Every page in between is then asked for at once. A far probe that
//! finds nothing was made in vain: a run may make few of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::request::PageIds;

/// How many pages ahead the first far probe looks.
const FIRST_PROBE: u64 = 3;

/// From so many pages on a far probe looks twice as far, and not four times.
const MANY_PAGES: u64 = 16;

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
    /// The lowest offset at which there were none.
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

    /// The page at `offset` came. Returns whether it was a far probe that found nothing: such a page
    /// is not kept.
    pub(crate) fn came(&mut self, offset: u64, page: PageIds) -> bool {
        self.asked.remove(&offset);
        let was_far = self.far_probe.take_if(|far| *far == offset).is_some();
        if page.ids.is_empty() {
            self.empty = Some(self.empty.map_or(offset, |empty| empty.min(offset)));
        } else {
            self.holds = self.holds.max(offset);
            self.empty = self.empty.filter(|empty| *empty > offset);
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
    pub(crate) fn far(&self, stride: Stride) -> Option<u64> {
        if stride.step == 0 || self.far_probe.is_some() {
            return None;
        }
        let pages = |offset: u64| offset.saturating_sub(stride.next) / stride.step;
        let known = pages(self.holds);
        let place = match self.empty {
            None => {
                let far = stride.next / stride.step + known;
                let times = if far < MANY_PAGES { 4 } else { 2 };
                FIRST_PROBE.max(times * far)
            }
            Some(empty) => known.midpoint(pages(empty)),
        };
        let offset = stride.next + place * stride.step;
        (place > known + 1 && !self.has(offset)).then_some(offset)
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
        let far = prefetch.far(STRIDE).unwrap();
        assert_eq!(far, 500);
        prefetch.sent_far(far);
        assert_eq!(prefetch.far(STRIDE), None, "one at a time");
        assert!(!prefetch.came(far, rows()));
        let mut certain = Vec::new();
        while let Some(offset) = prefetch.certain(STRIDE) {
            prefetch.sent(offset);
            certain.push(offset);
        }
        assert_eq!(certain, [100, 200, 300, 400]);
        assert_eq!(prefetch.far(STRIDE), Some(2_100), "four times as far");
    }

    #[test]
    fn end_is_searched_for_by_halves_once_a_far_probe_was_in_vain() {
        let mut prefetch = Prefetch::default();
        prefetch.sent_far(1_700);
        assert!(prefetch.came(1_700, PageIds::default()));
        assert!(!prefetch.has(1_700), "it is asked again if its turn comes");
        assert_eq!(prefetch.far(STRIDE), Some(900));
        prefetch.sent_far(900);
        assert!(!prefetch.came(900, rows()));
        assert_eq!(prefetch.far(STRIDE), Some(1_300));
        prefetch.sent_far(1_300);
        assert!(prefetch.came(1_300, PageIds::default()));
        assert_eq!(prefetch.far(STRIDE), Some(1_100));
        prefetch.sent_far(1_100);
        prefetch.came(1_100, rows());
        assert_eq!(prefetch.far(STRIDE), None, "too near to tell more");
    }

    #[test]
    fn pages_that_a_pass_has_overtaken_are_dropped() {
        let mut prefetch = Prefetch::default();
        for offset in [100, 200, 300] {
            prefetch.sent(offset);
        }
        prefetch.came(100, rows());
        assert_eq!(prefetch.overtaken(250), BTreeSet::from([200]));
        assert!(!prefetch.is_awaited(200) && prefetch.is_awaited(300));
        assert!(prefetch.take(100).is_none());
    }
}
