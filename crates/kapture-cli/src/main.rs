//! The `kapture` command.
fn main() {}
