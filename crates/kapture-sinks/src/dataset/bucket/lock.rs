//! The lock of a dataset in an object store: one run at a time writes to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;
use object_store::{
    Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use super::error::StoreError;
use crate::nonce::nonce;

/// How long a lock is valid after it was renewed.
pub(super) const VALID: Duration = Duration::from_secs(20);

/// How often it is renewed.
pub(super) const RENEW: Duration = Duration::from_secs(5);

/// How often a run looks whether the lock of another one was renewed.
const LOOK: Duration = Duration::from_secs(1);

/// How long a lock of another run is watched before it is taken over: the clocks of two machines
/// differ.
const WATCH: Duration = Duration::from_secs(10);

/// A lock that expired this long ago is not watched.
const LONG_AGO: Duration = Duration::from_secs(10 * 60);

/// How long the release of a lock may take.
const RELEASE: Duration = Duration::from_secs(5);

/// The object `_kapture/lock.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Tells apart the locks of all runs.
    nonce: String,
    /// The process that holds it.
    process: u32,
    /// When it may be taken over, unless it was renewed.
    expires: DateTime<Utc>,
}

/// Why there is no lock.
pub(super) enum LockError {
    /// The process that holds it.
    Held(String),
    /// The store ignores the conditions of a write.
    Unconditional,
    /// The store failed.
    Store(StoreError),
}

impl From<Error> for LockError {
    fn from(error: Error) -> Self {
        Self::Store(StoreError::new(&error))
    }
}

/// A lock that is held, and renewed by a task.
pub(super) struct Lock {
    shared: Arc<Shared>,
    renewing: AbortHandle,
}

struct Shared {
    store: Arc<dyn ObjectStore>,
    key: Path,
    nonce: String,
    /// Set when another run holds the lock.
    is_lost: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Clone)]
struct Held {
    version: UpdateVersion,
    /// By the clock of this process, which nothing turns back.
    until: Instant,
}

/// The lock of another run, as it was found.
struct Found {
    content: Option<Content>,
    version: UpdateVersion,
}

impl Lock {
    /// Acquires the lock at `key`. Takes over a lock that has expired, and waits for that as long
    /// as it is not renewed: the run that holds it may have been killed.
    pub(super) async fn acquire(store: Arc<dyn ObjectStore>, key: Path) -> Result<Self, LockError> {
        let nonce = nonce();
        let mut watch = Watch {
            began: Instant::now(),
            version: None,
        };
        let held = loop {
            let asked = Instant::now();
            if let Some(version) = attempt(&store, &key, &nonce, &mut watch).await? {
                break Held::new(version, asked);
            }
            sleep(LOOK).await;
        };
        let shared = Arc::new(Shared {
            store,
            key,
            nonce,
            is_lost: AtomicBool::new(false),
            held: Mutex::new(held),
        });
        if !shared.is_conditional().await? {
            let _ = shared.store.delete(&shared.key).await;
            return Err(LockError::Unconditional);
        }
        let renewing = tokio::spawn(Arc::clone(&shared).keep()).abort_handle();
        Ok(Self { shared, renewing })
    }

    /// Whether another run may hold the lock.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.is_lost()
    }

    /// Removes the lock, if it is still this run's.
    pub(super) async fn release(self) {
        self.renewing.abort();
        let remove = async {
            // A renewal may be under way: what counts is what the object says.
            if let Ok(Some(found)) = find(&self.shared.store, &self.shared.key).await
                && found.is_of(&self.shared.nonce)
            {
                let _ = self.shared.store.delete(&self.shared.key).await;
            }
        };
        let _ = timeout(RELEASE, remove).await;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Tries to write the lock; `None` while another run holds it.
async fn attempt(
    store: &Arc<dyn ObjectStore>,
    key: &Path,
    nonce: &str,
    watch: &mut Watch,
) -> Result<Option<UpdateVersion>, LockError> {
    match put(store, key, nonce, PutMode::Create).await {
        Ok(version) => return Ok(Some(version)),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            return Err(LockError::Unconditional);
        }
        Err(error) => return Err(error.into()),
    }
    // It may have been released meanwhile.
    let Some(found) = find(store, key).await? else {
        return Ok(None);
    };
    if found.is_of(nonce) {
        // A write that was repeated, since its first answer was lost.
        return Ok(Some(found.version));
    }
    if !watch.is_abandoned(&found)? {
        return Ok(None);
    }
    match put(store, key, nonce, PutMode::Update(found.version)).await {
        Ok(version) => Ok(Some(version)),
        // Another run was faster; or this one, and the answer was lost.
        Err(Error::Precondition { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The lock of another run, as it was first found.
struct Watch {
    began: Instant,
    version: Option<UpdateVersion>,
}

impl Watch {
    /// Whether a lock has expired and was not renewed while it was watched. One that was renewed is
    /// held.
    fn is_abandoned(&mut self, found: &Found) -> Result<bool, LockError> {
        match &self.version {
            Some(first) if *first != found.version => {
                return Err(LockError::Held(found.process()));
            }
            _ => self.version = Some(found.version.clone()),
        }
        let is_watched = self.began.elapsed() >= WATCH;
        let expired = found.expired_for();
        Ok(expired.is_some_and(|time| is_watched || time > LONG_AGO))
    }
}

impl Held {
    /// Held since a write that began at `asked`.
    fn new(version: UpdateVersion, asked: Instant) -> Self {
        let until = asked + VALID;
        Self { version, until }
    }
}

impl Found {
    fn is_of(&self, nonce: &str) -> bool {
        let content = self.content.as_ref();
        content.is_some_and(|content| content.nonce == nonce)
    }

    fn process(&self) -> String {
        let content = self.content.as_ref();
        content.map_or_else(|| "unknown".into(), |content| content.process.to_string())
    }

    /// How long ago it expired, if it has. A lock that cannot be decoded counts as expired.
    fn expired_for(&self) -> Option<Duration> {
        match &self.content {
            Some(content) => (now() - content.expires).to_std().ok(),
            None => Some(Duration::ZERO),
        }
    }
}

impl Shared {
    fn held(&self) -> Held {
        let held = self.held.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst) || Instant::now() >= self.held().until
    }

    /// Whether the store honours conditions: it must refuse to create what exists, and to update
    /// what is another version.
    async fn is_conditional(&self) -> Result<bool, LockError> {
        let other = UpdateVersion {
            e_tag: Some("\"0123456789abcdef0123456789abcdef\"".into()),
            version: Some("1".into()),
        };
        for mode in [PutMode::Create, PutMode::Update(other)] {
            match put(&self.store, &self.key, &self.nonce, mode).await {
                Ok(_) | Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                    return Ok(false);
                }
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Renews the lock until it is lost.
    async fn keep(self: Arc<Self>) {
        while !self.is_lost() {
            sleep(RENEW).await;
            let asked = Instant::now();
            let mode = PutMode::Update(self.held().version);
            let renewed = match put(&self.store, &self.key, &self.nonce, mode).await {
                Ok(version) => Some(Held::new(version, asked)),
                Err(Error::Precondition { .. } | Error::NotFound { .. }) => {
                    self.look_again(asked).await
                }
                // It is renewed later, or expires.
                Err(_) => None,
            };
            if let Some(renewed) = renewed {
                *self.held.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
            }
        }
    }

    /// After a refused renewal: the lock is lost, unless the refused write had been repeated, and
    /// the object is that of its first attempt.
    async fn look_again(&self, asked: Instant) -> Option<Held> {
        match find(&self.store, &self.key).await {
            Ok(Some(found)) if found.is_of(&self.nonce) => Some(Held::new(found.version, asked)),
            Ok(_) => {
                self.is_lost.store(true, Ordering::SeqCst);
                None
            }
            Err(_) => None,
        }
    }
}

/// Writes the lock; its version.
async fn put(
    store: &Arc<dyn ObjectStore>,
    key: &Path,
    nonce: &str,
    mode: PutMode,
) -> object_store::Result<UpdateVersion> {
    let content = Content {
        nonce: nonce.to_owned(),
        process: std::process::id(),
        expires: now() + TimeDelta::from_std(VALID).unwrap_or_default(),
    };
    let json = serde_json::to_vec(&content).unwrap_or_default();
    let options = PutOptions::from(mode);
    let put = store.put_opts(key, PutPayload::from(json), options).await?;
    Ok(put.into())
}

/// The lock that exists, if there is one.
async fn find(store: &Arc<dyn ObjectStore>, key: &Path) -> Result<Option<Found>, Error> {
    let Some(object) = super::existing(store.get(key).await)? else {
        return Ok(None);
    };
    let GetResult { meta, .. } = &object;
    let version = UpdateVersion {
        e_tag: meta.e_tag.clone(),
        version: meta.version.clone(),
    };
    let content = serde_json::from_slice(&object.bytes().await?).ok();
    Ok(Some(Found { content, version }))
}

/// The time of day. Tests pause the clock of tokio, so it counts from there.
fn now() -> DateTime<Utc> {
    #[cfg(test)]
    return super::tests::now();
    #[cfg(not(test))]
    std::time::SystemTime::now().into()
}
