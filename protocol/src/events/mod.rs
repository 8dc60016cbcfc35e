//! The messages a server publishes on its own account: one file per family.
//!
//! Every payload type writes its keys in the order of nats-server 2.15.1, leaves out what Go's
//! `omitempty` leaves out, and keeps unknown members in `extra`. Fields that older releases do not
//! have are `Option`s whose docs name the first release line that has them; leave them `None` to write
//! the older shape. The types are meant to be built with `..Default::default()`, because they grow with
//! the server:
//!
//! ```
//! use nats_mock_protocol::events::{Connect, ServerEnvelope, ClientInfo};
//! use nats_mock_protocol::json;
//!
//! let event = Connect {
//!     id: "4VNFMyy6Fwv6ELgwVhSXo0".into(),
//!     server: ServerEnvelope { name: "n1".into(), ver: "2.15.1".into(), seq: 15, ..Default::default() },
//!     client: ClientInfo { id: 8, acc: "USERS".into(), ..Default::default() },
//!     ..Default::default()
//! };
//! assert!(json::to_string(&event).starts_with(
//!     r#"{"type":"io.nats.server.advisory.v1.client_connect","id":"4VNFMyy6Fwv6ELgwVhSXo0","timestamp":"#
//! ));
//! ```

mod account_conns;
mod client;
mod close_reason;
mod connect;
mod envelope;
mod latency;
mod msg_trace;
mod ocsp;
mod statsz;

pub use account_conns::{AccountConns, AccountConnsRequest, AccountStat};
pub use client::{ClientInfo, DataStats, MsgBytes};
pub use close_reason::{CloseReason, UnknownCloseReason};
pub use connect::{AuthError, Connect, Disconnect};
pub use envelope::ServerEnvelope;
pub use latency::{RemoteLatency, ServiceLatency};
pub use msg_trace::{
    ConnectionKind, MessageTrace, TRACE_DEST, TRACE_DISABLED, TRACE_HOP, TRACE_ONLY,
    TRACE_ORIGIN_ACCOUNT, TRACE_PARENT, TraceEgress, TraceIngress, TraceJetStream, TraceRequest,
    TraceServiceImport, TraceStep, TraceStreamExport, TraceSubjectMapping,
};
pub use ocsp::{CertInfo, OcspLinkInvalid, OcspPeerReject};
pub use statsz::{
    GatewayStat, RouteStat, ServerStats, ServerStatsMsg, SlowConsumersStats, StaleConnectionStats,
};

/// Body of `$SYS.SERVER.<id>.SHUTDOWN`: the bare envelope, without a `server` key around it.
pub type Shutdown = ServerEnvelope;

/// Body of `$SYS.SERVER.<id>.LAMEDUCK`: the bare envelope, without a `server` key around it.
pub type LameDuck = ServerEnvelope;

/// Body of `$SYS.ACCOUNT.<account>.LEAFNODE.CONNECT`, sent when gateways are in use.
pub type LeafNodeConnect = AccountConnsRequest;
