//! The one queue of everything that is due later.

use std::collections::BTreeMap;

use super::account::AccountId;
use super::conn::ConnId;
use super::fetch::FetchId;
use super::server::ServerId;
use super::time::Time;

/// What happens when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// CONNECT has not come in time.
    Auth(ConnId),
    /// A service that was asked about a connection has not answered in time.
    Callout(ConnId),
    /// What a server has others get for it has not come in time.
    Fetch(ServerId, FetchId),
    /// Time to look again for the token of a system account.
    SystemAccount(ServerId),
    /// A TLS handshake, or what comes before it, has not come in time.
    Tls(ConnId),
    /// Time to PING a connection, or to find it stale.
    Ping(ConnId),
    /// A connection that was stalled for a while goes on.
    Resume(ConnId),
    /// What is said late to a connection is due.
    Late(ConnId),
    /// A write has made no progress for too long.
    WriteDeadline(ConnId),
    /// The next connection is closed in lame duck mode.
    LameDuck(ServerId),
    /// The connections of a link that lets nothing through are given up.
    StaleLink(ServerId, ServerId),
    /// A link that flaps is cut, or well again.
    Flap(ServerId, ServerId),
    /// A message from one server arrives at another.
    Arrival(ServerId, ServerId),
    /// Time to look for answers of an account's service to others that take too long.
    Answers(ServerId, AccountId, u32),
    /// Time to connect to a remote as a leaf node.
    Dial(ServerId, u16),
    /// The token of a client expires.
    TokenExpires(ConnId),
    /// The token of an account expires.
    AccountExpires(ServerId, AccountId),
    /// A token that lets an account import something expires.
    ActivationExpires(ServerId, AccountId),
    /// A timer that a system service set; the tag is the service's own.
    Service(ServerId, u64),
}

/// A handle on a timer, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Time, u64);

impl TimerKey {
    /// When it fires.
    pub fn due(self) -> Time {
        self.0
    }
}

/// Timers in the order `(deadline, sequence)`, so that equal deadlines fire in the order set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    sequence: u64,
}

impl Timers {
    pub fn set(&mut self, at: Time, timer: Timer) -> TimerKey {
        self.sequence += 1;
        let key = TimerKey(at, self.sequence);
        self.queue.insert(key, timer);
        key
    }

    pub fn cancel(&mut self, key: TimerKey) {
        self.queue.remove(&key);
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.queue.first_key_value().map(|(key, _)| key.0)
    }

    /// Takes the first timer that is due at `now`, with its deadline.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, Timer)> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| {
            let (key, timer) = first.remove_entry();
            (key.0, timer)
        })
    }
}
