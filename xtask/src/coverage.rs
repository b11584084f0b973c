//! Line coverage of the libraries behind a pull, counted by cargo-llvm-cov.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// The libraries behind a pull.
const CRATES: [&str; 4] = [
    "kapture-model",
    "kapture-transport",
    "kapture-customers",
    "kapture-sinks",
];

/// The smallest share of lines that the tests must run in each crate, in percent.
const MIN_PERCENT: f64 = 90.0;

/// A count of lines of code, and of those that the tests run.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Lines {
    all: u32,
    run: u32,
}

/// Runs every test of the workspace, those that start the binary included, and prints the coverage of each crate.
/// Returns whether it is enough.
pub(crate) fn run(shell: &Shell) -> Result<bool, Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let tool = cmd!(shell, "cargo llvm-cov --version");
    if tool.quiet().ignore_stdout().ignore_stderr().run().is_err() {
        return Err("cargo-llvm-cov is missing: cargo install cargo-llvm-cov --locked, and rustup component add llvm-tools (or set LLVM_COV and LLVM_PROFDATA to the tools of an LLVM as new as rustc's)".into());
    }
    let lcov = workspace.target.join("coverage.lcov");
    // Some tests kill the binary, whose counts are then incomplete: `--failure-mode all` skips those.
    cmd!(
        shell,
        "cargo llvm-cov nextest --workspace --all-features --failure-mode all --lcov --output-path {lcov}"
    )
    .run()?;
    let report = fs::read_to_string(lcov)?;
    let files = files(&report)?;
    println!("{:<20}{:>8}{:>8}{:>8}", "lines of", "all", "run", "percent");
    let mut enough = true;
    for name in CRATES {
        let member = workspace.crates.iter().find(|member| member.name == name);
        let folder = member
            .ok_or("a crate is missing from the workspace")?
            .folder
            .join("src");
        let lines = of_crate(&files, &folder)?;
        enough &= lines.percent() >= MIN_PERCENT;
        println!(
            "{name:<20}{:>8}{:>8}{:>8.1}",
            lines.all,
            lines.run,
            lines.percent()
        );
    }
    Ok(enough)
}

impl Lines {
    fn percent(self) -> f64 {
        100.0 * f64::from(self.run) / f64::from(self.all.max(1))
    }
}

/// How often each line of each file was run, by line number.
type Files<'a> = BTreeMap<&'a Path, BTreeMap<u32, u64>>;

fn files(lcov: &str) -> Result<Files<'_>, Error> {
    let mut files = Files::new();
    let mut file = Path::new("");
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Path::new(path);
        } else if let Some(counted) = line.strip_prefix("DA:") {
            let mut numbers = counted.split(',');
            let mut next = || numbers.next().ok_or("a line without numbers");
            let (line, times) = (next()?.parse()?, next()?.parse()?);
            files.entry(file).or_default().insert(line, times);
        }
    }
    Ok(files)
}

/// The lines of the files in a folder, without the unit tests at their ends.
fn of_crate(files: &Files<'_>, folder: &Path) -> Result<Lines, Error> {
    let mut lines = Lines::default();
    for (path, counts) in files.iter().filter(|(path, _)| path.starts_with(folder)) {
        let end = end_of_code(&fs::read_to_string(path)?);
        for (_, times) in counts.range(..end) {
            lines.all += 1;
            lines.run += u32::from(*times > 0);
        }
    }
    Ok(lines)
}

/// The number of the line at which the unit tests of a file begin.
fn end_of_code(text: &str) -> u32 {
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..tests]
        .lines()
        .zip(1..)
        .last()
        .map_or(1, |(_, line)| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_per_folder_without_unit_tests() {
        let folder = std::env::temp_dir().join(format!("kapture-coverage-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("some.rs");
        fs::write(
            &path,
            "fn a() {}\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n}\n",
        )
        .unwrap();
        let lcov = format!(
            "SF:{}\nDA:1,7\nDA:2,0\nDA:5,9\nend_of_record\nSF:/elsewhere/other.rs\nDA:1,1\n",
            path.display()
        );
        let lines = of_crate(&files(&lcov).unwrap(), &folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(lines, Lines { all: 2, run: 1 });
        assert_eq!(lines.percent(), 50.0);
    }

    #[test]
    fn file_without_unit_tests_is_counted_to_its_end() {
        assert_eq!(end_of_code("a\nb\n"), 3);
        assert_eq!(end_of_code("a\n#[cfg(test)]\nmod tests {}\n"), 2);
    }
}
