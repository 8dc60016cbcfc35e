//! TLS peers refused because of what an OCSP responder said of their certificates.

use super::ServerEnvelope;
use crate::json::Extra;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertInfo {
    /// Subject name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Issuer name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// Base64 of the SHA-256 of the certificate. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Base64 of the DER encoding. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Body of `$SYS.SERVER.<id>.OCSP.PEER.CONN.REJECT`: a TLS handshake was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspPeerReject {
    /// Always [`OcspPeerReject::TYPE`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters.
    pub id: String,
    /// When it happened, in UTC.
    pub timestamp: Timestamp,
    /// Kind of the connection.
    pub kind: String,
    /// The peer's own certificate.
    pub peer: CertInfo,
    /// The server that refused.
    pub server: ServerEnvelope,
    /// Why.
    pub reason: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl OcspPeerReject {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.advisory.v1.ocsp_peer_reject";
}

impl Default for OcspPeerReject {
    fn default() -> Self {
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            kind: String::new(),
            peer: CertInfo::default(),
            server: ServerEnvelope::default(),
            reason: String::new(),
            extra: Extra::new(),
        }
    }
}

/// Body of `$SYS.SERVER.<id>.OCSP.PEER.LINK.INVALID`: a certificate of a peer's chain is revoked or unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspLinkInvalid {
    /// Always [`OcspLinkInvalid::TYPE`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters.
    pub id: String,
    /// When it happened, in UTC.
    pub timestamp: Timestamp,
    /// The invalid certificate.
    pub link: CertInfo,
    /// The peer's own certificate; may be the same.
    pub peer: CertInfo,
    /// The server that found it.
    pub server: ServerEnvelope,
    /// Why.
    pub reason: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl OcspLinkInvalid {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.advisory.v1.ocsp_peer_link_invalid";
}

impl Default for OcspLinkInvalid {
    fn default() -> Self {
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            link: CertInfo::default(),
            peer: CertInfo::default(),
            server: ServerEnvelope::default(),
            reason: String::new(),
            extra: Extra::new(),
        }
    }
}
