//! What a pull tells: public data without logic.

mod day_event;
mod error;
mod event;

pub use error::{PullError, PullErrorKind};
pub use event::{Event, Finding};
pub use kapture_model::{BackwardRange, Checksum, DayState, Days, EndBound, Proof, Receipt};
