//! Every knob of the tenant and its effect on the replies.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

mod client;
mod edits;
mod envelopes;
mod faults;
mod movement;
mod outages;
mod paging;
mod records;
mod reply_forms;
mod requests;
mod sessions;
mod truth;
mod windows;
