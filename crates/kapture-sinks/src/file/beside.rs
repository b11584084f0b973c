//! Work on a thread of its own, fed through a channel.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// A thread that takes values until there are no more. Dropping this waits for it.
pub(crate) struct Beside<T> {
    /// `None` when no more values come.
    values: Option<SyncSender<T>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl<T: Send + 'static> Beside<T> {
    /// Starts `work`, which may be so many values behind.
    pub(crate) fn start(
        behind: usize,
        work: impl FnOnce(Receiver<T>) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let (values, taken) = sync_channel(behind);
        Self {
            values: Some(values),
            thread: Some(thread::spawn(move || work(taken))),
        }
    }

    /// Hands a value over, or leaves it out where it would have to wait. Returns the error that ended the
    /// work.
    pub(crate) fn offer(&mut self, value: T) -> io::Result<()> {
        match self.values.as_ref().map(|values| values.try_send(value)) {
            Some(Ok(()) | Err(TrySendError::Full(_))) => Ok(()),
            _ => self.ended(),
        }
    }

    /// Waits until the work is done, and returns its error.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.join()
    }

    fn ended(&mut self) -> io::Result<()> {
        let outcome = self.join();
        outcome.and(Err(io::Error::other("an earlier step failed")))
    }
}

impl<T> Beside<T> {
    fn join(&mut self) -> io::Result<()> {
        drop(self.values.take());
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        // Nothing takes its outcome any more.
        drop(self.values.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_before_the_end() {
        let (sum, total) = std::sync::mpsc::channel();
        let mut adding = Beside::start(1, move |values: Receiver<u32>| {
            let _ = sum.send(values.iter().sum::<u32>());
            Ok(())
        });
        adding.offer(17).unwrap();
        adding.finish().unwrap();
        assert_eq!(total.recv(), Ok(17));
    }

    #[test]
    fn an_error_reaches_the_caller_once() {
        let (begun, begins) = std::sync::mpsc::channel();
        let mut failing = Beside::start(1, move |values: Receiver<u32>| {
            let _ = begun.send(values.recv());
            drop(values);
            let _ = begun.send(Ok(0));
            Err(io::ErrorKind::StorageFull.into())
        });
        failing.offer(1).unwrap();
        // The second one comes when no more values are taken.
        assert_eq!(begins.iter().take(2).count(), 2);
        let error = failing.offer(2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(failing.finish().is_ok());
    }
}
