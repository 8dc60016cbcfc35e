//! A client connection: what it said of itself, what it may do, what it has sent and received.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use nats_mock_protocol::wire::ConnectOptions;

use super::CloseReason;
use super::account::AccountId;
use super::callout::Callout;
use super::identity::Identity;
use super::latency_apart::Measuring;
use super::leaf::Leaf;
use super::lookup::Lookup;
use super::notice::ConnKind;
use super::permissions::UserRights;
use super::server::ServerId;
use super::short_lived::ShortLived;
use super::speak::Late;
use super::stall::Stalled;
use super::sublist::MatchResult;
use super::subs::SubId;
use super::time::Time;
use super::timers::TimerKey;
use super::tls::Tls;
use super::websocket::Upgraded;
use crate::topology::ConnectionType;

/// A connection's name in the core. It is never reused: a stale id names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Where a connection comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub host: Box<str>,
    pub port: u16,
    /// The user it is taken for if it brings no credentials: it came by a port that was opened for
    /// this user.
    pub stand_in: Option<Box<str>>,
    /// It is in the same process, where nobody needs TLS.
    pub in_process: bool,
    /// What it brought along if it came over WebSocket.
    pub websocket: Option<Box<Upgraded>>,
}

/// Message counts and payload bytes (headers included) in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub msgs: u64,
    pub bytes: u64,
}

impl Traffic {
    pub fn add(&mut self, msgs: u64, bytes: u64) {
        // A test may say any numbers of simulated connections.
        self.msgs = self.msgs.saturating_add(msgs);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.add(other.msgs, other.bytes);
    }
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(super) generation: u32,
    /// `client_id` of INFO, `cid` of CONNZ.
    pub cid: u64,
    pub server: ServerId,
    pub account: AccountId,
    /// The account that what comes next is counted for: the one at the start of a read.
    pub(super) counted_in: AccountId,
    pub peer: Peer,
    pub start: Time,
    /// Last activity as CONNZ shows it.
    pub last: Time,
    /// Last data or PING from the client, which puts off our own PING.
    pub last_in: Time,
    /// Round trip in nanoseconds; 0 is not known yet.
    pub rtt: i64,
    pub options: Box<ConnectOptions>,
    pub rights: Option<Box<UserRights>>,
    /// What it was given to sign.
    pub(super) nonce: Option<Box<str>>,
    /// Who vouches for it, if its user is known by a signature. A later user with a password keeps it.
    pub identity: Option<Arc<Identity>>,
    pub subs: HashTable<SubId>,
    pub max_payload: Option<u32>,
    pub max_subscriptions: Option<u32>,
    /// From the client.
    pub received: Traffic,
    /// To the client.
    pub sent: Traffic,
    pub stalls: u64,
    pub(super) flags: Flags,
    pub(super) pings_out: u32,
    pub(super) ping_sent: Option<Time>,
    pub(super) auth_timer: Option<TimerKey>,
    pub(super) expiry_timer: Option<TimerKey>,
    pub(super) ping_timer: Option<TimerKey>,
    pub(super) write_timer: Option<TimerKey>,
    /// Encoded output that no shell has taken yet.
    pub(super) output: Vec<u8>,
    /// Bytes a shell has taken and not yet written.
    pub(super) in_flight: usize,
    /// How far it is with TLS; nothing if it does without.
    pub(super) tls: Option<Box<Tls>>,
    /// Why the connection is being closed.
    pub(super) closing: Option<CloseReason>,
    pub(super) matches: MatchCache,
    /// The subjects of answers that go where the request said.
    pub(super) asked: ShortLived<()>,
    /// The subjects of answers that are measured.
    pub(super) measured: ShortLived<Measuring>,
    /// What it has more than others if it is a leaf node's.
    pub leaf: Option<Box<Leaf>>,
    /// How much of the output has been looked at.
    pub(super) passed: usize,
    /// What is to be said to it later.
    pub(super) late: Option<Box<Late>>,
    /// What waits for it, if nothing passes at the moment.
    pub(super) stalled: Option<Box<Stalled>>,
    /// What waits for it while a service is asked who it is.
    pub(super) callout: Option<Box<Callout>>,
    /// Its account is being looked up.
    pub(super) lookup: Option<Box<Lookup>>,
    /// What it is greeted with instead of INFO.
    #[expect(clippy::box_collection, reason = "hardly any connection has one")]
    pub(super) greeting: Option<Box<Vec<u8>>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// Credentials are needed and have not been accepted yet.
    pub expects_connect: bool,
    pub connect_received: bool,
    pub first_pong_sent: bool,
    /// The last activity was CONNECT, which is the only one that is shown in UTC.
    pub last_in_utc: bool,
    /// Both sides support headers.
    pub headers: bool,
    /// Already among the connections with output waiting.
    pub woken: bool,
    /// It is simulated: no shell carries its bytes.
    pub detached: bool,
    /// The other side is to find it broken.
    pub reset: bool,
    /// Nobody gets what is sent to it.
    pub mute: bool,
    /// The other side is yet to be told that nothing more is sent.
    pub finish_due: bool,
}

impl Conn {
    /// Bytes on their way to the client.
    pub fn pending(&self) -> usize {
        let late = self.late.as_deref().map_or(0, Late::bytes);
        self.output.len() + self.in_flight + late
    }

    pub(super) fn kind(&self) -> ConnKind {
        match &self.leaf {
            None if self.peer.websocket.is_some() => ConnKind::Websocket,
            None => ConnKind::Client,
            Some(leaf) if leaf.is_stranger => ConnKind::StrangeLeaf,
            Some(leaf) if leaf.remote.is_some() => ConnKind::LeafToHub,
            Some(_) => ConnKind::LeafOfHub,
        }
    }

    /// Whether somebody else has to say who it is.
    pub(super) fn is_asked_about(&self) -> bool {
        self.callout.is_some() || self.lookup.is_some()
    }

    /// How it has connected, as far as users can be held to that.
    pub(super) fn connection_type(&self) -> ConnectionType {
        match self.leaf {
            Some(_) => ConnectionType::Leafnode,
            None if self.peer.websocket.is_some() => ConnectionType::Websocket,
            None => ConnectionType::Standard,
        }
    }

    /// Whether what it sends has to wait.
    pub(super) fn is_held(&self) -> bool {
        self.stalled.is_some() || self.is_asked_about()
    }

    pub fn last_in_utc(&self) -> bool {
        self.flags.last_in_utc
    }

    /// Why it is being closed.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.closing
    }

    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// The user as events and CONNZ show it, if the connection brought any credentials.
    pub fn shown_user(&self, redact_tokens: bool) -> Option<&str> {
        let options = &self.options;
        let of_token = self
            .identity
            .as_deref()
            .map_or("", |identity| &*identity.user);
        if !options.nkey.is_empty() {
            Some(&options.nkey)
        } else if !options.user.is_empty() {
            Some(&options.user)
        } else if !of_token.is_empty() {
            Some(of_token)
        } else if !options.auth_token.is_empty() {
            Some(if redact_tokens {
                "[REDACTED]"
            } else {
                &options.auth_token
            })
        } else {
            None
        }
    }
}

/// What a connection's recent publishes matched, valid for one account, which CONNECT can change,
/// and one generation of its subscription list.
#[derive(Debug, Default)]
pub(super) struct MatchCache {
    valid_for: Option<(AccountId, u64)>,
    results: HashMap<Box<[u8]>, Arc<MatchResult>, FixedState>,
}

/// Results kept before some are dropped, and how many are dropped then.
pub(super) const CACHE_MAX: usize = 512;
pub(super) const CACHE_DROPPED: usize = 32;

impl MatchCache {
    pub fn get(
        &mut self,
        subject: &[u8],
        account: AccountId,
        generation: u64,
    ) -> Option<&Arc<MatchResult>> {
        let wanted = Some((account, generation));
        if self.valid_for != wanted {
            self.results = HashMap::default();
            self.valid_for = wanted;
        }
        self.results.get(subject)
    }

    /// The subjects whose results are good.
    pub fn known(&self, account: AccountId, generation: u64) -> impl Iterator<Item = &[u8]> {
        let is_valid = self.valid_for == Some((account, generation));
        let subjects = self.results.keys().filter(move |_| is_valid);
        subjects.map(|subject| &**subject)
    }

    pub fn put(&mut self, subject: &[u8], result: Arc<MatchResult>) {
        if self.results.len() >= CACHE_MAX {
            let mut drop = CACHE_DROPPED;
            self.results.retain(|_, _| {
                let keep = drop == 0;
                drop = drop.saturating_sub(1);
                keep
            });
        }
        self.results.insert(subject.into(), result);
    }
}
