//! A server that means harm, or is badly broken: the time and the memory it can cost are bounded,
//! and what comes out is right, or a sentence that says why there is nothing.

use std::io::{Read, Write};
use std::process::Output;

use flate2::{Compress, Compression, Crc, FlushCompress};
#[cfg(unix)]
use kapture_tests::limits::peak;
use kapture_tests::scripted::{Scripted, customers, send};
use kapture_tests::{code, stderr};

const DAY: &str = "2024-05-02";

const PULL: [&str; 5] = ["pull", "--from", DAY, "--to", DAY];

/// Where what is wrong stays wrong: given up soon.
const IMPATIENT: [&str; 7] = ["pull", "--from", DAY, "--to", DAY, "--retry-for", "1s"];

/// Expects an error with this exit code that says this, and no data.
fn expect_error(output: &Output, expected: i32, sentence: &str) {
    let stderr = stderr(output);
    assert_eq!(code(output), expected, "{stderr}");
    assert!(stderr.contains(sentence), "{stderr}");
    assert!(stderr.contains("error: "), "{stderr}");
    assert!(
        stderr.len() < 4_000,
        "{} bytes are no message",
        stderr.len()
    );
    assert!(output.stdout.is_empty());
}

/// A row with this id and these further keys.
fn row(id: &str, more: &str) -> String {
    format!(r#"{{"id":{id},"generationDate":"{DAY} 10:00:00"{more}}}"#)
}

/// Serves these rows on [`DAY`] and nothing else.
fn serves(rows: Vec<String>) -> Scripted {
    Scripted::bodies(move |asked| {
        customers(if asked.holds(DAY) {
            asked.page(&rows)
        } else {
            &[]
        })
    })
}

#[test]
fn bodies_without_end() {
    let endless = Scripted::new(|_, stream| {
        let chunk = [b"100000\r\n", vec![b' '; 1 << 20].as_slice(), b"\r\n"].concat();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut sent = stream.write_all(head);
        while sent.is_ok() {
            sent = stream.write_all(&chunk);
        }
    });
    let bomb = gzipped_spaces(1 << 10);
    assert!(bomb.len() < 2 << 20);
    let bomb = Scripted::new(move |asked, stream| {
        // As many as are asked at once. The further ones would cost time and show nothing else, so they are announced.
        if asked.number < 3 {
            send(stream, "200 OK\r\ncontent-encoding: gzip", &bomb);
        } else {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 268435457\r\n\r\n";
            let _ = stream.write_all(head);
            let _ = stream.read(&mut [0]);
        }
    });
    for server in [endless, bomb] {
        let output = server.kapture(&PULL).output().unwrap();
        expect_error(&output, 5, "larger than the limit of 256 MiB");
    }
    // Three are asked at once before anything is known.
    #[cfg(unix)]
    assert!(peak() < 900, "{} MiB", peak());
}

/// So many MiB of spaces, in little space. Only the first one is compressed: behind a full flush, a block depends on
/// nothing before it.
fn gzipped_spaces(mebibytes: u32) -> Vec<u8> {
    let spaces = vec![b' '; 1 << 20];
    let mut block = Vec::with_capacity(4_096);
    let mut compress = Compress::new(Compression::best(), false);
    compress
        .compress_vec(&spaces, &mut block, FlushCompress::Full)
        .expect("spaces can be compressed");
    assert_eq!(compress.total_in(), 1 << 20);
    let (mut one, mut all) = (Crc::new(), Crc::new());
    one.update(&spaces);
    let mut body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    for _ in 0..mebibytes {
        body.extend(&block);
        all.combine(&one);
    }
    // The last block is empty.
    body.extend(b"\x03\0");
    body.extend(all.sum().to_le_bytes());
    body.extend((mebibytes << 20).to_le_bytes());
    body
}

#[test]
fn spaces_are_gzipped_as_any_other_text() {
    let mut text = Vec::new();
    let body = gzipped_spaces(3);
    let mut decoder = flate2::read::GzDecoder::new(&body[..]);
    decoder.read_to_end(&mut text).expect("gzip");
    assert_eq!(text.len(), 3 << 20);
}

#[test]
fn ten_million_tiny_records() {
    let page = customers(&vec![r#"{"id":1}"#.to_owned(); 10_000_000]);
    let server = Scripted::bodies(move |_| page.clone());
    let output = server.kapture(&PULL).output().unwrap();
    expect_error(&output, 5, "more than 1000000 rows");
    #[cfg(unix)]
    assert!(peak() < 800, "{} MiB", peak());
}

#[test]
fn a_huge_field_and_deep_nesting() {
    let huge = "x".repeat(100_000_000);
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let rows = vec![
        row("1", &format!(r#","remarks":"{huge}""#)),
        row("2", &format!(r#","deep":{deep}"#)),
    ];
    let server = serves(rows);
    let output = server.kapture(&PULL).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(r#"{"id":1,"#) && lines[0].contains(&huge));
    // Its innermost part is text.
    assert!(lines[1].starts_with(r#"{"id":2,"#) && lines[1].contains(&deep[100..399_900]));
    let customer: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert!(customer["deep"].is_array());
    #[cfg(unix)]
    assert!(peak() < 1_000, "{} MiB", peak());
}

#[test]
fn a_flood_of_headers() {
    let server = Scripted::new(|_, stream| {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while sent.is_ok() {
            sent = write!(stream, "x-flood: {}\r\n", "y".repeat(1_000));
        }
    });
    let output = server.kapture(&IMPATIENT).output().unwrap();
    expect_error(&output, 5, "message head is too large");
}

#[test]
fn a_body_that_never_comes_to_its_end() {
    let server = Scripted::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{");
        // Until the client has gone.
        let _ = stream.read(&mut [0]);
    });
    let output = server
        .kapture(&IMPATIENT)
        .args(["--timeout", "1"])
        .output()
        .unwrap();
    expect_error(&output, 5, "no complete response within 1 s");
}

#[test]
fn a_wait_without_end() {
    for wait in [
        "60",
        "99999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "-1",
        "0",
    ] {
        let server = Scripted::new(move |_, stream| {
            let head = format!("429 Too Many Requests\r\nretry-after: {wait}");
            send(stream, &head, b"");
        });
        let output = server.kapture(&IMPATIENT).output().unwrap();
        expect_error(&output, 5, "the server asks for fewer requests");
    }
}

#[test]
fn a_redirect_to_elsewhere() {
    let (asked, told) = std::sync::mpsc::channel();
    let elsewhere = Scripted::bodies(move |request| {
        let _ = asked.send(request.number);
        customers(&[])
    });
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url().to_owned();
        let server = Scripted::new(move |_, stream| {
            let head = format!("{status} Elsewhere\r\nlocation: {location}/");
            send(stream, &head, b"");
        });
        let output = server.kapture(&IMPATIENT).output().unwrap();
        expect_error(&output, 5, "redirects elsewhere");
    }
    assert!(told.try_recv().is_err(), "a redirect was followed");
}

#[test]
fn words_that_would_change_the_terminal() {
    let tricks = "\\u001b[2J\\u001b]0;owned\\u0007\\u202egnp.exe\\u2066\\u009b31m\\r\\n\u{202e}\u{85}\u{2028}";
    let refusing = format!(r#"{{"message":"{tricks}","status":"failed"}}"#).into_bytes();
    let refusing = Scripted::bodies(move |_| refusing.clone());
    let odd_keys = serves(vec![row("1", &format!(r#","{tricks}":1"#))]);
    let odd_ids = serves(vec![row(&format!(r#""{tricks}""#), "")]);
    let odd_page = format!("<html><title>\u{1b}[2J\u{202e}{tricks}</title>").into_bytes();
    let odd_page = Scripted::bodies(move |_| odd_page.clone());
    for server in [refusing, odd_keys, odd_ids, odd_page] {
        for arguments in [&[][..], &["-vvv"], &["-vv", "--log-format", "json"]] {
            let output = server.kapture(&IMPATIENT).args(arguments).output().unwrap();
            let stderr = stderr(&output);
            let harmful = stderr.chars().find(|letter| {
                letter.is_control() && *letter != '\n'
                    || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            });
            assert_eq!(harmful, None, "{stderr:?}");
        }
    }
}

#[test]
fn ids_and_numbers_beyond_any_range() {
    let ids = [
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-1",
        "1e400",
        "1.5",
        "\"NaN\"",
    ];
    let numbers = r#","a":1e400,"b":-0,"c":123456789012345678901234567890"#;
    let rows = ids.map(|id| row(id, numbers));
    let expected = rows
        .join("\n")
        .replace(&format!("{DAY} 10"), &format!("{DAY}T10"))
        // No double holds it, and an id must not be lost.
        .replace(r#""a":1e400"#, r#""a":null"#)
        .replace(r#""id":1e400"#, r#""id":"1e400""#)
        // Readers take no whole numbers beyond 64 bits.
        .replace("18446744073709551616", r#""18446744073709551616""#)
        .replace(
            "123456789012345678901234567890",
            r#""123456789012345678901234567890""#,
        );
    let server = serves(rows.to_vec());
    let output = server.kapture(&PULL).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected + "\n");

    let folder = tempfile::tempdir().unwrap();
    for name in ["x.db", "x.csv", "x.parquet"] {
        let path = folder.path().join(name);
        let output = server.kapture(&PULL).arg("-o").arg(&path).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(
            stderr(&output).contains(" 7 customers,"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn bytes_that_are_no_text() {
    let page = |inner: &[u8]| {
        let row = [
            b"{\"id\":1,\"generationDate\":\"2024-05-02\",\"name\":",
            inner,
            b"}",
        ]
        .concat();
        [b"{\"message\":[", &row[..], b"],\"status\":\"success\"}"].concat()
    };
    let odd_page = |body: Vec<u8>| {
        Scripted::bodies(move |asked| match asked.holds(DAY) && asked.offset() == 0 {
            true => body.clone(),
            false => customers(&[]),
        })
    };
    let with_mark = [b"\xEF\xBB\xBF", &page(b"\"Asha\"")[..]].concat();
    for body in [
        with_mark,
        page(b"\"\xFF\xFE\""),
        page(b"\"\\ud800\""),
        page(b"\"\\u0000\""),
        page(b"NaN"),
    ] {
        let output = odd_page(body).kapture(&PULL).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(output.stdout.starts_with(br#"{"id":1,"#));
        assert!(output.stdout.ends_with(b"}\n"));
    }
    for body in [
        page(b"1}\xFF{"),
        b"\0\0\0\0".to_vec(),
        br#"{"message":[{"id":1}],"status":"success","message":[]}"#.to_vec(),
    ] {
        let output = odd_page(body).kapture(&IMPATIENT).output().unwrap();
        // JSON with a fault is an unusable answer, anything else no answer of the API.
        let told = stderr(&output);
        assert!(matches!(code(&output), 4 | 5), "{told}");
        assert!(told.contains("the response is"), "{told}");
    }
}
