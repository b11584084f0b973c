//! A run that is killed between any two steps neither loses a change nor records one twice.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use kapture_model::{Receipt, Record};

use super::*;
use crate::dataset::files::Listing;
use crate::dataset::folder::Folder;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// Where a step ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Nothing of it was done.
    Before,
    /// The old receipt of a day is gone.
    ReceiptRemoved,
    /// The file of a day has its place and no receipt; both names of a renamed file exist.
    Halfway,
    /// All of it was done, and nothing of the next one.
    After,
}

const ENDS: [End; 4] = [End::Before, End::ReceiptRemoved, End::Halfway, End::After];

/// Files of a process that is killed in one of its steps.
struct Killed<F> {
    files: F,
    /// How many steps are left.
    left: AtomicUsize,
    end: End,
}

fn dead() -> SinkError {
    SinkError::Closed
}

impl<F: Files> Killed<F> {
    fn new(files: F, steps: usize, end: End) -> Self {
        let left = AtomicUsize::new(steps);
        Self { files, left, end }
    }

    /// How far the next step goes; an error after the last one.
    fn step(&self) -> Result<End, SinkError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match left {
            Err(_) => Err(dead()),
            Ok(1) => Ok(self.end),
            Ok(_) => Ok(End::After),
        }
    }

    fn ended(&self) -> Result<(), SinkError> {
        match self.left.load(Ordering::SeqCst) {
            0 => Err(dead()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl<F: Files> Files for Killed<F> {
    fn destination(&self) -> String {
        self.files.destination()
    }
    async fn read(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        self.files.read(name).await
    }
    async fn write(&self, name: &str, content: Vec<u8>) -> Result<(), SinkError> {
        self.files.write(name, content).await
    }
    async fn list(&self, format: Format) -> Result<Listing, SinkError> {
        self.files.list(format).await
    }
    async fn strays(&self, format: Format) -> Result<BTreeSet<String>, SinkError> {
        self.files.strays(format).await
    }
    async fn foreign(&self) -> Result<BTreeSet<String>, SinkError> {
        self.files.foreign().await
    }
    async fn lock(&self) -> Result<(), SinkError> {
        self.files.lock().await
    }
    async fn unlock(&self) {
        self.files.unlock().await;
    }
    async fn replace_day(&self, content: DayContent) -> Result<Drift, SinkError> {
        let receipt = layout::receipt(content.receipt.day);
        let end = self.step()?;
        let drift = match end {
            End::Halfway | End::After => self.files.replace_day(content).await?,
            End::Before | End::ReceiptRemoved => Drift::default(),
        };
        if matches!(end, End::ReceiptRemoved | End::Halfway) {
            self.files.remove(&receipt).await?;
        }
        self.ended().map(|()| drift)
    }
    async fn fetch(&self, name: &str) -> Result<Option<File>, SinkError> {
        self.files.fetch(name).await
    }
    async fn put(&self, name: &str, content: File) -> Result<(), SinkError> {
        if matches!(self.step()?, End::Halfway | End::After) {
            self.files.put(name, content).await?;
        }
        self.ended()
    }
    async fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        match self.step()? {
            End::Before | End::ReceiptRemoved => {}
            End::Halfway => {
                let file = self.files.fetch(from).await?.expect("a file");
                self.files.put(to, file).await?;
            }
            End::After => self.files.rename(from, to).await?,
        }
        self.ended()
    }
    async fn remove(&self, name: &str) -> Result<(), SinkError> {
        if matches!(self.step()?, End::Halfway | End::After) {
            self.files.remove(name).await?;
        }
        self.ended()
    }
    async fn names_below(&self, folder: &str) -> Result<BTreeSet<String>, SinkError> {
        self.files.names_below(folder).await
    }
    fn unreadable(&self, name: &str, error: io::Error) -> SinkError {
        self.files.unreadable(name, error)
    }
}

fn day() -> NaiveDate {
    "2024-05-02".parse().unwrap()
}

async fn open<F: Files>(files: F) -> Result<Incremental<Dataset<F>>, SinkError> {
    let identity = Identity::new("acme.kapturecrm.com", r#"{"cm_id":424242}"#, Tz::UTC);
    let tracking = Tracking {
        history_from: Some(DateTime::UNIX_EPOCH),
        ..Tracking::default()
    };
    let encoding = Encoding::new(Format::Ndjson);
    let dataset = Dataset::writer(files, &identity, &encoding, &tracking)?;
    Incremental::create(dataset, &identity).await
}

async fn commit(sink: &dyn Sink, customers: &[(u64, &str)]) -> Result<(), SinkError> {
    let record = |(id, name): &(u64, &str)| {
        let json = format!(r#"{{"id":{id},"name":"{name}"}}"#);
        Record::decode(json.into()).unwrap()
    };
    let records: Vec<_> = customers.iter().map(record).collect();
    let mut writer = sink.day(day()).await?;
    writer.write(&records).await?;
    writer
        .commit(&Receipt::of(day(), &records, DateTime::<Utc>::UNIX_EPOCH))
        .await
}

/// The changes that a reader finds, each as its names before and after.
async fn changes<F: Files>(files: F) -> Vec<String> {
    let sink = Incremental::open(Dataset::reader(files), None);
    let sink = sink.await.unwrap();
    let changes = sink.changes(SeenBetween::default()).unwrap();
    let changes: Vec<_> = changes.try_collect().await.unwrap();
    let name = |customer: &Option<serde_json::Map<_, _>>| {
        let customer = customer.as_ref();
        customer.map_or("-".to_owned(), |customer| customer["name"].to_string())
    };
    let text = |change: &Change| {
        let (before, after) = (name(&change.before), name(&change.after));
        format!("{} {before} {after}", change.id()).replace('"', "")
    };
    let mut texts: Vec<_> = changes.iter().map(text).collect();
    texts.sort();
    texts
}

/// Kills a commit, and then the recovery from it, in each of their steps. `fresh` is a new place, which
/// its result opens.
async fn survives<F: Files, O: Fn() -> F>(fresh: impl Fn() -> O) {
    let first = ["1 - Asha", "2 - Ravi"];
    let second = [
        "1 - Asha",
        "1 Asha -",
        "2 - Ravi",
        "2 Ravi Mira",
        "3 - Vera",
    ];
    for (steps, end) in (1..).flat_map(|steps| ENDS.map(|end| (steps, end))) {
        let mut is_done = false;
        for recovery in [None].into_iter().chain(ENDS.map(Some)) {
            let files = fresh();
            let sink = open(files()).await.unwrap();
            commit(&sink, &[(1, "Asha"), (2, "Ravi")]).await.unwrap();
            sink.close().await;
            drop(sink);
            assert_eq!(changes(files()).await, first);
            let after = [(2, "Mira"), (3, "Vera")];
            let sink = open(Killed::new(files(), usize::MAX, end)).await.unwrap();
            sink.store().files.left.store(steps, Ordering::SeqCst);
            is_done = commit(&sink, &after).await.is_ok();
            drop(sink);
            if let Some(end) = recovery {
                drop(open(Killed::new(files(), 1, end)).await);
            }
            let sink = open(files()).await.unwrap();
            let at = format!("{end:?} of step {steps}, recovery to {recovery:?}");
            let recovered = changes(files()).await;
            assert!(
                recovered == first || recovered == second,
                "{at}: {recovered:?}"
            );
            commit(&sink, &after).await.unwrap();
            assert_eq!(changes(files()).await, second, "{at}");
            // Nothing is left over, and a reading without a change writes nothing.
            let unfinished = sink.store().files.names_below(layout::UNFINISHED).await;
            assert!(unfinished.unwrap().is_empty(), "{at}");
            let all = sink
                .store()
                .files
                .names_below(layout::CHANGES)
                .await
                .unwrap();
            assert_eq!(all.len(), 2, "{at}");
            sink.close().await;
        }
        if is_done && end == End::After {
            assert!(steps > 3, "{steps} steps");
            return;
        }
    }
}

#[tokio::test]
async fn changes_in_a_folder_survive_each_step() {
    survives(|| {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        move || Folder::new(folder.path())
    })
    .await;
}

#[cfg(feature = "object-store")]
#[tokio::test]
async fn changes_in_a_bucket_survive_each_step() {
    use crate::dataset::bucket::Bucket;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    survives(|| {
        let store = Arc::new(InMemory::new());
        move || {
            let store = Arc::clone(&store) as _;
            Bucket::new("s3://crm/all/".into(), store, Path::from("all"), true)
        }
    })
    .await;
}

/// A commit that fails, and is tried again by the same run.
#[tokio::test]
async fn failed_commit_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    for end in ENDS {
        let root = folder.path().join(format!("{end:?}"));
        let sink = open(Killed::new(Folder::new(&root), usize::MAX, end));
        let sink = sink.await.unwrap();
        commit(&sink, &[(1, "Asha")]).await.unwrap();
        // The second step replaces the day, and the third one publishes the changes.
        for steps in [2, 3] {
            let left = &sink.store().files.left;
            left.store(steps, Ordering::SeqCst);
            let name = format!("Asha {steps}");
            commit(&sink, &[(1, &name)]).await.unwrap_err();
            left.store(usize::MAX, Ordering::SeqCst);
            commit(&sink, &[(1, &name)]).await.unwrap();
        }
        drop(sink);
        let expected = ["1 - Asha", "1 Asha 2 Asha 3", "1 Asha Asha 2"];
        assert_eq!(changes(Folder::new(&root)).await, expected, "{end:?}");
    }
}

#[tokio::test]
async fn forgotten_customer_is_in_no_changes() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(Folder::new(folder.path())).await.unwrap();
    commit(&sink, &[(1, "Asha"), (2, "Ravi")]).await.unwrap();
    commit(&sink, &[(2, "Ravi")]).await.unwrap();
    drop(sink);
    let ids = [CustomerId::from(1)].into_iter().collect();
    // No day has it any more.
    let dataset = Dataset::reader(Folder::new(folder.path()));
    let erased = dataset.forget(&ids).await.unwrap();
    drop(dataset);
    assert_eq!((erased.customers(), erased.days().len()), (&ids, 0));
    assert_eq!(changes(Folder::new(folder.path())).await, ["2 - Ravi"]);
    let names = Folder::new(folder.path())
        .names_below(layout::CHANGES)
        .await;
    assert_eq!(names.unwrap().len(), 1);
    // The server still lists it.
    let sink = open(Folder::new(folder.path())).await.unwrap();
    commit(&sink, &[(1, "Asha"), (2, "Ravi")]).await.unwrap();
    assert_eq!(changes(Folder::new(folder.path())).await, ["2 - Ravi"]);
}

/// A file that another program damaged is replaced, as without a history.
#[tokio::test]
async fn unreadable_file_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(Folder::new(folder.path())).await.unwrap();
    commit(&sink, &[(1, "Asha")]).await.unwrap();
    let path = folder.path().join(layout::day(day(), Format::Ndjson));
    let mut file = File::create(&path).unwrap();
    file.write_all(b"{\"id\":").unwrap();
    commit(&sink, &[(1, "Asha")]).await.unwrap();
    drop(sink);
    let found = changes(Folder::new(folder.path())).await;
    assert_eq!(found, ["1 - Asha", "1 - Asha"]);
}
