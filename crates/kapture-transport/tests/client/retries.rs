//! Which failures are retried, and how often.

use super::*;

#[tokio::test(start_paused = true)]
async fn request_has_endpoint_token_and_body() {
    let mut transport = MockTransport::new();
    transport.expect_send().times(1).returning(|request| {
        assert_eq!(
            request.url.as_str(),
            "http://127.0.0.1:9/ms/customer-search/customer-search/api/v1"
        );
        assert_eq!(&request.body[..], b"{}");
        assert_eq!(request.timeout, Duration::from_secs(60));
        assert!(!format!("{request:?}").contains("dG9rZW4="));
        answer(200, NONE)
    });
    let client = new(transport, ClientOptions::default());
    assert_eq!(call(&client).await, Ok(0));
    assert_eq!(client.stats().requests, 1);
    assert_eq!(client.stats().bytes, NONE.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_retried() {
    for failure in [
        answer(500, "<html>"),
        answer(502, "<html>"),
        answer(302, ""),
        answer(200, "<html><title>Log in</title>"),
        answer(200, r#"{"message":[{"id"#),
        answer(200, "[]"),
        answer(429, ""),
        refused("Please try again"),
        Err(TransportError::Broken("reset".into())),
        Err(TransportError::Connect("refused".into())),
        Err(TransportError::Timeout(Duration::from_secs(60))),
    ] {
        let client = client(vec![failure.clone(), answer(200, NONE)]);
        assert_eq!(call(&client).await, Ok(0), "{failure:?}");
        assert_eq!(client.stats().retries, 1, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_failures_are_not_retried() {
    for outcome in [
        refused("Invalid Auth Key"),
        answer(401, ""),
        answer(403, r#"{"message":"Not yours","status":"failed"}"#),
        answer(403, "<html>"),
        answer(200, r#"{"message":[{"name":"x"}],"status":"success"}"#),
        Err(TransportError::TooLarge(5)),
        Err(TransportError::Tls("bad certificate".into())),
    ] {
        let client = client(vec![outcome.clone(), answer(200, NONE)]);
        assert!(call(&client).await.is_err(), "{outcome:?}");
        assert_eq!(client.stats().requests, 1, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_budget_ends_a_run_with_more_failures_than_answers() {
    let options = retrying(RetryPolicy::default().retry_budget(3));
    let client = client_with(vec![answer(200, NONE), answer(503, "")], options.clone());
    assert_eq!(call(&client).await, Ok(0));
    let error = call(&client).await.unwrap_err();
    // Two retries for the answer, and the budget of three.
    assert!(
        matches!(
            &error,
            Error::Exhausted {
                reason: StopReason::RetryBudget,
                attempts: 6,
                ..
            }
        ),
        "{error:?}"
    );

    // A refusal that does not repeat is not an answer.
    let changing = ["Busy", "Very busy"].repeat(9).into_iter().map(refused);
    let outcomes = [answer(200, NONE)].into_iter().chain(changing);
    let client = client_with(outcomes.collect(), options);
    assert_eq!(call(&client).await, Ok(0));
    let error = call(&client).await.unwrap_err();
    assert!(error.to_string().contains("after 6 attempts"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_notice_is_given_before_each_wait() {
    let client = client(vec![answer(500, ""), limited("9"), answer(200, NONE)]);
    let received = Arc::new(Mutex::new(Vec::<RetryNotice>::new()));
    let notices = Arc::clone(&received);
    client
        .with_retry_notices(move |notice| notices.lock().unwrap().push(notice))
        .call("{}".into(), CallPolicy::default())
        .await
        .unwrap();
    let received = received.lock().unwrap();
    assert_eq!(
        received
            .iter()
            .map(|notice| notice.attempt)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(matches!(received[0].error, Error::Server { .. }));
    assert!(received[1].wait >= Duration::from_secs(9));
}
