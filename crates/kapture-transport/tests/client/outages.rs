//! How long a call outlasts a server that is down.

use super::*;

/// A slow consumer may stop the run for a long time between two failures.
#[tokio::test(start_paused = true)]
async fn time_without_requests_is_not_an_outage() {
    let down = answer(503, "");
    let client = client(vec![
        answer(200, NONE),
        down.clone(),
        down,
        answer(200, NONE),
    ]);
    call(&client).await.expect("an answer");
    let second = std::pin::pin!(call(&client));
    let begun = tokio::time::timeout(Duration::from_millis(1), second);
    assert!(begun.await.is_err(), "it waits");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(call(&client).await, Ok(0));
    assert_eq!(client.stats().requests, 4);
}

#[tokio::test(start_paused = true)]
async fn unanswered_run_gives_up_after_few_attempts() {
    let refusing = client(vec![Err(TransportError::Connect("refused".into()))]);
    let error = call(&refusing).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Exhausted {
                reason: StopReason::NeverAnswered,
                attempts: 8,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.root(), &Error::Connect("refused".into()));
}

#[tokio::test(start_paused = true)]
async fn outage_after_answers_is_retried_until_the_retry_timeout() {
    for outage in [
        answer(503, ""),
        Err(TransportError::Connect("refused".into())),
    ] {
        let options = retrying(RetryPolicy::default().retry_timeout(Duration::from_secs(1200)));
        let client = client_with(vec![answer(200, NONE), outage], options);
        assert_eq!(call(&client).await, Ok(0));
        let begun = Instant::now();
        let error = call(&client).await.unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("(the time for retries is used up)"),
            "{message}"
        );
        assert_eq!(begun.elapsed().as_secs(), 1200);
    }
}

/// The server may fail for one customer, who is part of two windows, while it answers all others.
#[tokio::test(start_paused = true)]
async fn two_failing_calls_are_not_an_outage_and_three_are() {
    let client = || client(vec![answer(200, NONE), answer(503, "")]);
    let reason = |outcome: &Result<usize, Error>| match outcome {
        Err(Error::Exhausted { reason, .. }) => *reason,
        other => panic!("{other:?}"),
    };

    let one_by_one = client();
    let begun = Instant::now();
    assert_eq!(call(&one_by_one).await, Ok(0));
    for bound in [
        StopReason::RetryTimeout,
        StopReason::RetryTimeout,
        StopReason::Outage,
    ] {
        assert_eq!(reason(&call(&one_by_one).await), bound);
    }
    assert_eq!(begun.elapsed().as_secs(), 1_200);

    for (at_once, bound) in [(2, StopReason::RetryTimeout), (3, StopReason::Outage)] {
        let client = client();
        let begun = Instant::now();
        assert_eq!(call(&client).await, Ok(0));
        let calls = futures_util::future::join_all((0..at_once).map(|_| call(&client)));
        let reasons: Vec<_> = calls.await.iter().map(reason).collect();
        assert_eq!(reasons, vec![bound; at_once]);
        assert_eq!(begun.elapsed().as_secs(), 600);
    }
}

#[tokio::test(start_paused = true)]
async fn outage_below_the_retry_timeout_fails_no_call() {
    let up = Arc::new(AtomicBool::new(true));
    let mut transport = MockTransport::new();
    let is_up = Arc::clone(&up);
    transport.expect_send().returning(move |_| {
        let status = if is_up.load(Ordering::Relaxed) {
            200
        } else {
            503
        };
        answer(status, NONE)
    });
    let client = new(transport, ClientOptions::default());
    assert_eq!(call(&client).await, Ok(0));
    up.store(false, Ordering::Relaxed);
    let calls = futures_util::future::join_all((0..32).map(|_| call(&client)));
    let (answers, ()) = tokio::join!(calls, async {
        tokio::time::sleep(Duration::from_secs(500)).await;
        up.store(true, Ordering::Relaxed);
    });
    assert!(answers.iter().all(|answer| *answer == Ok(0)), "{answers:?}");
}

/// Answers one request, and never again.
struct FallsSilent(AtomicBool);

#[async_trait::async_trait]
impl Transport for FallsSilent {
    async fn send(&self, request: Request) -> Outcome {
        if self.0.swap(true, Ordering::Relaxed) {
            tokio::time::sleep(request.timeout).await;
            return Err(TransportError::Timeout(request.timeout));
        }
        answer(200, NONE)
    }
}

/// Each attempt takes a minute, so most calls wait for a permit.
#[tokio::test(start_paused = true)]
async fn silent_server_ends_waiting_calls_within_minutes() {
    let silent = FallsSilent(AtomicBool::new(false));
    let client = new(silent, ClientOptions::default());
    assert_eq!(call(&client).await, Ok(0));
    let begun = Instant::now();
    let calls = (0..32).map(|_| Box::pin(call(&client)));
    let (first, ..) = futures_util::future::select_all(calls).await;
    assert!(matches!(first, Err(Error::Exhausted { .. })), "{first:?}");
    let minutes = begun.elapsed().as_secs() / 60;
    assert!((10..13).contains(&minutes), "{minutes}");
}

/// A restarting gateway, a firewall or a captive portal does not end a run of hours.
#[tokio::test(start_paused = true)]
async fn permanent_failure_after_answers_is_retried() {
    for hidden in [
        Err(TransportError::Tls("invalid peer certificate".into())),
        answer(403, "<html>"),
        answer(403, r#"{"message":"Forbidden"}"#),
    ] {
        let client = client(vec![answer(200, NONE), hidden, answer(200, NONE)]);
        assert_eq!(call(&client).await, Ok(0));
        assert_eq!(call(&client).await, Ok(0));
    }
}

/// One call is sent after each pause, and all others wait.
#[tokio::test(start_paused = true)]
async fn endless_rate_limit_pauses_end_the_call() {
    let client = client(vec![limited("100")]);
    let begun = Instant::now();
    let calls = (0..16).map(|_| Box::pin(call(&client)));
    let (first, ..) = futures_util::future::select_all(calls).await;
    assert!(matches!(first, Err(Error::Exhausted { .. })), "{first:?}");
    let minutes = begun.elapsed().as_secs() / 60;
    assert!(minutes <= 13, "{minutes}");
}
