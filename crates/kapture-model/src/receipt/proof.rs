//! How the pages of a window were proven to be complete.

use serde::{Deserialize, Serialize};

/// How the pages of a window were proven to leave no customer out, the strongest proof first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Each page overlapped the page before by its last rows, or there was one page only.
    Contiguous,
    /// The order of the rows was not stable; capture–recapture showed that every row was read: when
    /// the last page was asked for, the server had as many rows as there are customers that were
    /// seen both before and after.
    Recaptured,
    /// Rows came or went while the pages were read; every row that stayed in place was read.
    StableRows,
}
