//! The `kapture` binary: as the server that is asked, and as the client that is measured.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use kapture_sandbox::{DEFAULT_CM_ID, DEFAULT_TOKEN};

use crate::Error;
use crate::place::Place;
use crate::scenarios::{Scenario, Size};

/// The binary beside this one.
pub(crate) fn binary() -> Result<PathBuf, Error> {
    let name = format!("kapture{}", std::env::consts::EXE_SUFFIX);
    let binary = std::env::current_exe()?.with_file_name(name);
    if binary.exists() {
        Ok(binary)
    } else {
        Err(format!(
            "{} is missing: cargo xtask bench builds it",
            binary.display()
        )
        .into())
    }
}

/// `kapture sandbox` in a process of its own, until it is dropped.
pub(crate) struct Sandbox {
    process: Child,
    pub(crate) address: String,
}

impl Sandbox {
    pub(crate) fn start(scenario: &Scenario, size: Size) -> Result<Self, Error> {
        let mut process = Command::new(binary()?)
            .args(["sandbox", "--customers", &size.argument()])
            .args(scenario.sandbox)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut url = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut url)?;
        }
        let address = url.trim().strip_prefix("http://").map(str::to_owned);
        let sandbox = Self {
            process,
            address: address.clone().unwrap_or_default(),
        };
        match address {
            Some(_) => Ok(sandbox),
            None => Err("kapture sandbox did not start".into()),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It has ended already, or it ends now: there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `kapture pull` of everything that is asked for.
pub(crate) fn pull(sandbox: &Sandbox, size: Size, place: &Place) -> Result<Command, Error> {
    let mut pull = Command::new(binary()?);
    pull.args(["pull", "--from", &size.first().to_string()]);
    pull.args(["--to", &size.last().to_string(), "-o"]);
    pull.arg(place.argument());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KAPTURE_") {
            pull.env_remove(name);
        }
    }
    pull.env("KAPTURE_BASE_URL", format!("http://{}", sandbox.address));
    pull.env("KAPTURE_CM_ID", DEFAULT_CM_ID.to_string());
    pull.env("KAPTURE_TOKEN", DEFAULT_TOKEN);
    Ok(pull)
}
