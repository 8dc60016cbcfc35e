//! A `tls` block where there is no TLS.

use nats_mock_protocol::conf::Value;

use super::{
    problem::{Problem, ProblemKind},
    read::Reader,
};
use crate::topology::tls::{ClientTls, TlsOptions};

/// Whose block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Clients,
    Servers,
}

impl Reader<'_> {
    /// Refuses a `tls` block.
    pub(super) fn tls(&mut self, value: &Value, _: Side) -> Result<TlsOptions, Problem> {
        Err(refused(value, "tls"))
    }

    /// Refuses a `resolver_tls` block.
    pub(super) fn client_tls(&mut self, value: &Value) -> Result<ClientTls, Problem> {
        Err(refused(value, "resolver_tls"))
    }
}

fn refused(value: &Value, key: &str) -> Problem {
    Problem {
        at: Some(value.at.clone()),
        kind: ProblemKind::NeedsFeature {
            key: key.to_owned(),
            feature: "tls",
        },
    }
}
