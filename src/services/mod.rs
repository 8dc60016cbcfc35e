//! The system services: what servers say of themselves on the system account.
//!
//! One file for each request and each family of events; the header of each names its subjects.
//! [`registry`] is the table of all of them. Services hear of the deployment by
//! [`Notice`](crate::core::Notice)s and speak through
//! [`Core::publish_internal`](crate::core::Core::publish_internal), as the internal clients of
//! nats-server do. They know nothing of sockets.

mod account_conns;
mod account_info;
mod account_statz;
mod accountz;
mod acts;
mod arrivals;
mod claims;
mod configuration;
mod conn_info;
mod connections;
mod connz;
mod custom;
mod deployment;
mod encoding;
mod expectations;
mod expvarz;
mod gatewayz;
mod happening;
mod healthz;
mod idz;
mod ipqueuesz;
mod journal;
mod jsz;
mod kick;
mod labels;
mod latency;
mod ldm;
mod leafz;
mod lines;
mod made_up;
mod msg_trace;
mod outbox;
mod peers;
mod profilez;
mod raftz;
mod registry;
mod reload;
mod requests;
mod resolver;
mod routez;
mod seen;
mod server_life;
mod statsz;
mod subscribers;
mod subsz;
mod system;
mod trace;
mod user_info;
mod varz;

pub(crate) use acts::Act;
pub(crate) use configuration::Configuration;
pub(crate) use custom::{CustomId, Listening, Response};
pub(crate) use deployment::Deployment;
pub(crate) use expectations::{Condition, Expectation, ExpectationId, Expectations, Times};
pub(crate) use happening::{
    Answer, ConnectionChange, CustomRequest, Excerpt, Happening, LineRecord, RuleChange,
    ServerChange, What,
};
pub use journal::Requester;
pub(crate) use journal::{EventRecord, Journal, Log, RequestRecord, ServerName, Size};
pub(crate) use seen::{ConnectionRecord, MessageRecord, Seen, SeenKind, SubscriptionRecord};
