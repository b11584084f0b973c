//! Receipts as they are stored: a JSON file beside a day's file, or a row of `kapture_days`.
//!
//! Both have the fields of [`Receipt`] as serde names them.

#[cfg(feature = "dataset")]
pub(crate) use file::{FileReceipt, Stamp};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use row::*;

#[cfg(feature = "dataset")]
mod file {
    use kapture_model::Receipt;
    use serde::{Deserialize, Serialize};

    /// The receipt of a day whose customers are in a file.
    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct FileReceipt {
        #[serde(flatten)]
        pub(crate) receipt: Receipt,
        /// The size of the file; `None` where a day without customers has no file.
        bytes: Option<u64>,
        /// The ETag of the object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    }

    /// By what a file is known again.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Stamp {
        /// Its size.
        pub(crate) bytes: u64,
        /// Its ETag, in an object store.
        pub(crate) etag: Option<String>,
    }

    impl FileReceipt {
        /// The receipt of a day whose file has this stamp, if it has a file.
        pub(crate) fn new(receipt: Receipt, stamp: Option<Stamp>) -> Self {
            Self {
                receipt,
                bytes: stamp.as_ref().map(|stamp| stamp.bytes),
                etag: stamp.and_then(|stamp| stamp.etag),
            }
        }

        /// The stamp of the file.
        pub(crate) fn stamp(&self) -> Option<Stamp> {
            let bytes = self.bytes?;
            let etag = self.etag.clone();
            Some(Stamp { bytes, etag })
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row {
    use chrono::NaiveDate;

    use crate::error::SinkError;
    use crate::ledger::{Ledger, StaleReason};
    use crate::sql::stored_table::{Kind, StoredRow, StoredTable};
    use crate::sql::tables::Dialect;

    /// Each column is a field of a receipt.
    pub(crate) const RECEIPTS: StoredTable = StoredTable {
        name: "kapture_days",
        columns: &[
            ("day", Kind::Day),
            ("customers", Kind::Number),
            ("checksum", Kind::Text),
            ("undated", Kind::Number),
            ("fetched", Kind::Text),
            ("state", Kind::Text),
            ("end_bound", Kind::Text),
            ("proof", Kind::Text),
            ("empty_response", Kind::NullableText),
        ],
    };

    /// Selects the open days that share a customer with another day.
    pub(crate) fn select_sharing(dialect: Dialect) -> String {
        format!(
            "SELECT {} FROM kapture_days WHERE state = 'open' AND day IN
                 (SELECT day FROM kapture_shared_customers UNION ALL
                  SELECT kapture_day FROM customers
                  WHERE id IN (SELECT id FROM kapture_shared_customers))",
            dialect.date_as_text("day")
        )
    }

    /// Adds the rows of the database `destination` to `ledger`, and marks the days `sharing` a
    /// customer with another day stale. A row that cannot be decoded makes its day stale.
    pub(crate) fn decode_ledger(
        mut ledger: Ledger,
        destination: &str,
        rows: Vec<StoredRow>,
        sharing: impl IntoIterator<Item = String>,
    ) -> Result<Ledger, SinkError> {
        for row in rows {
            let day = row.first().cloned().flatten().unwrap_or_default();
            match RECEIPTS.decode(row) {
                Ok(receipt) => ledger.insert(receipt),
                Err(_) => {
                    let day = decode_day(destination, &day)?;
                    ledger.mark_stale(day, StaleReason::UnreadableReceipt);
                }
            }
        }
        for day in sharing {
            let day = decode_day(destination, &day)?;
            ledger.mark_stale(day, StaleReason::SharedCustomer);
        }
        Ok(ledger)
    }

    fn decode_day(destination: &str, day: &str) -> Result<NaiveDate, SinkError> {
        day.parse().map_err(|_| SinkError::Damaged {
            destination: destination.to_owned(),
            what: "its table kapture_days has a row whose day is no date".into(),
        })
    }
}
