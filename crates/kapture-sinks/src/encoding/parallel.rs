//! Encoding on every processor.
//!
//! ```text
//!              ┌─► encoder ─┐
//!  records ────┼─► encoder ─┼──► writer
//!   in parts,  └─► encoder ─┘    takes the parts in turn,
//!   in turn                      so that they keep their order
//! ```

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use chrono::NaiveDate;
use kapture_model::{Drift, Record};

use crate::encoding::Encoder;
use crate::encoding::parts::{Filled, PartEncoder, PartEnd, PartWriter};

/// More threads than this would wait for the one that writes.
const MAX_ENCODERS: usize = 4;

/// Encodes on threads of its own, and writes on another one. An error of the writer is returned by a
/// later call. Dropping this waits for them: what was handed over is written.
pub(crate) struct Parallel {
    ends: PartEnd,
    part: Part,
    filled: Filled,
    encoders: Vec<SyncSender<Job>>,
    /// The encoder that has its turn.
    turn: usize,
    encoding: Vec<JoinHandle<()>>,
    /// `None` once it has returned its error.
    writing: Option<JoinHandle<io::Result<()>>>,
}

/// Records, each slice of one day.
type Part = Vec<(NaiveDate, Vec<Record>)>;

/// What an encoder has to do, in this order.
enum Job {
    Encode(Part),
    /// To return the schema drift in the records that came before.
    Report(SyncSender<Drift>),
    /// To tell the writer that this is the end of the file. A file that breaks off has none.
    End,
}

/// What an encoder tells the writer.
enum Encoded<P> {
    Part(io::Result<Option<P>>),
    End,
}

impl Parallel {
    /// `encoder` makes an encoder for each thread.
    pub(crate) fn start<E, W>(encoder: impl Fn() -> E, writer: W) -> Self
    where
        E: PartEncoder,
        W: PartWriter<Part = E::Part>,
    {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let (mut encoders, mut encoding, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..processors.min(MAX_ENCODERS) {
            // Each has one part at a time, encoded or not: memory needs a bound.
            let (jobs, to_do) = sync_channel(0);
            let (done, encoded) = sync_channel(0);
            let encoder = encoder();
            encoders.push(jobs);
            encoding.push(thread::spawn(move || encode(encoder, &to_do, &done)));
            parts.push(encoded);
        }
        Self {
            ends: W::ENDS,
            part: Part::new(),
            filled: Filled::default(),
            encoders,
            turn: 0,
            encoding,
            writing: Some(thread::spawn(move || write(writer, &parts))),
        }
    }

    fn end_part(&mut self) -> io::Result<()> {
        self.filled = Filled::default();
        match std::mem::take(&mut self.part) {
            part if part.is_empty() => Ok(()),
            part => self.hand_over(Job::Encode(part)),
        }
    }

    /// Gives a job to the encoder that has its turn, as soon as that is free.
    fn hand_over(&mut self, job: Job) -> io::Result<()> {
        let is_writing = self.writing.as_ref().is_some_and(|it| !it.is_finished());
        if !is_writing {
            return self.ended();
        }
        let sent = self.encoders[self.turn].send(job);
        self.turn = (self.turn + 1) % self.encoders.len();
        match sent {
            Ok(()) => Ok(()),
            // It panicked.
            Err(_) => self.ended(),
        }
    }

    /// The error that ended the work.
    fn ended(&mut self) -> io::Result<()> {
        let outcome = self.join();
        outcome.and(Err(io::Error::other("an earlier step failed")))
    }

    fn join(&mut self) -> io::Result<()> {
        self.encoders.clear();
        let encoding = self.encoding.drain(..);
        let panics: Vec<_> = encoding.filter_map(|it| it.join().err()).collect();
        let written = self.writing.take().map(JoinHandle::join);
        if let Some(panic) = panics.into_iter().next() {
            resume_unwind(panic);
        }
        match written {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl Encoder for Parallel {
    fn write(&mut self, day: NaiveDate, mut records: &[Record]) -> io::Result<()> {
        while !records.is_empty() {
            let (added, left) = records.split_at(self.filled.add(records));
            self.part.push((day, added.to_vec()));
            records = left;
            if self.filled.is_full() {
                self.end_part()?;
            }
        }
        match self.ends {
            PartEnd::Batch => self.end_part(),
            #[cfg(any(feature = "arrow", feature = "parquet"))]
            _ => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.end_part()?;
        self.hand_over(Job::End)?;
        self.join()
    }

    fn drift(&self) -> Drift {
        let mut drift = Drift::default();
        for encoder in &self.encoders {
            let (reply, report) = sync_channel(1);
            // One that panicked reports nothing.
            if encoder.send(Job::Report(reply)).is_ok()
                && let Ok(of) = report.recv()
            {
                drift.merge(&of);
            }
        }
        drift
    }
}

impl Drop for Parallel {
    fn drop(&mut self) {
        self.encoders.clear();
        for thread in self.encoding.drain(..) {
            let _ = thread.join();
        }
        // Nothing takes its outcome any more.
        let _ = self.writing.take().map(JoinHandle::join);
    }
}

fn encode<E: PartEncoder>(
    mut encoder: E,
    jobs: &Receiver<Job>,
    done: &SyncSender<Encoded<E::Part>>,
) {
    for job in jobs {
        let encoded = match job {
            Job::Encode(part) => {
                let mut added = part.iter();
                let added = added.try_for_each(|(day, records)| encoder.add(*day, records));
                Encoded::Part(added.and_then(|()| encoder.take()))
            }
            Job::End => Encoded::End,
            Job::Report(reply) => {
                let _ = reply.send(encoder.drift());
                continue;
            }
        };
        // A writer that has failed takes nothing more, and the caller learns of it.
        let _ = done.send(encoded);
    }
}

/// Writes parts up to the end of the file.
fn write<W: PartWriter>(mut writer: W, parts: &[Receiver<Encoded<W::Part>>]) -> io::Result<()> {
    for encoder in parts.iter().cycle() {
        match encoder.recv() {
            Ok(Encoded::Part(part)) => {
                if let Some(part) = part? {
                    writer.write(part)?;
                }
            }
            Ok(Encoded::End) => return writer.finish(),
            // It was abandoned.
            Err(_) => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Its parts are the ids of the records.
    #[derive(Default)]
    struct Ids(Vec<String>);

    impl PartEncoder for Ids {
        type Part = Vec<String>;

        fn add(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
            let ids = records.iter().map(|record| record.id().to_string());
            self.0.extend(ids);
            match self.0.contains(&"13".to_owned()) {
                true => Err(io::ErrorKind::InvalidData.into()),
                false => Ok(()),
            }
        }

        fn take(&mut self) -> io::Result<Option<Self::Part>> {
            Ok(Some(std::mem::take(&mut self.0)))
        }

        fn drift(&self) -> Drift {
            Drift::default()
        }
    }

    /// Keeps what was written, and has room for so many parts.
    #[derive(Clone, Default)]
    struct Kept {
        written: Arc<Mutex<Vec<String>>>,
        room: usize,
    }

    impl PartWriter for Kept {
        type Part = Vec<String>;
        const ENDS: PartEnd = PartEnd::Batch;

        fn write(&mut self, part: Self::Part) -> io::Result<()> {
            self.room = self.room.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            self.written.lock().unwrap().extend(part);
            Ok(())
        }

        fn finish(self) -> io::Result<()> {
            self.written.lock().unwrap().push("end".into());
            Ok(())
        }
    }

    fn started(room: usize) -> (Parallel, Kept) {
        let kept = Kept {
            room,
            ..Kept::default()
        };
        (Parallel::start(Ids::default, kept.clone()), kept)
    }

    fn write(parallel: &mut Parallel, id: u32) -> io::Result<()> {
        let record = Record::decode(format!(r#"{{"id":{id}}}"#).into()).unwrap();
        parallel.write("2024-05-02".parse().unwrap(), &[record])
    }

    #[test]
    fn parts_keep_their_order() {
        let (mut parallel, kept) = started(1_000);
        let ids = 100..200;
        ids.clone().for_each(|id| write(&mut parallel, id).unwrap());
        Box::new(parallel).finish().unwrap();
        let expected: Vec<_> = ids.map(|id| id.to_string()).chain(["end".into()]).collect();
        assert_eq!(*kept.written.lock().unwrap(), expected);
    }

    #[test]
    fn what_was_handed_over_is_written_without_an_end() {
        let (mut parallel, kept) = started(1_000);
        write(&mut parallel, 1).unwrap();
        drop(parallel);
        assert_eq!(*kept.written.lock().unwrap(), ["1"]);
    }

    #[test]
    fn an_error_of_the_writer_reaches_the_caller() {
        let (mut parallel, kept) = started(2);
        let error = (100..200).find_map(|id| write(&mut parallel, id).err());
        assert_eq!(error.unwrap().kind(), io::ErrorKind::StorageFull);
        assert!(write(&mut parallel, 200).is_err());
        assert_eq!(*kept.written.lock().unwrap(), ["100", "101"]);
    }

    #[test]
    fn an_error_of_an_encoder_ends_the_file_where_it_is() {
        let (mut parallel, kept) = started(1_000);
        let mut written = (11..15).map(|id| write(&mut parallel, id));
        let errors = written.find_map(Result::err);
        drop(written);
        let error = errors.or(Box::new(parallel).finish().err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(*kept.written.lock().unwrap(), ["11", "12"]);
    }
}
