//! The Python package: its wheel is built once, installed into fresh environments without an index, and tested there.
//!
//! Environments and wheel are in `target/python`; the versions of all libraries are in `python/requirements-*.txt`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use crate::interop::{bin, environment};
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// The minor versions of Python 3 that may be on a machine, from the oldest that the package supports.
const MINOR_VERSIONS: std::ops::Range<u8> = 10..20;

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) {
        skip("python3 with venv is missing: the Python package was not tried")?;
        return Ok(Faults::new());
    }
    let package = Package {
        shell,
        sources: workspace.root.join("python"),
        folder: workspace.target.join("python"),
    };
    let tools = package.environment("tools")?;
    let wheel = package.wheel(&tools)?;
    let tests = package.environment("tests")?;
    let spark = match system::has_java(shell) {
        true => Some(package.environment("spark")?),
        false => {
            skip("java is missing: the data source of Spark was not tried")?;
            None
        }
    };
    let mut faults = package.judge(&tools, &wheel)?;
    faults.extend(package.types(&tools, &tests, spark.as_deref())?);
    faults.extend(package.bare(&wheel)?);
    package.install(&tests, &wheel)?;
    faults.extend(package.pytest(&tests, &["tests", "--ignore=tests/spark"])?);
    if let Some(spark) = spark {
        package.install(&spark, &wheel)?;
        faults.extend(package.pytest(&spark, &["tests/spark"])?);
    }
    Ok(faults)
}

/// Something is missing on this machine; CI must have it.
fn skip(missing: &str) -> Result<(), Error> {
    if env::var_os("CI").is_some_and(|value| value == "true") {
        return Err(missing.into());
    }
    println!("SKIPPED: {missing}");
    Ok(())
}

struct Package<'a> {
    shell: &'a Shell,
    /// `python/` of the repository.
    sources: PathBuf,
    /// Everything that is installed and built.
    folder: PathBuf,
}

impl Package<'_> {
    /// The Python of an environment with the packages of `requirements-NAME.txt`.
    fn environment(&self, name: &str) -> Result<PathBuf, Error> {
        let requirements = self.sources.join(format!("requirements-{name}.txt"));
        environment(self.shell, &self.folder.join(name), &requirements)
    }

    /// Builds the wheel, with the program of the profile `dev`.
    fn wheel(&self, tools: &Path) -> Result<PathBuf, Error> {
        let (shell, wheels) = (self.shell, self.folder.join("wheels"));
        let maturin = tools.with_file_name("maturin");
        shell.remove_path(&wheels)?;
        let _sources = shell.push_dir(&self.sources);
        run(cmd!(
            shell,
            "{maturin} build --quiet --profile dev --all-features --out {wheels}"
        ))?;
        match &shell.read_dir(&wheels)?[..] {
            [wheel] => Ok(wheel.clone()),
            other => Err(format!("maturin wrote {} wheels, not one", other.len()).into()),
        }
    }

    /// What tools say of the sources and of the wheel.
    fn judge(&self, tools: &Path, wheel: &Path) -> Result<Faults, Error> {
        let shell = self.shell;
        let tool = |name: &str| tools.with_file_name(name);
        let (ruff, twine, auditwheel) = (tool("ruff"), tool("twine"), tool("auditwheel"));
        let _sources = shell.push_dir(&self.sources);
        let checks = [
            cmd!(shell, "{ruff} format --check --no-cache ."),
            cmd!(shell, "{ruff} check --no-cache ."),
            cmd!(shell, "{twine} check --strict {wheel}"),
            cmd!(shell, "{auditwheel} show {wheel}"),
        ];
        Ok(failures(checks))
    }

    /// Checks the types, those of the data source only where Spark is installed.
    fn types(&self, tools: &Path, tests: &Path, spark: Option<&Path>) -> Result<Faults, Error> {
        let shell = self.shell;
        let mypy = tools.with_file_name("mypy");
        let cache = self.folder.join("mypy");
        let python = spark.unwrap_or(tests);
        let exclude: &[&str] = match spark {
            Some(_) => &[],
            None => &["--exclude", r"spark\.py"],
        };
        let _sources = shell.push_dir(&self.sources);
        let check = cmd!(
            shell,
            "{mypy} --cache-dir {cache} --python-executable {python} {exclude...}"
        );
        Ok(failures([check]))
    }

    /// Uses the wheel without any other library, with the oldest and the newest Python of this machine.
    fn bare(&self, wheel: &Path) -> Result<Faults, Error> {
        let shell = self.shell;
        let script = self.sources.join("tests/without_libraries.py");
        let mut faults = Faults::new();
        for python in oldest_and_newest(shell) {
            let folder = self.folder.join("bare");
            let work = folder.join("work");
            shell.remove_path(&folder)?;
            shell.create_dir(&work)?;
            let environment = folder.join("python");
            run(cmd!(shell, "{python} -m venv {environment}"))?;
            let python = bin(&environment).join("python");
            self.install(&python, wheel)?;
            let _work = shell.push_dir(&work);
            faults.extend(failures([cmd!(shell, "{python} {script}")]));
        }
        Ok(faults)
    }

    /// Installs the wheel alone, from its file alone.
    fn install(&self, python: &Path, wheel: &Path) -> Result<(), Error> {
        run(cmd!(
            self.shell,
            "{python} -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall {wheel}"
        ))
    }

    fn pytest(&self, python: &Path, tests: &[&str]) -> Result<Faults, Error> {
        let _sources = self.shell.push_dir(&self.sources);
        let cache = format!("cache_dir={}", self.folder.join("pytest").display());
        let pytest = cmd!(
            self.shell,
            "{python} -m pytest --quiet -o {cache} {tests...}"
        );
        Ok(failures([pytest.env("PYTHONDONTWRITEBYTECODE", "1")]))
    }
}

fn run(command: Cmd<'_>) -> Result<(), Error> {
    println!("$ {command}");
    Ok(command.quiet().run()?)
}

/// The commands that fail, each as a fault.
fn failures<'a>(commands: impl IntoIterator<Item = Cmd<'a>>) -> Faults {
    let outcomes = commands.into_iter().map(run);
    outcomes
        .filter_map(|outcome| outcome.err().map(|error| error.to_string()))
        .collect()
}

/// The oldest and the newest version of Python on this machine that the package supports: on `PATH`, or installed by
/// pyenv, whose programs on `PATH` run only where a project asks for them.
fn oldest_and_newest(shell: &Shell) -> Vec<PathBuf> {
    let pyenv = env::var_os("PYENV_ROOT").map(|root| PathBuf::from(root).join("versions"));
    let installed: Vec<_> = pyenv
        .and_then(|versions| fs::read_dir(versions).ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| bin(&version.path()))
        .collect();
    let mut found = MINOR_VERSIONS.filter_map(|minor| {
        let name = format!("python3.{minor}");
        let programs = [PathBuf::from(&name)]
            .into_iter()
            .chain(installed.iter().map(|folder| folder.join(&name)));
        let works = |python: &PathBuf| {
            let asked = cmd!(shell, "{python} -c 'import ensurepip, venv'");
            let asked = asked.quiet().ignore_status().ignore_stderr().output();
            asked.is_ok_and(|output| output.status.success())
        };
        programs.into_iter().find(works)
    });
    let oldest = found.next();
    let newest = found.last();
    let all: Vec<_> = oldest.into_iter().chain(newest).collect();
    match all.is_empty() {
        true => vec!["python3".into()],
        false => all,
    }
}
