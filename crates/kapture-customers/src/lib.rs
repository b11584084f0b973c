#![doc = include_str!("../README.md")]
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
mod assembly;
mod calibration;
mod confirmation;
mod counting;
mod empty_answer;
mod equal_passes;
mod error;
mod event;
mod events;
mod listing;
mod page_length;
mod pull;
mod reading;
mod row_order;
mod run;
mod scouting;
mod server;
mod unwitnessed;
mod window_length;

pub use error::PullError;
pub use event::{Event, Finding};
pub use kapture_model::{BackwardRange, Checksum, DayState, Days, EndBound, Proof, Receipt};
pub use pull::Pull;
