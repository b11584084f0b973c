//! A dataset in a store in memory, which can fail.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::stream::BoxStream;
use kapture_model::{CustomerId, DayState, Receipt, Record};
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, PutMode,
    PutMultipartOptions, PutOptions, PutResult, Result as StoreResult, UploadPart,
};
use tokio::time::{Instant, advance};

use super::*;
use crate::dataset::Dataset;
use crate::encoding::Encoding;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::StaleReason;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// The time of day by the clock of tokio, which tests pause.
pub(super) fn now() -> DateTime<Utc> {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = Instant::now().saturating_duration_since(*START.get_or_init(Instant::now));
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::from_std(passed).unwrap()
}

/// A store in memory, and how it misbehaves.
#[derive(Debug, Default)]
struct Memory {
    inner: InMemory,
    /// Ignores the conditions of writes.
    is_unconditional: AtomicBool,
    /// Fails every write of a day, and every part of one.
    refuses_days: AtomicBool,
    aborted: Arc<AtomicUsize>,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

fn refused() -> Error {
    Error::PermissionDenied {
        path: "secret".into(),
        source: "<Error><Code>AccessDenied</Code></Error>".into(),
    }
}

#[async_trait]
impl ObjectStore for Memory {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> StoreResult<PutResult> {
        if self.refuses_days.load(Ordering::SeqCst) && location.as_ref().contains("created_date") {
            return Err(refused());
        }
        if self.is_unconditional.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(Parts {
            upload,
            is_refused: self.refuses_days.load(Ordering::SeqCst),
            aborted: Arc::clone(&self.aborted),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Parts {
    upload: Box<dyn MultipartUpload>,
    is_refused: bool,
    aborted: Arc<AtomicUsize>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.is_refused {
            true => Box::pin(async { Err(refused()) }),
            false => self.upload.put_part(data),
        }
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.aborted.fetch_add(1, Ordering::SeqCst);
        self.upload.abort().await
    }
}

fn bucket(store: &Arc<Memory>, unlocked: bool) -> Bucket {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    Bucket::new("s3://crm/all/".into(), store, Path::from("all"), unlocked)
}

fn identity() -> Identity {
    Identity::new("acme.kapturecrm.com", r#"{"cm_id":424242}"#, Tz::UTC)
}

async fn create(store: &Arc<Memory>) -> Result<Incremental<Dataset<Bucket>>, SinkError> {
    create_for(store, &identity()).await
}

async fn create_for(
    store: &Arc<Memory>,
    identity: &Identity,
) -> Result<Incremental<Dataset<Bucket>>, SinkError> {
    create_tracking(store, identity, &Tracking::default()).await
}

async fn create_tracking(
    store: &Arc<Memory>,
    identity: &Identity,
    tracking: &Tracking,
) -> Result<Incremental<Dataset<Bucket>>, SinkError> {
    let encoding = Encoding::new(Format::Ndjson);
    let dataset = Dataset::writer(bucket(store, false), identity, &encoding, tracking)?;
    Incremental::create(dataset, identity).await
}

fn day() -> NaiveDate {
    "2024-05-02".parse().unwrap()
}

async fn commit(sink: &dyn Sink, ids: Range<u64>) -> Result<(), SinkError> {
    let record = |id| Record::decode(format!(r#"{{"id":{id}}}"#).into()).unwrap();
    let records: Vec<_> = ids.map(record).collect();
    let mut writer = sink.day(day()).await?;
    writer.write(&records).await?;
    let receipt = Receipt::of(day(), &records, DateTime::UNIX_EPOCH);
    writer.commit(&receipt).await
}

async fn keys(store: &Memory) -> Vec<String> {
    let objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    let keys = objects
        .into_iter()
        .map(|object| object.location.to_string());
    keys.collect()
}

async fn stale_reason(sink: &dyn Sink) -> Option<StaleReason> {
    sink.ledger().await.unwrap().stale_reason(day())
}

#[tokio::test(start_paused = true)]
async fn dataset_has_the_keys_of_a_folder_and_no_lock_afterwards() {
    let store = Arc::new(Memory::default());
    let sink = create(&store).await.unwrap();
    commit(&sink, 1..4).await.unwrap();
    assert!(
        keys(&store)
            .await
            .contains(&"all/_kapture/lock.json".to_owned())
    );
    sink.close().await;
    let expected = [
        "all/_kapture/README.md",
        "all/_kapture/days/2024-05-02.json",
        "all/_kapture/manifest.json",
        "all/created_date=2024-05-02/customers.ndjson",
    ];
    assert_eq!(keys(&store).await, expected);
}

#[tokio::test(start_paused = true)]
async fn receipt_of_another_object_makes_its_day_stale() {
    let store = Arc::new(Memory::default());
    let sink = create(&store).await.unwrap();
    commit(&sink, 1..4).await.unwrap();
    assert_eq!(stale_reason(&sink).await, None);
    let key = Path::from("all/created_date=2024-05-02/customers.ndjson");
    let content = store.get(&key).await.unwrap().bytes().await.unwrap();
    // The same size, and another ETag.
    store.put(&key, content.clone().into()).await.unwrap();
    assert_eq!(stale_reason(&sink).await, Some(StaleReason::FileReplaced));
    store.put(&key, content.slice(1..).into()).await.unwrap();
    assert_eq!(
        stale_reason(&sink).await,
        Some(StaleReason::FileSizeChanged)
    );
    store.delete(&key).await.unwrap();
    assert_eq!(stale_reason(&sink).await, Some(StaleReason::MissingFile));
    commit(&sink, 1..4).await.unwrap();
    assert_eq!(stale_reason(&sink).await, None);
    store
        .delete(&Path::from("all/_kapture/days/2024-05-02.json"))
        .await
        .unwrap();
    assert_eq!(stale_reason(&sink).await, Some(StaleReason::MissingReceipt));
}

/// Whether a text is in any object.
async fn holds(store: &Memory, text: &str) -> bool {
    for key in keys(store).await {
        let content = store.get(&Path::from(key)).await.unwrap().bytes().await;
        if String::from_utf8_lossy(&content.unwrap()).contains(text) {
            return true;
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn forgotten_customer_is_in_no_object_and_stays_away() {
    let store = Arc::new(Memory::default());
    let (first, last) = ("7000001", "7000003");
    let ids = |texts: &[&str]| texts.iter().map(|text| CustomerId::from(*text)).collect();
    let held = async |sink: &Incremental<Dataset<Bucket>>| sink.customers(day()).await.unwrap();
    let count = async |sink: &Incremental<Dataset<Bucket>>| {
        let ledger = sink.ledger().await.unwrap();
        ledger.get(day()).map(|receipt| receipt.customers)
    };
    let forget = || Dataset::reader(bucket(&store, false));
    let sink = create(&store).await.unwrap();
    commit(&sink, 7_000_001..7_000_004).await.unwrap();
    assert!(
        forget().forget(&ids(&[first])).await.is_err(),
        "a run is writing"
    );
    sink.close().await;
    assert!(holds(&store, first).await);
    let erased = forget().forget(&ids(&[first, "9"])).await.unwrap();
    assert_eq!(
        (erased.customers(), erased.days().len()),
        (&ids(&[first]), 1)
    );
    assert!(!holds(&store, first).await && holds(&store, last).await);
    let sink = create(&store).await.unwrap();
    assert_eq!((held(&sink).await.len(), count(&sink).await), (2, Some(2)));
    assert_eq!(stale_reason(&sink).await, None);
    // The server still lists it.
    commit(&sink, 7_000_001..7_000_004).await.unwrap();
    assert_eq!((held(&sink).await.len(), count(&sink).await), (2, Some(2)));
    sink.close().await;
    // A day without customers has no object of NDJSON.
    forget().forget(&ids(&["7000002", last])).await.unwrap();
    assert!(
        !keys(&store)
            .await
            .iter()
            .any(|key| key.ends_with(".ndjson"))
    );
    let allowed = forget().allow_return(&ids(&[last, "8"])).await.unwrap();
    assert_eq!(allowed, ids(&[last]));
    let sink = create(&store).await.unwrap();
    assert_eq!((held(&sink).await.len(), count(&sink).await), (0, Some(0)));
    commit(&sink, 7_000_001..7_000_004).await.unwrap();
    assert_eq!(held(&sink).await, ids(&[last]));
    sink.close().await;
}

#[tokio::test(start_paused = true)]
async fn stale_day_is_rewritten_and_open() {
    let store = Arc::new(Memory::default());
    let sink = create(&store).await.unwrap();
    commit(&sink, 7_000_001..7_000_004).await.unwrap();
    sink.close().await;
    let receipt = Path::from("all/_kapture/days/2024-05-02.json");
    store.delete(&receipt).await.unwrap();
    let ids = [CustomerId::from("7000001")].into_iter().collect();
    let erased = Dataset::reader(bucket(&store, false)).forget(&ids).await;
    assert_eq!(erased.unwrap().customers(), &ids);
    assert!(!holds(&store, "7000001").await);
    let sink = create(&store).await.unwrap();
    let ledger = sink.ledger().await.unwrap();
    let receipt = ledger.get(day()).unwrap();
    assert_eq!((receipt.customers, receipt.state), (2, DayState::Open));
}

#[tokio::test(start_paused = true)]
async fn second_run_is_refused_while_the_first_renews_its_lock() {
    let store = Arc::new(Memory::default());
    let first = create(&store).await.unwrap();
    let began = Instant::now();
    let Err(error) = create(&store).await else {
        panic!("two runs");
    };
    let expected = format!(
        "another run is writing to s3://crm/all/ (process {})",
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    // It noticed the first renewal, long before the lock would have expired.
    assert!(began.elapsed() <= lock::RENEW * 2, "{:?}", began.elapsed());
    commit(&first, 1..4).await.unwrap();
    first.close().await;
    create(&store).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lock_of_a_dead_run_is_taken_over_after_its_expiry_and_not_before() {
    let store = Arc::new(Memory::default());
    drop(create(&store).await.unwrap());
    let began = Instant::now();
    let sink = create(&store).await.unwrap();
    let waited = began.elapsed();
    assert!(waited >= lock::VALID, "{waited:?}");
    assert!(waited <= lock::VALID * 2, "{waited:?}");
    commit(&sink, 1..4).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn run_that_lost_its_lock_writes_nothing_more() {
    let store = Arc::new(Memory::default());
    let sink = create(&store).await.unwrap();
    commit(&sink, 1..4).await.unwrap();
    let before = stale_reason(&sink).await;
    let key = Path::from("all/_kapture/lock.json");
    let other = r#"{"nonce":"other","process":7,"expires":"2100-01-01T00:00:00Z"}"#;
    store.put(&key, other.into()).await.unwrap();
    // It does not know yet, and then it does.
    advance(lock::RENEW * 2).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let error = commit(&sink, 1..9).await.unwrap_err();
    assert!(matches!(error, SinkError::LockLost { .. }), "{error:?}");
    assert_eq!(stale_reason(&sink).await, before);
    assert_eq!(sink.customers(day()).await.unwrap().len(), 3);
    sink.close().await;
    // The lock of the other run stays.
    assert!(store.get(&key).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn store_without_conditional_writes_is_refused_unless_unlocked() {
    let store = Arc::new(Memory::default());
    store.is_unconditional.store(true, Ordering::SeqCst);
    let Err(error) = create(&store).await else {
        panic!("accepted");
    };
    assert!(
        matches!(error, SinkError::UnconditionalWrites { .. }),
        "{error:?}"
    );
    assert!(keys(&store).await.is_empty());
    let encoding = Encoding::new(Format::Ndjson);
    let dataset = Dataset::writer(
        bucket(&store, true),
        &identity(),
        &encoding,
        &Tracking::default(),
    )
    .unwrap();
    let sink = Incremental::create(dataset, &identity()).await.unwrap();
    commit(&sink, 1..4).await.unwrap();
    assert_eq!(stale_reason(&sink).await, None);
    assert!(
        !keys(&store)
            .await
            .contains(&"all/_kapture/lock.json".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn lost_permission_leaves_the_day_as_it_was() {
    let store = Arc::new(Memory::default());
    let sink = create(&store).await.unwrap();
    commit(&sink, 1..4).await.unwrap();
    store.refuses_days.store(true, Ordering::SeqCst);
    let error = commit(&sink, 1..9).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the credentials do not permit it (AccessDenied)");
    assert!(!format!("{error} {source}").contains("secret"));
    assert_eq!(
        sink.ledger().await.unwrap().get(day()).unwrap().customers,
        3
    );
    assert_eq!(sink.customers(day()).await.unwrap().len(), 3);
}

/// A file that is uploaded in parts.
fn large() -> (File, u64) {
    let mut file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..17 * 1024 * 1024_u32).map(|byte| byte as u8).collect();
    file.write_all(&content).unwrap();
    (file, content.len() as u64)
}

#[tokio::test]
async fn large_object_is_uploaded_in_parts() {
    let store = Arc::new(Memory::default());
    let key = Path::from("large");
    let (file, bytes) = large();
    let stamp = bucket(&store, true).put_day(&key, file).await.unwrap();
    let object = store.head(&key).await.unwrap();
    assert_eq!((stamp.bytes, object.size), (bytes, bytes));
    assert_eq!(stamp.etag, object.e_tag.map(|etag| bare(&etag)));
    let content = store.get(&key).await.unwrap().bytes().await.unwrap();
    let is_right = (0_u32..)
        .zip(&content)
        .all(|(index, byte)| index as u8 == *byte);
    assert!(is_right);
    assert_eq!(store.aborted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn failed_upload_in_parts_is_aborted() {
    let store = Arc::new(Memory::default());
    store.refuses_days.store(true, Ordering::SeqCst);
    let outcome = bucket(&store, true)
        .put_day(&Path::from("large"), large().0)
        .await;
    assert!(matches!(outcome, Err(SinkError::ObjectStore { .. })));
    assert_eq!(store.aborted.load(Ordering::SeqCst), 1);
    assert!(keys(&store).await.is_empty());
}

#[cfg(feature = "conformance")]
mod conformance {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::conformance::{Subject, check};

    struct InBucket(Arc<Memory>);

    #[async_trait]
    impl Subject for InBucket {
        async fn create(&self) -> Box<dyn Sink> {
            Box::new(create(&self.0).await.expect("a dataset"))
        }

        async fn try_create(&self, cm_id: u64) -> Option<Result<Box<dyn Sink>, SinkError>> {
            let selection = format!(r#"{{"cm_id":{cm_id}}}"#);
            let identity = Identity::new("acme.kapturecrm.com", &selection, Tz::UTC);
            let created = create_for(&self.0, &identity).await;
            Some(created.map(|sink| Box::new(sink) as Box<dyn Sink>))
        }

        async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
            let tracking = Tracking {
                history_from: Some(from),
                ..Tracking::default()
            };
            let sink = create_tracking(&self.0, &identity(), &tracking).await;
            Some(Box::new(sink.expect("a dataset")))
        }

        async fn open(&self) -> Option<Box<dyn Sink>> {
            let sink =
                Incremental::open(Dataset::reader(super::bucket(&self.0, false)), None).await;
            Some(Box::new(sink.expect("a dataset")))
        }

        async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
            let mut held = BTreeMap::new();
            for key in keys(&self.0).await {
                let Some((_, rest)) = key.split_once("/created_date=") else {
                    let is_known = ["all/_kapture/", "all/changes/seen_date="];
                    let is_known = is_known.iter().any(|start| key.starts_with(start));
                    assert!(is_known, "{key}");
                    continue;
                };
                let (day, name) = rest.split_once('/').expect("a file");
                assert_eq!(name, "customers.ndjson");
                let object = self.0.get(&Path::from(key.as_str())).await.expect("one");
                let text = object.bytes().await.expect("bytes");
                let lines = text.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_empty());
                let customers = lines.map(|line| serde_json::from_slice(line).expect("JSON"));
                held.insert(day.parse().expect("a day"), customers.collect());
            }
            held
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bucket() {
        check(async || InBucket(Arc::default()), 20_000).await;
    }
}
