//! What was measured, for people and for machines.

use serde_json::{Value, json};

use crate::pages::Asked;
use crate::scenarios::{Against, Scenario, Size};
use crate::usage::{Usage, median};

/// The wall time of a pull, in bare client and parse pass together.
const WALL_BUDGET: f64 = 1.5;
/// The processor time of a pull beyond that of the bare client, in parse passes.
const CPU_BUDGET: f64 = 3.0;
/// The share of what the server permits.
const PERMITTED_BUDGET: f64 = 0.9;
/// The share of requests that a server with a limit refuses.
const REFUSED_BUDGET: f64 = 0.03;
/// The most memory resident at once, in bytes.
const MEMORY_BUDGET: f64 = 64.0 * MIB;

const MIB: f64 = 1024.0 * 1024.0;

/// One scenario, measured.
#[derive(Debug)]
pub(crate) struct Measurement {
    scenario: &'static Scenario,
    size: Size,
    /// The requests of one pull, and how many of them were answered with a page.
    requests: usize,
    answered: usize,
    /// The bytes of its answers, not compressed.
    pub(crate) bytes: usize,
    pub(crate) bare: Vec<Usage>,
    pub(crate) parse: Vec<f64>,
    pub(crate) kapture: Vec<Usage>,
}

/// A measured number and what it should be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Verdict {
    what: &'static str,
    measured: f64,
    budget: f64,
    more_is_better: bool,
}

impl Verdict {
    fn holds(self) -> bool {
        if self.more_is_better {
            self.measured >= self.budget
        } else {
            self.measured <= self.budget
        }
    }
}

impl Measurement {
    pub(crate) fn new(scenario: &'static Scenario, size: Size, asked: &Asked) -> Self {
        Self {
            scenario,
            size,
            requests: asked.requests,
            answered: asked.bodies.len(),
            bytes: 0,
            bare: Vec::new(),
            parse: Vec::new(),
            kapture: Vec::new(),
        }
    }

    /// Whether the numbers can be numbers of processes that did something.
    pub(crate) fn is_sound(&self) -> bool {
        let used = self.bare.iter().chain(&self.kapture);
        let seconds = used
            .map(|usage| usage.wall)
            .chain(self.parse.iter().copied());
        let rounds = self.kapture.len();
        let compared = [self.bare.len(), self.parse.len()]
            .iter()
            .all(|measured| [0, rounds].contains(measured));
        rounds > 0 && compared && self.answered > 0 && seconds.into_iter().all(|time| time > 0.0)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let kapture = Usage::median(&self.kapture);
        let bare = Usage::median(&self.bare);
        let parse = median(self.parse.clone());
        let mut verdicts = match self.scenario.against {
            Against::BareClient => vec![
                Verdict {
                    what: "wall time, × (bare client + parse pass)",
                    measured: kapture.wall / (bare.wall + parse),
                    budget: WALL_BUDGET,
                    more_is_better: false,
                },
                Verdict {
                    what: "processor time beyond the bare client's, × parse pass",
                    measured: (kapture.cpu - bare.cpu) / parse,
                    budget: CPU_BUDGET,
                    more_is_better: false,
                },
            ],
            Against::Latency => vec![Verdict {
                what: "of the bare client's speed",
                measured: bare.wall / kapture.wall,
                budget: PERMITTED_BUDGET,
                more_is_better: true,
            }],
            Against::Rate(rate) => vec![
                Verdict {
                    what: "of the rate that the server tolerates",
                    measured: self.answered as f64 / rate / kapture.wall,
                    budget: PERMITTED_BUDGET,
                    more_is_better: true,
                },
                Verdict {
                    what: "of the requests were refused",
                    measured: 1.0 - self.answered as f64 / self.requests as f64,
                    budget: REFUSED_BUDGET,
                    more_is_better: false,
                },
            ],
            Against::Memory => Vec::new(),
        };
        verdicts.push(Verdict {
            what: "MiB of memory",
            measured: kapture.peak / MIB,
            budget: MEMORY_BUDGET / MIB,
            more_is_better: false,
        });
        verdicts
    }

    fn rows(&self) -> Vec<(&'static str, Usage)> {
        let parse = median(self.parse.clone());
        let parse = Usage {
            wall: parse,
            cpu: parse,
            peak: f64::NAN,
        };
        [
            ("bare client", Usage::median(&self.bare)),
            ("parse pass", parse),
            ("kapture", Usage::median(&self.kapture)),
        ]
        .into_iter()
        .filter(|(_, usage)| !usage.wall.is_nan())
        .collect()
    }
}

/// A few lines about one measurement; nothing about budgets where it is not `judged`.
pub(crate) fn text(measurement: &Measurement, judged: bool) -> String {
    let Measurement {
        scenario,
        size,
        requests,
        bytes,
        ..
    } = measurement;
    let rounds = measurement.kapture.len();
    let plural = if rounds == 1 { "" } else { "s" };
    let mut text = format!(
        "{}: {} customers on {} days, {requests} requests, {:.1} MB, median of {rounds} round{plural}\n",
        scenario.name,
        size.customers(),
        size.days,
        *bytes as f64 / 1e6,
    );
    text += &format!(
        "  {:<12}{:>10}{:>10}{:>12}{:>14}{:>10}\n",
        "", "wall s", "cpu s", "peak MiB", "customers/s", "MB/s"
    );
    for (name, usage) in measurement.rows() {
        text += &format!(
            "  {name:<12}{:>10}{:>10}{:>12}{:>14}{:>10}\n",
            shown(usage.wall, 3),
            shown(usage.cpu, 3),
            shown(usage.peak / MIB, 1),
            shown(size.customers() as f64 / usage.wall, 0),
            match bytes {
                0 => "-".into(),
                bytes => shown(*bytes as f64 / 1e6 / usage.wall, 0),
            },
        );
    }
    if let [bare, _, kapture] = measurement.rows()[..] {
        let ahead = kapture.1.wall / bare.1.wall;
        text +=
            &format!("  the sandbox gives the bare client its pages {ahead:.1} times as fast\n");
    }
    for verdict in measurement.verdicts().into_iter().filter(|_| judged) {
        text += &format!(
            "  {:.2} {} (budget {}): {}\n",
            verdict.measured,
            verdict.what,
            verdict.budget,
            if verdict.holds() { "within" } else { "OVER" }
        );
    }
    text
}

fn shown(number: f64, digits: usize) -> String {
    if number.is_nan() {
        "-".into()
    } else {
        format!("{number:.digits$}")
    }
}

/// All measurements, with every round.
pub(crate) fn json(measurements: &[Measurement]) -> Value {
    let scenario = |measurement: &Measurement| {
        let verdict = |verdict: Verdict| {
            json!({
                "what": verdict.what,
                "measured": verdict.measured,
                "budget": verdict.budget,
                "holds": verdict.holds(),
            })
        };
        let medians: serde_json::Map<_, _> = measurement
            .rows()
            .into_iter()
            .map(|(name, usage)| (name.to_owned(), json!(usage)))
            .collect();
        json!({
            "scenario": measurement.scenario.name,
            "purpose": measurement.scenario.purpose,
            "customers": measurement.size.customers(),
            "days": measurement.size.days,
            "requests": measurement.requests,
            "bytes": measurement.bytes,
            "medians": medians,
            "rounds": {
                "bare client": measurement.bare,
                "parse pass": measurement.parse,
                "kapture": measurement.kapture,
            },
            "verdicts": measurement.verdicts().into_iter().map(verdict).collect::<Vec<_>>(),
        })
    };
    json!({ "scenarios": measurements.iter().map(scenario).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;

    fn used(wall: f64, cpu: f64) -> Usage {
        let peak = 32.0 * MIB;
        Usage { wall, cpu, peak }
    }

    fn measurement(name: &str) -> Measurement {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
        let asked = Asked {
            bodies: vec![String::new(); 396],
            requests: 400,
        };
        let mut measurement = Measurement::new(scenario.unwrap(), scenario.unwrap().size, &asked);
        measurement.bytes = 200_000_000;
        measurement.kapture = vec![used(0.6, 0.8), used(0.5, 0.7), used(9.0, 9.0)];
        measurement
    }

    #[test]
    fn a_pull_is_held_against_its_budgets() {
        let mut measurement = measurement("flat-out");
        measurement.bare = vec![used(0.1, 0.1)];
        measurement.parse = vec![0.2, 0.2, 0.4];
        let [wall, cpu, memory] = measurement.verdicts()[..] else {
            panic!("{:?}", measurement.verdicts())
        };
        assert!((wall.measured - 2.0).abs() < 1e-9 && !wall.holds());
        assert!((cpu.measured - 3.5).abs() < 1e-9 && !cpu.holds());
        assert!((memory.measured - 32.0).abs() < 1e-9 && memory.holds());
        let text = text(&measurement, true);
        assert!(text.contains("6.0 times as fast"), "{text}");
        assert!(text.contains("(budget 1.5): OVER"), "{text}");
        let json = json(&[measurement]);
        assert_eq!(json["scenarios"][0]["medians"]["kapture"]["wall"], 0.6);
    }

    #[test]
    fn a_rate_is_held_against_what_is_permitted() {
        let mut measurement = measurement("rate-limit");
        measurement.kapture = vec![used(11.0, 0.1)];
        let [speed, refused, _] = measurement.verdicts()[..] else {
            panic!("{:?}", measurement.verdicts())
        };
        assert!((speed.measured - 0.9).abs() < 1e-9 && speed.holds());
        assert!((refused.measured - 0.01).abs() < 1e-9 && refused.holds());
    }

    #[test]
    fn a_process_that_did_nothing_is_noticed() {
        let mut measurement = measurement("flat-out");
        assert!(measurement.is_sound());
        measurement.bare = vec![used(0.1, 0.1)];
        assert!(!measurement.is_sound());
        measurement.bare = Vec::new();
        measurement.kapture[1].wall = 0.0;
        assert!(!measurement.is_sound());
    }
}
