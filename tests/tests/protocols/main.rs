//! The connectors for other programs, from end to end: over HTTP, as those programs run them.

mod airbyte;
mod faults;
mod singer;
mod tap;
