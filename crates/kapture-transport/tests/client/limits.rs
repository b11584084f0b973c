//! Waits: `Retry-After`, pauses, rate and concurrency.

use super::*;

#[tokio::test(start_paused = true)]
async fn delayed_call_is_sent_after_its_delay() {
    let client = client(vec![answer(200, NONE)]);
    let begun = Instant::now();
    let policy = CallPolicy::default().delay(Duration::from_secs(3));
    client.call("{}".into(), policy).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_back_every_call() {
    let client = client(vec![limited("30"), answer(200, NONE)]);
    let begun = Instant::now();
    let (one, other) = tokio::join!(call(&client), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        call(&client).await
    });
    assert_eq!((one, other), (Ok(0), Ok(0)));
    assert!(
        begun.elapsed() >= Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(32),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_date_is_waited_for() {
    let options = ClientOptions::default()
        .wall_clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_428_000));
    let client = client_with(
        vec![limited("Mon, 23 Nov 2026 10:00:45 GMT"), answer(200, NONE)],
        options,
    );
    let begun = Instant::now();
    assert_eq!(call(&client).await, Ok(0));
    assert_eq!(begun.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_retry_timeout_ends_the_call() {
    let client = client(vec![limited("86400")]);
    let begun = Instant::now();
    let error = call(&client).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Exhausted {
                reason: StopReason::RetryAfterTooLong,
                attempts: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn concurrency_is_at_least_one() {
    let client = |concurrency| {
        let options = ClientOptions::default().concurrency(concurrency);
        client_with(vec![answer(200, NONE)], options)
    };
    assert_eq!([0, 1, 5].map(|most| client(most).concurrency()), [1, 1, 5]);
}

/// Without `Retry-After` the pause is the exponential backoff of the run.
#[tokio::test(start_paused = true)]
async fn retry_notice_has_the_pause_of_the_whole_run() {
    let mut outcomes = vec![answer(429, ""); 5];
    outcomes.push(answer(200, NONE));
    let client = client(outcomes);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let notices = Arc::clone(&waits);
    client
        .with_retry_notices(move |notice| notices.lock().unwrap().push(notice.wait))
        .call("{}".into(), CallPolicy::default())
        .await
        .unwrap();
    let seconds: Vec<_> = waits
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_503_holds_back_every_call() {
    let client = client(vec![asks_to_wait(503, "120"), answer(200, NONE)]);
    let begun = Instant::now();
    let (one, other) = tokio::join!(call(&client), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        call(&client).await
    });
    // The server had not answered this run before, so 120 s are too long.
    assert!(
        matches!(
            one,
            Err(Error::Exhausted {
                reason: StopReason::RetryAfterTooLong,
                ..
            })
        ),
        "{one:?}"
    );
    assert_eq!(other, Ok(0));
    assert_eq!(begun.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_rate_limit_uses_no_time_of_the_call() {
    let options = ClientOptions::default().requests_per_second(0.001);
    let mut transport = MockTransport::new();
    let asked = Mutex::new(0);
    transport.expect_send().returning(move |request| {
        assert_eq!(request.timeout, Duration::from_secs(60));
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        answer(if *asked == 2 { 503 } else { 200 }, NONE)
    });
    let client = new(transport, options);
    let (one, other) = tokio::join!(call(&client), call(&client));
    assert_eq!((one, other), (Ok(0), Ok(0)));
}

#[tokio::test(start_paused = true)]
async fn requests_per_second_is_not_exceeded() {
    let options = ClientOptions::default().requests_per_second(2.0);
    let client = client_with(vec![answer(200, NONE)], options);
    let begun = Instant::now();
    for _ in 0..5 {
        call(&client).await.unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn in_flight_counts_exchanges_until_they_end() {
    struct Silent;
    #[async_trait::async_trait]
    impl Transport for Silent {
        async fn send(&self, _: Request) -> Outcome {
            std::future::pending().await
        }
    }
    let client = new(Silent, ClientOptions::default());
    assert_eq!(client.in_flight(), 0);
    let call = || client.call("{}".into(), CallPolicy::default());
    let calls = async { tokio::join!(call(), call()) };
    let gave_up = tokio::time::timeout(Duration::from_secs(1), calls);
    let watched = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        client.in_flight()
    };
    let (gave_up, in_flight) = tokio::join!(gave_up, watched);
    assert!(gave_up.is_err());
    assert_eq!((in_flight, client.in_flight()), (2, 0));
}
