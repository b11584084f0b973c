//! Planned records, rendered ahead in blocks: a page is then a few copies, and the sandbox is not
//! what a benchmark measures. The oldest blocks make way, so a tenant of millions stays small.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;

use crate::population::Row;
use crate::population::customer::USUAL_BYTES;

const ROWS_A_BLOCK: u32 = 256;
/// About 128 MiB of usual records.
const MOST_BLOCKS: usize = (128 << 20) / (USUAL_BYTES * ROWS_A_BLOCK as usize);

#[derive(Debug, Default)]
pub(crate) struct Blocks {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<(NaiveDate, u32), Arc<Block>>,
    /// Oldest first.
    age: VecDeque<(NaiveDate, u32)>,
}

/// Records of one day with a comma after each.
#[derive(Debug)]
struct Block {
    text: String,
    /// Where each record begins, and at last the length of the text.
    starts: Vec<usize>,
}

impl Blocks {
    /// Appends the records `rows` of `day`, a comma after each. `count` is the number of the day's
    /// planned customers and `write` renders one.
    pub(crate) fn append(
        &self,
        out: &mut Vec<u8>,
        day: NaiveDate,
        rows: Range<u32>,
        count: u32,
        write: impl Fn(Row, &mut String),
    ) {
        let mut row = rows.start;
        while row < rows.end {
            let number = row / ROWS_A_BLOCK;
            let first = number * ROWS_A_BLOCK;
            let end = rows.end.min(first + ROWS_A_BLOCK);
            let block = self.block(day, number, || {
                render(day, first..count.min(first + ROWS_A_BLOCK), &write)
            });
            let text = &block.text
                [block.starts[(row - first) as usize]..block.starts[(end - first) as usize]];
            out.extend_from_slice(text.as_bytes());
            row = end;
        }
    }

    fn block(&self, day: NaiveDate, number: u32, render: impl FnOnce() -> Block) -> Arc<Block> {
        let key = (day, number);
        // A block is whole before it is kept, so a poisoned lock guards nothing broken.
        if let Some(block) = self
            .kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .blocks
            .get(&key)
        {
            return Arc::clone(block);
        }
        let block = Arc::new(render());
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.blocks.insert(key, Arc::clone(&block)).is_none() {
            kept.age.push_back(key);
            if kept.age.len() > MOST_BLOCKS
                && let Some(oldest) = kept.age.pop_front()
            {
                kept.blocks.remove(&oldest);
            }
        }
        block
    }
}

fn render(day: NaiveDate, rows: Range<u32>, write: impl Fn(Row, &mut String)) -> Block {
    let mut text = String::with_capacity(rows.len() * USUAL_BYTES);
    let mut starts = Vec::with_capacity(rows.len() + 1);
    for index in rows {
        starts.push(text.len());
        write(Row::planned(day, index), &mut text);
        text.push(',');
    }
    starts.push(text.len());
    Block { text, starts }
}
