//! How the pages of a window were proven to be complete.

use serde::{Deserialize, Serialize};

/// How the pages of a window were proven to leave no customer out, the strongest proof first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Each page overlapped the page before by its last rows, or there was one page only.
    Contiguous,
    /// The order of the rows was not stable, and capture–recapture proved that every row was read:
    /// at the last page the window had as many rows as there are customers that were seen both
    /// before and after it.
    Recaptured,
    /// Rows came or went while the pages were read; every row that stayed in place was read.
    StableRows,
    /// Where a window ends was told from the lengths of its pages, and not asked.
    Inferred,
    /// The server answered with an empty list, and nothing shows that it was well: no request of the run
    /// returned customers.
    Unvouched,
}
