//! What a pull tells: public data without logic.

mod day;
mod day_event;
mod error;
mod event;

pub use day::{CompleteDay, DayError};
pub use error::{PullError, PullErrorKind};
pub use event::{Event, Finding};
pub use kapture_model::{BackwardRange, Checksum, DayState, Days, EndBound, Proof, Receipt};
