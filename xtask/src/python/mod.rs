//! The Python package: its wheel is built once, installed into fresh environments without an index, and tested there.
//!
//! Environments and wheel are in `target/python`; the versions of all libraries are in `python/requirements-*.txt`.

pub(crate) mod environments;

use std::env;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use xshell::{Cmd, Shell, cmd};

use crate::python::environments::{bin, environment, run};
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// The minor versions of Python 3 that may be on a machine, from the oldest that the package supports.
const MINOR_VERSIONS: std::ops::Range<u8> = 10..20;

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) {
        return system::skip("python3 with venv is missing: the Python package was not tried");
    }
    let has_spark = system::has_java(shell);
    if !has_spark {
        system::skip("java is missing: the data source of Spark was not tried")?;
    }
    let package = Package {
        sources: workspace.root.join("python"),
        folder: workspace.target.join("python"),
    };
    // Installing keeps one core busy, and so does Spark.
    let (wheel, environments) = at_once(
        || package.wheel(),
        || {
            let tests = package.environment("tests")?;
            let spark = has_spark.then(|| package.environment("spark"));
            Ok((tests, spark.transpose()?))
        },
    );
    let (wheel, (tests, spark)) = (wheel?, environments?);
    let (faults, of_spark) = at_once(
        || {
            let mut faults = package.judge(&wheel)?;
            faults.extend(package.types(&tests, spark.as_deref())?);
            faults.extend(package.bare(&wheel)?);
            let tests_but_spark = &["tests", "--ignore=tests/spark"];
            faults.extend(package.pytest(&tests, &wheel, tests_but_spark)?);
            Ok(faults)
        },
        || match &spark {
            Some(spark) => package.pytest(spark, &wheel, &["tests/spark"]),
            None => Ok(Faults::new()),
        },
    );
    let mut faults = faults?;
    faults.extend(of_spark?);
    Ok(faults)
}

/// Does two things at the same time.
fn at_once<A: Send, B: Send>(
    one: impl FnOnce() -> Result<A, Error> + Send,
    other: impl FnOnce() -> Result<B, Error> + Send,
) -> (Result<A, Error>, Result<B, Error>) {
    thread::scope(|scope| {
        // Errors stay in their thread, their text does not.
        let other = scope.spawn(|| other().map_err(|error| error.to_string()));
        let one = one();
        let other = match other.join() {
            Ok(outcome) => outcome.map_err(Error::from),
            Err(panic) => resume_unwind(panic),
        };
        (one, other)
    })
}

struct Package {
    /// `python/` of the repository.
    sources: PathBuf,
    /// Everything that is installed and built.
    folder: PathBuf,
}

impl Package {
    /// A shell in `python/`, one for each thread.
    fn shell(&self) -> Result<Shell, Error> {
        let shell = Shell::new()?;
        shell.change_dir(&self.sources);
        Ok(shell)
    }

    /// The Python of an environment with the packages of `requirements-NAME.txt`.
    fn environment(&self, name: &str) -> Result<PathBuf, Error> {
        let requirements = self.sources.join(format!("requirements-{name}.txt"));
        environment(&self.shell()?, &self.folder.join(name), &requirements)
    }

    /// A program that builds or judges the package.
    fn tool(&self, name: &str) -> PathBuf {
        bin(&self.folder.join("tools/python")).join(name)
    }

    /// Installs the tools and builds the wheel, with the program of the profile `dev`.
    fn wheel(&self) -> Result<PathBuf, Error> {
        self.environment("tools")?;
        let (shell, maturin) = (self.shell()?, self.tool("maturin"));
        let wheels = self.folder.join("wheels");
        shell.remove_path(&wheels)?;
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
    fn judge(&self, wheel: &Path) -> Result<Faults, Error> {
        let shell = self.shell()?;
        let (ruff, twine) = (self.tool("ruff"), self.tool("twine"));
        let auditwheel = self.tool("auditwheel");
        Ok(failures([
            cmd!(shell, "{ruff} format --check --no-cache ."),
            cmd!(shell, "{ruff} check --no-cache ."),
            cmd!(shell, "{twine} check --strict {wheel}"),
            cmd!(shell, "{auditwheel} show {wheel}"),
        ]))
    }

    /// Checks the types, those of the data source only where Spark is installed.
    fn types(&self, tests: &Path, spark: Option<&Path>) -> Result<Faults, Error> {
        let (shell, mypy) = (self.shell()?, self.tool("mypy"));
        let cache = self.folder.join("mypy");
        let python = spark.unwrap_or(tests);
        let exclude: &[&str] = match spark {
            Some(_) => &[],
            None => &["--exclude", r"spark\.py"],
        };
        Ok(failures([cmd!(
            shell,
            "{mypy} --cache-dir {cache} --python-executable {python} {exclude...}"
        )]))
    }

    /// Uses the wheel without any other library, with the oldest and the newest Python of this machine.
    fn bare(&self, wheel: &Path) -> Result<Faults, Error> {
        let shell = self.shell()?;
        let script = self.sources.join("tests/without_libraries.py");
        let folder = self.folder.join("bare");
        let (environment, work) = (folder.join("python"), folder.join("work"));
        let mut faults = Faults::new();
        for python in oldest_and_newest(&shell) {
            shell.remove_path(&folder)?;
            shell.create_dir(&work)?;
            run(cmd!(shell, "{python} -m venv {environment}"))?;
            let python = bin(&environment).join("python");
            install(&shell, &python, wheel)?;
            let _work = shell.push_dir(&work);
            faults.extend(failures([cmd!(shell, "{python} {script}")]));
        }
        Ok(faults)
    }

    /// Installs the wheel and runs tests with it.
    fn pytest(&self, python: &Path, wheel: &Path, tests: &[&str]) -> Result<Faults, Error> {
        let shell = self.shell()?;
        install(&shell, python, wheel)?;
        // A folder of its own: pytest removes those of earlier runs, and several run at the same time.
        let work = python.with_file_name("work");
        let cache = format!("cache_dir={}", work.join("cache").display());
        let temporary = work.join("files");
        shell.create_dir(&work)?;
        let pytest = cmd!(
            shell,
            "{python} -m pytest --quiet --basetemp {temporary} -o {cache} {tests...}"
        );
        let pytest = pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        let line = format!("$ {pytest}");
        // Printed as a whole: other tests run at the same time.
        let output = pytest.quiet().ignore_status().output()?;
        println!("{line}\n{}", String::from_utf8_lossy(&output.stdout));
        Ok(match output.status.success() {
            true => Faults::new(),
            false => vec![format!("tests failed: {}", tests.join(" "))],
        })
    }
}

/// Installs the wheel alone, from its file alone.
fn install(shell: &Shell, python: &Path, wheel: &Path) -> Result<(), Error> {
    run(cmd!(
        shell,
        "{python} -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall {wheel}"
    ))
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
