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

    /// Hands a value over; waits while the thread is too far behind. Returns the error that ended the
    /// work.
    #[cfg(any(test, feature = "parquet"))]
    pub(crate) fn send(&mut self, value: T) -> io::Result<()> {
        match self.values.as_ref().map(|values| values.send(value)) {
            Some(Ok(())) => Ok(()),
            _ => self.ended(),
        }
    }

    /// The same, but leaves the value out where it would have to wait.
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
    fn every_value_is_taken_before_the_end() {
        let (sum, total) = std::sync::mpsc::channel();
        let mut adding = Beside::start(1, move |values: Receiver<u32>| {
            let _ = sum.send(values.iter().sum::<u32>());
            Ok(())
        });
        (1..=100).for_each(|number| adding.send(number).unwrap());
        adding.finish().unwrap();
        assert_eq!(total.recv(), Ok(5050));
    }

    #[test]
    fn an_error_reaches_the_sender() {
        let mut failing = Beside::start(0, |values: Receiver<u32>| {
            let _ = values.recv();
            Err(io::ErrorKind::StorageFull.into())
        });
        let errors = (0..10).filter_map(|number| failing.send(number).err());
        let kinds: Vec<_> = errors.map(|error| error.kind()).collect();
        assert_eq!(kinds[0], io::ErrorKind::StorageFull);
        assert!(failing.finish().is_ok());
    }
}
