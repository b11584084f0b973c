//! The way from the readers of windows to the one who reads the stream.

use futures_channel::mpsc;
use futures_util::SinkExt;

use crate::error::PullError;
use crate::event::{Event, Lesson};

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
    /// Tells an event, as soon as there is room. Once nobody listens any more the pull is being
    /// dropped as well, so there is nobody to tell that to.
    pub(crate) async fn send(&self, event: Told) {
        let _ = self.0.clone().send(event).await;
    }

    /// Tells an event without waiting: each clone of a sender has one place of its own.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.0.clone().try_send(Ok(event));
    }

    pub(crate) fn learned(&self, lesson: Lesson) {
        self.tell(Event::Learned(lesson));
    }
}
