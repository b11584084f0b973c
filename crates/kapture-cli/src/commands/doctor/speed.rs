//! The step speed.

use std::time::Instant;

use futures_util::future::join_all;

use kapture_model::Window;

use super::finding::Finding;
use super::{Doctor, RAMP};
use crate::error::CliError;

impl Doctor {
    /// Two, then four concurrent requests. Returns how many are tolerated, if fewer.
    pub(super) async fn speed(&self) -> Result<Option<usize>, CliError> {
        let started = Instant::now();
        let (mut tolerated, mut too_many) = (1, None);
        let mut asked = 0;
        for at_once in RAMP
            .into_iter()
            .filter(|most| *most <= self.client.concurrency())
        {
            let calls =
                (0..at_once).map(|_| self.page(&self.client, Window::two_days(self.day), 1, 0));
            // A retry would exceed the budget.
            let within = self.budget.within(at_once, join_all(calls)).await;
            if within.is_none() {
                too_many = Some(at_once);
                break;
            }
            (tolerated, asked) = (at_once, asked + at_once);
        }
        let seconds = started.elapsed().as_secs_f64().max(0.001);
        self.print(match too_many {
            Some(at_once) => Finding::warning(
                "speed",
                format!("{at_once} concurrent requests are too many: some were retries"),
                format!("a pull adapts its concurrency; to start lower, add --concurrency {tolerated} or --max-rps 2"),
            ),
            None if asked == 0 => Finding::ok("speed", "one request at a time, as configured"),
            None => Finding::ok(
                "speed",
                format!("{tolerated} concurrent requests are tolerated: {:.0} requests per second", asked as f64 / seconds),
            ),
        })?;
        Ok(too_many.map(|_| tolerated))
    }
}
