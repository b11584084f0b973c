#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Days`] and [`Pull`]: what to pull; [`Event`]: what a pull tells while it runs; [`Receipt`]: what is
//!   known about a finished day.
//! - `driver`: takes requests from the engine, sends them, and gives their outcomes back. The only file
//!   that waits.
//! - `engine`: the machine of a whole pull: how far a window reaches, whether quiet days were quiet, days
//!   out of windows, and every bound.
//! - `window`: the machine of one window: pages, passes over it, how pages join, what equal passes prove.
//! - `evidence`: what the server has shown so far, one question a file.

mod api;
mod driver;
mod engine;
mod evidence;
mod pull;
mod request;
#[cfg(test)]
mod simulation;
mod window;

pub use api::{
    BackwardRange, Checksum, CompleteDay, DayError, DayState, Days, EndBound, Event, Finding,
    Proof, PullError, PullErrorKind, Receipt,
};
pub use pull::Pull;
// What the signatures name.
pub use {chrono, chrono_tz, kapture_model, kapture_transport};
