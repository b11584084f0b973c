//! One reliable call: what is tried again, how often, after which wait, and what comes of it.
#![cfg(feature = "mock")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use kapture_transport::{
    CallPolicy, Client, ClientOptions, Error, MockTransport, RefusalPolicy, Request, Response,
    RetryNotice, RetryPolicy, StopReason, TenantUrl, Token, Transport, TransportError,
};
use tokio::time::Instant;

type Outcome = Result<Response, TransportError>;

const NONE: &str = r#"{"message":[],"status":"success"}"#;

fn answer(status: u16, body: &str) -> Outcome {
    Ok(Response {
        status,
        retry_after: None,
        body: body.to_owned().into(),
    })
}

fn refused(sentence: &str) -> Outcome {
    answer(
        200,
        &format!(r#"{{"message":"{sentence}","status":"failed"}}"#),
    )
}

fn limited(wait: &str) -> Outcome {
    asks_to_wait(429, wait)
}

fn asks_to_wait(status: u16, wait: &str) -> Outcome {
    Ok(Response {
        status,
        retry_after: Some(wait.into()),
        body: "".into(),
    })
}

/// A client whose transport gives `outcomes` in turn, the last one for ever.
fn client(outcomes: Vec<Outcome>) -> Client {
    client_with(outcomes, ClientOptions::default())
}

fn client_with(outcomes: Vec<Outcome>, options: ClientOptions) -> Client {
    let mut transport = MockTransport::new();
    let turn = Mutex::new(0);
    transport.expect_send().returning(move |_| {
        let mut turn = turn.lock().expect("no panic");
        let outcome = outcomes[(*turn).min(outcomes.len() - 1)].clone();
        *turn += 1;
        outcome
    });
    new(transport, options)
}

fn new(transport: impl Transport + 'static, options: ClientOptions) -> Client {
    Client::new(
        transport,
        &TenantUrl::base_url("http://127.0.0.1:9").expect("loopback"),
        Token::from_base64("dG9rZW4=").expect("a token"),
        ClientOptions { seed: 7, ..options },
    )
}

fn retrying(retry: RetryPolicy) -> ClientOptions {
    ClientOptions {
        retry,
        ..ClientOptions::default()
    }
}

async fn call(client: &Client) -> Result<usize, Error> {
    let records = client.call("{}".into(), CallPolicy::default()).await?;
    Ok(records.len())
}

#[tokio::test(start_paused = true)]
async fn sends_the_body_to_the_endpoint_with_the_token() {
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
async fn what_passes_is_tried_again() {
    for hiccup in [
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
        let client = client(vec![hiccup.clone(), answer(200, NONE)]);
        assert_eq!(call(&client).await, Ok(0), "{hiccup:?}");
        assert_eq!(client.stats().retries, 1, "{hiccup:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_change_is_asked_once() {
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
async fn a_refusal_counts_once_it_has_repeated_unchanged() {
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
async fn failure_comes_back_after_the_attempts_that_the_policy_allows() {
    for (outcome, refusals, max_attempts, requests) in [
        (refused("No customers"), RefusalPolicy::First, None, 1),
        (refused("E-1017"), RefusalPolicy::Confirmed, None, 3),
        (refused("E-1017"), RefusalPolicy::Confirmed, Some(2), 2),
        (answer(503, ""), RefusalPolicy::First, Some(1), 1),
        (answer(503, ""), RefusalPolicy::Patient, Some(2), 2),
    ] {
        let client = client(vec![outcome]);
        let policy = CallPolicy {
            refusals,
            max_attempts,
            delay: Duration::ZERO,
        };
        let answer = client.call("{}".into(), policy).await;
        assert!(matches!(
            answer,
            Err(Error::Refused(_) | Error::Server { .. })
        ));
        assert_eq!(client.stats().requests, requests, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delayed_call_is_sent_after_its_delay() {
    let client = client(vec![answer(200, NONE)]);
    let begun = Instant::now();
    let policy = CallPolicy {
        delay: Duration::from_secs(3),
        ..CallPolicy::default()
    };
    client.call("{}".into(), policy).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
}

/// A session that ends: with a status, a redirect to a login page, the page itself, or in the words
/// that a wrong token is refused with.
#[tokio::test(start_paused = true)]
async fn ended_session_costs_its_cookies_and_one_more_attempt() {
    let login = || {
        Ok(Response {
            status: 200,
            body: "<html><title>Login</title></html>".into(),
            ..Response::default()
        })
    };
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
async fn token_that_is_refused_for_good_is_named_in_seconds() {
    let client = client(vec![answer(200, NONE), refused("Invalid Auth Key")]);
    call(&client).await.unwrap();
    let begun = Instant::now();
    assert!(matches!(call(&client).await, Err(Error::Unauthorized(_))));
    assert_eq!(client.stats().requests, 1 + 6);
    assert!(begun.elapsed().as_secs() < 15);
}

/// Whoever reads the output may take their time, and nothing is asked meanwhile.
#[tokio::test(start_paused = true)]
async fn a_run_that_stood_still_was_no_outage() {
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
async fn retry_after_is_waited_for_by_every_call() {
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
async fn retry_after_may_be_a_date() {
    let options = ClientOptions {
        wall_clock: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_428_000),
        ..ClientOptions::default()
    };
    let client = client_with(
        vec![limited("Mon, 23 Nov 2026 10:00:45 GMT"), answer(200, NONE)],
        options,
    );
    let begun = Instant::now();
    assert_eq!(call(&client).await, Ok(0));
    assert_eq!(begun.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_not_begun() {
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

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answered_is_given_up_soon() {
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
async fn one_that_has_answered_is_tried_for_as_long_as_asked() {
    for outage in [
        answer(503, ""),
        Err(TransportError::Connect("refused".into())),
    ] {
        let options = retrying(RetryPolicy {
            retry_timeout: Duration::from_secs(1200),
            ..RetryPolicy::default()
        });
        let client = client_with(vec![answer(200, NONE), outage], options);
        assert_eq!(call(&client).await, Ok(0));
        let begun = Instant::now();
        let error = call(&client).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("(the time for retries is used up)"), "{said}");
        assert_eq!(begun.elapsed().as_secs(), 1200);
    }
}

/// Two windows that hold the same customer may never be answered, though all others are.
#[tokio::test(start_paused = true)]
async fn the_trouble_of_two_questions_is_no_outage_and_that_of_more_is() {
    let client = || client(vec![answer(200, NONE), answer(503, "")]);
    let why = |outcome: &Result<usize, Error>| match outcome {
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
        assert_eq!(why(&call(&one_by_one).await), bound);
    }
    assert_eq!(begun.elapsed().as_secs(), 1_200);

    for (at_once, bound) in [(2, StopReason::RetryTimeout), (3, StopReason::Outage)] {
        let client = client();
        let begun = Instant::now();
        assert_eq!(call(&client).await, Ok(0));
        let calls = futures_util::future::join_all((0..at_once).map(|_| call(&client)));
        let whys: Vec<_> = calls.await.iter().map(why).collect();
        assert_eq!(whys, vec![bound; at_once]);
        assert_eq!(begun.elapsed().as_secs(), 600);
    }
}

/// What was refused was answered, and by whom refuses is there.
#[tokio::test(start_paused = true)]
async fn who_has_refused_has_answered() {
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
async fn a_run_in_which_more_goes_wrong_than_right_ends() {
    let options = retrying(RetryPolicy {
        retry_budget: 3,
        ..RetryPolicy::default()
    });
    let client = client_with(vec![answer(200, NONE), answer(503, "")], options.clone());
    assert_eq!(call(&client).await, Ok(0));
    let error = call(&client).await.unwrap_err();
    // Two retries for the good answer, and three to spare.
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

    // A refusal that does not repeat is nothing good.
    let changing = ["Busy", "Very busy"].repeat(9).into_iter().map(refused);
    let outcomes = [answer(200, NONE)].into_iter().chain(changing);
    let client = client_with(outcomes.collect(), options);
    assert_eq!(call(&client).await, Ok(0));
    let error = call(&client).await.unwrap_err();
    assert!(error.to_string().contains("after 6 attempts"), "{error:?}");
}

#[test]
fn a_client_has_as_many_calls_in_flight_as_it_may() {
    let client = |concurrency| {
        let options = ClientOptions {
            concurrency,
            ..ClientOptions::default()
        };
        client_with(vec![answer(200, NONE)], options)
    };
    assert_eq!([0, 1, 5].map(|most| client(most).concurrency()), [1, 1, 5]);
}

/// It takes a few attempts to be sure of it, which say nothing against the server.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_repeats_is_an_answer_and_uses_up_no_retries() {
    let options = retrying(RetryPolicy {
        retry_budget: 3,
        ..RetryPolicy::default()
    });
    let refusal = r#"{"message":"E-1017","status":"failed"}"#;
    let client = client_with(vec![answer(200, refusal)], options);
    for _ in 0..20 {
        let error = call(&client).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_shows_progress_is_told_before_each_wait() {
    let client = client(vec![answer(500, ""), limited("9"), answer(200, NONE)]);
    let told = Arc::new(Mutex::new(Vec::<RetryNotice>::new()));
    let notices = Arc::clone(&told);
    client
        .with_retry_notices(move |notice| notices.lock().unwrap().push(notice))
        .call("{}".into(), CallPolicy::default())
        .await
        .unwrap();
    let told = told.lock().unwrap();
    assert_eq!(
        told.iter()
            .map(|waiting| waiting.attempt)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(matches!(told[0].error, Error::Server { .. }));
    assert!(told[1].wait >= Duration::from_secs(9));
}

/// Where the server does not say how long, the pause is the run's own.
#[tokio::test(start_paused = true)]
async fn who_shows_progress_is_told_how_long_the_whole_run_pauses() {
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

/// A server that is down for a while may say for how long, and may be told from one that is gone
/// by what it answered before.
#[tokio::test(start_paused = true)]
async fn retry_after_holds_for_an_outage_too() {
    let client = client(vec![asks_to_wait(503, "120"), answer(200, NONE)]);
    let begun = Instant::now();
    let (one, other) = tokio::join!(call(&client), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        call(&client).await
    });
    // This one was never answered before, and 120 s are too long for that.
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

/// What a call waits for others is no failure of its own.
#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_late_leaves_the_whole_time() {
    let options = ClientOptions {
        requests_per_second: Some(0.001),
        ..ClientOptions::default()
    };
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
async fn an_outage_is_outlasted_however_many_calls_it_meets() {
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

/// Answers once, and then keeps everybody waiting.
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

/// However many wait for their turn, which comes late where every attempt takes a minute.
#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_given_up_in_time() {
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

#[tokio::test(start_paused = true)]
async fn a_failure_in_between_breaks_a_row_of_refusals() {
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

/// A gateway that restarts or takes a run for an attack, or a network that wants a login first, does
/// not end a run of hours.
#[tokio::test(start_paused = true)]
async fn a_server_that_has_answered_may_be_hidden_for_a_while() {
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

/// Some half a minute, instead of a second.
#[tokio::test(start_paused = true)]
async fn a_patient_client_outlasts_refusals() {
    let patiently = async |client: &Client| {
        let policy = CallPolicy {
            refusals: RefusalPolicy::Patient,
            ..CallPolicy::default()
        };
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

/// However many wait for their turn, which comes once in a pause.
#[tokio::test(start_paused = true)]
async fn long_pauses_without_end_are_an_outage() {
    let client = client(vec![limited("100")]);
    let begun = Instant::now();
    let calls = (0..16).map(|_| Box::pin(call(&client)));
    let (first, ..) = futures_util::future::select_all(calls).await;
    assert!(matches!(first, Err(Error::Exhausted { .. })), "{first:?}");
    let minutes = begun.elapsed().as_secs() / 60;
    assert!(minutes <= 13, "{minutes}");
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_a_second_than_asked_for() {
    let options = ClientOptions {
        requests_per_second: Some(2.0),
        ..ClientOptions::default()
    };
    let client = client_with(vec![answer(200, NONE)], options);
    let begun = Instant::now();
    for _ in 0..5 {
        call(&client).await.unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_server_repeats_is_not_repeated() {
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

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_counted_however_it_ends() {
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
