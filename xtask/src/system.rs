//! System packages that some steps of CI need. They are not installed here; a missing one is named.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::{Error, Faults};

/// A system package and the step that needs it.
struct Package {
    name: &'static str,
    step: &'static str,
    purpose: &'static str,
    hint: &'static str,
    is_there: fn(&Shell) -> bool,
}

const PACKAGES: [Package; 13] = [
    Package {
        name: "PostgreSQL",
        step: "tests",
        purpose: "the tests of its sink",
        hint: "apt-get install postgresql, or brew install postgresql, or name a server in KAPTURE_TEST_POSTGRES_URL",
        is_there: |_| has_postgres(),
    },
    Package {
        name: "PgBouncer",
        step: "tests",
        purpose: "the tests of connection pools",
        hint: "apt-get install pgbouncer, or brew install pgbouncer",
        is_there: |_| has_pgbouncer(),
    },
    Package {
        name: "Python 3 with venv",
        step: "interop",
        purpose: "reading with other libraries what was written",
        hint: "apt-get install python3-venv, or brew install python",
        is_there: has_python,
    },
    Package {
        name: "Python 3 with venv",
        step: "python",
        purpose: "the Python package",
        hint: "apt-get install python3-venv, or brew install python",
        is_there: has_python,
    },
    Package {
        name: "Java 17 or newer",
        step: "python",
        purpose: "Spark",
        hint: "apt-get install openjdk-17-jre-headless, or brew install openjdk",
        is_there: has_java,
    },
    Package {
        name: "Python 3 with venv",
        step: "stores",
        purpose: "SeaweedFS and clients of object stores",
        hint: "apt-get install python3-venv, or brew install python",
        is_there: has_python,
    },
    Package {
        name: "npm",
        step: "stores",
        purpose: "Azurite",
        hint: "apt-get install npm, or brew install node",
        is_there: has_npm,
    },
    Package {
        name: "Python 3 with venv",
        step: "protocols",
        purpose: "Meltano, PyAirbyte and other runners of connectors",
        hint: "apt-get install python3-venv, or brew install python",
        is_there: has_python,
    },
    Package {
        name: "PostgreSQL",
        step: "protocols",
        purpose: "a target of Meltano",
        hint: "apt-get install postgresql, or brew install postgresql",
        is_there: |_| has_postgres(),
    },
    Package {
        name: "npm",
        step: "report",
        purpose: "what opens the report in a browser",
        hint: "apt-get install npm, or brew install node",
        is_there: has_npm,
    },
    Package {
        name: "Chromium",
        step: "report",
        purpose: "opening the report",
        hint: "apt-get install chromium",
        is_there: |_| chromium().is_some(),
    },
    Package {
        name: "Python 3 with venv",
        step: "guide",
        purpose: "mdBook",
        hint: "apt-get install python3-venv, or brew install python",
        is_there: has_python,
    },
    Package {
        name: "promtool",
        step: "metrics",
        purpose: "reading the metrics as Prometheus does",
        hint: "apt-get install prometheus, or brew install prometheus",
        is_there: has_promtool,
    },
];

/// One line for each package that is missing and that one of these steps needs.
pub(crate) fn missing<'a>(
    shell: &'a Shell,
    is_chosen: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = String> + 'a {
    let wanted = PACKAGES
        .iter()
        .filter(move |package| is_chosen(package.step));
    wanted.filter(|package| !(package.is_there)(shell)).map(
        |Package {
             name,
             step,
             purpose,
             hint,
             ..
         }| { format!("missing: {name}, for {purpose} (step {step}): {hint}") },
    )
}

/// Skips a check because a package is missing, and says so. CI must have all packages: there it is an error.
pub(crate) fn skip(missing: &str) -> Result<Faults, Error> {
    if env::var_os("CI").is_some_and(|value| value == "true") {
        return Err(missing.into());
    }
    println!("SKIPPED: {missing}");
    Ok(Faults::new())
}

pub(crate) fn has_python(shell: &Shell) -> bool {
    let asked = cmd!(shell, "python3 -c 'import ensurepip, venv'");
    asked.quiet().ignore_stderr().run().is_ok()
}

pub(crate) fn has_java(shell: &Shell) -> bool {
    let asked = cmd!(shell, "java -version");
    asked.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

pub(crate) fn has_npm(shell: &Shell) -> bool {
    let asked = cmd!(shell, "npm --version");
    asked.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

pub(crate) fn has_promtool(shell: &Shell) -> bool {
    let asked = cmd!(shell, "promtool --version");
    asked.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// The program of Chromium, by the names that it has.
pub(crate) fn chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut programs = names
        .iter()
        .flat_map(|name| folders.iter().map(move |it| it.join(name)));
    programs.find(|program| program.is_file())
}

/// Whether the tests find a server, or the programs to start one.
fn has_postgres() -> bool {
    let named = env::var_os("KAPTURE_TEST_POSTGRES_URL").is_some_and(|url| !url.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps them out of PATH.
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders = env::split_paths(&path).chain(versions.map(|entry| entry.path().join("bin")));
    named || folders.any(|folder| holds_server(&folder))
}

/// Debian keeps it out of the `PATH` of users.
fn has_pgbouncer() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join("pgbouncer").is_file())
}

fn holds_server(folder: &Path) -> bool {
    let program =
        |name: &str| -> PathBuf { folder.join(name).with_extension(env::consts::EXE_EXTENSION) };
    program("initdb").is_file() && program("pg_ctl").is_file()
}
