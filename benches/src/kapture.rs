//! The `kapture` binary: as the server that is asked, and as the client that is measured.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use kapture_sandbox::{DEFAULT_CM_ID, DEFAULT_TOKEN};
use kapture_tests::kapture;

use crate::Error;
use crate::place::Place;
use crate::scenarios::{Scenario, Size};

/// `kapture sandbox` in a process of its own, until it is dropped.
pub(crate) struct Sandbox {
    process: Child,
    pub(crate) address: String,
}

impl Sandbox {
    pub(crate) fn start(scenario: &Scenario, size: Size) -> Result<Self, Error> {
        let mut process = kapture(&["sandbox", "--customers", &size.argument()])
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
pub(crate) fn pull(sandbox: &Sandbox, size: Size, place: &Place) -> Command {
    let mut pull = kapture(&["pull", "--from", &size.first().to_string()]);
    pull.args(["--to", &size.last().to_string(), "-o"]);
    pull.arg(place.argument());
    pull.env("KAPTURE_BASE_URL", format!("http://{}", sandbox.address));
    pull.env("KAPTURE_CM_ID", DEFAULT_CM_ID.to_string());
    pull.env("KAPTURE_TOKEN", DEFAULT_TOKEN);
    pull
}
