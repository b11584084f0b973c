//! No way of printing what holds the token prints the token, in a panic neither.
#![cfg(all(feature = "http", feature = "mock"))]

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kapture_transport::{
    Client, ClientOptions, HttpOptions, HttpTransport, MockTransport, Request, Response, TenantUrl,
    Token, Transport,
};

const USER: &str = "asha.example";
const PASSWORD: &str = "correct horse battery";
/// Of `asha.example:correct horse battery`.
const TOKEN: &str = "YXNoYS5leGFtcGxlOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";
const PERSON: &str = "ravi@example.com";

fn assert_silent(what: &str, text: &str) {
    for secret in [TOKEN, PASSWORD, PERSON] {
        assert!(!text.contains(secret), "{what} shows a secret");
    }
}

/// The message of the panic that `does` ends in.
fn panic_of(does: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(does)).expect_err("a panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    })
    .expect("a message")
}

fn check(what: &str, value: &impl Debug) {
    assert_silent(what, &format!("{value:?}"));
    assert_silent(what, &format!("{value:#?}"));
    assert_silent(what, &panic_of(|| panic!("{value:?}")));
    let failed: Result<(), _> = std::hint::black_box(Err(value));
    assert_silent(what, &panic_of(|| failed.expect("it")));
    assert_silent(what, &panic_of(|| assert_eq!(format!("{value:#?}"), "")));
}

fn request(token: &Token) -> Request {
    Request {
        url: "http://127.0.0.1:9/search".parse().expect("an address"),
        token: token.clone(),
        body: PERSON.into(),
        timeout: Duration::from_secs(1),
        new_session: false,
    }
}

#[test]
fn nothing_that_holds_the_token_shows_it() {
    let token = Token::from_user(USER, PASSWORD);
    let header = token.authorization();
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(&header),
        format!("Basic {TOKEN}")
    );
    let tenant_url = TenantUrl::base_url("http://127.0.0.1:9").expect("loopback");
    let http = HttpTransport::new(&HttpOptions::default()).expect("a transport");
    let client = Client::new(
        http.clone(),
        &tenant_url,
        token.clone(),
        ClientOptions::default(),
    );
    check("Token", &token);
    check("its header", &token.authorization());
    check("TenantUrl", &tenant_url);
    check("HttpTransport", &http);
    check("ClientOptions", &ClientOptions::default());
    check("Client", &client);
    check("Request", &request(&token));
    check(
        "Response",
        &Response {
            body: PERSON.into(),
            ..Response::default()
        },
    );
    check(
        "what a bad token is",
        &Token::from_base64(PASSWORD).expect_err("blanks"),
    );
}

/// A mock that nobody told what to expect panics and names what it was given.
#[test]
fn an_unexpected_request_does_not_show_the_token() {
    let token = Token::from_user(USER, PASSWORD);
    let mock = MockTransport::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let text = panic_of(|| drop(runtime.block_on(mock.send(request(&token)))));
    assert!(text.contains("send"), "{text}");
    assert_silent("the mock's panic", &text);
}

#[tokio::test]
async fn an_error_does_not_show_the_token() {
    let token = Token::from_user(USER, PASSWORD);
    let http = HttpTransport::new(&HttpOptions::default()).expect("a transport");
    let mut asked = request(&token);
    // Nobody listens there.
    asked.url = "http://127.0.0.1:1/".parse().expect("an address");
    check(
        "an error",
        &http.send(asked).await.expect_err("no connection"),
    );
}
