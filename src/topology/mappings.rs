//! Mappings: subjects of an account that become others when something is published to them.

use std::collections::BTreeMap;

use nats_mock_protocol::subject::{is_subset, is_valid};
use nats_mock_protocol::transform::{
    Functions, Transform, TransformError, check_mapping, number_wildcards,
};

use super::options::words::quote;

/// A subject, which may have wildcards, and what it becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectMapping {
    /// What is published to.
    pub source: String,
    /// What it becomes, one of these for each message.
    pub destinations: Vec<MappingDestination>,
}

/// What a subject may become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingDestination {
    /// The subject, which may refer to the wildcards of the source and use functions:
    /// `orders.{{partition(3,1)}}.$1`.
    pub subject: String,
    /// For how many messages of a hundred.
    pub weight: u8,
    /// Only on servers of this cluster.
    pub cluster: Option<String>,
}

impl SubjectMapping {
    /// All messages to `source` go to `destination`.
    ///
    /// ```
    /// use nats_mock::topology::{AccountOptions, SubjectMapping};
    ///
    /// let mut shop = AccountOptions::new("SHOP");
    /// shop.mappings.push(SubjectMapping::new("orders.*", "orders.{{partition(3,1)}}.$1"));
    /// ```
    pub fn new(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            destinations: vec![MappingDestination {
                subject: destination.into(),
                weight: 100,
                cluster: None,
            }],
        }
    }
}

/// Why a subject cannot become another. `Display` is the reason that `nats-server -t` prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// The source is no subject.
    #[error("invalid subject")]
    Source,
    /// A destination is named twice.
    #[error("duplicate entry for {}", quote(.0))]
    Twice(String),
    /// There are more than a hundred percent.
    #[error("total weight needs to be <= 100")]
    TotalWeight,
    /// One destination has more than a hundred percent.
    #[error("individual weights need to be <= 100")]
    Weight,
    /// The source cannot be turned into a destination.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// A mapping that is in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mapping {
    pub source: String,
    pub main: Vec<Share>,
    pub clusters: BTreeMap<String, Vec<Share>>,
}

/// A destination, and the percentage up to which it is taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    pub transform: Transform,
    pub up_to: u8,
}

impl Mapping {
    /// Works out the shares. What is missing of a hundred percent stays as it is, unless the source is
    /// a destination itself.
    pub fn of(mapping: &SubjectMapping, functions: Functions) -> Result<Self, MappingError> {
        let source = &mapping.source;
        if !is_valid(source.as_bytes()) {
            return Err(MappingError::Source);
        }
        let mut main = Vec::new();
        let mut clusters: BTreeMap<String, Vec<Share>> = BTreeMap::new();
        let mut totals: BTreeMap<&str, u8> = BTreeMap::new();
        for (place, destination) in mapping.destinations.iter().enumerate() {
            let subject = &destination.subject;
            let mut before = mapping.destinations[..place].iter();
            if before.any(|other| other.subject == *subject) {
                return Err(MappingError::Twice(subject.clone()));
            }
            if destination.weight > 100 {
                return Err(MappingError::Weight);
            }
            let cluster = destination.cluster.as_deref().unwrap_or_default();
            let total = totals.entry(cluster).or_default();
            *total += destination.weight;
            if *total > 100 {
                return Err(MappingError::TotalWeight);
            }
            check_mapping(source, subject, functions)?;
            let list = if cluster.is_empty() {
                &mut main
            } else {
                clusters.entry(cluster.to_owned()).or_default()
            };
            list.push(Share {
                transform: Transform::new(source, subject, functions)?,
                up_to: destination.weight,
            });
        }
        let mut named = mapping.destinations.iter();
        let keeps = !named.any(|destination| destination.subject == *source);
        for list in std::iter::once(&mut main).chain(clusters.values_mut()) {
            let total: u8 = list.iter().map(|share| share.up_to).sum();
            if total != 100 && keeps {
                let same = number_wildcards(source);
                list.push(Share {
                    transform: Transform::new(source, &same, functions)?,
                    up_to: 100 - total,
                });
            }
            list.sort_by_key(|share| share.up_to);
            let mut sum = 0;
            for share in list {
                sum += share.up_to;
                share.up_to = sum;
            }
        }
        Ok(Self {
            source: source.clone(),
            main,
            clusters,
        })
    }

    /// Whether it is about a subject.
    pub fn takes(&self, subject: &[u8]) -> bool {
        self.source.as_bytes() == subject || is_subset(subject, self.source.as_bytes())
    }

    /// What there is to choose from in a cluster.
    pub fn shares(&self, cluster: Option<&str>) -> &[Share] {
        let own = cluster.and_then(|cluster| self.clusters.get(cluster));
        own.unwrap_or(&self.main)
    }
}
