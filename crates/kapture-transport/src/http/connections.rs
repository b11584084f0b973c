//! The connections of a run, and when they are replaced by new ones.
//!
//! HTTP/2 sends every request over one connection. When that dies without being closed, as behind a
//! load balancer that has lost its back end, each further request would wait in vain for its timeout.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::transport::TransportError;

/// How many connections in a row may break before others are made.
const MAX_BROKEN: u32 = 3;

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/2 where the server offers it.
    Best,
    /// HTTP/1.1 alone: a way out where a gateway does not get along with HTTP/2.
    Http1,
}

/// Makes a client without connections.
type Build<C, E> = Box<dyn Fn(Version) -> Result<C, E> + Send + Sync>;

/// The client in use. Its requests have the generation that was current when they were sent.
pub(super) struct Connections<C, E> {
    build: Build<C, E>,
    current: Mutex<Current<C>>,
}

struct Current<C> {
    client: C,
    generation: u64,
    health: Health,
}

/// What the requests of the current connections have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Health {
    version: Version,
    /// Connections in a row that broke.
    broken: u32,
    /// How often in a row connections were replaced before any answer came.
    replaced: u32,
}

impl Health {
    const NEW: Self = Self {
        version: Version::Best,
        broken: 0,
        replaced: 0,
    };

    /// After an answer.
    fn answered(self) -> Self {
        Self {
            version: self.version,
            ..Self::NEW
        }
    }

    /// After a failure: the version of the connections that replace the current ones, if they must be.
    fn failed(&mut self, error: &TransportError) -> Option<Version> {
        self.broken += u32::from(matches!(error, TransportError::Broken(_)));
        let is_dead = matches!(error, TransportError::Timeout(_)) || self.broken >= MAX_BROKEN;
        let version = match self.version {
            // New connections like the dead ones come first.
            Version::Best if self.replaced == 0 && self.broken == 0 => Version::Best,
            Version::Best => Version::Http1,
            Version::Http1 => Version::Best,
        };
        is_dead.then_some(version)
    }
}

impl<C: Clone, E> Connections<C, E> {
    pub(super) fn new(
        build: impl Fn(Version) -> Result<C, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let client = build(Version::Best)?;
        Ok(Self {
            build: Box::new(build),
            current: Mutex::new(Current {
                client,
                generation: 0,
                health: Health::NEW,
            }),
        })
    }

    /// The client for a request, and its generation.
    pub(super) fn current(&self) -> (C, u64) {
        let current = self.lock();
        (current.client.clone(), current.generation)
    }

    /// A request of this generation was answered, or has failed.
    pub(super) fn observe<T>(&self, generation: u64, outcome: &Result<T, TransportError>) {
        let mut current = self.lock();
        if current.generation != generation {
            // It says nothing of the connections that are in use now.
            return;
        }
        let Err(error) = outcome else {
            current.health = current.health.answered();
            return;
        };
        let Some(version) = current.health.failed(error) else {
            return;
        };
        // Without a new client the old one may still do.
        if let Ok(client) = (self.build)(version) {
            let replaced = current.health.replaced + 1;
            *current = Current {
                client,
                generation: generation + 1,
                health: Health {
                    version,
                    broken: 0,
                    replaced,
                },
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current<C>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, E> fmt::Debug for Connections<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    /// Clients that are what they were made as.
    fn connections() -> Connections<Version, Infallible> {
        Connections::new(Ok).unwrap()
    }

    fn timeout() -> Result<(), TransportError> {
        Err(TransportError::Timeout(Duration::from_secs(2)))
    }

    fn broken() -> Result<(), TransportError> {
        Err(TransportError::Broken("reset".into()))
    }

    /// The client after these outcomes, each of a request over the connections of its time.
    fn after(outcomes: &[Result<(), TransportError>]) -> (Version, u64) {
        let connections = connections();
        for outcome in outcomes {
            let (_, generation) = connections.current();
            connections.observe(generation, outcome);
        }
        connections.current()
    }

    #[test]
    fn timeout_replaces_the_connections() {
        assert_eq!(after(&[Ok(())]), (Version::Best, 0));
        assert_eq!(after(&[Ok(()), timeout()]), (Version::Best, 1));
        assert_eq!(after(&[timeout(), Ok(()), timeout()]), (Version::Best, 2));
    }

    #[test]
    fn requests_of_one_generation_replace_it_once() {
        let connections = connections();
        for _ in 0..16 {
            connections.observe(0, &timeout());
        }
        assert_eq!(connections.current(), (Version::Best, 1));
        // An answer over the old connections says nothing of the new ones.
        connections.observe(0, &Ok(()));
        connections.observe(1, &timeout());
        assert_eq!(connections.current(), (Version::Http1, 2));
    }

    #[test]
    fn http1_is_the_way_out_and_back() {
        assert_eq!(after(&[timeout(), timeout()]), (Version::Http1, 2));
        let back = after(&[timeout(), timeout(), timeout()]);
        assert_eq!(back, (Version::Best, 3));
        let stays = after(&[timeout(), timeout(), Ok(()), broken(), Ok(())]);
        assert_eq!(stays, (Version::Http1, 2));
    }

    #[test]
    fn connections_that_break_one_after_the_other_are_replaced() {
        assert_eq!(after(&[broken(), broken()]), (Version::Best, 0));
        let passing = [broken(), broken(), Ok(()), broken(), broken()];
        assert_eq!(after(&passing), (Version::Best, 0));
        assert_eq!(after(&[broken(), broken(), broken()]), (Version::Http1, 1));
    }

    #[test]
    fn other_failures_replace_nothing() {
        let refused = || Err(TransportError::Connect("refused".into()));
        let too_large = || Err(TransportError::TooLarge(1));
        let outcomes = [refused(), too_large(), refused(), refused(), refused()];
        assert_eq!(after(&outcomes), (Version::Best, 0));
    }
}
