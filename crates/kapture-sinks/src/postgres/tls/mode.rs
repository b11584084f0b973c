//! `sslmode`: whether a connection has TLS, and how much of the certificate is checked.

use tokio_postgres::config::SslMode as Negotiation;

use super::super::parameters::{ParameterError, Parameters};
use super::trust::{Roots, Trust};

/// The modes of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// The mode asked for. Without one, `prefer` for a server on this machine, as in libpq, and
    /// `verify-full` for any other, so that no other machine on the network can pose as the server and
    /// receive customers.
    pub(in super::super) fn new(
        parameters: &Parameters,
        roots: &Roots,
        is_local: bool,
    ) -> Result<Self, ParameterError> {
        let has_system_roots = *roots == Roots::System;
        let mode = match parameters.get("sslmode") {
            None if is_local && !has_system_roots => Self::Prefer,
            None => Self::VerifyFull,
            Some("disable") => Self::Disable,
            Some("allow") => Self::Allow,
            Some("prefer") => Self::Prefer,
            Some("require") => Self::Require,
            Some("verify-ca") => Self::VerifyCa,
            Some("verify-full") => Self::VerifyFull,
            Some(_) => return Err(parameters.invalid("sslmode")),
        };
        if has_system_roots && mode != Self::VerifyFull {
            return Err(ParameterError::WeakWithSystemRoots);
        }
        Ok(mode)
    }

    /// What is negotiated, one after the other, until the server agrees.
    pub(in super::super) fn negotiations(self) -> &'static [Negotiation] {
        match self {
            Self::Disable => &[Negotiation::Disable],
            Self::Allow => &[Negotiation::Disable, Negotiation::Require],
            Self::Prefer => &[Negotiation::Prefer, Negotiation::Disable],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[Negotiation::Require],
        }
    }

    /// Which certificates are accepted. As in libpq, a file of authorities is used in every mode.
    /// Without a file, `verify-ca` also checks the name, as `verify-full` does: the authorities that this
    /// machine trusts certify any server on the internet.
    pub(in super::super) fn trust(self, roots: Roots) -> Trust {
        match (self, roots) {
            (Self::VerifyFull, roots) => Trust::ChainAndName(roots),
            (_, roots @ Roots::File(_)) => Trust::Chain(roots),
            (Self::VerifyCa, roots) => Trust::ChainAndName(roots),
            _ => Trust::Anyone,
        }
    }
}
