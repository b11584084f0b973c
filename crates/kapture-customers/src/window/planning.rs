//! Chooses the next page of a window to request.

use crate::evidence::Evidence;

use super::WindowReader;
use super::prefetch::{Like, Stride};
use super::state::{NextPage, WindowState};

impl WindowReader {
    /// The request without which the window does not go on.
    pub(crate) fn next_needed(&mut self) -> Option<NextPage> {
        let (limit, offset) = match &mut self.state {
            WindowState::First { limit, is_sent } | WindowState::Whole { limit, is_sent, .. } => {
                if std::mem::replace(is_sent, true) {
                    return None;
                }
                (*limit, 0)
            }
            WindowState::Paging(pass) => {
                let offset = pass.next_offset();
                if self.prefetch.has(offset) {
                    return None;
                }
                self.prefetch.sent(offset);
                self.in_turn.insert(offset);
                (pass.limit(), offset)
            }
            WindowState::Grid { reader, is_sent } => {
                if std::mem::replace(is_sent, true) {
                    return None;
                }
                (reader.limit(), reader.next_offset())
            }
            _ => return None,
        };
        Some((self.request(limit, offset), self.ticket(limit)))
    }

    /// A page before its turn that is known to be of use.
    pub(crate) fn next_certain(&mut self, evidence: &Evidence) -> Option<NextPage> {
        let (limit, stride) = self.stride(evidence)?;
        let offset = self.prefetch.certain(stride)?;
        self.prefetch.sent(offset);
        Some((self.request(limit, offset), self.ticket(limit)))
    }

    /// A far probe: a page far ahead, to find out how many rows the window has.
    pub(crate) fn next_far(&mut self, evidence: &Evidence, like: Like) -> Option<NextPage> {
        let (limit, stride) = self.stride(evidence)?;
        let offset = self.prefetch.far(stride, like)?;
        self.prefetch.sent_far(offset);
        Some((self.request(limit, offset), self.ticket(limit)))
    }

    fn stride(&self, evidence: &Evidence) -> Option<(u32, Stride)> {
        match &self.state {
            WindowState::Paging(pass) => Some((pass.limit(), pass.stride(evidence)?)),
            _ => None,
        }
    }

    /// The number of rows that the window has at least. `None` while its pages may not be requested ahead.
    pub(crate) fn rows_ahead(&self, evidence: &Evidence) -> Option<u64> {
        self.stride(evidence).map(|_| self.prefetch.rows())
    }

    /// Whether a page far ahead is on its way.
    pub(crate) fn awaits_far_page(&self) -> bool {
        self.prefetch.awaits_far()
    }
}
