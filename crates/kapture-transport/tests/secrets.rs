//! Neither `Debug` output nor panics nor errors show the token or personal data.
#![cfg(all(feature = "http", feature = "mock"))]

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// The message of the panic of `action`.
fn panic_of(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("a panic");
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
    let url = "http://127.0.0.1:9/search".parse().expect("an address");
    Request::new(url, token.clone(), PERSON)
}

#[test]
fn no_type_shows_the_token_or_the_body() {
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
    check("the Authorization header", &token.authorization());
    check("TenantUrl", &tenant_url);
    check("HttpTransport", &http);
    check("ClientOptions", &ClientOptions::default());
    check("Client", &client);
    check("Request", &request(&token));
    check("Response", &Response::new(200, PERSON));
    check(
        "TokenError",
        &Token::from_base64(PASSWORD).expect_err("blanks"),
    );
}

/// A mock without expectations panics with the arguments of the call.
#[test]
fn panic_of_the_mock_does_not_show_the_token() {
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
async fn connect_error_does_not_show_the_token() {
    let token = Token::from_user(USER, PASSWORD);
    let http = HttpTransport::new(&HttpOptions::default()).expect("a transport");
    let mut asked = request(&token);
    // No server listens on this port.
    asked.url = "http://127.0.0.1:1/".parse().expect("an address");
    check(
        "TransportError",
        &http.send(asked).await.expect_err("no connection"),
    );
}
