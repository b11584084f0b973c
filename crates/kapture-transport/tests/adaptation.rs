//! Rate limit and concurrency that a run learns by itself, against servers in simulated time that
//! do not announce their limits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kapture_transport::{
    CallPolicy, Client, ClientOptions, Request, Response, TenantUrl, Token, Transport,
    TransportError,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// How a server treats one request.
struct Treatment {
    status: u16,
    retry_after: Option<&'static str>,
    takes: Duration,
}

fn answer(takes: Duration) -> Treatment {
    Treatment {
        status: 200,
        retry_after: None,
        takes,
    }
}

/// The limits of a server.
trait Server: Send + 'static {
    /// Treats a request that arrives `at` after the first one, with `in_flight` others.
    fn treat(&mut self, at: Duration, in_flight: usize) -> Treatment;
}

/// One request, and how it was treated.
struct Treated {
    at: Duration,
    status: u16,
    in_flight: usize,
}

#[derive(Clone)]
struct Simulated(Arc<Mutex<State>>);

struct State {
    server: Box<dyn Server>,
    begun: Instant,
    in_flight: usize,
    treated: Vec<Treated>,
}

#[async_trait]
impl Transport for Simulated {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        let treatment = {
            let mut state = self.0.lock().expect("no panic");
            let (at, in_flight) = (state.begun.elapsed(), state.in_flight);
            state.in_flight += 1;
            let treatment = state.server.treat(at, in_flight);
            state.treated.push(Treated {
                at,
                status: treatment.status,
                in_flight,
            });
            treatment
        };
        sleep(treatment.takes).await;
        self.0.lock().expect("no panic").in_flight -= 1;
        let mut response = Response::new(treatment.status, r#"{"message":[],"status":"success"}"#);
        response.retry_after = treatment.retry_after.map(str::to_owned);
        Ok(response)
    }
}

/// Runs a client with more calls than permits. Returns the requests of the two minutes after the
/// first `minutes`.
async fn steady_state(server: impl Server, minutes: u32, options: ClientOptions) -> Vec<Treated> {
    let simulated = Simulated(Arc::new(Mutex::new(State {
        server: Box::new(server),
        begun: Instant::now(),
        in_flight: 0,
        treated: Vec::new(),
    })));
    let at_once = options.concurrency;
    let client = Client::new(
        simulated.clone(),
        &TenantUrl::base_url("http://127.0.0.1:9").expect("loopback"),
        Token::from_base64("dG9rZW4=").expect("a token"),
        options.seed(7),
    );
    let callers: Vec<_> = (0..2 * at_once)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                loop {
                    let answer = client.call("{}".into(), CallPolicy::default()).await;
                    answer.expect("an answer in the end");
                }
            })
        })
        .collect();
    let begins = minutes * 60 * SECOND;
    sleep(begins + 120 * SECOND).await;
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    let treated = std::mem::take(&mut simulated.0.lock().expect("no panic").treated);
    let steady = |treated: &Treated| treated.at >= begins;
    treated.into_iter().filter(steady).collect()
}

fn share(treated: &[Treated], of: impl Fn(&Treated) -> bool) -> f64 {
    treated.iter().filter(|treated| of(treated)).count() as f64 / treated.len() as f64
}

fn at_most(concurrency: usize) -> ClientOptions {
    ClientOptions::default().concurrency(concurrency)
}

/// A fixed-window rate limit: so many requests in each second.
struct BySecond {
    most: u32,
    retry_after: Option<&'static str>,
    second: (u64, u32),
}

impl Server for BySecond {
    fn treat(&mut self, at: Duration, _: usize) -> Treatment {
        if self.second.0 != at.as_secs() {
            self.second = (at.as_secs(), 0);
        }
        self.second.1 += 1;
        limited(self.second.1 > self.most, self.retry_after)
    }
}

/// A token-bucket rate limit.
struct Bucket {
    rate: f64,
    holds: f64,
    retry_after: Option<&'static str>,
    level: f64,
    at: Duration,
}

impl Server for Bucket {
    fn treat(&mut self, at: Duration, _: usize) -> Treatment {
        let filled = (at - self.at).as_secs_f64() * self.rate;
        self.level = (self.level + filled).min(self.holds);
        self.at = at;
        let refused = self.level < 1.0;
        if !refused {
            self.level -= 1.0;
        }
        limited(refused, self.retry_after)
    }
}

/// A sliding-window rate limit: so many requests in the last minute.
struct ByMinute {
    most: usize,
    last: VecDeque<Duration>,
}

impl Server for ByMinute {
    fn treat(&mut self, at: Duration, _: usize) -> Treatment {
        while self
            .last
            .front()
            .is_some_and(|first| at - *first >= 60 * SECOND)
        {
            self.last.pop_front();
        }
        let refused = self.last.len() >= self.most;
        if !refused {
            self.last.push_back(at);
        }
        limited(refused, None)
    }
}

fn limited(refused: bool, retry_after: Option<&'static str>) -> Treatment {
    Treatment {
        status: if refused { 429 } else { 200 },
        retry_after,
        takes: Duration::from_millis(if refused { 5 } else { 50 }),
    }
}

#[tokio::test(start_paused = true)]
async fn hidden_rate_limit_is_used_to_nine_tenths_and_rarely_exceeded() {
    for retry_after in [None, Some("1")] {
        for rate in [10, 40, 150] {
            let by_second = BySecond {
                most: rate,
                retry_after,
                second: (0, 0),
            };
            expect_rate(by_second, rate.into(), retry_after).await;
            for holds in [2.0, f64::from(rate)] {
                let bucket = Bucket {
                    rate: rate.into(),
                    holds,
                    retry_after,
                    level: holds,
                    at: Duration::ZERO,
                };
                expect_rate(bucket, rate.into(), retry_after).await;
            }
        }
    }
}

async fn expect_rate(server: impl Server, rate: f64, retry_after: Option<&str>) {
    let steady = steady_state(server, 1, ClientOptions::default()).await;
    let refused = share(&steady, |treated| treated.status == 429);
    let answered = (1.0 - refused) * steady.len() as f64 / 120.0;
    let met = format!("{answered} of {rate} a second, {refused} refused ({retry_after:?})");
    assert!(answered >= 0.9 * rate, "{met}");
    assert!(refused < 0.03, "{met}");
}

/// The limit is used up at the start, as after a run that has just ended.
#[tokio::test(start_paused = true)]
async fn requests_used_up_by_other_clients_are_not_taken_for_the_limit() {
    for left in [0, 5, 20] {
        let by_second = BySecond {
            most: 40,
            retry_after: None,
            second: (0, 40 - left),
        };
        expect_first_minute(by_second, left).await;
        let bucket = Bucket {
            rate: 40.0,
            holds: 40.0,
            retry_after: None,
            level: left.into(),
            at: Duration::ZERO,
        };
        expect_first_minute(bucket, left).await;
    }
}

async fn expect_first_minute(server: impl Server, left: u32) {
    let treated = steady_state(server, 0, ClientOptions::default()).await;
    let first = treated
        .iter()
        .filter(|treated| treated.at < 60 * SECOND && treated.status == 200);
    let answered = first.count() as f64 / 60.0;
    assert!(answered >= 0.85 * 40.0, "{answered} a second, {left} left");
}

#[tokio::test(start_paused = true)]
async fn rate_limit_per_minute_is_found() {
    let by_minute = ByMinute {
        most: 600,
        last: VecDeque::new(),
    };
    let steady = steady_state(by_minute, 5, ClientOptions::default()).await;
    let refused = share(&steady, |treated| treated.status == 429);
    let answered = (1.0 - refused) * steady.len() as f64 / 120.0;
    assert!(answered >= 8.0 && refused < 0.03, "{answered}, {refused}");
}

/// Eight times slower as soon as a number of requests are in flight. Latency varies, so that the
/// answers do not arrive all at once.
struct Cliff(usize, fastrand::Rng);

impl Cliff {
    fn beyond(most: usize) -> Self {
        Self(most, fastrand::Rng::with_seed(5))
    }
}

impl Server for Cliff {
    fn treat(&mut self, _: Duration, in_flight: usize) -> Treatment {
        let latency = self.1.u64(45_000..55_000);
        let times = if in_flight >= self.0 { 8 } else { 1 };
        answer(Duration::from_micros(times * latency))
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_stays_below_a_latency_cliff() {
    for cliff in [20, 6, 50] {
        let steady = steady_state(Cliff::beyond(cliff), 1, at_most(64)).await;
        let beyond = share(&steady, |treated| treated.in_flight >= cliff);
        assert!(beyond < 0.05, "{beyond} beyond {cliff}");
        let in_flight: usize = steady.iter().map(|treated| treated.in_flight + 1).sum();
        let mean = in_flight as f64 / steady.len() as f64;
        assert!(mean > 0.75 * cliff as f64, "{mean} of {cliff}");
    }
}

/// Works on a number of requests at once; the others queue.
struct Queue {
    workers: usize,
    free_at: VecDeque<Duration>,
}

impl Server for Queue {
    fn treat(&mut self, at: Duration, _: usize) -> Treatment {
        let free = match self.free_at.len() < self.workers {
            true => at,
            false => self.free_at.pop_front().unwrap_or(at).max(at),
        };
        let done = free + Duration::from_millis(50);
        self.free_at.push_back(done);
        answer(done - at)
    }
}

#[tokio::test(start_paused = true)]
async fn queueing_server_is_busy_with_a_short_queue() {
    let queue = Queue {
        workers: 10,
        free_at: VecDeque::new(),
    };
    let steady = steady_state(queue, 1, at_most(256)).await;
    assert!(steady.len() as f64 > 0.95 * 120.0 * 10.0 / 0.05);
    let long = share(&steady, |treated| treated.in_flight > 30);
    assert!(long < 0.05, "{long}");
}

/// Very different latencies, and 2 % failures at any load.
struct Noisy(fastrand::Rng);

impl Server for Noisy {
    fn treat(&mut self, _: Duration, _: usize) -> Treatment {
        let latency = match self.0.u8(..100) {
            0 => 5_000,
            1..50 => self.0.u64(10..30),
            _ => self.0.u64(50..250),
        };
        Treatment {
            status: if self.0.u8(..50) == 0 { 502 } else { 200 },
            ..answer(Duration::from_millis(latency))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn noisy_latency_is_not_taken_for_overload() {
    for seed in 0..4 {
        let noisy = Noisy(fastrand::Rng::with_seed(seed));
        let steady = steady_state(noisy, 1, at_most(32)).await;
        let in_flight: usize = steady.iter().map(|treated| treated.in_flight + 1).sum();
        let mean = in_flight as f64 / steady.len() as f64;
        assert!(mean > 0.75 * 32.0, "{mean}");
    }
}

/// Fails when a number of requests are in flight.
struct Fragile(usize);

impl Server for Fragile {
    fn treat(&mut self, _: Duration, in_flight: usize) -> Treatment {
        Treatment {
            status: if in_flight >= self.0 { 503 } else { 200 },
            ..answer(Duration::from_millis(50))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_stays_below_failures_under_load() {
    let steady = steady_state(Fragile(10), 1, at_most(64)).await;
    let failed = share(&steady, |treated| treated.status == 503);
    assert!(failed < 0.1, "{failed}");
    let answered = (1.0 - failed) * steady.len() as f64 / 120.0;
    assert!(answered > 0.7 * 10.0 / 0.05, "{answered}");
}

#[tokio::test(start_paused = true)]
async fn configured_bounds_hold() {
    let options = at_most(4).requests_per_second(30.0);
    let server = Cliff::beyond(64);
    let steady = steady_state(server, 1, options).await;
    assert!(steady.len().abs_diff(30 * 120) <= 1, "{}", steady.len());
    assert_eq!(share(&steady, |treated| treated.in_flight >= 4), 0.0);
}
