//! What is measured.

use chrono::{Days, NaiveDate};
use kapture_sandbox::{Behaviour, PerDay, Population, Tenant};

/// One thing to measure.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) size: Size,
    /// The same for a quick look.
    pub(crate) short: Size,
    /// What the sandbox is told beside the number of customers.
    pub(crate) sandbox: &'static [&'static str],
    pub(crate) destination: Destination,
    pub(crate) against: Against,
    pub(crate) rounds: usize,
}

/// How many customers there are, from the first of January 2020 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// The fewest on a day, and the most.
    a_day: (u32, u32),
    pub(crate) days: u32,
}

impl Size {
    pub(crate) fn first(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or_default()
    }

    pub(crate) fn last(self) -> NaiveDate {
        self.first() + Days::new(u64::from(self.days) - 1)
    }

    /// As `kapture sandbox --customers` takes it.
    pub(crate) fn argument(self) -> String {
        match self.a_day {
            (fewest, most) if fewest == most => fewest.to_string(),
            (fewest, most) => format!("{fewest}..{most}"),
        }
    }

    /// How many there are in all: where days differ, the sandbox's own library is asked.
    pub(crate) fn customers(self) -> u64 {
        let (fewest, most) = self.a_day;
        if fewest == most {
            return u64::from(most) * u64::from(self.days);
        }
        let (first, last) = (self.first(), self.last());
        let per_day = PerDay::Between(fewest, most);
        let population = Population::new(1).days(first, last, per_day);
        let tenant = Tenant::new(population, Behaviour::default());
        tenant.truth_ids(first, last).len() as u64
    }
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To standard output, and from there to nowhere.
    Stream,
    /// As lines to a file of this name.
    Lines(&'static str),
    /// To another file of this name, or to a folder.
    Path(&'static str),
    /// To a PostgreSQL database, if there is one.
    Postgres,
}

/// What a pull is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Against {
    /// A bare client and a parse pass, within these budgets.
    BareClient,
    /// The same client as far as waiting goes: nothing can be faster where the server is slow.
    Latency,
    /// The requests a second that the server tolerates.
    Rate(f64),
    /// Nothing: how much memory it takes is the question.
    Memory,
}

/// As `xtask bench` is to print them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "flat-out",
        purpose: "100,000 customers on 100 days, at no latency",
        ..USUAL
    },
    Scenario {
        name: "one-day",
        purpose: "100,000 customers on one day, at no latency",
        size: size(100_000, 1),
        short: size(1_500, 1),
        ..USUAL
    },
    Scenario {
        name: "many-days",
        purpose: "3,650 days of 5 to 15 customers, at no latency",
        size: spread(5, 15, 3_650),
        short: spread(1, 5, 40),
        ..USUAL
    },
    Scenario {
        name: "gzip",
        purpose: "flat-out, but answers are compressed",
        sandbox: &["--gzip"],
        ..USUAL
    },
    Scenario {
        name: "to-ndjson",
        purpose: "flat-out, but to an NDJSON file",
        destination: Destination::Lines("customers.ndjson"),
        ..USUAL
    },
    Scenario {
        name: "to-csv",
        purpose: "flat-out, but to a CSV file",
        destination: Destination::Path("customers.csv"),
        rounds: 3,
        ..USUAL
    },
    Scenario {
        name: "to-parquet",
        purpose: "flat-out, but to a Parquet file",
        destination: Destination::Path("customers.parquet"),
        rounds: 3,
        ..USUAL
    },
    Scenario {
        name: "to-dataset",
        purpose: "flat-out, but to a folder with one file a day",
        destination: Destination::Path("customers/"),
        rounds: 3,
        ..USUAL
    },
    Scenario {
        name: "to-sqlite",
        purpose: "flat-out, but to an SQLite database",
        destination: Destination::Path("customers.db"),
        rounds: 3,
        ..USUAL
    },
    Scenario {
        name: "to-postgres",
        purpose: "flat-out, but to a PostgreSQL database on this machine",
        destination: Destination::Postgres,
        rounds: 3,
        ..USUAL
    },
    Scenario {
        name: "latency",
        purpose: "100,000 customers on 100 days, at 50 ms a request",
        sandbox: &["--think-time", "50"],
        against: Against::Latency,
        ..USUAL
    },
    Scenario {
        name: "one-day-latency",
        purpose: "100,000 customers on one day, at 50 ms a request",
        size: size(100_000, 1),
        short: size(1_500, 1),
        sandbox: &["--think-time", "50"],
        against: Against::Latency,
        ..USUAL
    },
    Scenario {
        name: "rate-limit",
        purpose: "2,400 days of 5 to 15 customers, 429 above 40 requests a second",
        size: spread(5, 15, 2_400),
        short: spread(1, 5, 60),
        sandbox: &["--rate-limit", "40"],
        against: Against::Rate(40.0),
        rounds: 1,
        ..USUAL
    },
    memory("memory-10k", "the memory that 10,000 customers take", 10),
    memory("memory-100k", "the memory that 100,000 customers take", 100),
    memory(
        "memory-1m",
        "the memory that 1,000,000 customers take",
        1_000,
    ),
    memory(
        "memory-2m",
        "the memory that 2,000,000 customers take",
        2_000,
    ),
];

const USUAL: Scenario = Scenario {
    name: "",
    purpose: "",
    size: size(1_000, 100),
    short: size(600, 3),
    sandbox: &[],
    destination: Destination::Stream,
    against: Against::BareClient,
    rounds: 5,
};

const fn size(a_day: u32, days: u32) -> Size {
    spread(a_day, a_day, days)
}

const fn spread(fewest: u32, most: u32, days: u32) -> Size {
    let a_day = (fewest, most);
    Size { a_day, days }
}

const fn memory(name: &'static str, purpose: &'static str, days: u32) -> Scenario {
    Scenario {
        name,
        purpose,
        size: size(1_000, days),
        against: Against::Memory,
        rounds: 1,
        ..USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_tell_scenarios_apart() {
        let names: HashSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
    }

    #[test]
    fn a_short_one_is_short() {
        for scenario in SCENARIOS {
            assert!(scenario.short.customers() <= 2_000, "{}", scenario.name);
        }
    }
}
