//! What a collector of traces is sent, and that a run does without one.
#![cfg(feature = "otel")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

const DAYS: [&str; 6] = [
    "pull",
    "--sandbox",
    "--from",
    "2024-05-01",
    "--to",
    "2024-05-02",
];

fn kapture(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kapture"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("KAPTURE_") || name.starts_with("OTEL_") {
            command.env_remove(&*name);
        }
    }
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .args(DAYS);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A collector on loopback: its address, and the head and body of each request.
fn collector(status: &'static str) -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(request) = read(&mut reader) {
                    let _ = sender.send(request);
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    let _ = reader.get_mut().write_all(answer.as_bytes());
                }
            });
        }
    });
    (address, receiver)
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().ok())?
    })?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// A span, as far as it is looked at.
#[derive(Debug, Default)]
struct Span {
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    attributes: BTreeMap<String, String>,
}

/// The fields of a message in protocol buffers: their numbers, and the bytes of those with a length
/// or the number of those without.
fn fields(mut message: &[u8]) -> Vec<(u64, Result<&[u8], u64>)> {
    fn number(message: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = message.split_first().expect("a byte");
            *message = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = number(&mut message);
        let value = match tag & 7 {
            0 => Err(number(&mut message)),
            kind => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    _ => number(&mut message) as usize,
                };
                let (bytes, rest) = message.split_at(length);
                message = rest;
                Ok(bytes)
            }
        };
        fields.push((tag >> 3, value));
    }
    fields
}

fn within(message: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    let fields = fields(message).into_iter();
    fields.filter_map(move |(number, value)| value.ok().filter(|_| number == field))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A key and its value, text or a number.
fn attribute(message: &[u8]) -> (String, String) {
    let key = within(message, 1).next().map(text).unwrap_or_default();
    let value = within(message, 2).next().unwrap_or_default();
    let value = fields(value).first().map(|(_, value)| match value {
        Ok(bytes) => text(bytes),
        Err(number) => number.to_string(),
    });
    (key, value.unwrap_or_default())
}

/// The spans of `ExportTraceServiceRequest`s, and the attributes of who sent them.
fn received(bodies: &[Vec<u8>]) -> (Vec<Span>, BTreeMap<String, String>) {
    let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
    for of_resource in bodies.iter().flat_map(|body| within(body, 1)) {
        for message in within(of_resource, 1) {
            resource.extend(within(message, 1).map(attribute));
        }
        for message in within(of_resource, 2).flat_map(|of_scope| within(of_scope, 2)) {
            spans.push(Span {
                id: within(message, 2).flatten().copied().collect(),
                parent: within(message, 4).flatten().copied().collect(),
                name: within(message, 5).next().map(text).unwrap_or_default(),
                attributes: within(message, 9).map(attribute).collect(),
            });
        }
    }
    (spans, resource)
}

#[test]
fn a_run_is_a_trace_of_days_windows_and_requests() {
    let (address, requests) = collector("200 OK");
    let output = kapture(&address)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).starts_with("2 days, "),
        "{}",
        stderr(&output)
    );
    let (heads, bodies): (Vec<_>, Vec<_>) = requests.try_iter().unzip();
    for head in &heads {
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        assert!(head.contains("x-tenant: acme"), "{head}");
        assert!(head.contains("application/x-protobuf"), "{head}");
    }
    let (spans, resource) = received(&bodies);
    assert_eq!(resource["service.name"], "kapture");
    let named = |name: &str| {
        spans
            .iter()
            .filter(move |span| span.name == name)
            .collect::<Vec<_>>()
    };
    let above = |span: &Span| {
        let parent = spans.iter().find(|other| other.id == span.parent);
        parent.map_or("", |parent| parent.name.as_str())
    };

    let runs = named("run");
    assert_eq!(runs.len(), 1, "{spans:?}");
    assert_eq!(runs[0].attributes["command"], "pull");
    assert!(runs[0].parent.is_empty());
    let days = named("day");
    let dates: Vec<_> = days
        .iter()
        .map(|day| day.attributes["day"].as_str())
        .collect();
    assert_eq!(dates.len(), 2, "{dates:?}");
    assert!(
        dates.contains(&"2024-05-01") && dates.contains(&"2024-05-02"),
        "{dates:?}"
    );
    assert!(
        days.iter()
            .all(|day| day.attributes.contains_key("customers"))
    );
    assert!(days.iter().all(|day| above(day) == "run"));
    let pages = named("page");
    for page in &pages {
        for key in ["day", "window", "offset", "limit"] {
            assert!(page.attributes.contains_key(key), "{page:?}");
        }
        assert_eq!(above(page), "run", "{page:?}");
    }
    // Two days, and one beside each.
    let windows: BTreeSet<_> = pages
        .iter()
        .map(|page| page.attributes["window"].clone())
        .collect();
    assert!(windows.len() >= 4, "{windows:?}");
    let requests = named("request");
    assert_eq!(requests.len(), pages.len(), "nothing failed");
    for request in requests {
        assert_eq!(above(request), "page");
        assert_eq!(request.attributes["attempt"], "1");
        assert_eq!(request.attributes["status"], "200");
    }
}

#[test]
fn what_fails_is_in_the_trace_too_and_holds_no_secret() {
    let (address, requests) = collector("200 OK");
    let output = kapture(&address)
        .env("OTEL_SERVICE_NAME", "nightly")
        .args(["--cm-id", "7"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let bodies: Vec<_> = requests.try_iter().map(|(_, body)| body).collect();
    let (spans, resource) = received(&bodies);
    assert_eq!(resource["service.name"], "nightly");
    assert!(spans.iter().any(|span| span.name == "run"));
    let failed = |span: &&Span| span.name == "request" && span.attributes.contains_key("error");
    assert!(spans.iter().any(|span| failed(&span)), "{spans:?}");
    // The token of the sandbox, base64 of sandbox:sandbox.
    assert!(
        !bodies
            .iter()
            .any(|body| text(body).contains("c2FuZGJveDpzYW5kYm94"))
    );
}

/// One that takes a request and never answers keeps the run until it is interrupted.
#[cfg(unix)]
#[test]
fn an_interrupted_run_is_a_trace_too() {
    let (address, requests) = collector("200 OK");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kapture"));
    let child = command
        .args(["pull", "--last", "2d", "--cm-id", "1", "--base-url"])
        .arg(format!("http://{}", silent.local_addr().unwrap()))
        .env("KAPTURE_TOKEN", "YTpi")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &address)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let _asked = silent.accept().unwrap();
    let id = child.id().to_string();
    let interrupt = Command::new("kill").args(["-INT", &id]).status();
    assert!(interrupt.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let bodies: Vec<_> = requests.try_iter().map(|(_, body)| body).collect();
    let (spans, _) = received(&bodies);
    for name in ["run", "request"] {
        assert!(
            spans.iter().any(|span| span.name == name),
            "{name}: {spans:?}"
        );
    }
}

#[test]
fn a_collector_that_is_not_there_costs_one_line() {
    // A port that the system never assigns.
    let address = "http://127.0.0.1:1".to_owned();
    let (refusing, _requests) = collector("503 Service Unavailable");
    for (address, more) in [
        (&address, ("OTEL_TRACES_EXPORTER", "otlp")),
        (&refusing, ("OTEL_TRACES_EXPORTER", "otlp")),
        (&refusing, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")),
        (&"nonsense:-1".to_owned(), ("OTEL_TRACES_EXPORTER", "otlp")),
    ] {
        let output = kapture(address).env(more.0, more.1).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let stderr = stderr(&output);
        let warnings: Vec<_> = stderr
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .collect();
        assert_eq!(warnings.len(), 1, "{stderr}");
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
    }
}

/// One that takes a connection and never answers.
#[test]
fn no_run_waits_long_for_a_collector() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let output = kapture(&address)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("warning: cannot send traces"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn no_collector_is_asked_unless_one_is_named() {
    let (address, requests) = collector("200 OK");
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ] {
        let output = kapture(&address).env(name, value).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
    assert_eq!(requests.try_iter().count(), 0);
}
