//! A server that answers whatever it is told to, byte by byte: no HTTP library would send that.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use crate::kapture;

/// One request, as far as an answer depends on it.
#[derive(Debug)]
pub struct Asked {
    /// How many came before it.
    pub number: u64,
    /// Its body.
    pub body: Value,
    /// Its headers, in lower case as they are sent.
    pub head: String,
}

impl Asked {
    /// Whether its window holds customers of a day, each window with its last day.
    pub fn holds(&self, day: &str) -> bool {
        let date = |key: &str| self.body[key].as_str().unwrap_or_default().to_owned();
        (date("createStartDate")..=date("createEndDate")).contains(&day.to_owned())
    }

    /// How many rows it skips.
    ///
    /// # Panics
    /// When it does not say.
    pub fn offset(&self) -> usize {
        self.number("offset")
    }

    /// The page of `rows` that it asks for.
    ///
    /// # Panics
    /// When it asks for none.
    pub fn page<'a>(&self, rows: &'a [String]) -> &'a [String] {
        let rest = rows.get(self.offset()..).unwrap_or_default();
        &rest[..rest.len().min(self.number("limit"))]
    }

    fn number(&self, key: &str) -> usize {
        let text = self.body[key].as_str().expect("text, as documented");
        text.parse().expect("a number")
    }
}

/// Answers on loopback until the test ends.
#[derive(Debug)]
pub struct Scripted {
    url: String,
}

impl Scripted {
    /// Answers each request with `answer`, on a connection of its own.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn new(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Arc::new(answer);
        let number = Arc::new(AtomicU64::new(0));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                let number = Arc::clone(&number);
                thread::spawn(move || {
                    if let Some((mut stream, mut asked)) = read(stream) {
                        asked.number = number.fetch_add(1, Ordering::SeqCst);
                        answer(&asked, &mut stream);
                    }
                });
            }
        });
        Self { url }
    }

    /// Answers each request with a body under status 200.
    pub fn bodies(body: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |asked, stream| send(stream, "200 OK", &body(asked)))
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `kapture` with a connection to this server in its environment.
    pub fn kapture(&self, arguments: &[&str]) -> Command {
        let mut command = kapture(arguments);
        command
            .env("KAPTURE_BASE_URL", &self.url)
            .env("KAPTURE_CM_ID", "424242")
            .env("KAPTURE_TOKEN", "U0VDUkVU");
        command
    }
}

/// Sends a complete answer. A closed connection is ignored.
pub fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
}

/// A success with these rows.
pub fn customers(rows: &[String]) -> Vec<u8> {
    format!(r#"{{"message":[{}],"status":"success"}}"#, rows.join(",")).into_bytes()
}

fn read(stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    Some((
        reader.into_inner(),
        Asked {
            number: 0,
            body,
            head,
        },
    ))
}

/// The answer of a server with one customer on each day of May 2024, whose id is the day of the month.
pub fn one_a_day(asked: &Asked) -> Vec<u8> {
    let days = (1..=31).map(|day| (day, format!("2024-05-{day:02}")));
    let rows: Vec<_> = days
        .filter(|(_, date)| asked.holds(date))
        .map(|(id, date)| format!(r#"{{"id":{id},"generationDate":"{date} 10:20:30"}}"#))
        .collect();
    customers(asked.page(&rows))
}
