//! What the end-to-end tests share: the binary, and a fake tenant on loopback.

#[cfg(unix)]
pub mod limits;
pub mod pasted;
pub mod pgbouncer;
pub mod postgres;
pub mod scripted;
pub mod tls;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, PerDay, Population, Server, Tenant, serve};
use tokio::runtime::Runtime;

/// The `kapture` binary in the folder of the running program, or in the one above it.
///
/// # Panics
/// When it was not built: `cargo xtask ci` builds it before the tests.
pub fn binary() -> PathBuf {
    let name = format!("kapture{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe().expect("a running program has a path");
    let mut folders = program.ancestors().skip(1).take(2);
    folders
        .find_map(|folder| Some(folder.join(&name)).filter(|binary| binary.exists()))
        .expect("build it first: cargo build -p kapture-cli")
}

/// `kapture` with these arguments, without the variables of this process for kapture and PostgreSQL.
pub fn kapture(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("KAPTURE_") || text.starts_with("PG") {
            command.env_remove(&name);
        }
    }
    // The user who runs the tests can have profiles and a keyring.
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    command.env("XDG_CONFIG_HOME", "/nowhere");
    command.args(arguments);
    command
}

/// A fake tenant on loopback.
pub struct Served {
    /// The tenant: its customers and the requests that it received.
    pub tenant: Arc<Tenant>,
    server: Server,
    runtime: Runtime,
}

impl Served {
    /// Serves a tenant.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn new(population: Population, behaviour: Behaviour) -> Self {
        let tenant = Tenant::new(population, behaviour);
        let runtime = Runtime::new().expect("a runtime");
        Self::at(([127, 0, 0, 1], 0).into(), tenant, runtime)
    }

    /// The same customers at the same address, with another behaviour.
    ///
    /// # Panics
    /// When another process takes the port at this moment.
    pub fn with(self, behaviour: Behaviour) -> Self {
        let address = self.server.address();
        let tenant = Tenant::new(self.tenant.population().clone(), behaviour);
        self.runtime.block_on(self.server.stop());
        Self::at(address, tenant, self.runtime)
    }

    fn at(address: SocketAddr, tenant: Tenant, runtime: Runtime) -> Self {
        let tenant = Arc::new(tenant);
        let server = runtime
            .block_on(serve(Arc::clone(&tenant), address))
            .expect("a port on loopback");
        Self {
            tenant,
            server,
            runtime,
        }
    }

    /// Waits until the tenant has received so many requests, or the child has ended. Returns whether the child still
    /// runs.
    ///
    /// # Panics
    /// When the state of the child cannot be read.
    pub fn runs_until_request(&self, child: &mut Child, count: u64) -> bool {
        // A request ends the wait at once; a child that ends without one is noticed a little later.
        let often = Duration::from_millis(20);
        while child.try_wait().expect("a state").is_none() {
            if self.tenant.wait_for_requests(count, often) {
                return true;
            }
        }
        false
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `kapture` with a connection to this tenant in its environment.
    pub fn kapture(&self, arguments: &[&str]) -> Command {
        let mut command = kapture(arguments);
        command
            .env("KAPTURE_BASE_URL", self.server.url())
            .env("KAPTURE_CM_ID", "424242")
            .env("KAPTURE_TOKEN", DEFAULT_TOKEN);
        command
    }
}

/// The customers of most tests: `per_day` on each day around the first weeks of May 2024.
pub fn around_may(per_day: PerDay) -> Population {
    let day = |text: &str| text.parse().expect("a date");
    Population::new(3).days(day("2024-04-20"), day("2024-05-20"), per_day)
}

/// The arguments of `kapture auth login` for the tenant at an address, and further ones.
pub fn login<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let login = ["auth", "login", "--base-url", url, "--cm-id", "424242"];
    [&login[..], more].concat()
}

/// The code that a command ended with.
///
/// # Panics
/// When a signal ended it.
pub fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// Runs `kapture` to success.
///
/// # Panics
/// When it fails.
pub fn run(served: &Served, arguments: &[&str]) -> Output {
    let output = served.kapture(arguments).output().expect("it runs");
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    output
}

/// The output of `kapture status --json` for a destination.
///
/// # Panics
/// When it fails.
pub fn status(destination: &Path) -> serde_json::Value {
    let arguments = ["status", destination.to_str().expect("text"), "--json"];
    let output = kapture(&arguments).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A command that is killed when the test ends.
pub struct Running(Child);

impl Running {
    /// Starts a command whose standard error is discarded.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stderr(Stdio::null()).spawn().expect("it runs"))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The standard error of a command.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The ids of NDJSON lines.
///
/// # Panics
/// When a line is no customer, or a customer comes twice.
pub fn ids(lines: &[u8]) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let customer: serde_json::Value = serde_json::from_slice(line).expect("a line of JSON");
        let id = customer["id"].as_u64().expect("an id");
        assert!(ids.insert(id), "customer {id} came twice");
    }
    ids
}

/// The names in a folder, sorted.
///
/// # Panics
/// When the folder cannot be read.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
