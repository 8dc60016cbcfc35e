//! SUBSZ: subscriptions.

use super::EventFilterOptions;
use crate::json::{Extra, Field, RequestOptions, Slot};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Options of a SUBSZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubszOptions {
    /// First subscription of the page; below zero counts as zero.
    pub offset: i64,
    /// Subscriptions on the page; zero or less is 1024.
    pub limit: i64,
    /// List the subscriptions, not only their number.
    pub subscriptions: bool,
    /// Only this account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Only subscriptions that match this literal subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub test: String,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for SubszOptions {
    const GO_STRUCT: &'static str = "SubszEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("offset", Slot::Int(&mut self.offset)),
            Field::new("limit", Slot::Int(&mut self.limit)),
            Field::new("subscriptions", Slot::Bool(&mut self.subscriptions)),
            Field::new("account", Slot::Text(&mut self.account)),
            Field::new("test", Slot::Text(&mut self.test)),
        ]
        .into_iter()
        .map(|field| field.embedded_in("SubszOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Figures of a subscription list and its match cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SublistStats {
    /// Subscriptions.
    pub num_subscriptions: u64,
    /// Entries of the match cache.
    pub num_cache: u64,
    /// Subscriptions ever made.
    pub num_inserts: u64,
    /// Subscriptions ever removed.
    pub num_removes: u64,
    /// Matches ever asked for.
    pub num_matches: u64,
    /// Part of the matches the cache answered, 0 to 1.
    pub cache_hit_rate: f64,
    /// Most subscriptions of a cached subject.
    pub max_fanout: u64,
    /// Mean number of subscriptions of the cached subjects.
    pub avg_fanout: f64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Data of a SUBSZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subsz {
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Subscriptions.
    pub num_subscriptions: u64,
    /// Entries of the match cache.
    pub num_cache: u64,
    /// Subscriptions ever made.
    pub num_inserts: u64,
    /// Subscriptions ever removed.
    pub num_removes: u64,
    /// Matches ever asked for.
    pub num_matches: u64,
    /// Part of the matches the cache answered, 0 to 1.
    pub cache_hit_rate: f64,
    /// Most subscriptions of a cached subject.
    pub max_fanout: u64,
    /// Mean number of subscriptions of the cached subjects.
    pub avg_fanout: f64,
    /// Subscriptions that fit the request on all pages; since 2.11, only those on the page in 2.10.
    pub total: i64,
    /// First subscription of the page.
    pub offset: i64,
    /// Subscriptions a page can have.
    pub limit: i64,
    /// The page. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<SubDetail>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Subsz {
    /// Puts the figures of a subscription list in.
    pub fn set_stats(&mut self, stats: &SublistStats) {
        self.num_subscriptions = stats.num_subscriptions;
        self.num_cache = stats.num_cache;
        self.num_inserts = stats.num_inserts;
        self.num_removes = stats.num_removes;
        self.num_matches = stats.num_matches;
        self.cache_hit_rate = stats.cache_hit_rate;
        self.max_fanout = stats.max_fanout;
        self.avg_fanout = stats.avg_fanout;
    }
}

/// One subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubDetail {
    /// Account. Left out when empty, as in the lists of open connections.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Name of the account; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_tag: String,
    /// Subject.
    pub subject: String,
    /// Queue group. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub qgroup: String,
    /// The client's number for it.
    pub sid: String,
    /// Messages delivered.
    pub msgs: i64,
    /// Messages after which it ends. Left out when zero.
    #[serde(skip_serializing_if = "crate::json::is_default")]
    pub max: i64,
    /// Client id.
    pub cid: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
