#![doc = include_str!("../README.md")]
//!
//! `Pull` is driven by `run` today. `engine`, `window` and `evidence`, with `engine_driver`, are the machine that
//! replaces it; they are compiled and tested, but not driven yet.
//!
//! # The crate, in reading order
//! - [`Days`] and [`Pull`]: what to pull; [`Event`]: what a pull tells while it runs.
//! - `run`: the course of a pull; `scouting` and `calibration`: how far windows reach;
//!   `confirmation`: whether quiet days were quiet; `empty_answer`: what "no
//!   customers" looks like.
//! - `reading`: one window, pass by pass; `listing`: how pages join; `row_order`: whether rows keep
//!   their order; `counting`: proof where they do not; `page_length`: when a page is the last;
//!   `ahead`: pages asked before their turn.
//! - `assembly`: days from windows; [`Receipt`]: what is known about a finished day.

mod ahead;
mod api;
mod assembly;
mod calibration;
mod confirmation;
mod counting;
mod empty_answer;
mod equal_passes;
mod events;
mod listing;
mod page_length;
mod pull;
mod reading;
mod run;
mod scouting;
mod server;
mod unwitnessed;
mod window_length;

// The machine that replaces `run`, `scouting`, `reading` and the modules beside them: plain data without I/O, and a
// driver that sends what it hands out. `Pull` does not drive it yet.
#[allow(dead_code)]
mod engine;
#[allow(dead_code)]
mod engine_driver;
#[allow(dead_code)]
mod evidence;
#[allow(dead_code)]
mod request;
#[allow(dead_code)]
mod window;

pub use api::{
    BackwardRange, Checksum, DayState, Days, EndBound, Event, Finding, Proof, PullError,
    PullErrorKind, Receipt,
};
pub use pull::Pull;
// What the signatures name.
pub use {chrono, chrono_tz, kapture_model, kapture_transport};
