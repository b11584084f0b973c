//! What a user reads: help, errors, log lines, the terminal, and what signals do.

mod guide;
mod messages;
mod signals;
mod terminal;
mod words;
