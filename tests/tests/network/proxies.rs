//! Proxies between this machine and the server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kapture_tests::tls::{Certificate, Connections, TlsServer};
use kapture_tests::{code, ids, stderr};

const PULL: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-03"];

/// `asha:right` as a proxy receives it.
const LOGIN: &str = "Basic YXNoYTpyaWdodA==";

/// What a proxy does with a tunnel that is asked for.
#[derive(Clone, Copy)]
enum Proxy {
    /// Opens it for this user and password.
    Login(&'static str),
    /// Refuses every host.
    Denies,
}

struct Running {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                // A client that goes away ends its tunnel.
                thread::spawn(move || self.serve(client));
            }
        });
        Running { address, asked }
    }

    fn serve(self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head);
        let host = head.split(' ').nth(1).unwrap_or_default();
        match self {
            Self::Denies => client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            Self::Login(login) if !head.contains(login) => client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\nContent-Length: 0\r\n\r\n",
            ),
            Self::Login(_) => {
                let server = TcpStream::connect(host)?;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
                thread::spawn(move || pass(from_client, to_server));
                pass(server, client)
            }
        }
    }
}

/// Passes on what comes, to the end.
fn pass(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// A command whose requests go through a proxy.
fn through(server: &TlsServer, proxy: &str, arguments: &[&str]) -> Command {
    let mut command = server.kapture(arguments);
    for name in [
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("HTTPS_PROXY", proxy);
    command
}

fn server() -> TlsServer {
    TlsServer::new(Certificate::Valid, Connections::default())
}

#[test]
fn customers_come_through_a_proxy_that_doctor_names() {
    let (server, proxy) = (server(), Proxy::Login(LOGIN).start());
    let address = format!("http://asha:right@{}", proxy.address);
    let output = through(&server, &address, &PULL).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(ids(&output.stdout), [2, 3].into());
    assert!(proxy.asked.load(Ordering::Relaxed) > 0);
    let output = through(&server, &address, &["doctor"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let named = format!("through the proxy {}, over TLS", proxy.address);
    assert!(said.contains(&named), "{said}");
    assert!(!said.contains("right"), "{said}");
}

#[test]
fn refused_password_is_not_tried_again() {
    let (server, proxy) = (server(), Proxy::Login(LOGIN).start());
    let address = format!("http://asha:wrong@{}", proxy.address);
    let output = through(&server, &address, &PULL).output().unwrap();
    let said = stderr(&output);
    assert_eq!(code(&output), 5, "{said}");
    let named = format!("the proxy {} wants a user and a password", proxy.address);
    assert!(said.contains(&named) && said.contains("%40"), "{said}");
    assert!(
        !said.contains("wrong") && !said.contains("gave up"),
        "{said}"
    );
    // The first questions of a run are asked at the same time.
    let asked = proxy.asked.load(Ordering::Relaxed);
    assert!(asked <= 4, "{asked} requests");
}

#[test]
fn proxy_that_fails_is_named_and_not_the_server() {
    let server = server();
    let denying = Proxy::Denies.start().address;
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = gone.local_addr().unwrap();
    drop(gone);
    for (proxy, reason) in [(denying, "it refuses this host"), (closed, "refused")] {
        let mut doctor = through(&server, &format!("http://{proxy}"), &["doctor"]);
        let output = doctor.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(&output), 5, "{said}");
        let named = format!("no connection through the proxy {proxy}: ");
        for words in [&named, reason, "HTTPS_PROXY", "NO_PROXY"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("check the subdomain"), "{said}");
    }
}

/// The forms that Go and curl know, too.
#[test]
fn exceptions_are_reached_without_the_proxy() {
    let server = server();
    let proxy = Proxy::Denies.start();
    let port = server.port();
    for (exception, code_expected) in [
        (format!("localhost:{port}"), 0),
        ("localhost:1".to_owned(), 5),
    ] {
        let mut command = through(&server, &format!("http://{}", proxy.address), &PULL);
        command.env("NO_PROXY", &exception);
        let output = command.output().unwrap();
        assert_eq!(code(&output), code_expected, "{}", stderr(&output));
    }
}

#[test]
fn proxy_that_cannot_be_read_is_an_error_before_any_request() {
    let server = server();
    let output = through(&server, "http://", &PULL).output().unwrap();
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{said}");
    assert!(said.contains("cannot read HTTPS_PROXY"), "{said}");
    assert_eq!(server.connections(), 0);
}
