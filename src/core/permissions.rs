//! What one connection may publish and subscribe to.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::subject;

use super::time::Time;
use crate::topology::{Permissions, ResponsePermission, SubjectPermission};

/// Decisions on publishing kept before they are all forgotten.
const CACHE_MAX: usize = 128;
/// Reply subjects tracked before those that are used up are looked for, and how long that look
/// may be put off.
const REPLIES_MAX: usize = 4096;
const REPLY_PRUNE: Duration = Duration::from_secs(1);

/// Permissions in force on a connection, with what it was asked so far.
#[derive(Debug)]
pub(crate) struct UserRights {
    granted: Arc<Permissions>,
    publish: Rules,
    subscribe: Rules,
    publish_cache: HashMap<Box<[u8]>, bool, FixedState>,
    /// Set once a subscription could match something that is denied.
    filters_deliveries: bool,
    replies: HashMap<Box<[u8]>, Reply, FixedState>,
    replies_since_prune: usize,
    last_prune: Time,
}

#[derive(Debug)]
struct Reply {
    since: Time,
    used: u32,
}

/// What is allowed, and what of it is denied.
#[derive(Debug, Default)]
pub(super) struct Rules {
    allow: Option<Vec<Rule>>,
    deny: Vec<Rule>,
}

/// A subject, for one queue group only when it names one.
#[derive(Debug)]
struct Rule {
    subject: Box<[u8]>,
    queue: Option<Box<[u8]>>,
}

impl Rule {
    fn parse(text: &str) -> Option<Rule> {
        let mut words = text.split_whitespace();
        let subject = words.next()?;
        let queue = words.next().map(|queue| queue.as_bytes().into());
        Some(Rule {
            subject: subject.as_bytes().into(),
            queue,
        })
    }

    fn covers(&self, subject: &[u8]) -> bool {
        subject::matches(&self.subject, subject)
    }
}

impl Rules {
    pub fn new(permission: Option<&SubjectPermission>) -> Self {
        let parse = |list: &[String]| list.iter().filter_map(|text| Rule::parse(text)).collect();
        permission.map_or_else(Rules::default, |permission| Rules {
            allow: permission.allow.as_deref().map(parse),
            deny: parse(&permission.deny),
        })
    }

    fn restricts(&self) -> bool {
        self.allow.is_some() || !self.deny.is_empty()
    }

    /// A plain rule covers everybody; the rules with queue names count as soon as one of them
    /// covers the subject.
    fn lists(rules: &[Rule], subject: &[u8], queue: Option<&[u8]>) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in rules.iter().filter(|rule| rule.covers(subject)) {
            match (&rule.queue, queue) {
                (None, _) => verdict.plain = true,
                (Some(_), None) => {}
                (Some(listed), Some(asked)) => {
                    verdict.by_queue = true;
                    verdict.this_queue |= **listed == *asked
                        || (subject::has_wildcard(listed) && subject::is_subset(asked, listed));
                }
            }
        }
        verdict
    }

    pub fn allows(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let allowed = match &self.allow {
            None => true,
            Some(rules) => {
                let verdict = Self::lists(rules, subject, queue);
                if verdict.by_queue {
                    verdict.this_queue
                } else {
                    verdict.plain
                }
            }
        };
        allowed && !self.denies(subject, queue)
    }

    pub fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let verdict = Self::lists(&self.deny, subject, queue);
        verdict.plain || verdict.this_queue
    }

    /// The subjects that are denied.
    pub fn denied(&self) -> impl Iterator<Item = &[u8]> {
        self.deny.iter().map(|rule| &*rule.subject)
    }
}

/// Whether a count is within a limit; a limit that is not positive is none.
fn within(count: u32, max: i64) -> bool {
    max <= 0 || i64::from(count) <= max
}

#[derive(Default)]
struct Verdict {
    plain: bool,
    by_queue: bool,
    this_queue: bool,
}

impl UserRights {
    pub fn new(granted: Arc<Permissions>, now: Time) -> Self {
        let mut publish = Rules::new(granted.publish.as_ref());
        if granted.allow_responses.is_some() {
            // Who may only answer may publish nothing else, unless it says what.
            publish.allow.get_or_insert_default();
        }
        Self {
            publish,
            subscribe: Rules::new(granted.subscribe.as_ref()),
            granted,
            publish_cache: HashMap::default(),
            filters_deliveries: false,
            replies: HashMap::default(),
            replies_since_prune: 0,
            last_prune: now,
        }
    }

    /// The permissions as they were configured.
    pub fn granted(&self) -> &Permissions {
        &self.granted
    }

    pub fn may_publish(&mut self, subject: &[u8], now: Time) -> bool {
        self.may_publish_always(subject) || self.may_respond(subject, now)
    }

    /// Whether publishing is allowed by the lists, leaving aside permission to respond.
    pub fn may_publish_always(&mut self, subject: &[u8]) -> bool {
        if !self.publish.restricts() {
            return true;
        }
        if let Some(&known) = self.publish_cache.get(subject) {
            return known;
        }
        let allowed = self.publish.allows(subject, None);
        if self.publish_cache.len() >= CACHE_MAX {
            self.publish_cache.clear();
        }
        self.publish_cache.insert(subject.into(), allowed);
        allowed
    }

    /// Whether publishing is denied, and not only not allowed.
    pub fn denies_publishing(&self, subject: &[u8]) -> bool {
        self.publish.denies(subject, None)
    }

    /// Uses up one response on `subject`, if a request with that reply subject was delivered.
    fn may_respond(&mut self, subject: &[u8], now: Time) -> bool {
        let Some(permission) = self.granted.allow_responses.clone() else {
            return false;
        };
        let Some(reply) = self.replies.get_mut(subject) else {
            return false;
        };
        reply.used += 1;
        let allowed = within(reply.used, permission.max_msgs)
            && permission
                .expires
                .is_none_or(|expires| now - reply.since <= expires);
        if !allowed {
            self.replies.remove(subject);
        }
        allowed
    }

    /// Notes that a request was delivered, so that its reply subject may be published to.
    pub fn track_reply(&mut self, reply: &[u8], now: Time) {
        let Some(permission) = self.granted.allow_responses.clone() else {
            return;
        };
        // A reply subject that may still be answered on goes on counting, and the question whether it
        // may counts as an answer.
        if self.may_publish(reply, now) {
            return;
        }
        self.replies.insert(
            reply.into(),
            Reply {
                since: now,
                used: 0,
            },
        );
        self.replies_since_prune += 1;
        if self.replies_since_prune > REPLIES_MAX || now - self.last_prune > REPLY_PRUNE {
            self.prune(&permission, now);
        }
    }

    fn prune(&mut self, permission: &ResponsePermission, now: Time) {
        self.replies.retain(|_, reply| {
            within(reply.used + 1, permission.max_msgs)
                && permission
                    .expires
                    .is_none_or(|expires| now - reply.since <= expires)
        });
        self.replies_since_prune = 0;
        self.last_prune = now;
    }

    pub fn may_subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let allowed = self.subscribe.allows(subject, queue);
        self.filter_if_denied(allowed, subject, queue);
        allowed
    }

    /// Has deliveries looked at if an allowed subscription meets a denial.
    fn filter_if_denied(&mut self, allowed: bool, subject: &[u8], queue: Option<&[u8]>) {
        if allowed && (queue.is_some() || subject::has_wildcard(subject)) {
            self.filters_deliveries |= self
                .subscribe
                .deny
                .iter()
                .any(|rule| subject::collides(&rule.subject, subject));
        }
    }

    /// Whether a leaf node connection may tell that somebody listens to a subject: of what lies in a broader one than
    /// is allowed, it sends what it may.
    pub fn may_tell(&mut self, subject: &[u8]) -> bool {
        if self.may_subscribe(subject, None) {
            return true;
        }
        let mut allowed = self.subscribe.allow.iter().flatten();
        let is_part = subject::has_wildcard(subject)
            && allowed.any(|rule| subject::is_subset(&rule.subject, subject))
            && !self.subscribe.denies(subject, None);
        self.filter_if_denied(is_part, subject, None);
        is_part
    }

    /// Whether a message may be delivered to a subscription that was allowed as a whole.
    pub fn may_receive(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        !self.filters_deliveries || !self.subscribe.denies(subject, queue)
    }
}
