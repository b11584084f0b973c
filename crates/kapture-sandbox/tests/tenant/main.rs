//! Every knob of the tenant, and the effect it has on what is answered.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

mod answers;
mod asking;
mod envelopes;
mod faults;
mod movement;
mod outages;
mod paging;
mod records;
mod requests;
mod sessions;
mod truth;
mod windows;
