//! RAFTZ: replicated groups.

use super::EventFilterOptions;
use crate::jetstream::StreamState;
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use crate::time::{GoDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Options of a RAFTZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftzOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Account whose groups are meant; empty is the system account.
    pub account: String,
    /// Only this group.
    pub group: String,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for RaftzOptions {
    const GO_STRUCT: &'static str = "RaftzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        let own = [
            Field::new("account", Slot::Text(&mut self.account)),
            Field::new("group", Slot::Text(&mut self.group)),
        ];
        let own = own.map(|field| field.embedded_in("RaftzOptions"));
        self.filter.embedded().chain(own).collect()
    }
}

/// Data of a RAFTZ reply: groups by account and name.
pub type Raftz = BTreeMap<String, BTreeMap<String, RaftGroup>>;

/// One replicated group as its member on the answering server sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftGroup {
    /// Short id of the answering server.
    pub id: String,
    /// `FOLLOWER`, `CANDIDATE`, `LEADER` or `CLOSED`.
    pub state: String,
    /// Members.
    pub size: i64,
    /// Members that make a majority.
    pub quorum_needed: i64,
    /// Whether this member never leads. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub observer: bool,
    /// Whether applying is paused. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub paused: bool,
    /// Whether proposals are held up because members lag; since 2.14. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub overrun: bool,
    /// How often that happened; since 2.14. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub overrun_count: u64,
    /// Index up to which entries are committed.
    pub committed: u64,
    /// Index up to which entries are applied.
    pub applied: u64,
    /// Whether this member is catching up. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub catching_up: bool,
    /// Short id of the leading server. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader: String,
    /// Since when this member leads, in UTC; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_since: Option<Timestamp>,
    /// Whether the group ever had a leader.
    pub ever_had_leader: bool,
    /// Term.
    pub term: u64,
    /// Short id of the server this member voted for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub voted_for: String,
    /// Term of the last entry.
    pub pterm: u64,
    /// Index of the last entry.
    pub pindex: u64,
    /// Whether the group's messages go through the system account; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_account: Option<bool>,
    /// Account the group's messages go through; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_account: Option<String>,
    /// Proposals waiting.
    pub ipq_proposal_len: i64,
    /// Entries waiting.
    pub ipq_entry_len: i64,
    /// Responses waiting.
    pub ipq_resp_len: i64,
    /// Entries waiting to be applied.
    pub ipq_apply_len: i64,
    /// The write-ahead log.
    pub wal: StreamState,
    /// What is wrong with the write-ahead log; `{}` for most errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_error: Option<Value>,
    /// The other members by short id.
    pub peers: BTreeMap<String, RaftGroupPeer>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Another member of a replicated group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftGroupPeer {
    /// Server name. Empty when not known.
    pub name: String,
    /// Whether it is known to be a member.
    pub known: bool,
    /// Index up to which it has entries. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub last_replicated_index: u64,
    /// Time since it was heard of; only if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<GoDuration>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
