//! The progress bar of a pull, on a terminal.

use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Local};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kapture_sinks::Destination;
use kapture_transport::Client;
use tokio::task::AbortHandle;

use crate::args::OutputArgs;

/// How often the bar is redrawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// A bar of days with a line of activity below it. Hidden without a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    activity: Arc<Mutex<Activity>>,
    client: Client,
    drawing: Option<AbortHandle>,
}

impl Progress {
    /// Starts a bar for `days`. It is hidden without a terminal, when records are printed on the same
    /// terminal, and when log lines are printed instead.
    pub(crate) fn start(
        days: usize,
        client: &Client,
        destination: &Destination,
        output: &OutputArgs,
    ) -> Self {
        let shared = destination.is_standard_output() && std::io::stdout().is_terminal();
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
        // Two lines that fit in 40 columns: days and activity.
        let style = ProgressStyle::with_template("{bar:14} {pos}/{len} days{left}\n{wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("left", left));
        let activity = Arc::<Mutex<Activity>>::default();
        let drawing = shown.then(|| {
            let (bar, activity, client) = (bar.clone(), Arc::clone(&activity), client.clone());
            let draw = async move {
                let mut moments = tokio::time::interval(REDRAW_INTERVAL);
                loop {
                    moments.tick().await;
                    refresh(&bar, &activity, &client);
                    bar.tick();
                }
            };
            tokio::spawn(draw).abort_handle()
        });
        Self {
            bar,
            activity,
            client: client.clone(),
            drawing,
        }
    }

    pub(crate) fn customers(&self, more: usize) {
        let mut activity = lock(&self.activity);
        activity.customers += more as u64;
        // Other requests succeed while one waits.
        activity.waiting = None;
    }

    pub(crate) fn day_done(&self) {
        // Both lines are drawn together, so that the customers are those of the days.
        if !self.bar.is_hidden() {
            refresh(&self.bar, &self.activity, &self.client);
        }
        self.bar.inc(1);
    }

    /// Hides the bar while something else writes to the terminal.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Shows that a request waits, until when, and why.
    pub(crate) fn waiting(&self, wait: Duration, why: &str) {
        if wait >= Duration::from_secs(1) {
            lock(&self.activity).waiting = Some((Local::now() + wait, why.to_owned()));
        }
    }
}

/// Sets the line of activity.
fn refresh(bar: &ProgressBar, activity: &Mutex<Activity>, client: &Client) {
    let traffic = Traffic {
        in_flight: client.in_flight(),
        repeated: client.stats().retries,
    };
    let line = lock(activity).line(traffic, bar.elapsed(), Local::now());
    bar.set_message(line);
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}

/// The estimated time left, after the first day.
fn left(state: &ProgressState, line: &mut dyn fmt::Write) {
    if state.pos() > 0 {
        let _ = write!(line, ", {:#} left", HumanDuration(state.eta()));
    }
}

/// Counters of the client.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    in_flight: usize,
    repeated: u64,
}

/// The content of the second line.
#[derive(Debug, Default)]
struct Activity {
    customers: u64,
    /// Until when a request waits for its retry, and why.
    waiting: Option<(DateTime<Local>, String)>,
}

impl Activity {
    /// The most important part comes first, since a narrow terminal cuts the rest.
    fn line(&self, traffic: Traffic, elapsed: Duration, now: DateTime<Local>) -> String {
        let Traffic {
            in_flight,
            repeated,
        } = traffic;
        let repeated = match repeated {
            0 => String::new(),
            repeated => format!(", {repeated} repeated"),
        };
        if let Some((until, why)) = self.waiting.as_ref().filter(|(until, _)| *until > now) {
            let until = until.format("%H:%M:%S");
            return format!("waiting until {until}{repeated}, {in_flight} in flight: {why}");
        }
        let customers = self.customers;
        let rate = customers as f64 / elapsed.as_secs_f64().max(0.001);
        format!("{customers} customers, {in_flight} in flight{repeated}, {rate:.0}/s")
    }
}

fn lock(activity: &Mutex<Activity>) -> MutexGuard<'_, Activity> {
    activity.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_activity_or_the_retry() {
        let now = "2024-05-02T16:15:42Z".parse::<DateTime<Local>>().unwrap();
        let elapsed = Duration::from_secs(10);
        let line = |activity: &Activity, in_flight, repeated| {
            activity.line(
                Traffic {
                    in_flight,
                    repeated,
                },
                elapsed,
                now,
            )
        };
        let mut activity = Activity {
            customers: 1_200,
            waiting: None,
        };
        assert_eq!(
            line(&activity, 16, 0),
            "1200 customers, 16 in flight, 120/s"
        );
        assert_eq!(
            line(&activity, 4, 3),
            "1200 customers, 4 in flight, 3 repeated, 120/s"
        );
        let until = now + Duration::from_secs(30);
        activity.waiting = Some((until, "too many requests".into()));
        assert_eq!(
            line(&activity, 0, 1),
            format!(
                "waiting until {}, 1 repeated, 0 in flight: too many requests",
                until.format("%H:%M:%S")
            )
        );
        activity.waiting = Some((now, "too many requests".into()));
        assert!(
            line(&activity, 1, 1).starts_with("1200 customers"),
            "the wait has ended"
        );
    }
}
