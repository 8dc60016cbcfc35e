//! What a server answers about itself: one file per endpoint, each with its request options and reply data.
//!
//! Replies come in a [`Reply`] envelope, except IDZ ([`ServerId`], bare) and STATSZ
//! ([`ServerStatsMsg`](crate::events::ServerStatsMsg)). As in [`events`](crate::events), keys are in the
//! order of 2.15.1, fields that older releases lack are `Option`s, unknown members are kept in `extra`, and
//! the types are meant to be built with `..Default::default()`.
//!
//! ```
//! use nats_mock_protocol::json;
//! use nats_mock_protocol::monitor::{ApiError, Healthz, Reply};
//!
//! let ok = Reply::ok(Default::default(), Healthz { status: "ok".into(), status_code: 200, ..Default::default() });
//! assert!(json::to_string(&ok).ends_with(r#""data":{"status":"ok","status_code":200}}"#));
//!
//! let failed = Reply::<Healthz>::failed(Default::default(), ApiError::new(500, "jetstream not enabled"));
//! assert!(json::to_string(&failed).ends_with(
//!     r#""data":null,"error":{"code":500,"description":"jetstream not enabled"}}"#
//! ));
//! ```

mod account_info;
mod account_statz;
mod accountz;
mod commands;
mod connz;
mod expvarz;
mod gatewayz;
mod healthz;
mod idz;
mod ipqueuesz;
mod jetstream;
mod jsz;
mod leafz;
mod options;
mod profilez;
mod raftz;
mod reply;
mod routez;
mod statsz;
mod subsz;
mod user_info;
mod varz;
mod varz_sections;

pub use account_info::{
    AccountExport, AccountImport, AccountInfo, AccountInfoOptions, ClaimIssue, MapDest,
    ServiceLatencyConfig,
};
pub use account_statz::{AccountStatz, AccountStatzOptions};
pub use accountz::{Accountz, AccountzOptions};
pub use commands::{KickRequest, LdmRequest, NumSubsRequest};
pub use connz::{ConnInfo, ConnState, Connz, ConnzOptions, ProxyInfo, TlsPeerCert};
pub use expvarz::{Expvarz, ExpvarzOptions, MemStats, SizeClass};
pub use gatewayz::{AccountGatewayz, Gatewayz, GatewayzOptions, RemoteGatewayz};
pub use healthz::{Healthz, HealthzError, HealthzOptions};
pub use idz::ServerId;
pub use ipqueuesz::{IpqueueInfo, Ipqueuesz, IpqueueszOptions};
pub use jetstream::{
    JetStreamApiStats, JetStreamConfig, JetStreamLimits, JetStreamStats, JetStreamVarz,
    MetaClusterInfo, MetaSnapshotStats,
};
pub use jsz::{Jsz, JszAccount, JszOptions, JszRaftGroup, JszStream};
pub use leafz::{LeafInfo, Leafz, LeafzOptions};
pub use options::EventFilterOptions;
pub use profilez::{Profilez, ProfilezOptions};
pub use raftz::{RaftGroup, RaftGroupPeer, Raftz, RaftzOptions};
pub use reply::{ApiError, Reply};
pub use routez::{RouteInfo, Routez, RoutezOptions};
pub use statsz::StatszOptions;
pub use subsz::{SubDetail, SublistStats, Subsz, SubszOptions};
pub use user_info::{Permissions, ResponsePermission, SubjectPermission, UserInfo};
pub use varz::{Varz, VarzOptions};
pub use varz_sections::{
    ClusterVarz, DenyRules, DiskIoWaitStats, GatewayVarz, LeafNodeVarz, MqttVarz,
    OcspResponseCacheVarz, ProxiesVarz, RemoteGatewayVarz, RemoteLeafVarz, WebsocketVarz,
};
