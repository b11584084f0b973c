//! One page of a window: which rows it has, and its bytes.

use std::ops::Range;

use chrono::NaiveDateTime;

use crate::behaviour::answer_form::EmptyForm;
use crate::behaviour::paging::{Limit, Offset};
use crate::journal::Asked;
use crate::population::customer::USUAL_BYTES;
use crate::reply::Reply;
use crate::tenant::Tenant;
use crate::tenant::listing::Listing;
use crate::tenant::query::Query;

impl Tenant {
    /// The most rows that a page of this query has.
    pub(super) fn limit(&self, query: &Query) -> u64 {
        let limit = query.limit.unwrap_or(self.behaviour.default_limit);
        match self.behaviour.limit {
            Limit::Honoured => limit,
            Limit::CappedAt(most) => limit.min(most),
            Limit::DefaultAbove(most) if limit > most => self.behaviour.default_limit,
            Limit::DefaultAbove(_) | Limit::RefusedAbove(_) => limit,
            Limit::Ignored => u64::MAX,
        }
    }

    pub(super) fn page(
        &self,
        query: &Query,
        covered: Range<NaiveDateTime>,
        asked: &mut Asked,
    ) -> Reply {
        let behaviour = &self.behaviour;
        let listing = self.listing(query, covered, asked.number);
        let count = listing.len();
        let offset = match behaviour.offset {
            Offset::Honoured => query.offset,
            Offset::Ignored => 0,
            Offset::OneRowEarly => query.offset.saturating_sub(1),
            Offset::UpTo(most) if query.offset > most => count,
            Offset::UpTo(_) => query.offset,
        };
        let mut page = listing.page(offset, self.limit(query));
        page.retain(|row| !self.is_left_out(row));
        if let Some(most) = behaviour.page_bytes {
            self.cut_at_bytes(&mut page, most);
        }
        asked.rows = page.len();
        if asked.rows == 0 {
            let form: &EmptyForm = match &behaviour.past_end {
                Some(form) if count > 0 => form,
                _ => &behaviour.empty_window,
            };
            return Reply::empty(form, behaviour.content_type);
        }
        let mut body = self.render(page);
        if behaviour.pretty
            && let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body)
        {
            body = format!("{value:#}").into_bytes();
        }
        Reply::text(200, behaviour.content_type.header(), body)
    }

    fn cut_at_bytes(&self, page: &mut Listing, most: usize) {
        let (mut text, mut is_first) = (String::new(), true);
        page.retain(|row| {
            self.customer(row).write(&mut text);
            std::mem::take(&mut is_first) || text.len() <= most
        });
    }

    fn render(&self, page: Listing) -> Vec<u8> {
        let mut body = Vec::with_capacity(page.len() as usize * USUAL_BYTES + 64);
        body.extend_from_slice(br#"{"message":["#);
        match page {
            Listing::Days(days) => {
                for (day, rows) in days {
                    let count = self.population.count(day);
                    self.blocks
                        .append(&mut body, day, rows, count, |row, text| {
                            self.customer(row).write(text)
                        });
                }
            }
            Listing::Rows(rows) => {
                let mut text = String::with_capacity(USUAL_BYTES);
                for row in rows {
                    text.clear();
                    self.customer(row).write(&mut text);
                    text.push(',');
                    body.extend_from_slice(text.as_bytes());
                }
            }
        }
        body.pop(); // the comma after the last record
        body.extend_from_slice(br#"],"status":"success"}"#);
        body
    }
}
