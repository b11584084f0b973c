//! The text format of Prometheus, version 0.0.4.

use std::fmt;

/// Gauges of one destination, in the text format of Prometheus.
pub(super) struct Exposition {
    destination: String,
    families: Vec<Family>,
}

/// The samples of one name, which follow each other.
struct Family {
    name: &'static str,
    help: &'static str,
    /// Each the labels and the value.
    samples: Vec<(String, f64)>,
}

impl Exposition {
    pub(super) fn new(destination: &str) -> Self {
        Self {
            destination: destination.to_owned(),
            families: Vec::new(),
        }
    }

    /// Adds a sample. All have the destination as their first label.
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let sample = (self.labels(labels), value);
        match self.families.iter_mut().find(|family| family.name == name) {
            Some(family) => family.samples.push(sample),
            None => self.families.push(Family {
                name,
                help,
                samples: vec![sample],
            }),
        }
    }

    /// The value of a sample without further labels in an earlier exposition.
    pub(super) fn previous(&self, name: &str, text: &str) -> Option<f64> {
        let sample = format!("{name}{}", self.labels(&[]));
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(&*sample)?.trim().parse().ok())
    }

    fn labels(&self, labels: &[(&str, &str)]) -> String {
        let destination = ("destination", &*self.destination);
        let labels = [destination].into_iter().chain(labels.iter().copied());
        let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        format!("{{{}}}", labels.collect::<Vec<_>>().join(","))
    }
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"");
    value.replace('\n', r"\n")
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Family {
            name,
            help,
            samples,
        } in &self.families
        {
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} gauge")?;
            for (labels, value) in samples {
                writeln!(f, "{name}{labels} {value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_name_stand_together_and_labels_are_escaped() {
        let mut all = Exposition::new("C:\\out\n\"x\"");
        all.gauge("a", "First.", &[("b", "1")], 0.5);
        all.gauge("c", "Second.", &[], 1e15);
        all.gauge("a", "First.", &[("b", "2")], f64::from(u32::MAX));
        assert_eq!(
            all.to_string(),
            "# HELP a First.\n# TYPE a gauge\n\
             a{destination=\"C:\\\\out\\n\\\"x\\\"\",b=\"1\"} 0.5\n\
             a{destination=\"C:\\\\out\\n\\\"x\\\"\",b=\"2\"} 4294967295\n\
             # HELP c Second.\n# TYPE c gauge\n\
             c{destination=\"C:\\\\out\\n\\\"x\\\"\"} 1000000000000000\n"
        );
        assert_eq!(all.previous("c", &all.to_string()), Some(1e15));
        assert_eq!(all.previous("a", &all.to_string()), None);
    }
}
