//! Sessions that end, and tokens in responses.

use super::*;

/// Servers end a session with a status, with a redirect to a login page, with the page itself, or
/// with the message for a wrong token.
#[tokio::test(start_paused = true)]
async fn ended_session_costs_its_cookies_and_one_retry() {
    let login = || Ok(Response::new(200, "<html><title>Login</title></html>"));
    for ended in [
        answer(401, r#"{"message":"Session expired","status":"failed"}"#),
        refused("Invalid Auth Key"),
        answer(302, ""),
        login(),
    ] {
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let outcomes = Mutex::new(vec![answer(200, NONE), ended, answer(200, NONE)].into_iter());
        let seen = Arc::clone(&sessions);
        let mut transport = MockTransport::new();
        transport.expect_send().returning(move |request| {
            seen.lock().unwrap().push(request.new_session);
            let next = outcomes.lock().unwrap().next();
            next.expect("three requests")
        });
        let client = new(transport, ClientOptions::default());
        call(&client).await.unwrap();
        call(&client).await.unwrap();
        assert_eq!(*sessions.lock().unwrap(), [false, false, true]);
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_begins_a_session_drops_the_cookies_at_each_attempt() {
    let sessions = Arc::new(Mutex::new(Vec::new()));
    let outcomes = Mutex::new(vec![answer(500, ""), answer(200, NONE)].into_iter());
    let seen = Arc::clone(&sessions);
    let mut transport = MockTransport::new();
    transport.expect_send().returning(move |request| {
        seen.lock().unwrap().push(request.new_session);
        let next = outcomes.lock().unwrap().next();
        next.expect("two requests")
    });
    let client = new(transport, ClientOptions::default());
    let policy = CallPolicy::default().new_session(true);
    client.call("{}".into(), policy).await.unwrap();
    assert_eq!(*sessions.lock().unwrap(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn refused_token_is_reported_within_seconds() {
    let client = client(vec![answer(200, NONE), refused("Invalid Auth Key")]);
    call(&client).await.unwrap();
    let begun = Instant::now();
    assert!(matches!(call(&client).await, Err(Error::Unauthorized(_))));
    assert_eq!(client.stats().requests, 1 + 6);
    assert!(begun.elapsed().as_secs() < 15);
}

#[tokio::test(start_paused = true)]
async fn token_in_a_response_is_redacted_in_errors() {
    let page = "<html><title>no dG9rZW4= here</title>";
    let long = format!("<html><title>{}dG9rZW4=</title>", "x".repeat(260));
    let escaped = r#"{"message":{"header":"dG9rZW4\u003d"},"status":"failed"}"#;
    let client = client(vec![
        answer(200, page),
        answer(200, &long),
        answer(200, escaped),
        Err(TransportError::Broken("GoAway(dG9rZW4=)".into())),
        refused("bad header Basic dG9rZW4="),
    ]);
    let waits = Arc::new(Mutex::new(String::new()));
    let notices = Arc::clone(&waits);
    let error = client
        .with_retry_notices(move |notice| {
            notices.lock().unwrap().push_str(&notice.error.to_string());
        })
        .call("{}".into(), CallPolicy::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server refuses the request: “bad header Basic (redacted)” (HTTP status 200)"
    );
    let waits = waits.lock().unwrap();
    assert!(waits.contains("no (redacted) here"), "{waits}");
    assert!(!waits.contains("dG9"), "{waits}");
}
