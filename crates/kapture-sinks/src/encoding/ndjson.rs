//! Records as newline-delimited JSON.

use std::io;
#[cfg(feature = "dataset")]
use std::io::Write;

use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{Drift, Normaliser, Record};

use crate::encoding::parts::PartEncoder;

/// Makes one line of each record: normalised, or as the API sent it.
pub(crate) struct NdjsonEncoder {
    raw: bool,
    normaliser: Normaliser<Tz>,
    lines: Vec<u8>,
}

impl NdjsonEncoder {
    pub(crate) fn new(zone: Tz, raw: bool) -> Self {
        Self {
            raw,
            normaliser: Normaliser::new(zone),
            lines: Vec::new(),
        }
    }
}

impl PartEncoder for NdjsonEncoder {
    type Part = Vec<u8>;

    fn add(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
        for record in records {
            match self.raw {
                true => record.push_raw_line(&mut self.lines),
                false => self.normaliser.write(record, &mut self.lines),
            }
            self.lines.push(b'\n');
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        // The next part is likely to be as long as this one.
        let next = Vec::with_capacity(self.lines.len());
        let lines = std::mem::replace(&mut self.lines, next);
        Ok(Some(lines).filter(|lines| !lines.is_empty()))
    }

    /// None in raw form, which is not decoded.
    fn drift(&self) -> Drift {
        self.normaliser.drift()
    }
}

/// The lines of a file.
#[cfg(feature = "dataset")]
pub(crate) fn rows(file: &std::fs::File) -> io::Result<crate::encoding::stored::Rows> {
    let mut rows = Vec::new();
    let mut start = 0;
    for_each_line(file, |record, length| {
        rows.push((record.id().clone(), start..start + length));
        start += length;
    })?;
    Ok(rows)
}

/// The customers in a file, each with a hash of its values.
#[cfg(feature = "dataset")]
pub(crate) fn row_hashes(
    file: impl io::Read,
    hasher: &kapture_model::RowHasher,
) -> io::Result<crate::sink::RowHashes> {
    let mut reader = kapture_model::RowReader::default();
    let mut hashes = crate::sink::RowHashes::new();
    for_each_line(file, |record, _| {
        hashes.insert(record.id().clone(), hasher.hash(&reader.read(record)));
    })?;
    Ok(hashes)
}

/// Calls `each` with the record of every line and its length in bytes.
#[cfg(feature = "dataset")]
fn for_each_line(file: impl io::Read, mut each: impl FnMut(&Record, u64)) -> io::Result<()> {
    use std::io::BufRead;
    let mut lines = io::BufReader::new(file);
    loop {
        let mut line = Vec::new();
        let length = lines.read_until(b'\n', &mut line)? as u64;
        if length == 0 {
            return Ok(());
        }
        let record = Record::decode(line.into()).map_err(io::Error::other)?;
        each(&record, length);
    }
}

/// Writes the lines that changed, those before and then those after, each with what became of its
/// customer as its first fields.
#[cfg(feature = "dataset")]
pub(crate) fn write_changes(
    before: Option<std::fs::File>,
    after: Option<std::fs::File>,
    changed: &crate::encoding::changes::Differences,
    seen: crate::encoding::changes::Seen,
    out: std::fs::File,
) -> io::Result<()> {
    use crate::encoding::changes::{COLUMNS, RowChange};

    let mut out = io::BufWriter::new(out);
    let [kind, at, day] = COLUMNS;
    let at = format!(r#""{at}":"{}","{day}":"{}""#, seen.at_text(), seen.day);
    let mut write = |change: RowChange, line: &[u8]| {
        let start = format!(r#"{{"{kind}":"{}",{at},"#, change.name());
        out.write_all(start.as_bytes())?;
        // A customer has fields, at least its id.
        out.write_all(line.trim_ascii().get(1..).unwrap_or_default())?;
        out.write_all(b"\n")
    };
    let mut copy = |file: std::fs::File, change: &dyn Fn(&Record) -> Option<RowChange>| {
        let mut written = Ok(());
        for_each_line(file, |record, _| {
            if let (Some(change), Ok(())) = (change(record), &written) {
                written = write(change, record.raw());
            }
        })?;
        written
    };
    if let Some(before) = before {
        copy(before, &|record| changed.before(record.id()))?;
    }
    if let Some(after) = after {
        copy(after, &|record| changed.after(record.id()))?;
    }
    out.flush()
}

/// The lines of a file of changes.
#[cfg(feature = "dataset")]
pub(crate) fn changed_rows(
    file: std::fs::File,
) -> io::Result<crate::encoding::changes::ChangedRows> {
    use crate::encoding::changes::{COLUMNS, changed_row, damaged};
    use serde_json::{Map, Value};
    use std::io::BufRead;

    let row = |line: io::Result<String>| {
        let row: Map<String, Value> = serde_json::from_str(&line?)?;
        let change = row.get(COLUMNS[0]).and_then(Value::as_str);
        let change = change.ok_or_else(damaged)?.to_owned();
        changed_row(&change, row)
    };
    io::BufReader::new(file).lines().map(row).collect()
}
