//! Pages of one large window, asked for before it is their turn.
//!
//! Once a page was full the next ones can be asked at the same time; the seams prove afterwards
//! that they join. What is asked beyond the end of a window is asked in vain, so a run has only a
//! few pages to spare for that; those that turn out to be of use are spent again.

use std::collections::VecDeque;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use kapture_model::Record;

use crate::error::PullError;
use crate::reading::WindowReader;
use crate::server::Ask;

#[derive(Default)]
pub(crate) struct Ahead {
    asked: VecDeque<Asked>,
    pages: FuturesOrdered<BoxFuture<'static, Result<Vec<Record>, PullError>>>,
}

struct Asked {
    ask: Ask,
    /// Taken from the pages that a run may ask in vain.
    spare: bool,
}

impl Ahead {
    /// The page of `ask`. While pages are full and `steady` (each of `page_length` rows, the next
    /// one asked one row back), those behind it are asked for as well. Also whether the page was
    /// asked in its turn, after all before it had come.
    pub(crate) async fn page(
        &mut self,
        reader: &WindowReader,
        ask: Ask,
        page_length: usize,
        steady: bool,
    ) -> Result<(Vec<Record>, bool), PullError> {
        if self.asked.front().map(|asked| asked.ask) != Some(ask) {
            self.asked.clear();
            self.pages = FuturesOrdered::new();
            self.push(reader, ask, false);
        }
        let server = &reader.server;
        if steady && page_length > 1 && server.knowledge().pages.is_full(page_length, ask.limit) {
            // The page asked for just now is not yet counted as in flight.
            let idle = server.idle().saturating_sub(1);
            for _ in 0..server.take_spare_pages(idle) {
                let last = self
                    .asked
                    .back()
                    .map_or(ask.offset, |asked| asked.ask.offset);
                let offset = last + page_length as u64 - 1;
                self.push(reader, Ask { offset, ..ask }, true);
            }
        }
        let spare = self.asked.pop_front().is_some_and(|asked| asked.spare);
        if spare {
            server.give_back_spare_page();
        }
        // There is always one: it was pushed above, or before.
        let page = self.pages.next().await.unwrap_or_else(|| Ok(Vec::new()))?;
        Ok((page, !spare))
    }

    fn push(&mut self, reader: &WindowReader, ask: Ask, spare: bool) {
        self.asked.push_back(Asked { ask, spare });
        let reader = reader.clone();
        self.pages
            .push_back(async move { reader.page(ask).await }.boxed());
    }
}
