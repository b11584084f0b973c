//! The report: one HTML page that shows a destination to people who would rather look than read.
//!
//! It needs no other file and makes no request; a content security policy forbids everything but
//! its own style and script. It holds counts, and no customer's data.

mod calendar;
mod chart;
mod days;
mod text;

use std::collections::BTreeMap;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate, Utc};
use kapture_customers::Proof;
use kapture_sinks::{Destination, FieldDrift, Ledger, RunLog};
use sha2::{Digest, Sha256};

use crate::output::summary::took;
use calendar::Year;
use chart::Chart;
use days::{Day, gaps};
use text::grouped;

const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// How many runs are shown; the others can be unfolded.
const RUNS_AT_ONCE: usize = 14;

/// What a report shows.
pub(crate) struct Subject<'a> {
    pub(crate) destination: &'a Destination,
    pub(crate) ledger: &'a Ledger,
    pub(crate) runs: &'a RunLog,
    pub(crate) now: DateTime<Utc>,
}

/// The page, as its template names the parts.
#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page {
    destination: String,
    policy: String,
    style: &'static str,
    script: &'static str,
    verdict: String,
    is_complete: bool,
    customers: String,
    range: Option<(NaiveDate, NaiveDate)>,
    time_zone: String,
    written: String,
    version: &'static str,
    states: Vec<StateCount>,
    gaps: Vec<days::Gap>,
    further_gaps: usize,
    years: Vec<Year>,
    data: String,
    charts: Vec<Chart>,
    months: Vec<chart::Month>,
    proofs: Vec<ProofCount>,
    drift: Vec<FieldDrift>,
    last_runs: Vec<RunRow>,
    older_runs: Vec<RunRow>,
    last_run: Option<String>,
}

/// How many days are in a state.
struct StateCount {
    class: &'static str,
    name: &'static str,
    days: String,
    meaning: &'static str,
}

/// How many days have a proof.
struct ProofCount {
    name: &'static str,
    meaning: &'static str,
    days: String,
    percent: String,
}

/// A run, as the table shows it.
struct RunRow {
    number: u64,
    started: String,
    took: String,
    command: String,
    days: String,
    customers: String,
    requests: String,
    retries: String,
    megabytes: String,
    exit_code: u8,
}

impl Subject<'_> {
    /// The report as HTML.
    pub(crate) fn html(&self) -> Result<String, askama::Error> {
        let days = days::all(self.ledger, self.now);
        let incomplete = days.iter().filter(|day| !day.is_complete()).count();
        let (gaps, further_gaps) = gaps(&days, &self.runs.failing_days(), self.destination);
        let mut runs: Vec<_> = self.runs.iter().rev().map(run_row).collect();
        let older_runs = runs.split_off(runs.len().min(RUNS_AT_ONCE));
        let page = Page {
            destination: self.destination.to_string(),
            policy: policy(),
            style: STYLE,
            script: SCRIPT,
            verdict: verdict(&days, incomplete),
            is_complete: incomplete == 0 && !days.is_empty(),
            customers: grouped(
                days.iter()
                    .map(|day| day.customers)
                    .fold(0, u64::saturating_add),
            ),
            range: Option::zip(days.first(), days.last())
                .map(|(first, last)| (first.date, last.date)),
            time_zone: self.ledger.time_zone().unwrap_or("UTC").to_owned(),
            written: self.now.format("%Y-%m-%d %H:%M UTC").to_string(),
            version: env!("CARGO_PKG_VERSION"),
            states: states(&days),
            gaps,
            further_gaps,
            years: calendar::years(&days),
            data: days::json(&days),
            charts: chart::all(&days),
            months: chart::months(&days),
            proofs: proofs(&days),
            drift: self.runs.drift(),
            last_runs: runs,
            older_runs,
            last_run: self.runs.last().map(|run| {
                if !run.has_ended() {
                    let began = run.started.format("%Y-%m-%d %H:%M UTC");
                    return format!(
                        "The last run began {began} and was killed, or is still running."
                    );
                }
                let ended = run.ended.format("%Y-%m-%d %H:%M UTC");
                format!(
                    "The last run ended {ended} with exit code {}.",
                    run.exit_code
                )
            }),
        };
        page.render()
    }
}

/// Forbids everything but the style and the script of the page.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn verdict(days: &[Day], incomplete: usize) -> String {
    let open = days.iter().filter(|day| day.state() == "open").count();
    let all = grouped(days.len() as u64);
    match (days.len(), incomplete) {
        (0, _) => "No days yet.".into(),
        (_, 0) if open > 0 => format!(
            "{} of {all} days are complete. Still open, since they are new: {open}.",
            grouped((days.len() - open) as u64),
        ),
        (1, 0) => "The only day is complete.".into(),
        (_, 0) => format!("All {all} days are complete."),
        (_, 1) => format!("1 of {all} days is not complete."),
        (_, some) => format!("{} of {all} days are not complete.", grouped(some as u64)),
    }
}

fn states(days: &[Day]) -> Vec<StateCount> {
    let meanings = [
        ("sealed", "can gain no more customers"),
        ("open", "could gain customers when it was pulled"),
        ("stale", "its data and its receipt differ"),
        ("missing", "was not pulled"),
        ("ahead", "pulled by a clock that was ahead"),
    ];
    let count = |(name, meaning)| {
        let count = days.iter().filter(|day| day.state() == name).count();
        let days = StateCount {
            class: name,
            name,
            days: grouped(count as u64),
            meaning,
        };
        // The last one is rare.
        (count > 0 || name != "ahead").then_some(days)
    };
    meanings.into_iter().filter_map(count).collect()
}

fn proofs(days: &[Day]) -> Vec<ProofCount> {
    let mut counts = BTreeMap::<Proof, u64>::new();
    for proof in days.iter().filter_map(|day| day.proof) {
        *counts.entry(proof).or_default() += 1;
    }
    let all = counts.values().sum::<u64>().max(1);
    let count = |(proof, days): (Proof, u64)| ProofCount {
        name: text::proof_name(proof),
        meaning: text::proof_meaning(proof),
        days: grouped(days),
        percent: format!("{:.1}", days as f64 * 100.0 / all as f64),
    };
    counts.into_iter().map(count).collect()
}

fn run_row(run: &kapture_sinks::Run) -> RunRow {
    let days = match run.days_failed {
        0 => grouped(run.days_done),
        failed => format!(
            "{} of {}",
            grouped(run.days_done),
            grouped(run.days_done + failed)
        ),
    };
    RunRow {
        number: run.number,
        started: run.started.format("%Y-%m-%d %H:%M").to_string(),
        took: took(run),
        command: run.command.clone(),
        days,
        customers: grouped(run.customers),
        requests: grouped(run.requests),
        retries: grouped(run.retries),
        megabytes: format!("{:.1}", run.bytes as f64 / 1e6),
        exit_code: run.exit_code,
    }
}

#[cfg(test)]
mod tests;
