//! When a failure in the server's own words is returned.

use super::*;

#[tokio::test(start_paused = true)]
async fn refusal_is_returned_after_it_has_repeated_unchanged() {
    let client = client(vec![
        refused("a"),
        refused("b"),
        refused("b"),
        refused("a"),
        refused("b"),
        refused("b"),
        refused("b"),
    ]);
    let Err(Error::Refused(refusal)) = call(&client).await else {
        panic!("not refused")
    };
    assert_eq!(refusal.message, "b");
    assert_eq!(client.stats().requests, 7);
}

#[tokio::test(start_paused = true)]
async fn failure_is_returned_after_the_attempts_of_the_policy() {
    for (outcome, refusals, max_attempts, requests) in [
        (refused("No customers"), RefusalPolicy::First, None, 1),
        (refused("E-1017"), RefusalPolicy::Confirmed, None, 3),
        (refused("E-1017"), RefusalPolicy::Confirmed, Some(2), 2),
        (answer(503, ""), RefusalPolicy::First, Some(1), 1),
        (answer(503, ""), RefusalPolicy::Patient, Some(2), 2),
    ] {
        let client = client(vec![outcome]);
        let policy = CallPolicy::default()
            .refusals(refusals)
            .max_attempts(max_attempts)
            .delay(Duration::ZERO);
        let answer = client.call("{}".into(), policy).await;
        assert!(matches!(
            answer,
            Err(Error::Refused(_) | Error::Server { .. })
        ));
        assert_eq!(client.stats().requests, requests, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn faulty_json_is_returned_after_it_has_repeated_at_the_same_place() {
    let faulty = |body: &str| answer(200, body);
    let elsewhere = faulty(r#"{"message":[{"id":oops}]}"#);
    let here = faulty(r#"{"message":[{"id":1},],"status":"success"}"#);
    let passing = client(vec![here.clone(), answer(200, NONE)]);
    assert_eq!(call(&passing).await, Ok(0));
    let lasting = client(vec![here.clone(), elsewhere, here]);
    let (line, column) = (1, 22);
    let begun = Instant::now();
    assert_eq!(
        call(&lasting).await,
        Err(Error::InvalidJson { line, column })
    );
    assert_eq!(lasting.stats().requests, 12);
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn refusal_counts_as_an_answer_of_the_server() {
    let refusals = vec![refused("E-1017"); 3];
    let down = Err(TransportError::Connect("refused".into()));
    let client = client([refusals, vec![down]].concat());
    let refusal = call(&client).await.unwrap_err();
    assert!(matches!(refusal, Error::Refused(_)), "{refusal:?}");
    let begun = Instant::now();
    let error = call(&client).await.unwrap_err().to_string();
    assert!(
        error.contains("(the time for retries is used up)"),
        "{error}"
    );
    assert_eq!(begun.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn repeated_refusal_uses_no_retry_budget() {
    let options = retrying(RetryPolicy::default().retry_budget(3));
    let refusal = r#"{"message":"E-1017","status":"failed"}"#;
    let client = client_with(vec![answer(200, refusal)], options);
    for _ in 0..20 {
        let error = call(&client).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_failure_restarts_the_count_of_refusals() {
    let client = client(vec![
        refused("Busy"),
        answer(503, ""),
        refused("Busy"),
        answer(503, ""),
        refused("Busy"),
        answer(200, NONE),
    ]);
    assert_eq!(call(&client).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn patient_call_needs_ten_equal_refusals() {
    let patiently = async |client: &Client| {
        let policy = CallPolicy::default().refusals(RefusalPolicy::Patient);
        let records = client.call("{}".into(), policy).await?;
        Ok::<_, Error>(records.len())
    };
    let refusals = |times| {
        let mut outcomes = vec![refused("Something went wrong"); times];
        outcomes.push(answer(200, NONE));
        client(outcomes)
    };
    let client = refusals(9);
    assert!(call(&client).await.is_err());
    let client = refusals(9);
    assert_eq!(patiently(&client).await, Ok(0));
    assert!(patiently(&refusals(10)).await.is_err());
}
