//! A pull holds a client, which holds the token: printing it shows neither, in a panic neither.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::StreamExt;
use kapture_customers::{Days, Pull};
use kapture_model::CustomerQuery;
use kapture_transport::{Client, ClientOptions, MockTransport, Response, TenantUrl, Token};

const PASSWORD: &str = "correct horse battery";
/// Of `asha.example:correct horse battery`.
const TOKEN: &str = "YXNoYS5leGFtcGxlOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";

#[tokio::test(start_paused = true)]
async fn a_pull_does_not_show_the_token() {
    let mut transport = MockTransport::new();
    transport.expect_send().returning(|_| {
        let said = format!(r#"{{"message":"Invalid Auth Key {TOKEN}","status":"failed"}}"#);
        Ok(Response::new(200, said))
    });
    let client = Client::new(
        transport,
        &TenantUrl::base_url("http://127.0.0.1:9").expect("loopback"),
        Token::from_user("asha.example", PASSWORD),
        ClientOptions::default(),
    );
    let day = "2024-05-02".parse().expect("a date");
    let days = Days::between(day, day).expect("a range");
    let pull = Pull::new(client, CustomerQuery::new(424_242), days);
    let mut shown = vec![format!("{pull:?} {pull:#?}")];
    let events: Vec<_> = pull.clone().events().collect().await;
    for event in events {
        shown.push(format!("{event:?} {event:#?}"));
        if let Err(error) = event {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                error.source()
            });
            shown.extend(causes.map(ToString::to_string));
        }
    }
    assert!(shown.iter().any(|text| text.contains("Invalid Auth Key")));
    let panic = catch_unwind(AssertUnwindSafe(|| panic!("{pull:?}")));
    let panic = panic.expect_err("a panic").downcast::<String>();
    shown.push(*panic.expect("a message"));
    for text in shown {
        assert!(!text.contains(TOKEN) && !text.contains(PASSWORD));
    }
}
