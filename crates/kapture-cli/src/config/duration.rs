//! Durations on the command line.

use std::time::Duration;

use anyhow::{Result, anyhow};

/// Parses `90s`, `10m`, `1h` or `2d`, the value of `flag`.
pub(crate) fn parse(text: &str, flag: &str) -> Result<Duration> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => 0,
    };
    text.get(..text.len().saturating_sub(1))
        .and_then(|number| number.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(unit))
        .filter(|_| unit > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| {
            anyhow!("{flag}: expected a duration such as 90s, 10m, 1h or 2d, not `{text}`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("1h", 3600),
            ("2d", 172_800),
            ("0h", 0),
        ] {
            let time = parse(text, "--retry-for").unwrap();
            assert_eq!(time, Duration::from_secs(seconds), "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "-1s",
            "1.5h",
            "10ü",
            "99999999999999999999h",
            "99999999999999999d",
        ] {
            assert!(parse(text, "--retry-for").is_err(), "{text}");
        }
    }
}
