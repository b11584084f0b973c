//! Servers that are no PostgreSQL, or one that means harm: soon given up, and told of without a
//! word that could steer a terminal, a password or customers' data.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::{refused, told};

/// Lets a client in, and is ready to be asked.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// Tells each client the same once it has introduced itself, and then nothing more.
async fn server(words: Vec<u8>, then: Then) -> u16 {
    answering(vec![words], then).await
}

/// Gives the first client one answer for each time that it says something, and no other client any.
async fn answering(answers: Vec<Vec<u8>>, then: Then) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        if let Ok((stream, _)) = listener.accept().await {
            tell(stream, answers, then).await;
        }
    });
    port
}

#[derive(Clone, Copy)]
enum Then {
    Leave,
    Stay,
}

async fn tell(mut stream: TcpStream, answers: Vec<Vec<u8>>, then: Then) {
    let mut heard = [0; 1024];
    for words in answers {
        let _ = stream.read(&mut heard).await;
        let _ = stream.write_all(&words).await;
    }
    if let Then::Stay = then {
        while let Ok(1..) = stream.read(&mut heard).await {}
    }
}

/// A message as a server sends it.
fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[letter], &length.to_be_bytes()[..], body].concat()
}

/// An error as a server sends it, of fields by their letters.
fn error(fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (letter, text) in fields {
        body.push(*letter);
        body.extend(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    message(b'E', &body)
}

/// The clock stands still while something can be done, and leaps where nothing can.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_none_is_given_up_and_named() {
    let long = "x".repeat(1 << 20);
    let tricks = format!("\u{1b}[2J\u{202e}owned\r\n{long}");
    let refusal = |message: &str, code: &str| {
        error(&[
            (b'S', "FATAL"),
            (b'C', code),
            (b'M', message),
            (b'D', "Failing row contains (1, Asha)."),
        ])
    };
    let cases = [
        (Vec::new(), Then::Stay, "did not answer within 30 seconds"),
        (
            WELCOME.to_vec(),
            Then::Stay,
            "did not answer within 30 seconds",
        ),
        (Vec::new(), Then::Leave, " the server"),
        (WELCOME[..6].to_vec(), Then::Leave, " the server"),
        (WELCOME.to_vec(), Then::Leave, " the server"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            Then::Leave,
            " the server",
        ),
        (
            b"\0\0\0\0\0\0\0\0".to_vec(),
            Then::Stay,
            "invalid message length",
        ),
        (
            b"R\0\0\0\x08\0\0\0\x07".to_vec(),
            Then::Stay,
            "authentication",
        ),
        (
            b"R\0\0\0\x08\0\0\0\x63".to_vec(),
            Then::Stay,
            "authentication",
        ),
        (
            refusal(&tricks, "57P03"),
            Then::Leave,
            "the server says: \\u{1b}[2J",
        ),
        (
            refusal("no", &tricks),
            Then::Leave,
            "the server says: no (SQLSTATE",
        ),
        (
            [WELCOME, &refusal(&tricks, "57P03")].concat(),
            Then::Stay,
            "the server says: \\u{1b}[2J",
        ),
    ];
    for (words, then, expected) in cases {
        let began = Instant::now();
        let shown = words[..words.len().min(40)].escape_ascii().to_string();
        let port = server(words, then).await;
        let url = format!("postgres://me:secret@127.0.0.1:{port}/crm?sslmode=disable");
        let error = refused(&url).await;
        // Who has left is not waited for.
        let patience = match then {
            Then::Leave => Duration::ZERO,
            Then::Stay => Duration::from_secs(60),
        };
        assert!(began.elapsed() <= patience, "{shown}: {error:?}");
        let sentence = told(&error);
        assert!(sentence.contains(expected), "{shown}: {sentence}");
        assert!(sentence.len() < 1_500, "{shown}: {} bytes", sentence.len());
        assert!(!sentence.contains(|letter: char| letter.is_control() || letter == '\u{202e}'));
        for private in ["secret", "Asha"] {
            assert!(
                !format!("{sentence} {error:?}").contains(private),
                "{shown}"
            );
        }
    }
}

/// What is answered to the first statements: the number of the process, the settings, and the schema
/// with the encoding, whose statement is prepared and then asked.
fn first_answers() -> Vec<Vec<u8>> {
    const NUMBER: u8 = 23;
    const TEXT: u8 = 25;
    const OID: u8 = 26;
    let ready = message(b'Z', b"I");
    let count = |values: usize| u16::try_from(values).expect("a few").to_be_bytes();
    // Without a table, of types of four bytes, as text.
    let columns = |kinds: &[u8]| {
        let column = |kind: &u8| {
            let head = [b"n\0\0\0\0\0\0\0\0\0\0", &[*kind, 0, 4][..]].concat();
            [&head[..], b"\xff\xff\xff\xff\0\0"].concat()
        };
        let columns: Vec<u8> = kinds.iter().flat_map(column).collect();
        message(b'T', &[&count(kinds.len())[..], &columns].concat())
    };
    let row = |values: &[&[u8]]| {
        let value = |value: &&[u8]| {
            let length = u32::try_from(value.len()).expect("a short value");
            [&length.to_be_bytes()[..], value].concat()
        };
        let row: Vec<u8> = values.iter().flat_map(value).collect();
        message(b'D', &[&count(values.len())[..], &row].concat())
    };
    let done = message(b'C', b"SELECT 1\0");
    let process = [columns(&[NUMBER]), row(&[b"7"]), done.clone()];
    let settings = [done.clone()];
    let prepared = [
        message(b'1', b""),
        message(b't', b"\0\0"),
        columns(&[OID, TEXT]),
    ];
    let schema = row(&[&2200_u32.to_be_bytes(), b"UTF8"]);
    let asked = [message(b'2', b""), schema, done];
    let answers: [&[Vec<u8>]; 5] = [&process, &process, &settings, &prepared, &asked];
    let answers = answers.map(|messages| [messages.concat(), ready.clone()].concat());
    [vec![WELCOME.to_vec()], answers.to_vec()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_not_waited_for_without_end() {
    let port = answering(first_answers(), Then::Stay).await;
    let url = format!("postgres://me:secret@127.0.0.1:{port}/crm?sslmode=disable");
    let began = Instant::now();
    let sentence = told(&refused(&url).await);
    assert!(
        sentence.contains("did not answer within 1800 seconds"),
        "{sentence}"
    );
    assert!(began.elapsed() <= Duration::from_secs(1_900), "{sentence}");
}

#[tokio::test]
async fn where_nobody_listens_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let servers = format!("127.0.0.1:{port},localhost:{port}");
    let error = told(&refused(&format!("postgres://me:secret@{servers}/crm")).await);
    for server in ["127.0.0.1", "localhost"] {
        let sentence = format!("server {server}, port {port}: error connecting to server");
        assert!(error.contains(&sentence), "{error}");
    }
    assert!(error.contains("refused"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
