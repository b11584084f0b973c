//! A body that is sent in stages: in pieces with pauses, or only in part.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

pub(super) struct StagedBody {
    stages: VecDeque<Stage>,
    sleep: Option<Pin<Box<Sleep>>>,
}

enum Stage {
    Send(Bytes),
    Pause(Duration),
    /// Lets the connection write what it has.
    Flush,
    /// Fails, so that the server closes the connection.
    Abort,
}

impl StagedBody {
    /// The first half of `body`, then an error that makes the server close the connection.
    pub(super) fn truncated(mut body: Bytes) -> Self {
        body.truncate(body.len() / 2);
        Self::new([Stage::Send(body), Stage::Flush, Stage::Abort])
    }

    /// All of `body` in `pieces`, with a pause before each.
    pub(super) fn slow(mut body: Bytes, pieces: u32, pause: Duration) -> Self {
        let size = body.len().div_ceil(pieces.max(1) as usize).max(1);
        let mut stages = VecDeque::new();
        while !body.is_empty() {
            stages.push_back(Stage::Pause(pause));
            stages.push_back(Stage::Send(body.split_to(size.min(body.len()))));
        }
        Self::new(stages)
    }

    fn new(stages: impl Into<VecDeque<Stage>>) -> Self {
        Self {
            stages: stages.into(),
            sleep: None,
        }
    }
}

impl HttpBody for StagedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.stages.pop_front() {
                None => return Poll::Ready(None),
                Some(Stage::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Stage::Pause(pause)) => self.sleep = Some(Box::pin(sleep(pause))),
                Some(Stage::Flush) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Stage::Abort) => {
                    return Poll::Ready(Some(Err(io::Error::from(
                        io::ErrorKind::ConnectionAborted,
                    ))));
                }
            }
        }
    }
}
