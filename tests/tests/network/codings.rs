//! Content codings: gzip under any name, and others that were not requested.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use kapture_tests::scripted::{Scripted, one_a_day, send};
use kapture_tests::{code, ids, stderr};

const PULL: [&str; 5] = ["pull", "--from", "2024-05-02", "--to", "2024-05-04"];

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn gzip_is_gzip_under_any_name() {
    for header in [
        "content-encoding: x-gzip",
        "content-encoding: GZIP",
        "x-none: 1",
    ] {
        let server = Scripted::new(move |asked, stream| {
            assert!(asked.head.contains("accept-encoding: gzip\r\n"));
            send(
                stream,
                &format!("200 OK\r\n{header}"),
                &gzip(&one_a_day(asked)),
            );
        });
        let output = server.kapture(&PULL).output().unwrap();
        assert_eq!(code(&output), 0, "{header}: {}", stderr(&output));
        assert_eq!(ids(&output.stdout), [2, 3, 4].into());
    }
}

#[test]
fn coding_that_was_not_requested_is_named_at_the_first_attempt() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let asked_for = Arc::clone(&bodies);
    let server = Scripted::new(move |asked, stream| {
        asked_for
            .lock()
            .expect("no panic")
            .push(asked.body.to_string());
        send(
            stream,
            "200 OK\r\ncontent-encoding: br",
            b"\x8b\x01\x80\x03",
        );
    });
    let output = server.kapture(&PULL).output().unwrap();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    let said = "the content coding “br”, which was not requested";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let mut bodies = bodies.lock().unwrap();
    let requests = bodies.len();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), requests, "a request was repeated");
}

/// Some gateways label what they do not compress.
#[test]
fn answer_that_is_not_compressed_is_read_whatever_its_header_says() {
    for coding in ["br", "gzip", "UTF-8"] {
        let server = Scripted::new(move |asked, stream| {
            let head = format!("200 OK\r\ncontent-encoding: {coding}");
            send(stream, &head, &one_a_day(asked));
        });
        let output = server.kapture(&PULL).output().unwrap();
        assert_eq!(code(&output), 0, "{coding}: {}", stderr(&output));
        assert_eq!(ids(&output.stdout), [2, 3, 4].into());
    }
}
