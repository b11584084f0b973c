//! Connections that die without being closed, and gateways that do not get along with HTTP/2.

use kapture_tests::tls::{Certificate, Connections, TlsServer};
use kapture_tests::{code, ids, stderr};

const WEEK: [&str; 9] = [
    "pull",
    "--from",
    "2024-05-02",
    "--to",
    "2024-05-08",
    "--timeout",
    "1",
    "--retry-for",
    "20s",
];

fn expect_week(server: &TlsServer) {
    let output = server.kapture(&WEEK).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(ids(&output.stdout), (2..=8).collect());
}

/// As behind a load balancer that has lost a back end: only new connections are well.
#[test]
fn connection_that_fell_silent_is_replaced() {
    let behaviour = Connections {
        silent_from: Some(8),
        ..Connections::default()
    };
    let server = TlsServer::new(Certificate::Valid, behaviour);
    expect_week(&server);
    assert!(server.connections() > 1, "{}", server.connections());
}

#[test]
fn http1_is_used_where_http2_does_not_work() {
    for behaviour in [
        Connections {
            silent_from: Some(1),
            ..Connections::default()
        },
        Connections {
            http1_required: true,
            ..Connections::default()
        },
        Connections {
            reset: true,
            ..Connections::default()
        },
    ] {
        expect_week(&TlsServer::new(Certificate::Valid, behaviour));
    }
}
