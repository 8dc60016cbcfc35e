//! Exports and imports with everything worked out that depends on other accounts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::subject::{has_wildcard, is_subset, is_valid, is_valid_publish};
use nats_mock_protocol::transform::{
    Functions, Transform, TransformError, number_wildcards, wildcards_of,
};

use super::approval::{Approval, Permit, approval};
use super::{
    Export, Import, LatencyOptions, ResponseType, ServiceExport, ServiceImport, SharingError,
    SharingProblem, StreamExport, StreamImport,
};
use crate::identity::ClaimedImport;
use crate::topology::AccountOptions;

/// How long an answer may take unless something else is said.
const RESPONSE_THRESHOLD: Duration = Duration::from_secs(120);

/// What the accounts of a server share, in the order of its accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sharing {
    pub accounts: Vec<AccountSharing>,
}

/// What one account exports and imports.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AccountSharing {
    pub name: String,
    pub streams: BTreeMap<String, Approval>,
    pub services: BTreeMap<String, ServiceExportPlan>,
    pub stream_imports: Vec<StreamImportPlan>,
    pub service_imports: Vec<ServiceImportPlan>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceExportPlan {
    pub approval: Approval,
    pub response_type: ResponseType,
    pub response_threshold: Duration,
    pub latency: Option<LatencyOptions>,
    pub allow_trace: bool,
}

impl ServiceExportPlan {
    /// A service for all.
    pub fn new(response_type: ResponseType) -> Self {
        Self {
            approval: Approval::default(),
            response_type,
            response_threshold: RESPONSE_THRESHOLD,
            latency: None,
            allow_trace: false,
        }
    }
}

/// An import, with the place of the other account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamImportPlan {
    pub exporter: usize,
    /// The subject there.
    pub from: String,
    /// The subject here.
    pub to: String,
    pub turn: What,
    pub allow_trace: bool,
    /// The other account does not let it be imported any more.
    pub is_invalid: bool,
    /// What claims say of it.
    pub claim: Option<Arc<ClaimedImport>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceImportPlan {
    pub exporter: usize,
    /// The subject here.
    pub from: String,
    /// The subject there.
    pub to: String,
    pub turn: What,
    pub share: bool,
    /// The other account does not let it be imported any more.
    pub is_invalid: bool,
    /// What claims say of it.
    pub claim: Option<Arc<ClaimedImport>>,
}

/// What becomes of a message's subject.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// It stays.
    Same,
    /// It is the one that the import names.
    Named,
    /// It is turned.
    Turned(Box<Transform>),
}

impl Sharing {
    /// Works out what accounts share. What cannot be is left out, and told.
    pub fn of(
        accounts: &[AccountOptions],
        has_system: bool,
        functions: Functions,
    ) -> (Self, Vec<SharingError>) {
        let shared = accounts.iter().map(|account| AccountSharing {
            name: account.name.clone(),
            ..AccountSharing::default()
        });
        let mut planner = Planner {
            sharing: Self {
                accounts: shared.collect(),
            },
            errors: Vec::new(),
            has_system,
            functions,
        };
        let exports = || {
            let places = accounts.iter().enumerate();
            places.flat_map(|(place, account)| {
                account.exports.iter().map(move |export| (place, export))
            })
        };
        let imports = || {
            let places = accounts.iter().enumerate();
            places.flat_map(|(place, account)| {
                account.imports.iter().map(move |import| (place, import))
            })
        };
        // Exports first, or nothing could be imported; and cycles are found in this order.
        for (place, export) in exports() {
            if let Export::Stream(stream) = export {
                planner.export_stream(place, stream);
            }
        }
        for (place, export) in exports() {
            if let Export::Service(service) = export {
                planner.export_service(place, service);
            }
        }
        for (place, import) in imports() {
            if let Import::Stream(stream) = import {
                planner.import_stream(place, stream);
            }
        }
        for (place, import) in imports() {
            if let Import::Service(service) = import {
                planner.import_service(place, service);
            }
        }
        (planner.sharing, planner.errors)
    }

    /// The account called `name`.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.accounts
            .iter()
            .position(|account| account.name == name)
    }
}

impl AccountSharing {
    /// The exported service that `subject` is, or is among.
    pub fn service_for(&self, subject: &str) -> Option<(&str, &ServiceExportPlan)> {
        let named = self.services.get_key_value(subject);
        let found = named.or_else(|| {
            let mut services = self.services.iter();
            services.find(|(export, _)| is_subset(subject.as_bytes(), export.as_bytes()))
        });
        found.map(|(subject, service)| (subject.as_str(), service))
    }

    /// Whether an account may import the messages on `subject`.
    pub fn lets_stream(&self, subject: &str, account: &str, permit: Permit<'_>) -> bool {
        is_valid(subject.as_bytes())
            && approval(&self.streams, subject, |approval| approval)
                .is_some_and(|(approval, subject)| approval.allows(account, subject, permit))
    }

    /// Whether an account may import the service on `subject`.
    pub fn lets_service(&self, subject: &str, account: &str, permit: Permit<'_>) -> bool {
        approval(&self.services, subject, |service| &service.approval)
            .is_some_and(|(approval, subject)| approval.allows(account, subject, permit))
    }
}

pub(super) struct Planner {
    pub sharing: Sharing,
    pub errors: Vec<SharingError>,
    pub has_system: bool,
    pub functions: Functions,
}

impl Planner {
    /// Those of the accounts that exist.
    fn known(&mut self, names: &[String], what: &'static str) -> Vec<String> {
        let (known, unknown): (Vec<String>, Vec<String>) = names
            .iter()
            .cloned()
            .partition(|name| self.sharing.place_of(name).is_some());
        let undefined = |account| SharingError::AccountUndefined { account, what };
        self.errors.extend(unknown.into_iter().map(undefined));
        known
    }

    fn refuse(&mut self, what: &'static str, subject: &str, problem: SharingProblem) {
        self.errors.push(SharingError::Refused {
            what,
            subject: subject.to_owned(),
            problem,
        });
    }

    pub fn export_stream(&mut self, place: usize, export: &StreamExport) {
        const WHAT: &str = "stream export";
        let accounts = self.known(&export.accounts, WHAT);
        let streams = &mut self.sharing.accounts[place].streams;
        let mut approval = streams.get(&export.subject).cloned().unwrap_or_default();
        match approval.add(&export.subject, accounts, export.account_token_position) {
            Ok(()) => {
                streams.insert(export.subject.clone(), approval);
            }
            Err(problem) => self.refuse(WHAT, &export.subject, problem),
        }
    }

    pub fn export_service(&mut self, place: usize, export: &ServiceExport) {
        const WHAT: &str = "service export";
        let accounts = self.known(&export.accounts, WHAT);
        let subject = &export.subject;
        let services = &mut self.sharing.accounts[place].services;
        let known = services.get(subject);
        let mut service = known
            .cloned()
            .unwrap_or_else(|| ServiceExportPlan::new(ResponseType::Singleton));
        if export.response_type != ResponseType::Singleton {
            service.response_type = export.response_type;
        }
        let position = export.account_token_position;
        if let Err(problem) = service.approval.add(subject, accounts, position) {
            self.refuse(WHAT, subject, problem);
            return;
        }
        service.response_threshold = export.response_threshold.unwrap_or(RESPONSE_THRESHOLD);
        service.allow_trace |= export.allow_trace;
        let services = &mut self.sharing.accounts[place].services;
        services.insert(subject.clone(), service);
        if let Some(latency) = &export.latency {
            match self.measurable(place, subject, latency) {
                Ok(()) => {
                    let services = &mut self.sharing.accounts[place].services;
                    if let Some(service) = services.get_mut(subject) {
                        service.latency = Some(latency.clone());
                    }
                }
                Err(problem) => self.errors.push(SharingError::Latency {
                    service: subject.clone(),
                    subject: latency.subject.clone(),
                    problem,
                }),
            }
        }
    }

    fn measurable(
        &self,
        place: usize,
        subject: &str,
        latency: &LatencyOptions,
    ) -> Result<(), SharingProblem> {
        let account = &self.sharing.accounts[place];
        let results = latency.subject.as_bytes();
        if !self.has_system {
            return Err(SharingProblem::NoSystemAccount);
        }
        let is_service = account.service_for(&latency.subject).is_some();
        if !(is_valid(results) && is_valid_publish(results)) || is_service {
            return Err(SharingProblem::InvalidPublishSubject);
        }
        match account.services.get(subject) {
            Some(service) if service.response_type == ResponseType::Singleton => Ok(()),
            _ => Err(SharingProblem::NotSingleton),
        }
    }

    /// The account that something is imported from, if there is one.
    fn exporter(&mut self, account: &str, what: &'static str) -> Option<usize> {
        let exporter = self.sharing.place_of(account);
        if exporter.is_none() {
            let account = account.to_owned();
            self.errors
                .push(SharingError::AccountUndefined { account, what });
        }
        exporter
    }

    fn import_stream(&mut self, place: usize, import: &StreamImport) {
        const WHAT: &str = "stream import";
        let Some(exporter) = self.exporter(&import.account, WHAT) else {
            return;
        };
        match self.stream(place, exporter, import, Permit::NONE) {
            Ok(plan) => self.sharing.accounts[place].stream_imports.push(plan),
            Err(problem) => self.refuse(WHAT, &import.subject, problem),
        }
    }

    pub fn stream(
        &self,
        place: usize,
        exporter: usize,
        import: &StreamImport,
        permit: Permit<'_>,
    ) -> Result<StreamImportPlan, SharingProblem> {
        let from = &import.subject;
        let (importing, exporting) = (
            &self.sharing.accounts[place],
            &self.sharing.accounts[exporter],
        );
        if !exporting.lets_stream(from, &importing.name, permit) {
            return Err(SharingProblem::StreamNotAuthorized);
        }
        let prefix = import.prefix.as_ref().filter(|prefix| !prefix.is_empty());
        let to = match (prefix, &import.to) {
            (Some(prefix), _) if has_wildcard(prefix.as_bytes()) => {
                return Err(SharingProblem::PrefixWithWildcards);
            }
            (Some(prefix), _) if prefix.ends_with('.') => format!("{prefix}{from}"),
            (Some(prefix), _) => format!("{prefix}.{from}"),
            (None, Some(to)) if !to.is_empty() => to.clone(),
            (None, _) => from.clone(),
        };
        for subject in [&to, from] {
            self.sharing
                .stream_cycle(exporter, subject, &mut vec![place])?;
        }
        let (to, turn) = if !has_wildcard(from.as_bytes()) {
            (to, What::Named)
        } else if to == *from {
            (to, What::Same)
        } else {
            let transform = Transform::reversible(from, &number_wildcards(&to), self.functions)
                .map_err(|error| failed("stream", from, &to, error))?;
            (wildcards_of(&to), What::Turned(Box::new(transform)))
        };
        let mut others = importing.stream_imports.iter();
        if others.any(|other| other.exporter == exporter && other.from == *from) {
            return Err(SharingProblem::StreamTwice);
        }
        Ok(StreamImportPlan {
            exporter,
            from: from.clone(),
            to,
            turn,
            allow_trace: import.allow_trace,
            is_invalid: false,
            claim: None,
        })
    }

    fn import_service(&mut self, place: usize, import: &ServiceImport) {
        const WHAT: &str = "service import";
        let Some(exporter) = self.exporter(&import.account, WHAT) else {
            return;
        };
        match self.service(place, exporter, import, Permit::NONE) {
            Ok(plan) => self.sharing.accounts[place].service_imports.push(plan),
            Err(problem) => self.refuse(WHAT, &import.subject, problem),
        }
    }

    pub fn service(
        &self,
        place: usize,
        exporter: usize,
        import: &ServiceImport,
        permit: Permit<'_>,
    ) -> Result<ServiceImportPlan, SharingProblem> {
        let to = &import.subject;
        let named = import.to.as_ref().filter(|named| !named.is_empty());
        let from = named.unwrap_or(to);
        let (importing, exporting) = (
            &self.sharing.accounts[place],
            &self.sharing.accounts[exporter],
        );
        if !is_valid(from.as_bytes()) || !is_valid(to.as_bytes()) {
            return Err(SharingProblem::InvalidSubject);
        }
        if !exporting.lets_service(to, &importing.name, permit) {
            return Err(SharingProblem::ServiceNotAuthorized);
        }
        let is_wild = has_wildcard(to.as_bytes());
        let without_places = if is_wild {
            wildcards_of(from)
        } else {
            from.clone()
        };
        self.sharing
            .service_cycle(exporter, &without_places, &mut vec![place])?;
        let mut others = importing.service_imports.iter();
        let twice = others.find(|other| other.exporter == exporter && other.from == *from);
        if let Some(twice) = twice {
            return Err(SharingProblem::ServiceTwice {
                from: from.clone(),
                account: exporting.name.clone(),
                to: twice.to.clone(),
            });
        }
        let (from, to, turn) = if !is_wild {
            (from.clone(), to.clone(), What::Named)
        } else if to == from {
            (from.clone(), to.clone(), What::Same)
        } else {
            let to = wildcards_of(to);
            // The other way round, as only the subject here may refer to wildcards.
            let failed = |error| failed("service", from, &to, error);
            let there = Transform::reversible(&to, &number_wildcards(from), self.functions)
                .map_err(failed)?;
            let turn = match there.reversed() {
                Some(back) => What::Turned(Box::new(back)),
                None => What::Named,
            };
            (without_places, to, turn)
        };
        Ok(ServiceImportPlan {
            exporter,
            from,
            to,
            turn,
            share: import.share,
            is_invalid: false,
            claim: None,
        })
    }
}

fn failed(kind: &'static str, from: &str, to: &str, error: TransformError) -> SharingProblem {
    SharingProblem::Transform {
        kind,
        from: from.to_owned(),
        to: to.to_owned(),
        error,
    }
}
