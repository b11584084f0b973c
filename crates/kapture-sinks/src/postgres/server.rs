//! The servers that the parameters of a connection name, each with all that it takes to connect.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use kapture_model::sanitize;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode as Negotiation};

use super::parameters::machine::Machine;
use super::parameters::passfile::{Login, Passfile};
use super::parameters::{ParameterError, Parameters};
use super::tls::identity::ClientIdentity;
use super::tls::mode::SslMode;
use super::tls::trust::{Roots, Trust};

/// Where servers put their sockets: on Debian and Red Hat, and in a build of one's own.
const SOCKET_FOLDERS: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// The port that is meant where none is given.
const DEFAULT_PORT: &str = "5432";

/// The defaults of kapture, which notices within a minute that a server is unreachable.
const DEFAULTS: &str = "application_name=kapture connect_timeout=10 keepalives_idle=30 \
    keepalives_interval=10 keepalives_retries=3 tcp_user_timeout=60";

/// What tokio-postgres takes as libpq does, each with the name that it has there.
const PASSED_ON: [(&str, &str); 11] = [
    ("fallback_application_name", "application_name"),
    ("application_name", "application_name"),
    ("channel_binding", "channel_binding"),
    ("connect_timeout", "connect_timeout"),
    ("keepalives", "keepalives"),
    ("keepalives_count", "keepalives_retries"),
    ("keepalives_idle", "keepalives_idle"),
    ("keepalives_interval", "keepalives_interval"),
    ("options", "options"),
    ("sslnegotiation", "sslnegotiation"),
    ("target_session_attrs", "target_session_attrs"),
];

/// A server to connect to.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: Config,
    /// Whether there is TLS, one after the other, until the server agrees.
    pub(super) negotiations: &'static [Negotiation],
    pub(super) trust: Trust,
    pub(super) identity: Option<ClientIdentity>,
}

/// Its host or socket, and its port: they may come from the environment.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.config.get_hosts() {
            [Host::Tcp(name)] => sanitize(name),
            #[cfg(unix)]
            [Host::Unix(folder)] => sanitize(&folder.display().to_string()),
            _ => String::new(),
        };
        let port = self.config.get_ports().first().copied();
        write!(f, "server {name}, port {}", port.unwrap_or_default())
    }
}

/// The servers to try in turn, and the password file.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) servers: Vec<Server>,
    pub(super) passfile: Passfile,
}

impl Servers {
    /// The servers that all parameters name.
    pub(super) fn new(
        parameters: &Parameters,
        machine: &impl Machine,
    ) -> Result<Self, ParameterError> {
        parameters.check_supported()?;
        parameters.check_plain()?;
        let passfile = Passfile::read(parameters, machine);
        let list = |keyword| -> Vec<&str> {
            let value = parameters.get(keyword);
            value
                .map(|value| value.split(',').collect())
                .unwrap_or_default()
        };
        let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = hosts.len().max(addresses.len()).max(1);
        let fits = |list: &[&str]| list.is_empty() || list.len() == count;
        if !fits(&hosts) || !fits(&addresses) || !(ports.len() == 1 || fits(&ports)) {
            return Err(ParameterError::Lengths);
        }
        let settings = settings(parameters)?;
        let part = |list: &[&str], index: usize| {
            let part = list.get(index).or(list.first().filter(|_| list.len() == 1));
            part.copied().unwrap_or_default().to_owned()
        };
        let server = |index| {
            let named = Named {
                host: part(&hosts, index),
                address: part(&addresses, index),
                port: part(&ports, index),
            };
            named.server(settings.clone(), parameters, &passfile, machine)
        };
        let servers = (0..count).map(server).collect::<Result<_, _>>()?;
        Ok(Self { servers, passfile })
    }
}

/// A server as the parameters name it. What is empty has a default.
struct Named {
    host: String,
    address: String,
    port: String,
}

impl Named {
    fn server(
        self,
        mut config: Config,
        parameters: &Parameters,
        passfile: &Passfile,
        machine: &impl Machine,
    ) -> Result<Server, ParameterError> {
        let port = match self.port.as_str() {
            "" => DEFAULT_PORT,
            port => port,
        };
        let number = port.parse::<u16>().ok().filter(|number| *number > 0);
        config.port(number.ok_or_else(|| parameters.invalid("port"))?);
        let socket = |folder: &str| Path::new(folder).join(format!(".s.PGSQL.{port}"));
        let usual = SOCKET_FOLDERS
            .into_iter()
            .find(|folder| machine.exists(&socket(folder)));
        let host = match (self.host.as_str(), self.address.as_str()) {
            ("", "") => usual.unwrap_or("localhost"),
            ("", address) => address,
            (host, _) => host,
        };
        if !self.address.is_empty() {
            let address = self.address.parse::<IpAddr>();
            config.hostaddr(address.map_err(|_| parameters.invalid("hostaddr"))?);
        }
        if !is_host(host) {
            return Err(parameters.invalid("host"));
        }
        config.host(host);
        let is_usual_socket = SOCKET_FOLDERS.contains(&host);
        let user = match parameters.get("user") {
            Some(user) => Some(user.to_owned()),
            None => machine.user(),
        };
        let database = parameters.get("dbname").or(user.as_deref());
        let login = Login {
            host: if is_usual_socket { "localhost" } else { host },
            port,
            database: database.unwrap_or_default(),
            user: user.as_deref().unwrap_or_default(),
        };
        let password = match parameters.get("password") {
            Some(password) => Some(password.to_owned()),
            None => passfile.password(&login),
        };
        if let Some(password) = password {
            config.password(password);
        }
        if let Some(database) = database {
            config.dbname(database);
        }
        // The server's word on an account without a name; otherwise the library would look for one.
        config.user(user.unwrap_or_default());
        let roots = Roots::new(parameters, machine);
        let mode = SslMode::new(parameters, &roots, is_local(&config))?;
        let has_socket = config.get_hosts().iter().all(is_socket);
        Ok(Server {
            // A socket has no TLS, whatever the mode.
            negotiations: match has_socket {
                true => &[Negotiation::Disable],
                false => mode.negotiations(),
            },
            trust: mode.trust(roots),
            identity: ClientIdentity::new(parameters, machine),
            config,
        })
    }
}

/// Whether a text can be the folder of a socket, the name of a host or its address. What cannot is not
/// looked up or shown: it may be a whole address, with a password. `@` is before a socket in the abstract
/// name space, which tokio-postgres does not know.
fn is_host(text: &str) -> bool {
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    let is_name = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
    text.starts_with('/') || address.parse::<IpAddr>().is_ok() || text.chars().all(is_name)
}

/// Whether a server is on this machine.
fn is_local(config: &Config) -> bool {
    if let [address] = config.get_hostaddrs() {
        return address.is_loopback();
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}

/// The settings that all servers share.
fn settings(parameters: &Parameters) -> Result<Config, ParameterError> {
    let mut text = DEFAULTS.to_owned();
    for (keyword, name) in PASSED_ON {
        let Some(value) = parameters.get(keyword) else {
            continue;
        };
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        let setting = format!(" {name}='{value}'");
        if setting.parse::<Config>().is_err() {
            return Err(parameters.invalid(keyword));
        }
        text += &setting;
    }
    let config = text.parse::<Config>();
    let mut config = config.map_err(|_| parameters.invalid("options"))?;
    // In milliseconds; 0 is the default of the system.
    if let Some(timeout) = parameters.get("tcp_user_timeout") {
        let timeout = timeout.parse().map(Duration::from_millis);
        config.tcp_user_timeout(timeout.map_err(|_| parameters.invalid("tcp_user_timeout"))?);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::super::parameters::address::Address;
    use super::super::parameters::machine::FakeMachine;
    use super::*;

    fn servers(url: &str, machine: &FakeMachine) -> Result<Vec<Server>, ParameterError> {
        let parameters = Address::parse(url)?.parameters.completed(machine)?;
        Ok(Servers::new(&parameters, machine)?.servers)
    }

    fn server(url: &str, machine: &FakeMachine) -> Server {
        let mut servers = servers(url, machine).unwrap();
        assert_eq!(servers.len(), 1, "{url}");
        servers.remove(0)
    }

    #[test]
    fn parameters_become_settings() {
        let url = "postgres://me@db/crm?connect_timeout=3&keepalives_count=7&tcp_user_timeout=1500&channel_binding=require&options=-c%20a%3D'b\\c'";
        let config = server(url, &FakeMachine::default()).config;
        assert_eq!(config.get_user(), Some("me"));
        assert_eq!(config.get_dbname(), Some("crm"));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.get_keepalives_retries(), Some(7));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(30));
        assert_eq!(
            config.get_tcp_user_timeout(),
            Some(&Duration::from_millis(1500))
        );
        assert_eq!(config.get_options(), Some("-c a='b\\c'"));
        assert_eq!(config.get_application_name(), Some("kapture"));
        for (url, keyword) in [
            ("postgres://db?connect_timeout=soon", "connect_timeout"),
            ("postgres://db?tcp_user_timeout=-1", "tcp_user_timeout"),
            ("postgres://db?channel_binding=maybe", "channel_binding"),
            ("postgres://db?hostaddr=localhost", "hostaddr"),
            ("postgres://db?sslmode=secure", "sslmode"),
            ("postgres://db:0", "port"),
            ("postgres://db:65536", "port"),
            ("postgres://?host=%40abstract", "host"),
            ("postgres://me%3Asecret%40db/crm", "host"),
            ("postgres://db/crm%3Fpassword%3Dsecret", "dbname"),
            ("postgres://db/?dbname=postgres://me:secret%40db", "dbname"),
            ("postgres://db/?user=postgres://me:secret%40db", "user"),
        ] {
            let error = servers(url, &FakeMachine::default()).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{keyword} in the address")),
                "{error}"
            );
        }
    }

    #[test]
    fn socket_is_the_default_where_there_is_one() {
        let host = |url, machine: &FakeMachine| server(url, machine).config.get_hosts()[0].clone();
        let none = FakeMachine::default();
        assert_eq!(
            host("postgres:///crm", &none),
            Host::Tcp("localhost".into())
        );
        let debian = FakeMachine::default().file("/var/run/postgresql/.s.PGSQL.5432", "");
        let folder = Host::Unix("/var/run/postgresql".into());
        assert_eq!(host("postgres:///crm", &debian), folder);
        let other_port = "postgres://:5433/crm";
        assert_eq!(host(other_port, &debian), Host::Tcp("localhost".into()));
        let named = "postgres:///crm?host=/run/postgresql";
        assert_eq!(host(named, &none), Host::Unix("/run/postgresql".into()));
        assert_eq!(host("postgres://db/crm", &debian), Host::Tcp("db".into()));
    }

    #[test]
    fn servers_are_lists_of_one_length() {
        let none = FakeMachine::default();
        let found = servers("postgres://a:1,b/crm?hostaddr=192.0.2.1,127.0.0.1", &none).unwrap();
        let ports: Vec<_> = found
            .iter()
            .map(|server| server.config.get_ports())
            .collect();
        assert_eq!(ports, [[1], [5432]]);
        let found = servers("postgres://a,b/crm?port=1", &none).unwrap();
        let ports: Vec<_> = found
            .iter()
            .map(|server| server.config.get_ports())
            .collect();
        assert_eq!(ports, [[1], [1]]);
        for url in [
            "postgres://a,b?hostaddr=127.0.0.1",
            "postgres://a,b,c?port=1,2",
        ] {
            let error = servers(url, &none).unwrap_err();
            assert_eq!(error, ParameterError::Lengths, "{url}");
        }
    }

    #[test]
    fn password_of_the_file_is_the_one_of_the_server_and_user() {
        let machine = FakeMachine::default().file(
            "/u/me/.pgpass",
            "a:*:*:*:first\n127.0.0.1:*:*:*:address\nlocalhost:5432:me:me:socket\n*:*:crm:asha:named\n",
        );
        let password = |url| {
            let servers = servers(url, &machine).unwrap();
            let password = |server: &Server| {
                let password = server.config.get_password().unwrap_or_default();
                String::from_utf8_lossy(password).into_owned()
            };
            servers.iter().map(password).collect::<Vec<_>>()
        };
        assert_eq!(password("postgres://a,b/crm"), ["first", ""]);
        assert_eq!(password("postgres://me:own@a/crm"), ["own"]);
        assert_eq!(password("postgres://?hostaddr=127.0.0.1"), ["address"]);
        assert_eq!(password("postgres://?host=/run/postgresql"), ["socket"]);
        assert_eq!(password("postgres://asha@b/crm"), ["named"]);
    }

    /// Without `sslmode`: what libpq does on this machine, and full verification elsewhere.
    #[test]
    fn tls_is_required_and_checked_for_other_machines_by_default() {
        use Negotiation::{Disable, Prefer, Require};
        let none = FakeMachine::default();
        let checked = Trust::ChainAndName(Roots::Unnamed);
        let cases: [(&str, &[Negotiation], Trust); 11] = [
            ("postgres://db.example.com", &[Require], checked.clone()),
            (
                "postgres://localhost?hostaddr=192.0.2.1",
                &[Require],
                checked.clone(),
            ),
            ("postgres://sslmode=a:b@db", &[Require], checked),
            ("postgres://localhost", &[Prefer, Disable], Trust::Anyone),
            ("postgres://[::1]", &[Prefer, Disable], Trust::Anyone),
            (
                "postgres://db?hostaddr=127.0.0.1",
                &[Prefer, Disable],
                Trust::Anyone,
            ),
            (
                "postgres://db?sslmode=prefer",
                &[Prefer, Disable],
                Trust::Anyone,
            ),
            (
                "postgres://db?sslmode=allow",
                &[Disable, Require],
                Trust::Anyone,
            ),
            ("postgres://db?sslmode=disable", &[Disable], Trust::Anyone),
            ("postgres://db?sslmode=require", &[Require], Trust::Anyone),
            (
                "postgres://%2Frun?sslmode=require",
                &[Disable],
                Trust::Anyone,
            ),
        ];
        for (url, negotiations, trust) in cases {
            let server = server(url, &none);
            assert_eq!(server.negotiations, negotiations, "{url}");
            assert_eq!(server.trust, trust, "{url}");
        }
    }

    #[test]
    fn file_of_authorities_is_used_in_every_mode() {
        let machine = FakeMachine::default().file("/u/me/.postgresql/root.crt", "");
        let usual = Roots::File("/u/me/.postgresql/root.crt".into());
        let named = Roots::File("ca.pem".into());
        for (url, trust) in [
            ("postgres://db?sslmode=require", Trust::Chain(usual.clone())),
            (
                "postgres://db?sslmode=verify-ca",
                Trust::Chain(usual.clone()),
            ),
            ("postgres://db", Trust::ChainAndName(usual)),
            (
                "postgres://db?sslmode=require&sslrootcert=ca.pem",
                Trust::Chain(named),
            ),
            (
                "postgres://localhost?sslrootcert=system",
                Trust::ChainAndName(Roots::System),
            ),
        ] {
            assert_eq!(server(url, &machine).trust, trust, "{url}");
        }
        let weak = servers("postgres://db?sslrootcert=system&sslmode=require", &machine);
        assert_eq!(weak.unwrap_err(), ParameterError::WeakWithSystemRoots);
        // The authorities of this machine certify any server on the internet, so the name is checked, too.
        let without_file = server("postgres://db?sslmode=verify-ca", &FakeMachine::default());
        assert_eq!(without_file.trust, Trust::ChainAndName(Roots::Unnamed));
    }
}
