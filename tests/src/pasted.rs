//! Commands as help and guide show them, run as if they were pasted into a shell.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kapture_sandbox::{Behaviour, DEFAULT_TOKEN, Tenant};

use crate::{Served, kapture};

/// A shell in a fresh folder, in whose world the tenant `acme` is a fake one.
pub struct Shell {
    folder: tempfile::TempDir,
    served: Served,
}

impl Shell {
    /// A folder with nothing in it but the files that the examples read.
    ///
    /// # Panics
    /// When there is no room for it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Where fish keeps completions.
        std::fs::create_dir_all(folder.path().join(".config/fish/completions")).expect("a folder");
        let served = Served::new(Tenant::demo_population(1), Behaviour::default());
        let config = serde_json::json!({
            "base_url": served.url(),
            "cm_id": 424_242,
            "token": DEFAULT_TOKEN,
            "start_date": "2024-05-01",
            "end_date": "2024-05-03",
        });
        let configured = serde_json::json!({"streams": [
            {"stream": {"name": "customers"}, "sync_mode": "incremental"},
        ]});
        for (name, text) in [
            ("token", DEFAULT_TOKEN),
            ("password", "sandbox"),
            ("config.json", &config.to_string()),
            ("configured.json", &configured.to_string()),
            ("state.json", "{}"),
        ] {
            let mut options = std::fs::OpenOptions::new();
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options
                .write(true)
                .create(true)
                .open(folder.path().join(name));
            file.and_then(|mut file| file.write_all(text.as_bytes()))
                .expect("a file");
        }
        Self { folder, served }
    }

    /// The folder it works in, which is home too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs what was pasted.
    ///
    /// # Panics
    /// When there is no `sh`.
    pub fn paste(&self, text: &str) -> Output {
        let known = kapture(&[]);
        let program = Path::new(known.get_program());
        let mut path = program.parent().expect("a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let text = text
            .replace(
                "--subdomain acme",
                &format!("--base-url {}", self.served.url()),
            )
            .replace("--user asha", "--user sandbox");
        let mut command = Command::new("sh");
        for (name, value) in self.served.kapture(&[]).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .args(["-euc", &text])
            .current_dir(self.folder())
            .env("PATH", path)
            .env("HOME", self.folder())
            .env("PROFILE", "profile.ps1")
            .env("XDG_CONFIG_HOME", self.folder().join(".config"))
            .stdin(Stdio::null())
            .output()
            .expect("a shell")
    }
}
