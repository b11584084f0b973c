//! What is shown while a pull runs, on a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kapture_sinks::Location;

use crate::arguments::OutputArguments;

/// A bar of days with customers, rate and time left; nothing where nobody would see it.
pub(crate) struct Progress {
    bar: ProgressBar,
    customers: u64,
}

impl Progress {
    /// A bar for `days`. It is hidden without a terminal, when records go to that same terminal,
    /// and when log lines take its place.
    pub(crate) fn start(days: usize, location: &Location, output: &OutputArguments) -> Self {
        let shared = *location == Location::StandardOutput && std::io::stdout().is_terminal();
        let shown = output.is_for_reading()
            && output.verbose == 0
            && !shared
            && std::io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(days as u64), target);
        // Two lines, both within 40 columns: what is done, and what is happening.
        let style =
            ProgressStyle::with_template("{bar:14} {pos}/{len} days, {eta} left\n{wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, customers: 0 }
    }

    pub(crate) fn customers(&mut self, more: usize) {
        self.customers += more as u64;
        let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!(
            "{} customers, {:.0}/s",
            self.customers,
            self.customers as f64 / seconds
        ));
    }

    pub(crate) fn day_done(&self) {
        self.bar.inc(1);
    }

    /// Lets something else write to the terminal meanwhile.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Says why nothing moves, and until when.
    pub(crate) fn waiting(&self, wait: Duration, why: &str) {
        if wait >= Duration::from_secs(1) {
            let until = chrono::Local::now() + wait;
            self.bar
                .set_message(format!("waiting until {}: {why}", until.format("%H:%M:%S")));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
