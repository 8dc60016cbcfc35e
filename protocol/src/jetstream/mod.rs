//! JetStream's own objects, as they appear in replies: streams, consumers and where they live.
//!
//! The same rules hold as in [`events`](crate::events) and [`monitor`](crate::monitor).

mod cluster;
mod consumer;
mod stream;

pub use cluster::{
    ClusterInfo, DesiredClusterInfo, DesiredOrigin, DesiredPeer, DesiredStatus, PeerInfo,
};
pub use consumer::{ConsumerConfig, ConsumerInfo, PriorityGroupState, SequenceInfo};
pub use stream::{
    ConsumerLimits, ExternalStream, LostStreamData, Placement, Republish, SourceConsumer,
    StreamConfig, StreamSource, StreamSourceInfo, StreamState, SubjectTransform,
};
