//! What accounts let each other have: streams and services that one exports and others import.

mod approval;
mod claimed;
mod cycles;
mod error;
mod plan;

use std::time::Duration;

pub(crate) use approval::{Approval, Permit};
pub use error::{SharingError, SharingProblem};
pub(crate) use plan::{AccountSharing, ServiceExportPlan, ServiceImportPlan, Sharing, What};

/// Something that an account lets others have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Export {
    /// Messages, which others may listen to.
    Stream(StreamExport),
    /// A service, which others may ask.
    Service(ServiceExport),
}

impl Export {
    /// Messages on `subject`, for all accounts.
    ///
    /// ```
    /// use nats_mock::topology::{AccountOptions, Export, Import};
    ///
    /// let mut weather = AccountOptions::new("WEATHER");
    /// weather.exports.push(Export::stream("temperature.>"));
    /// let mut shop = AccountOptions::new("SHOP");
    /// shop.imports.push(Import::stream("WEATHER", "temperature.>").prefix("weather"));
    /// ```
    pub fn stream(subject: impl Into<String>) -> Self {
        Self::Stream(StreamExport {
            subject: subject.into(),
            ..StreamExport::default()
        })
    }

    /// A service on `subject`, for all accounts.
    pub fn service(subject: impl Into<String>) -> Self {
        Self::Service(ServiceExport::new(subject))
    }

    /// The same for these accounts alone.
    #[must_use]
    pub fn only_for<S: Into<String>>(mut self, accounts: impl IntoIterator<Item = S>) -> Self {
        let list = match &mut self {
            Self::Stream(stream) => &mut stream.accounts,
            Self::Service(service) => &mut service.accounts,
        };
        list.extend(accounts.into_iter().map(Into::into));
        self
    }
}

impl From<StreamExport> for Export {
    fn from(stream: StreamExport) -> Self {
        Self::Stream(stream)
    }
}

impl From<ServiceExport> for Export {
    fn from(service: ServiceExport) -> Self {
        Self::Service(service)
    }
}

/// Messages that other accounts may listen to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamExport {
    /// Where they are published.
    pub subject: String,
    /// Who may import them; empty: everybody.
    pub accounts: Vec<String>,
    /// Which token of the subject, counted from 1, has to be the name of the account that imports it.
    pub account_token_position: Option<i64>,
}

/// A service that other accounts may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceExport {
    /// Where it listens.
    pub subject: String,
    /// Who may import it; empty: everybody.
    pub accounts: Vec<String>,
    /// Which token of the subject, counted from 1, has to be the name of the account that imports it.
    pub account_token_position: Option<i64>,
    /// What answers a request has.
    pub response_type: ResponseType,
    /// How long an answer may take. Default: two minutes.
    pub response_threshold: Option<Duration>,
    /// What is told of how long it takes to answer.
    pub latency: Option<LatencyOptions>,
    /// Whether the way of a message may be traced into the account (since 2.11).
    pub allow_trace: bool,
}

impl ServiceExport {
    /// A service for all accounts that gives one answer.
    ///
    /// ```
    /// use nats_mock::topology::{Export, ResponseType, ServiceExport};
    ///
    /// let prices = ServiceExport {
    ///     response_type: ResponseType::Stream,
    ///     ..ServiceExport::new("prices")
    /// };
    /// let export = Export::from(prices).only_for(["SHOP"]);
    /// # let _ = export;
    /// ```
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..Self::default()
        }
    }
}

/// What answers a request has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseType {
    /// One.
    #[default]
    Singleton,
    /// Any number; an empty one is the last.
    Stream,
    /// One in parts; an empty one is the last.
    Chunked,
}

impl ResponseType {
    /// As account details name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Singleton => "Singleton",
            Self::Stream => "Streamed",
            Self::Chunked => "Chunked",
        }
    }
}

/// What is told of how long a service takes to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyOptions {
    /// Where it is published, in the exporting account.
    pub subject: String,
    /// Of which requests.
    pub sampling: Sampling,
}

/// Which requests are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// So many percent.
    Percent(u8),
    /// Those with a header that asks for it.
    Headers,
}

/// Something that an account has from another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Import {
    /// Messages.
    Stream(StreamImport),
    /// A service.
    Service(ServiceImport),
}

impl Import {
    /// The messages on `subject` of another account.
    pub fn stream(account: impl Into<String>, subject: impl Into<String>) -> Self {
        Self::Stream(StreamImport {
            account: account.into(),
            subject: subject.into(),
            ..StreamImport::default()
        })
    }

    /// The service on `subject` of another account.
    pub fn service(account: impl Into<String>, subject: impl Into<String>) -> Self {
        Self::Service(ServiceImport {
            account: account.into(),
            subject: subject.into(),
            ..ServiceImport::default()
        })
    }

    /// Under this subject instead, which may refer to wildcards of the exported one: `$1`.
    #[must_use]
    pub fn to(mut self, subject: impl Into<String>) -> Self {
        let to = match &mut self {
            Self::Stream(stream) => &mut stream.to,
            Self::Service(service) => &mut service.to,
        };
        *to = Some(subject.into());
        self
    }

    /// With this in front of the subject. Services have no prefixes; for them it does nothing.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        if let Self::Stream(stream) = &mut self {
            stream.prefix = Some(prefix.into());
        }
        self
    }

    /// Telling the service who asks. Of streams nothing is to be told; for them it does nothing.
    #[must_use]
    pub fn share(mut self) -> Self {
        if let Self::Service(service) = &mut self {
            service.share = true;
        }
        self
    }
}

/// Messages of another account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamImport {
    /// The other account.
    pub account: String,
    /// The subject there.
    pub subject: String,
    /// What stands in front of it here.
    pub prefix: Option<String>,
    /// The subject here, if there is no prefix. Default: the same.
    pub to: Option<String>,
    /// Whether the way of a message may be traced into this account (since 2.11).
    pub allow_trace: bool,
}

/// A service of another account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceImport {
    /// The other account.
    pub account: String,
    /// The subject there.
    pub subject: String,
    /// The subject here. Default: the same.
    pub to: Option<String>,
    /// Whether the service learns who asks.
    pub share: bool,
}
