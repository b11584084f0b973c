//! The commands from end to end: over HTTP, as a user runs them.

mod completions;
mod describe;
mod doctor;
mod failed_days;
mod odd_records;
mod pull;
mod real_tenants;
mod sync;
mod verify;
