//! Who listens to a subject: a trie of subscriptions with a cache of results.
//!
//! The statistics are those of nats-server's own structure, counted at the same moments, because
//! SUBSZ and ACCOUNTZ show them.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use indexmap::IndexSet;
use nats_mock_protocol::subject;

use super::subs::SubId;

/// Results kept before the cache is swept, and what a sweep leaves.
pub(super) const CACHE_MAX: usize = 1024;
pub(super) const CACHE_SWEPT: usize = 256;

/// Plain subscriptions, and one list for each queue group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MatchResult {
    pub plain: Vec<SubId>,
    /// Those that every server has alike.
    pub every: Vec<SubId>,
    pub queues: Vec<QueueGroup>,
}

/// The members of a queue group that listen to a subject.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueueGroup {
    pub name: Arc<[u8]>,
    pub members: Vec<SubId>,
}

impl QueueGroup {
    pub fn is_among(&self, names: &[Box<[u8]>]) -> bool {
        names.iter().any(|name| **name == *self.name)
    }
}

impl MatchResult {
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.every.is_empty() && self.queues.is_empty()
    }

    fn add(&mut self, id: SubId, queue: Option<&Arc<[u8]>>) {
        let Some(name) = queue else {
            self.add_plain(id);
            return;
        };
        match self.queues.iter_mut().find(|group| group.name == *name) {
            Some(group) => group.members.push(id),
            None => self.queues.push(QueueGroup {
                name: name.clone(),
                members: vec![id],
            }),
        }
    }

    fn add_plain(&mut self, id: SubId) {
        if id.is_of_every_server() {
            self.every.push(id);
        } else {
            self.plain.push(id);
        }
    }
}

/// A subject that no subscription can have: an empty token, or `>` before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSubject;

/// The figures of one subscription list, as SUBSZ shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SublistStats {
    pub cached: u32,
    pub matches: u64,
    pub cache_hits: u64,
    pub max_fanout: u32,
    pub total_fanout: u64,
}

type Cache = HashMap<Box<[u8]>, Arc<MatchResult>, FixedState>;

impl SublistStats {
    /// Adds a result that is kept, with how many listeners it stands for.
    pub fn add_cached(&mut self, fan_out: usize) {
        self.cached += 1;
        self.total_fanout += fan_out as u64;
        self.max_fanout = self
            .max_fanout
            .max(u32::try_from(fan_out).unwrap_or(u32::MAX));
    }
}

#[derive(Debug)]
pub(crate) struct Sublist {
    root: Level,
    cache: Option<Cache>,
    nothing: Arc<MatchResult>,
    generation: u64,
    matches: u64,
    cache_hits: u64,
}

impl Sublist {
    pub fn new(cached: bool) -> Self {
        Self {
            root: Level::default(),
            cache: cached.then(HashMap::default),
            nothing: Arc::default(),
            generation: 0,
            matches: 0,
            cache_hits: 0,
        }
    }

    /// Changes with every insertion and removal; results are valid for one generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.root.literals.is_empty() && self.root.any.is_none() && self.root.rest.is_none()
    }

    pub fn insert(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
        id: SubId,
    ) -> Result<(), InvalidSubject> {
        if !subject::is_valid_subscription(subject) {
            return Err(InvalidSubject);
        }
        let mut level = &mut self.root;
        let mut tokens = subject::tokens(subject).peekable();
        while let Some(token) = tokens.next() {
            let node = level.child_mut(token);
            if tokens.peek().is_none() {
                let queue = node.insert(queue, id);
                self.generation += 1;
                self.add_to_cache(subject, id, queue.as_ref());
                return Ok(());
            }
            level = node.next.get_or_insert_default();
        }
        Err(InvalidSubject)
    }

    pub fn remove(&mut self, subject: &[u8], queue: Option<&[u8]>, id: SubId) {
        if !self.root.remove(subject, queue, id) {
            return;
        }
        self.generation += 1;
        if let Some(cache) = &mut self.cache {
            forget_matching(cache, subject);
        }
    }

    /// Forgets the results kept so far, as nats-server does before it removes many subscriptions at
    /// once.
    pub fn forget_results(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.clear();
        }
    }

    /// The list is to be taken for another, though nothing has come or gone.
    pub fn outdate(&mut self) {
        self.generation += 1;
    }

    /// The subscriptions to `subject`, which may have wildcards, have become others: whoever has looked
    /// them up has to do so again.
    pub fn refresh(&mut self, subject: &[u8]) {
        self.generation += 1;
        if let Some(cache) = &mut self.cache {
            forget_matching(cache, subject);
        }
    }

    /// Whether results are kept.
    pub fn is_cached(&self) -> bool {
        self.cache.is_some()
    }

    /// How often subjects were looked up, and how often there was a result.
    pub fn counted(&self) -> (u64, u64) {
        (self.matches, self.cache_hits)
    }

    /// The subjects whose results are kept, in any order.
    pub fn cached(&self) -> impl Iterator<Item = &[u8]> {
        let subjects = self.cache.iter().flat_map(HashMap::keys);
        subjects.map(|subject| &**subject)
    }

    /// What there is for the literal `subject`, found without a trace in the statistics.
    pub fn find(&self, subject: &[u8]) -> MatchResult {
        let mut found = MatchResult::default();
        self.root.collect(subject, &mut found);
        found
    }

    /// Everybody who listens to the literal `subject`, found without a trace in the statistics.
    pub fn listeners(&self, subject: &[u8]) -> Vec<SubId> {
        let MatchResult { plain, queues, .. } = self.find(subject);
        let members = queues.into_iter().flat_map(|group| group.members);
        plain.into_iter().chain(members).collect()
    }

    /// Everybody who listens to the literal `subject`.
    pub fn matches(&mut self, subject: &[u8]) -> Arc<MatchResult> {
        self.matches += 1;
        if let Some(found) = self.cache.as_ref().and_then(|cache| cache.get(subject)) {
            self.cache_hits += 1;
            return found.clone();
        }
        if subject.split(|&b| b == b'.').any(<[u8]>::is_empty) {
            return self.nothing.clone();
        }
        let mut found = MatchResult::default();
        self.root.collect(subject, &mut found);
        let found = if found.is_empty() {
            self.nothing.clone()
        } else {
            Arc::new(found)
        };
        if let Some(cache) = &mut self.cache {
            cache.insert(subject.into(), found.clone());
            if cache.len() > CACHE_MAX {
                let mut excess = cache.len() - CACHE_SWEPT;
                cache.retain(|_, _| {
                    let keep = excess == 0;
                    excess = excess.saturating_sub(1);
                    keep
                });
            }
        }
        found
    }

    /// The figures of the list, with a say in how many listeners a result stands for.
    pub fn stats(&self, fanout: impl Fn(&MatchResult) -> usize) -> SublistStats {
        let mut stats = SublistStats {
            matches: self.matches,
            cache_hits: self.cache_hits,
            ..SublistStats::default()
        };
        for result in self.cache.iter().flat_map(HashMap::values) {
            stats.add_cached(fanout(result));
        }
        stats
    }

    fn add_to_cache(&mut self, subject: &[u8], id: SubId, queue: Option<&Arc<[u8]>>) {
        let Some(cache) = &mut self.cache else { return };
        if !subject::has_wildcard(subject) {
            if let Some(result) = cache.get_mut(subject) {
                Arc::make_mut(result).add(id, queue);
            }
            return;
        }
        for (cached, result) in cache.iter_mut() {
            if subject::matches(subject, cached) {
                Arc::make_mut(result).add(id, queue);
            }
        }
    }
}

fn forget_matching(cache: &mut Cache, subject: &[u8]) {
    if subject::has_wildcard(subject) {
        cache.retain(|cached, _| !subject::matches(subject, cached));
    } else {
        cache.remove(subject);
    }
}

/// One token position: literal tokens and the two wildcards.
#[derive(Debug, Default)]
struct Level {
    literals: HashTable<Literal>,
    any: Option<Box<Node>>,
    rest: Option<Box<Node>>,
}

#[derive(Debug)]
struct Literal {
    token: Box<[u8]>,
    node: Node,
}

#[derive(Debug, Default)]
struct Node {
    next: Option<Box<Level>>,
    plain: SubSet,
    queues: Option<Box<Queues>>,
}

/// Behind a pointer of its own, because few of the many nodes have any.
#[derive(Debug, Default)]
struct Queues(Vec<QueueNode>);

#[derive(Debug)]
struct QueueNode {
    name: Arc<[u8]>,
    members: SubSet,
}

impl Level {
    fn child_mut(&mut self, token: &[u8]) -> &mut Node {
        match token {
            b"*" => self.any.get_or_insert_default(),
            b">" => self.rest.get_or_insert_default(),
            _ => {
                let literal = self.literals.entry(
                    hash(token),
                    |literal| *literal.token == *token,
                    |literal| hash(&literal.token),
                );
                let new = || Literal {
                    token: token.into(),
                    node: Node::default(),
                };
                &mut literal.or_insert_with(new).into_mut().node
            }
        }
    }

    fn literal(&self, token: &[u8]) -> Option<&Node> {
        self.literals
            .find(hash(token), |literal| *literal.token == *token)
            .map(|literal| &literal.node)
    }

    fn child(&self, token: &[u8]) -> Option<&Node> {
        match token {
            b"*" => self.any.as_deref(),
            b">" => self.rest.as_deref(),
            _ => self.literal(token),
        }
    }

    fn existing_child_mut(&mut self, token: &[u8]) -> Option<&mut Node> {
        match token {
            b"*" => self.any.as_deref_mut(),
            b">" => self.rest.as_deref_mut(),
            _ => self
                .literals
                .find_mut(hash(token), |literal| *literal.token == *token)
                .map(|literal| &mut literal.node),
        }
    }

    fn remove_child(&mut self, token: &[u8]) {
        match token {
            b"*" => self.any = None,
            b">" => self.rest = None,
            _ => {
                let entry = self
                    .literals
                    .find_entry(hash(token), |literal| *literal.token == *token);
                if let Ok(entry) = entry {
                    entry.remove();
                }
            }
        }
    }

    fn has_one_child(&self) -> bool {
        self.literals.len() + usize::from(self.any.is_some()) + usize::from(self.rest.is_some())
            == 1
    }

    /// Removes a subscription and every node that is left without a use. Subjects can have thousands
    /// of tokens: nothing here goes one call deeper for each.
    fn remove(&mut self, subject: &[u8], queue: Option<&[u8]>, id: SubId) -> bool {
        let mut tokens = subject::tokens(subject).peekable();
        let mut level = &mut *self;
        while let Some(token) = tokens.next() {
            let Some(node) = level.existing_child_mut(token) else {
                return false;
            };
            if tokens.peek().is_none() {
                let removed = node.remove(queue, id);
                if removed && node.is_empty() {
                    self.prune(subject);
                }
                return removed;
            }
            let Some(next) = &mut node.next else {
                return false;
            };
            level = next;
        }
        false
    }

    /// Cuts off the nodes on the way to `subject` below which nothing is left.
    fn prune(&mut self, subject: &[u8]) {
        let mut cut = 0;
        let mut level = &*self;
        for (depth, token) in subject::tokens(subject).enumerate() {
            let Some(node) = level.child(token) else {
                return;
            };
            if !level.has_one_child() {
                cut = depth;
            }
            if node.has_subscriptions() {
                cut = depth + 1;
            }
            match &node.next {
                Some(next) => level = next,
                None => break,
            }
        }
        let mut tokens = subject::tokens(subject);
        let mut level = self;
        for _ in 1..cut {
            let next = tokens
                .next()
                .and_then(|token| level.existing_child_mut(token))
                .and_then(|node| node.next.as_deref_mut());
            let Some(next) = next else { return };
            level = next;
        }
        let (Some(token), below) = (tokens.next(), tokens.next()) else {
            return;
        };
        match (cut, level.existing_child_mut(token), below) {
            (0, ..) => level.remove_child(token),
            (_, Some(node), Some(below)) => match &mut node.next {
                Some(next) if !next.has_one_child() => next.remove_child(below),
                _ => node.next = None,
            },
            _ => {}
        }
    }

    fn collect(&self, subject: &[u8], found: &mut MatchResult) {
        let mut waiting = vec![(self, subject)];
        while let Some((level, subject)) = waiting.pop() {
            if let Some(rest) = &level.rest {
                rest.add_to(found);
            }
            let (token, tail) = split(subject);
            let nodes = [level.any.as_deref(), level.literal(token)];
            match tail {
                None => nodes
                    .into_iter()
                    .flatten()
                    .for_each(|node| node.add_to(found)),
                // The wildcard's side is to be looked at first.
                Some(tail) => waiting.extend(
                    nodes
                        .into_iter()
                        .rev()
                        .flatten()
                        .filter_map(|node| Some((node.next.as_deref()?, tail))),
                ),
            }
        }
    }
}

impl Drop for Level {
    /// One by one: a subject of thousands of tokens must not need as many calls within each other.
    fn drop(&mut self) {
        let mut doomed = Vec::new();
        self.take_next(&mut doomed);
        while let Some(mut level) = doomed.pop() {
            level.take_next(&mut doomed);
        }
    }
}

impl Level {
    fn take_next(&mut self, into: &mut Vec<Level>) {
        let literals = self.literals.iter_mut().map(|literal| &mut literal.node);
        let wildcards = [self.any.as_deref_mut(), self.rest.as_deref_mut()];
        into.extend(
            literals
                .chain(wildcards.into_iter().flatten())
                .filter_map(|node| node.next.take().map(|next| *next)),
        );
    }
}

impl Node {
    fn insert(&mut self, queue: Option<&[u8]>, id: SubId) -> Option<Arc<[u8]>> {
        let Some(queue) = queue else {
            self.plain.insert(id);
            return None;
        };
        let Queues(queues) = &mut **self.queues.get_or_insert_default();
        if let Some(node) = queues.iter_mut().find(|node| *node.name == *queue) {
            node.members.insert(id);
            return Some(node.name.clone());
        }
        let name: Arc<[u8]> = queue.into();
        queues.push(QueueNode {
            name: name.clone(),
            members: SubSet::One(id),
        });
        Some(name)
    }

    fn remove(&mut self, queue: Option<&[u8]>, id: SubId) -> bool {
        let Some(queue) = queue else {
            return self.plain.remove(id);
        };
        let Some(Queues(queues)) = self.queues.as_deref_mut() else {
            return false;
        };
        let Some(at) = queues.iter().position(|node| *node.name == *queue) else {
            return false;
        };
        let removed = queues[at].members.remove(id);
        if queues[at].members.is_empty() {
            queues.remove(at);
            if queues.is_empty() {
                self.queues = None;
            }
        }
        removed
    }

    fn has_subscriptions(&self) -> bool {
        !self.plain.is_empty() || self.queues.is_some()
    }

    fn is_empty(&self) -> bool {
        self.next.is_none() && !self.has_subscriptions()
    }

    fn add_to(&self, found: &mut MatchResult) {
        self.plain.for_each(|id| found.add_plain(id));
        for queue in self.queues.iter().flat_map(|queues| &queues.0) {
            queue
                .members
                .for_each(|id| found.add(id, Some(&queue.name)));
        }
    }
}

fn hash(token: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(token)
}

fn split(subject: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'.', subject) {
        Some(dot) => (&subject[..dot], Some(&subject[dot + 1..])),
        None => (subject, None),
    }
}

/// A set of subscriptions that is small when it holds few, and quick to remove from when it holds
/// many. Its order is the order of insertion until something is removed from a large set.
#[derive(Debug, Default)]
enum SubSet {
    #[default]
    Empty,
    One(SubId),
    Few(Vec<SubId>),
    Many(Box<IndexSet<SubId, FixedState>>),
}

const FEW: usize = 32;

impl SubSet {
    fn insert(&mut self, id: SubId) {
        match self {
            SubSet::Empty => *self = SubSet::One(id),
            SubSet::One(first) => *self = SubSet::Few(vec![*first, id]),
            SubSet::Few(list) if list.len() < FEW => list.push(id),
            SubSet::Few(list) => {
                let many = list.iter().copied().chain([id]).collect();
                *self = SubSet::Many(Box::new(many));
            }
            SubSet::Many(set) => {
                set.insert(id);
            }
        }
    }

    fn remove(&mut self, id: SubId) -> bool {
        match self {
            SubSet::Empty => false,
            SubSet::One(only) => {
                let found = *only == id;
                if found {
                    *self = SubSet::Empty;
                }
                found
            }
            SubSet::Few(list) => match list.iter().position(|member| *member == id) {
                Some(at) => {
                    list.remove(at);
                    if list.is_empty() {
                        *self = SubSet::Empty;
                    }
                    true
                }
                None => false,
            },
            SubSet::Many(set) => {
                let found = set.swap_remove(&id);
                if set.is_empty() {
                    *self = SubSet::Empty;
                }
                found
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, SubSet::Empty)
    }

    fn for_each(&self, mut visit: impl FnMut(SubId)) {
        match self {
            SubSet::Empty => {}
            SubSet::One(id) => visit(*id),
            SubSet::Few(list) => list.iter().copied().for_each(visit),
            SubSet::Many(set) => set.iter().copied().for_each(visit),
        }
    }
}
