//! A real PostgreSQL for tests: the one that `KAPTURE_TEST_POSTGRES_URL` names, else a cluster
//! that is started for the test and gone with it.

use std::env;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// Names the server to test against.
const URL: &str = "KAPTURE_TEST_POSTGRES_URL";

/// A schema of its own on a server. It goes with this.
pub struct Schema {
    name: String,
    server: Server,
}

/// Where the schema is.
#[derive(Clone)]
enum Server {
    Named(String),
    Started(Arc<Cluster>),
}

impl Schema {
    /// An empty schema. `None`, and a word on standard error, where no PostgreSQL is found.
    ///
    /// # Panics
    /// When none is found although `CI` is set, or the one found does not do as it is told.
    pub fn fresh() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = match env::var(URL) {
            Ok(url) => Server::Named(url),
            Err(_) => Server::Started(cluster()?),
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kapture_test_{}_{number}", std::process::id());
        let schema = Self { name, server };
        schema.execute(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of the server's database with this schema as the default one.
    pub fn url(&self) -> String {
        let url = match &self.server {
            Server::Named(url) => url,
            Server::Started(cluster) => &cluster.url,
        };
        self.within(url)
    }

    /// The same for another address of the same server.
    pub fn within(&self, url: &str) -> String {
        let more = if url.contains('?') { '&' } else { '?' };
        format!("{url}{more}options=-csearch_path%3D{}", self.name)
    }

    /// The server, if it was started for the test.
    pub fn cluster(&self) -> Option<&Cluster> {
        match &self.server {
            Server::Named(_) => None,
            Server::Started(cluster) => Some(cluster),
        }
    }

    /// A connection with this schema as the default one.
    ///
    /// # Panics
    /// When there is no connecting.
    pub async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls)
            .await
            .expect("a connection to PostgreSQL");
        tokio::spawn(connection);
        client
    }

    /// Changes a setting of the server, and waits until the server has read it.
    ///
    /// # Panics
    /// When there is no connecting.
    pub fn reload(&self, setting: &str, value: &str) {
        self.execute(&format!("ALTER SYSTEM SET {setting} = '{value}'"));
        self.execute("SELECT pg_reload_conf()");
        let is_read = async {
            let client = self.client().await;
            let show = format!("SHOW {setting}");
            while client
                .query_one(&show, &[])
                .await
                .expect("a setting")
                .get::<_, &str>(0)
                != value
            {}
        };
        let wait = || Runtime::new().expect("a runtime").block_on(is_read);
        thread::scope(|scope| scope.spawn(wait).join()).expect("no panic");
    }

    /// Executes statements, from wherever it is called.
    ///
    /// # Panics
    /// When one is refused.
    pub fn execute(&self, statements: &str) {
        let work = async {
            let done = self.client().await.batch_execute(statements).await;
            done.expect("statements that PostgreSQL takes");
        };
        let run = || Runtime::new().expect("a runtime").block_on(work);
        thread::scope(|scope| scope.spawn(run).join()).expect("no panic");
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.execute(&format!("DROP SCHEMA {} CASCADE", self.name));
        }
    }
}

/// A PostgreSQL cluster in a temporary folder. It trusts everybody who comes by its socket, and
/// wants a password of those who come to [`port`](Self::port) on loopback.
pub struct Cluster {
    url: String,
    /// Its port on loopback.
    pub port: u16,
    /// Its folder.
    pub folder: PathBuf,
    /// Stops the cluster and removes its folder once its standard input ends, also when this
    /// process is killed.
    keeper: Child,
}

/// The one cluster of this process.
fn cluster() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return Some(cluster);
    }
    let Some(programs) = programs() else {
        let told =
            format!("no PostgreSQL: neither {URL} nor initdb, in PATH or /usr/lib/postgresql");
        assert!(
            env::var_os("CI").is_none_or(|value| value != "true"),
            "{told}"
        );
        eprintln!("skipped: {told}");
        return None;
    };
    // Another process can take the port in the meantime.
    let started = (0..3).find_map(|_| match Cluster::start(&programs) {
        Ok(cluster) => Some(Arc::new(cluster)),
        Err(error) => {
            eprintln!("{error}");
            None
        }
    });
    let cluster = started.expect("a PostgreSQL cluster");
    *shared = Arc::downgrade(&cluster);
    Some(cluster)
}

/// Where PostgreSQL's programs are: those in `PATH`, or the latest of a Debian system.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    let number = |path: &PathBuf| {
        let version = path.parent()?.file_name()?.to_str()?;
        version.parse::<f32>().ok().map(|version| -version as i64)
    };
    versions.sort_by_key(number);
    folders.extend(versions);
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}

impl Cluster {
    fn start(programs: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kapture-postgres-")
            .tempdir()?
            .keep();
        // PostgreSQL refuses to run as root.
        let root = output(Command::new("id").arg("-u"))?.trim() == "0";
        if root {
            output(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let run = |program: &str| {
            let program = programs.join(program);
            let mut command = if root {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            } else {
                Command::new(program)
            };
            command.current_dir("/");
            command
        };
        let data = folder.join("data");
        let mut stop = run("pg_ctl");
        stop.args(["stop", "--mode", "immediate", "--silent", "--pgdata"]);
        let script = r#"trap "" HUP INT TERM; folder=$1; shift; cat; "$@"; rm -rf "$folder""#;
        let keeper = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&folder)
            .arg(stop.get_program())
            .args(stop.get_args())
            .arg(&data)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let host = folder.to_string_lossy().replace('/', "%2F");
        let cluster = Self {
            url: format!("postgres://postgres@{host}:{port}/postgres"),
            port,
            folder: folder.clone(),
            keeper,
        };
        output(
            run("initdb")
                .args([
                    "--no-sync",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--no-locale",
                ])
                .args([
                    "--auth-local=trust",
                    "--auth-host=scram-sha-256",
                    "--pgdata",
                ])
                .arg(&data),
        )?;
        let settings = format!(
            "-F -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} \
             -c max_connections=20 -c shared_buffers=16MB -c full_page_writes=off",
            folder.display()
        );
        output(
            run("pg_ctl")
                .args([
                    "start",
                    "--wait",
                    "--silent",
                    "--options",
                    &settings,
                    "--log",
                ])
                .arg(folder.join("log"))
                .arg("--pgdata")
                .arg(&data),
        )?;
        Ok(cluster)
    }

    /// The address of its database over TCP.
    pub fn address(&self, user: &str, password: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }
}

impl Cluster {
    /// The server takes TLS from now on, with a certificate and a key in PEM, and asks clients for
    /// certificates of `authority`. `rules` come before the other lines of its `pg_hba.conf`.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_tls(
        &self,
        schema: &Schema,
        [certificate, key, authority]: [&str; 3],
        rules: &str,
    ) {
        let data = self.folder.join("data");
        let rules_file = data.join("pg_hba.conf");
        let other_rules = fs::read_to_string(&rules_file).expect("rules");
        // Written into the file that is there, which the server's user owns.
        fs::write(&rules_file, format!("{rules}\n{other_rules}")).expect("rules");
        for (name, text) in [
            ("server.crt", certificate),
            ("server.key", key),
            ("authority.crt", authority),
        ] {
            let script =
                r#"install -m 600 /dev/null "$1" && chown --reference=. "$1" && cat > "$1""#;
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh", name]).current_dir(&data);
            let mut shell = shell.stdin(Stdio::piped()).spawn().expect("a shell");
            let mut input = shell.stdin.take().expect("its input");
            io::Write::write_all(&mut input, text.as_bytes()).expect("written");
            drop(input);
            assert!(shell.wait().expect("its end").success(), "{name}");
        }
        schema.execute("ALTER SYSTEM SET ssl_ca_file = 'authority.crt'");
        schema.reload("ssl", "on");
        // The server reads the rules last. Once it has seen a further change, it has read them.
        schema.reload("log_min_messages", "error");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// What a program says, or why it failed.
fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {stderr}")))
}
