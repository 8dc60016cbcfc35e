//! What accounts export and import, as it is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_mock_protocol::subject::is_subset;
use nats_mock_protocol::transform::Transform;
use slab::Slab;

use super::Core;
use super::account::AccountId;
use super::server::ServerId;
use super::subs::SubId;
use crate::topology::{
    AccountOptions, AccountSharing, Approval, LatencyOptions, ResponseType, ServiceExportPlan,
    ServiceImportPlan, Sharing, What,
};

/// What an account exports and imports.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub streams: BTreeMap<Box<str>, Approval>,
    /// Once exported, a service keeps its place.
    pub services: Vec<ServiceExport>,
    pub stream_imports: Vec<StreamImport>,
    pub imports: Slab<Import>,
    /// Imports that all accounts have are there.
    pub(super) has_defaults: bool,
}

/// A service of an account that others may import.
#[derive(Debug)]
pub(crate) struct ServiceExport {
    pub subject: Box<str>,
    pub plan: ServiceExportPlan,
    /// It is not exported any more.
    pub is_gone: bool,
    /// Every system account has it.
    is_default: bool,
}

/// A service of another account that this account reaches under a subject of its own.
#[derive(Debug)]
pub(crate) struct Import {
    /// The subject in this account.
    pub subject: Box<str>,
    pub to_account: AccountId,
    /// The subject in the other account.
    pub to_subject: Box<str>,
    pub(super) turn: What,
    /// Whether the request tells who asks in full.
    pub shares_client: bool,
    /// The place of the service in the list of the other account.
    pub(super) service: Option<u32>,
    pub(super) response_type: ResponseType,
    pub latency: Option<LatencyOptions>,
    /// The way of requests is told in the other account, too.
    pub(super) allows_trace: bool,
    /// The other account does not let it be imported any more.
    pub is_invalid: bool,
    /// All accounts have it.
    is_default: bool,
    sub: Option<SubId>,
}

/// Messages of another account that this account listens to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamImport {
    pub account: AccountId,
    /// The subject in the other account.
    pub from: Box<str>,
    /// The subject in this account.
    pub to: Box<str>,
    pub(super) turn: What,
    /// What undoes it.
    pub(super) back: Option<Box<Transform>>,
    /// The way of messages is told into this account.
    pub(super) allows_trace: bool,
    /// The other account does not let it be imported any more.
    pub is_invalid: bool,
}

impl Shared {
    /// The place of the exported service that `subject` is, or is among.
    pub(super) fn service_for(&self, subject: &str) -> Option<u32> {
        let offered = || (0..).zip(&self.services).filter(|(_, it)| !it.is_gone);
        let named = offered().find(|(_, service)| *service.subject == *subject);
        let wider = || {
            offered().find(|(_, service)| is_subset(subject.as_bytes(), service.subject.as_bytes()))
        };
        named.or_else(wider).map(|(place, _)| place)
    }

    fn set_service(&mut self, subject: &str, plan: ServiceExportPlan, is_default: bool) {
        let known = self
            .services
            .iter_mut()
            .find(|known| *known.subject == *subject);
        match known {
            Some(known) => (known.plan, known.is_gone) = (plan, false),
            None => self.services.push(ServiceExport {
                subject: subject.into(),
                plan,
                is_gone: false,
                is_default,
            }),
        }
    }
}

impl Core {
    /// Offers a service of an account to all others, unless it offers it already, or all that it is among.
    pub fn offer_service(&mut self, account: AccountId, subject: &str, answers: ResponseType) {
        let shared = &mut self.account_mut(account).shared;
        if shared.service_for(subject).is_some() {
            return;
        }
        shared.set_service(subject, ServiceExportPlan::new(answers), true);
    }

    /// Whether an account has the imports that all accounts have.
    pub fn has_default_imports(&self, account: AccountId) -> bool {
        self.account(account).shared.has_defaults
    }

    /// Makes a service of `to_account` reachable in `account` under `subject`, as all accounts have it.
    pub fn add_default_import(
        &mut self,
        account: AccountId,
        subject: &str,
        to_account: AccountId,
        to_subject: &str,
        shares_client: bool,
    ) {
        self.account_mut(account).shared.has_defaults = true;
        let turn = if to_subject.ends_with('>') {
            What::Same
        } else {
            What::Named
        };
        self.add_import(
            account,
            Import {
                subject: subject.into(),
                to_account,
                to_subject: to_subject.into(),
                turn,
                shares_client,
                service: None,
                response_type: ResponseType::Singleton,
                latency: None,
                allows_trace: false,
                is_invalid: false,
                is_default: true,
                sub: None,
            },
        );
    }

    /// Takes over what the exporting account says of an imported service.
    fn look_at_export(&mut self, account: AccountId, place: usize) {
        let Some(import) = self.account(account).shared.imports.get(place) else {
            return;
        };
        let exporter = &self.account(import.to_account).shared;
        let service = exporter.service_for(&import.to_subject);
        let plan = service.map(|service| exporter.services[service as usize].plan.clone());
        if let Some(import) = self.account_mut(account).shared.imports.get_mut(place) {
            import.service = service;
            if let Some(plan) = plan {
                import.response_type = plan.response_type;
                import.latency = plan.latency;
                import.allows_trace = plan.allow_trace;
            }
        }
    }

    fn add_import(&mut self, account: AccountId, import: Import) {
        let place = self.account_mut(account).shared.imports.insert(import);
        let sub = self.import_sub(account, place);
        let imports = &mut self.account_mut(account).shared.imports;
        if sub.is_none() {
            imports.remove(place);
            return;
        }
        imports[place].sub = sub;
        self.look_at_export(account, place);
    }

    /// Ends the subscriptions that an account's imports are reached by. The imports stay.
    pub(super) fn unlisten_imports(&mut self, account: AccountId) {
        let imports = &mut self.account_mut(account).shared.imports;
        let subs: Vec<SubId> = imports
            .iter_mut()
            .filter_map(|(_, import)| import.sub.take())
            .collect();
        for sub in subs {
            self.remove_sub(sub);
        }
    }

    /// Makes them again. Tells whether there were any to be made.
    pub(super) fn listen_for_imports(&mut self, account: AccountId) -> bool {
        let imports = self.account(account).shared.imports.iter();
        let silent = imports.filter(|(_, import)| import.sub.is_none());
        let silent: Vec<usize> = silent.map(|(place, _)| place).collect();
        for &place in &silent {
            let sub = self.import_sub(account, place);
            if let Some(import) = self.account_mut(account).shared.imports.get_mut(place) {
                import.sub = sub;
            }
        }
        !silent.is_empty()
    }

    fn import_sub(&mut self, account: AccountId, place: usize) -> Option<SubId> {
        let account_of = self.account_mut(account);
        let subject = account_of.shared.imports.get(place)?.subject.clone();
        account_of.last_sid += 1;
        let sid = account_of.last_sid.to_string();
        self.add_sub(super::Sub::new(
            super::Receiver::Import(place as u32),
            ServerId::EVERY,
            account,
            subject.as_bytes(),
            None,
            sid.as_bytes(),
        ))
    }

    /// Has the accounts of a server share what its specification says.
    pub(super) fn share(&mut self, server: ServerId) {
        let spec = Arc::clone(&self.server(server).spec);
        let accounts = spec.accounts.iter();
        let shares =
            |account: &AccountOptions| !account.exports.is_empty() || !account.imports.is_empty();
        let shared = |id: &AccountId| self.account(*id).shared.is_configured();
        if !accounts.clone().any(shares) && !self.server(server).accounts().iter().any(shared) {
            return;
        }
        let (sharing, _) = spec.sharing();
        let ids: Vec<Option<AccountId>> = sharing
            .accounts
            .iter()
            .map(|account| self.account_named(server, &account.name))
            .collect();
        for (plan, id) in sharing.accounts.iter().zip(&ids) {
            if let Some(id) = *id {
                self.export(id, plan);
            }
        }
        for (place, id) in ids.iter().enumerate() {
            if let Some(id) = *id {
                self.import_services(id, &sharing, place, &ids);
                self.import_streams(id, &sharing.accounts[place], &ids, true);
            }
        }
    }

    pub(super) fn export(&mut self, id: AccountId, plan: &AccountSharing) {
        let shared = &mut self.account_mut(id).shared;
        shared.streams = plan
            .streams
            .iter()
            .map(|(subject, approval)| (subject.as_str().into(), approval.clone()))
            .collect();
        for service in &mut shared.services {
            service.is_gone |=
                !service.is_default && !plan.services.contains_key(&*service.subject);
        }
        for (subject, service) in &plan.services {
            shared.set_service(subject, service.clone(), false);
        }
    }

    pub(super) fn import_services(
        &mut self,
        id: AccountId,
        sharing: &Sharing,
        place: usize,
        ids: &[Option<AccountId>],
    ) {
        let plans = &sharing.accounts[place].service_imports;
        let shared = &mut self.account_mut(id).shared;
        let known = shared.imports.iter().filter(|(_, it)| !it.is_default);
        let same = known.clone().count() == plans.len()
            && known.clone().zip(plans).all(|((_, import), plan)| {
                Some(import.to_account) == ids[plan.exporter] && import.is_as(plan)
            });
        let old: Vec<usize> = known.map(|(place, _)| place).collect();
        if same {
            for place in old {
                self.look_at_export(id, place);
            }
            self.set_validity(id, &sharing.accounts[place]);
            return;
        }
        for place in old {
            let import = self.account_mut(id).shared.imports.remove(place);
            if let Some(sub) = import.sub {
                self.remove_sub(sub);
            }
        }
        for plan in plans {
            let Some(to_account) = ids[plan.exporter] else {
                continue;
            };
            self.add_import(
                id,
                Import {
                    subject: plan.from.as_str().into(),
                    to_account,
                    to_subject: plan.to.as_str().into(),
                    turn: plan.turn.clone(),
                    shares_client: plan.share,
                    service: None,
                    response_type: ResponseType::Singleton,
                    latency: None,
                    allows_trace: false,
                    is_invalid: plan.is_invalid,
                    is_default: false,
                    sub: None,
                },
            );
        }
    }

    /// Has an account import streams; `heard` says whether clients are to listen to what is new of it.
    pub(super) fn import_streams(
        &mut self,
        id: AccountId,
        plan: &AccountSharing,
        ids: &[Option<AccountId>],
        heard: bool,
    ) {
        let imports = plan.stream_imports.iter().filter_map(|plan| {
            let back = match &plan.turn {
                What::Turned(transform) => transform.reversed().map(Box::new),
                What::Same | What::Named => None,
            };
            Some(StreamImport {
                account: ids[plan.exporter]?,
                from: plan.from.as_str().into(),
                to: plan.to.as_str().into(),
                turn: plan.turn.clone(),
                back,
                allows_trace: plan.allow_trace,
                is_invalid: plan.is_invalid,
            })
        });
        let imports: Vec<StreamImport> = imports.collect();
        let known = &mut self.account_mut(id).shared.stream_imports;
        if *known != imports {
            *known = imports;
            if heard {
                self.listen_anew(id);
            }
        }
    }

    /// Takes over which imports of an account are valid, which are in force as planned otherwise, and what
    /// the exporting accounts have measured of them.
    pub(super) fn set_validity(&mut self, id: AccountId, plan: &AccountSharing) {
        let shared = &mut self.account_mut(id).shared;
        for (import, plan) in shared.stream_imports.iter_mut().zip(&plan.stream_imports) {
            import.is_invalid = plan.is_invalid;
            import.allows_trace = plan.allow_trace;
        }
        let imports = shared.imports.iter_mut().filter(|(_, it)| !it.is_default);
        let mut places = Vec::new();
        for ((place, import), plan) in imports.zip(&plan.service_imports) {
            import.is_invalid = plan.is_invalid;
            places.push(place);
        }
        for place in places {
            self.measure_as_exported(id, place);
        }
    }

    /// Takes over what the exporting account says now of measuring and tracing an imported service.
    fn measure_as_exported(&mut self, account: AccountId, place: usize) {
        let Some(import) = self.account(account).shared.imports.get(place) else {
            return;
        };
        let exporter = &self.account(import.to_account).shared;
        let service = exporter.service_for(&import.to_subject);
        let plan = service.map(|service| &exporter.services[service as usize].plan);
        let plan = plan.map(|plan| (plan.latency.clone(), plan.allow_trace));
        if let Some(import) = self.account_mut(account).shared.imports.get_mut(place)
            && let Some((latency, allows_trace)) = plan
        {
            (import.service, import.latency) = (service, latency);
            import.allows_trace = allows_trace;
        }
    }
}

impl Import {
    /// Whether it is what a specification says, apart from the other account.
    fn is_as(&self, plan: &ServiceImportPlan) -> bool {
        *self.subject == *plan.from
            && *self.to_subject == *plan.to
            && self.turn == plan.turn
            && self.shares_client == plan.share
    }
}

impl Shared {
    /// What every system account has.
    pub(super) fn default_services(&self) -> impl Iterator<Item = &ServiceExport> {
        let offered = self.services.iter().filter(|service| !service.is_gone);
        offered.filter(|service| service.is_default)
    }

    /// Whether there is anything that not all accounts have.
    fn is_configured(&self) -> bool {
        !self.streams.is_empty()
            || !self.stream_imports.is_empty()
            || self.imports.iter().any(|(_, import)| !import.is_default)
            || self.services.iter().any(|it| !it.is_gone && !it.is_default)
    }
}
