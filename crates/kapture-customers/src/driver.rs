//! The only file that waits: takes requests from the engine, sends them, and gives their outcomes back.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;

use chrono::{DateTime, Utc};
use futures_channel::mpsc;
use futures_util::future::{AbortHandle, Abortable, Aborted, BoxFuture, Either, FutureExt, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kapture_model::CustomerQuery;
use kapture_transport::Client;
use tracing::Instrument;

use crate::api::{Event, PullError};
use crate::engine::Engine;
use crate::request::{Outcome, RequestId, Transmit};

/// How many events may be on their way: the engine waits for a consumer who is slower, and memory stays
/// flat.
const EVENTS_ON_THE_WAY: usize = 8;

/// Where the time of day comes from.
pub(crate) type Clock = fn() -> DateTime<Utc>;

/// What a pull tells.
pub(crate) type Told = Result<Event, PullError>;

type Call = BoxFuture<'static, (RequestId, Result<Outcome, Aborted>)>;

/// Runs an engine over a client.
pub(crate) struct Driver {
    engine: Engine,
    client: Client,
    query: CustomerQuery,
    clock: Clock,
    events: mpsc::Sender<Told>,
    calls: FuturesUnordered<Call>,
    handles: HashMap<RequestId, AbortHandle>,
}

/// A driver for `engine`, which runs as far as its future is polled, and what it tells.
pub(crate) fn drive(
    engine: Engine,
    client: Client,
    query: CustomerQuery,
    clock: Clock,
) -> (
    impl Future<Output = ()> + Send + 'static,
    mpsc::Receiver<Told>,
) {
    let (events, receiver) = mpsc::channel(EVENTS_ON_THE_WAY);
    let notices = events.clone();
    let driver = Driver {
        engine,
        client: client.with_retry_notices(move |notice| {
            // Each clone has a place of its own; a notice for which there is none is not missed.
            let _ = notices.clone().try_send(Ok(notice.into()));
        }),
        query,
        clock,
        events,
        calls: FuturesUnordered::new(),
        handles: HashMap::new(),
    };
    (driver.run(), receiver)
}

impl Driver {
    async fn run(mut self) {
        loop {
            if !self.deliver_events().await {
                return;
            }
            while let Some(id) = self.engine.poll_cancel() {
                if let Some(handle) = self.handles.remove(&id) {
                    handle.abort();
                }
            }
            let free = self.client.concurrency().saturating_sub(self.handles.len());
            for _ in 0..free {
                let free = self.client.concurrency().saturating_sub(self.handles.len());
                let Some(transmit) = self.engine.poll_request(free) else {
                    break;
                };
                self.send(transmit);
            }
            if self.handles.is_empty() {
                break;
            }
            self.take_outcome().await;
        }
        self.deliver_events().await;
        if let Some(error) = self.engine.take_error() {
            let mut events = self.events.clone();
            let _ = poll_fn(|context| events.poll_ready(context)).await;
            let _ = events.try_send(Err(error));
        }
    }

    /// Tells what the engine tells, while calls go on. Returns whether anybody listens.
    async fn deliver_events(&mut self) -> bool {
        while let Some(event) = self.engine.poll_event() {
            loop {
                let ready = poll_fn(|context| self.events.poll_ready(context));
                let outcome = async {
                    match self.calls.is_empty() {
                        true => std::future::pending().await,
                        false => self.calls.next().await,
                    }
                };
                match select(pin!(ready), pin!(outcome)).await {
                    Either::Left((Ok(()), _)) => break,
                    Either::Left((Err(_), _)) => return false,
                    Either::Right((outcome, _)) => {
                        if let Some((id, Ok(outcome))) = outcome {
                            self.handles.remove(&id);
                            self.engine.on_outcome(id, outcome, (self.clock)());
                        }
                    }
                }
            }
            let _ = self.events.start_send(Ok(event));
        }
        true
    }

    async fn take_outcome(&mut self) {
        while let Some((id, outcome)) = self.calls.next().await {
            // One that was cancelled tells nothing.
            if let Ok(outcome) = outcome {
                self.handles.remove(&id);
                self.engine.on_outcome(id, outcome, (self.clock)());
                return;
            }
        }
    }

    fn send(&mut self, transmit: Transmit) {
        let Transmit {
            id,
            request,
            policy,
        } = transmit;
        let window = request.window;
        let body = self.query.body(window, request.limit, request.offset);
        let span = tracing::debug_span!("page", day = %window.start, window = %window, offset = request.offset, limit = request.limit);
        let client = self.client.clone();
        let call = async move { Outcome::from(client.call(body.into(), policy).await) };
        let (handle, registration) = AbortHandle::new_pair();
        let call = Abortable::new(call.instrument(span), registration);
        self.handles.insert(id, handle);
        self.calls.push(async move { (id, call.await) }.boxed());
    }
}
