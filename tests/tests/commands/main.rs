//! The commands from end to end: over HTTP, as a user runs them.

mod completions;
mod describe;
mod doctor;
mod failed_days;
mod history;
mod odd_records;
mod plan;
mod pull;
mod real_tenants;
mod signals;
mod status;
mod sync;
mod tables;
mod verify;
