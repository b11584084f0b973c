//! A real PgBouncer for tests, a connection pool in front of a PostgreSQL cluster.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::postgres::Cluster;

/// A pool, which lets everybody in as the user `postgres`. It is gone with this.
pub struct Pool {
    port: u16,
    process: Child,
}

impl Pool {
    /// A pool with a `pool_mode`: `session`, `transaction` or `statement`. `None`, and a word on
    /// standard error, where no PgBouncer is found.
    ///
    /// # Panics
    /// When none is found although `CI` is set, or it does not start.
    pub fn new(cluster: &Cluster, mode: &str) -> Option<Self> {
        let Some(program) = program() else {
            let told = "no PgBouncer in PATH or /usr/sbin";
            assert!(
                env::var_os("CI").is_none_or(|value| value != "true"),
                "{told}"
            );
            eprintln!("skipped: {told}");
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let folder = cluster.folder.display();
        let settings = format!(
            "[databases]\npostgres = host={folder} port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\n",
            cluster.port
        );
        let file = cluster.folder.join(format!("pgbouncer-{port}.ini"));
        fs::write(&file, settings).expect("its settings");
        let mut command = Command::new(program);
        // It refuses to run as root.
        let id = Command::new("id").arg("-u").output().expect("a user");
        if id.stdout.starts_with(b"0") {
            command.args(["-u", "postgres"]);
        }
        let process = command
            .arg(&file)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("PgBouncer starts");
        let mut pool = Self { port, process };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = pool.process.try_wait().expect("a process");
            assert!(ended.is_none(), "PgBouncer ended: {ended:?}");
            std::thread::yield_now();
        }
        Some(pool)
    }

    /// The address of the database through the pool.
    pub fn url(&self, schema: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/postgres?schema={schema}",
            self.port
        )
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps it out of the `PATH` of users.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut programs = folders.map(|folder| folder.join("pgbouncer"));
    programs.find(|program| program.is_file())
}
