//! The least that any client has to do: ask the pages and read the answers, over so many
//! connections, without a look at what they hold.
//!
//! Written on bare sockets and threads, so that nothing could be leaner.

use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kapture_sandbox::{DEFAULT_TOKEN, SEARCH_PATH};

use crate::Error;

/// As many as `kapture` has at most, unless told otherwise.
const CONNECTIONS: usize = 16;

/// Asks the pages whose request bodies stand in a file, one a line.
pub(crate) fn run(address: &str, gzip: bool, bodies: &Path) -> Result<(), Error> {
    let bodies = fs::read_to_string(bodies)?;
    let bodies: Vec<_> = bodies.lines().collect();
    ask(address, gzip, &bodies, |connection, length| {
        let mut left = length;
        while left > 0 {
            let read = connection.fill_buf()?.len().min(left);
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            connection.consume(read);
            left -= read;
        }
        Ok(())
    })?;
    Ok(())
}

/// The answers to `bodies`, in no particular order.
pub(crate) fn answers(address: &str, bodies: &[String]) -> Result<Vec<Vec<u8>>, Error> {
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    Ok(ask(address, false, &bodies, |connection, length| {
        let mut answer = vec![0; length];
        connection.read_exact(&mut answer)?;
        Ok(answer)
    })?)
}

fn ask<T: Send>(
    address: &str,
    gzip: bool,
    bodies: &[&str],
    take: impl Fn(&mut BufReader<TcpStream>, usize) -> io::Result<T> + Sync,
) -> io::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let connection = || {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut connection = BufReader::with_capacity(256 * 1024, stream);
        let mut taken = Vec::new();
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let request = request(address, gzip, body);
            connection.get_mut().write_all(request.as_bytes())?;
            let length = head(&mut connection)?;
            taken.push(take(&mut connection, length)?);
        }
        Ok(taken)
    };
    let taken: Vec<io::Result<Vec<T>>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            })
            .collect()
    });
    let taken: Vec<Vec<T>> = taken.into_iter().collect::<io::Result<_>>()?;
    Ok(taken.into_iter().flatten().collect())
}

fn request(address: &str, gzip: bool, body: &str) -> String {
    let accept = if gzip {
        "accept-encoding: gzip\r\n"
    } else {
        ""
    };
    let length = body.len();
    format!(
        "POST {SEARCH_PATH} HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic {DEFAULT_TOKEN}\r\n\
         content-type: application/json\r\n{accept}content-length: {length}\r\n\r\n{body}"
    )
}

/// Reads the head of an answer and returns the length of its body.
fn head(connection: &mut impl BufRead) -> io::Result<usize> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    connection.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(bad(line.trim_end()));
    }
    let mut length = None;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some(_) => {}
            None => return length.ok_or_else(|| bad("an answer of unknown length")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_the_length() {
        let mut answer = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nx: y\r\n\r\nbody".as_bytes();
        assert_eq!(head(&mut answer).unwrap(), 12);
        assert_eq!(answer, b"body");
        for wrong in ["HTTP/1.1 429 Slow\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
            assert!(head(&mut wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
