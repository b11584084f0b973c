//! The way from the readers of windows to the one who reads the stream.

use futures_channel::mpsc;
use futures_util::SinkExt;

use crate::api::{Event, Finding, PullError};

/// How many events may be on their way: the readers wait for a consumer who is slower.
const ON_THE_WAY: usize = 16;

pub(crate) type Told = Result<Event, PullError>;

/// Tells events to the stream.
#[derive(Debug, Clone)]
pub(crate) struct EventSender(mpsc::Sender<Told>);

/// A sender and what it sends to.
pub(crate) fn channel() -> (EventSender, mpsc::Receiver<Told>) {
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    (EventSender(sender), receiver)
}

impl EventSender {
    /// Tells an event, and waits until the consumer has made room for it.
    pub(crate) async fn send(&self, event: Told) {
        self.send_all([event]).await;
    }

    /// The same for events that belong together: they are told at once. A reading that is dropped
    /// while it waits has told all of them.
    pub(crate) async fn send_all(&self, events: impl IntoIterator<Item = Told>) {
        let mut last = None;
        for event in events {
            last = Some(self.push(event));
        }
        if let Some(mut sender) = last {
            let _ = sender.flush().await;
        }
    }

    /// Tells an event without waiting.
    pub(crate) fn tell(&self, event: Event) {
        self.push(Ok(event));
    }

    /// Each clone of a sender has one place of its own. Once nobody listens any more the pull is
    /// being dropped as well, so there is nobody to tell that to.
    fn push(&self, event: Told) -> mpsc::Sender<Told> {
        let mut sender = self.0.clone();
        let _ = sender.try_send(event);
        sender
    }

    pub(crate) fn learned(&self, lesson: Finding) {
        self.tell(Event::Discovered(lesson));
    }
}
