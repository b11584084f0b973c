//! A cache of rendered records, in blocks: a page is a few copies, so that benchmarks measure the client
//! and not the sandbox. The oldest blocks are evicted first, which bounds memory.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;

use crate::population::Row;
use crate::population::customer::TYPICAL_BYTES;

const ROWS_PER_BLOCK: u32 = 256;
/// About 128 MiB of records of typical size.
const MAX_BLOCKS: usize = (128 << 20) / (TYPICAL_BYTES * ROWS_PER_BLOCK as usize);

#[derive(Debug, Default)]
pub(crate) struct RecordCache {
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
    /// The start of each record, then the length of the text.
    starts: Vec<usize>,
}

impl RecordCache {
    /// Appends the records `rows` of `day`, each followed by a comma. `count` is the number of planned
    /// customers of the day; `write` renders one.
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
            let number = row / ROWS_PER_BLOCK;
            let first = number * ROWS_PER_BLOCK;
            let end = rows.end.min(first + ROWS_PER_BLOCK);
            let block = self.block(day, number, || {
                render(day, first..count.min(first + ROWS_PER_BLOCK), &write)
            });
            let text = &block.text
                [block.starts[(row - first) as usize]..block.starts[(end - first) as usize]];
            out.extend_from_slice(text.as_bytes());
            row = end;
        }
    }

    fn block(&self, day: NaiveDate, number: u32, render: impl FnOnce() -> Block) -> Arc<Block> {
        let key = (day, number);
        // A block is complete before it is inserted, so the data behind a poisoned lock is valid.
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
            if kept.age.len() > MAX_BLOCKS
                && let Some(oldest) = kept.age.pop_front()
            {
                kept.blocks.remove(&oldest);
            }
        }
        block
    }
}

fn render(day: NaiveDate, rows: Range<u32>, write: impl Fn(Row, &mut String)) -> Block {
    let mut text = String::with_capacity(rows.len() * TYPICAL_BYTES);
    let mut starts = Vec::with_capacity(rows.len() + 1);
    for index in rows {
        starts.push(text.len());
        write(Row::planned(day, index), &mut text);
        text.push(',');
    }
    starts.push(text.len());
    Block { text, starts }
}
