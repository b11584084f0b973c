//! What a pull costs, measured in the same run against a bare client and a bare parser.
//!
//! `cargo xtask bench` builds this and `kapture`, and runs it. The two subcommands are processes
//! that it starts itself, so that each is measured alone.

mod arguments;
mod bare_client;
mod kapture;
mod measured;
mod output;
mod pages;
mod parse_pass;
mod place;
mod report;
mod run;
mod scenarios;
mod usage;

use std::process::ExitCode;

use arguments::Task;

/// Whatever kept a measurement from being made.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let done = match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Task::Help) => {
            print!("{}", arguments::help());
            Ok(true)
        }
        Ok(Task::Bench(settings)) => run::run(&settings),
        Ok(Task::BareClient {
            address,
            gzip,
            bodies,
        }) => bare_client::run(&address, gzip, &bodies).map(|()| true),
        Ok(Task::Measure(command)) => measured::run(&command).map(|()| true),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
