//! Personal data, from end to end: what is dropped, hashed or forgotten is in no byte that is left.
#![cfg(unix)]

mod choice;
mod dropped_and_hashed;
mod forgotten;
mod search;
