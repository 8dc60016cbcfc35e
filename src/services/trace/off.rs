//! Nobody follows.

use std::sync::Arc;

use nats_mock_protocol::wire::ClientBatch;

use crate::core::{ConnId, Core, Notice, ServerId};
use crate::services::happening::Manner;
use crate::services::outbox::Draft;

pub(in crate::services) struct NoSpan;

pub(in crate::services) fn batch(_: &Core, _: ConnId, _: &ClientBatch) -> NoSpan {
    NoSpan
}

pub(in crate::services) fn notice(_: &Core, _: &Notice) {}

pub(in crate::services) fn said(_: &Core, _: ServerId, _: &Draft<'_>, _: Manner<'_>) {}

pub(in crate::services) fn hits(_: &Core, _: ServerId, _: &Draft<'_>, _: &[Arc<str>]) {}
