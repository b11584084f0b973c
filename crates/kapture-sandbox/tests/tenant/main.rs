//! Every knob of the tenant, and the effect it has on what is answered.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

mod answers;
mod asking;
mod faults;
mod movement;
mod paging;
mod records;
mod requests;
mod truth;
mod windows;
