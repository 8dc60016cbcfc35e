//! What accounts share by their claims: worked out account by account, as their tokens come.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Core;
use super::account::AccountId;
use super::operator::at_seconds;
use super::server::ServerId;
use super::timers::Timer;
use crate::identity::{self, AccountClaims, ActivationClaims, ClaimedImport, Kind, Token};
use crate::topology::{
    AccountSharing, Approval, Mapping, MappingDestination, Permit, Sharing, SubjectMapping,
};

/// How far imports lead from account to account when they are looked up. What lies beyond counts as not found.
const MAX_DEPTH: u16 = 128;

/// What the accounts share that a server has looked up.
#[derive(Debug, Default)]
pub(super) struct ClaimedSharing {
    plan: Sharing,
    /// The accounts of the plan.
    ids: Vec<Option<AccountId>>,
    /// Accounts from which something could not be imported.
    missing: BTreeSet<Box<str>>,
    depth: u16,
    /// When tokens expire that let accounts import something.
    expiries: BTreeSet<(i64, AccountId)>,
}

impl ClaimedSharing {
    fn place(&mut self, name: &str, id: AccountId) -> usize {
        let place = self.plan.ensure_place(name);
        if place >= self.ids.len() {
            self.ids.resize(place + 1, None);
        }
        self.ids[place] = Some(id);
        place
    }

    /// Whether something was to be imported from an account that was not there.
    pub fn misses(&self, name: &str) -> bool {
        self.missing.contains(name)
    }

    /// Whether something was to be imported from an account, which is asked once.
    pub fn take_missing(&mut self, name: &str) -> bool {
        self.missing.remove(name)
    }
}

impl Core {
    fn claimed_sharing(&mut self, server: ServerId) -> &mut ClaimedSharing {
        let mode = self.server_mut(server).operator.get_or_insert_default();
        &mut mode.sharing
    }

    /// Has an account export, import and map what its claims say, instead of what those `before` did. Tells
    /// whether it can have all of it.
    pub(super) fn share_claimed(
        &mut self,
        server: ServerId,
        account: AccountId,
        before: Option<&AccountClaims>,
        token: &Token<AccountClaims>,
    ) -> bool {
        let functions = self.server(server).profile.subject_functions();
        let (name, claims) = (&token.claims.sub, &token.claims.nats);
        self.map_claimed(server, account, claims);
        let trace = claims.trace.as_ref();
        self.account_mut(account).msg_trace = trace.and_then(|trace| trace.in_force());
        let sharing = self.claimed_sharing(server);
        let place = sharing.place(name, account);
        let old = std::mem::take(&mut sharing.plan.accounts[place]);
        sharing.plan.accounts[place].name.clone_from(name);
        // Servers refuse to set it for accounts whose claims they have taken before.
        let heeds_thresholds = before.is_none();
        sharing
            .plan
            .claim_exports(place, &claims.exports, functions, heeds_thresholds);
        let plan = sharing.plan.accounts[place].clone();
        self.export(account, &plan);
        let mut is_complete = true;
        for import in &claims.imports {
            if !self.import_claimed(server, place, import) {
                is_complete = false;
                self.fetch_exporter(server, &import.account);
                let missing = &mut self.claimed_sharing(server).missing;
                missing.insert(import.account.as_str().into());
            }
        }
        self.apply_imports(server, place, Some(&old));
        let signers_change =
            before.is_some_and(|before| before.signing_keys != claims.signing_keys);
        let plan = &self.claimed_sharing(server).plan.accounts[place];
        if plan.streams != old.streams || plan.services != old.services || signers_change {
            self.look_at_importers(server, place);
        }
        is_complete
    }

    /// Has an account import something that it claims, if the other account lets it.
    fn import_claimed(&mut self, server: ServerId, place: usize, import: &ClaimedImport) -> bool {
        let sharing = self.claimed_sharing(server);
        if sharing.depth >= MAX_DEPTH {
            return false;
        }
        sharing.depth += 1;
        let exporter = self.look_up_account(server, &import.account);
        self.claimed_sharing(server).depth -= 1;
        let Some(exporter) = exporter else {
            return false;
        };
        let from = self
            .claimed_sharing(server)
            .place(&import.account, exporter);
        self.plan_default_services(server, exporter, from);
        let functions = self.server(server).profile.subject_functions();
        let importer = self.claimed_sharing(server).plan.accounts[place]
            .name
            .clone();
        let activation = import.activation();
        let is_asked = Cell::new(false);
        let activated = self.is_activated(server, exporter, &importer, import, activation.as_ref());
        let permit = |approval: &Approval| {
            is_asked.set(true);
            activated && !is_revoked(approval, activation.as_ref())
        };
        let plan = &mut self.claimed_sharing(server).plan;
        let done = plan.claim_import(place, from, import, functions, Permit(&permit));
        let expires = activation.map_or(0, |token| token.claims.exp);
        if done && is_asked.get() && expires > 0 {
            let id = self.claimed_sharing(server).ids[place];
            let expiries = &mut self.claimed_sharing(server).expiries;
            if let Some(id) = id.filter(|&id| expiries.insert((expires, id))) {
                let at = at_seconds(expires);
                self.timers.set(at, Timer::ActivationExpires(server, id));
            }
        }
        done
    }

    /// Services that an account exports without claiming so, as the system account does.
    fn plan_default_services(&mut self, server: ServerId, exporter: AccountId, place: usize) {
        let services = self.account(exporter).shared.default_services();
        let services: Vec<_> = services
            .map(|service| (service.subject.to_string(), service.plan.clone()))
            .collect();
        let plan = &mut self.claimed_sharing(server).plan;
        for (subject, service) in services {
            plan.add_default_service(place, &subject, &service);
        }
    }

    /// Whether an import comes with a token that the exporting account has signed for it.
    fn is_activated(
        &self,
        server: ServerId,
        exporter: AccountId,
        importer: &str,
        import: &ClaimedImport,
        activation: Option<&Token<ActivationClaims>>,
    ) -> bool {
        let mode = self.server(server).operator.as_deref();
        let claimed = mode.and_then(|mode| mode.claimed(exporter));
        let (Some(activation), Some(mode), Some(claimed)) = (activation, mode, claimed) else {
            return false;
        };
        let of_exporter = &claimed.token.claims;
        let issuer_account = &activation.claims.nats.issuer_account;
        let is_trusted = issuer_account.is_empty()
            || (*issuer_account == of_exporter.sub
                && mode
                    .signer(&claimed.token, &activation.claims.iss)
                    .is_some());
        let now = self.now.unix_seconds();
        is_trusted && identity::is_activated(importer, import, activation, now)
    }

    /// An account exports other things than before: those that import from it may have lost the right to.
    fn look_at_importers(&mut self, server: ServerId, exporter: usize) {
        let sharing = self.claimed_sharing(server);
        let exporting = sharing.plan.accounts[exporter].clone();
        let Some(exporter_id) = sharing.ids[exporter] else {
            return;
        };
        for place in (0..sharing.plan.accounts.len()).filter(|&place| place != exporter) {
            let importing = &self.claimed_sharing(server).plan.accounts[place];
            let has_streams = importing
                .stream_imports
                .iter()
                .any(|it| it.exporter == exporter);
            if !has_streams
                && !importing
                    .service_imports
                    .iter()
                    .any(|it| it.exporter == exporter)
            {
                continue;
            }
            let mut importing = importing.clone();
            let name = importing.name.clone();
            let lets = |claim: Option<&Arc<ClaimedImport>>, check: &dyn Fn(Permit<'_>) -> bool| {
                let activation = claim.and_then(|claim| claim.activation());
                let activated = claim.is_some_and(|claim| {
                    self.is_activated(server, exporter_id, &name, claim, activation.as_ref())
                });
                check(Permit(&|approval| {
                    activated && !is_revoked(approval, activation.as_ref())
                }))
            };
            for import in &mut importing.stream_imports {
                if import.exporter == exporter {
                    let lets = lets(import.claim.as_ref(), &|permit| {
                        exporting.lets_stream(&import.from, &name, permit)
                    });
                    import.is_invalid = !lets;
                }
            }
            for import in &mut importing.service_imports {
                if import.exporter == exporter {
                    let lets = lets(import.claim.as_ref(), &|permit| {
                        exporting.lets_service(&import.to, &name, permit)
                    });
                    import.is_invalid = !lets;
                }
            }
            let sharing = self.claimed_sharing(server);
            sharing.plan.accounts[place] = importing;
            let id = sharing.ids[place];
            self.apply_validity(server, place);
            if let Some(id) = id.filter(|_| has_streams) {
                self.listen_anew(id);
            }
        }
    }

    /// Tokens that let an account import something may have expired.
    pub(super) fn activation_expired(&mut self, server: ServerId, account: AccountId) {
        let now = self.now.unix_seconds();
        let sharing = self.claimed_sharing(server);
        sharing
            .expiries
            .retain(|&(at, id)| id != account || at > now);
        let place = sharing.ids.iter().position(|id| *id == Some(account));
        let Some(place) = place else { return };
        let importing = &mut sharing.plan.accounts[place];
        let is_over = |claim: &Option<Arc<ClaimedImport>>, kind, subject: &str| {
            let claim = claim.as_ref().filter(|claim| claim.kind == kind);
            let token = claim.and_then(|claim| claim.activation());
            token.is_some_and(|token| {
                // A server finds the import by the subject of the token.
                let expires = token.claims.exp;
                expires > 0 && expires <= now && token.claims.nats.subject == subject
            })
        };
        let mut streams_end = false;
        for import in &mut importing.stream_imports {
            if !import.is_invalid && is_over(&import.claim, Kind::Stream, &import.from) {
                (import.is_invalid, streams_end) = (true, true);
            }
        }
        for import in &mut importing.service_imports {
            import.is_invalid |= is_over(&import.claim, Kind::Service, &import.from);
        }
        self.apply_validity(server, place);
        if streams_end {
            self.listen_anew(account);
        }
    }

    /// Puts the imports in force that are planned for an account.
    fn apply_imports(&mut self, server: ServerId, place: usize, old: Option<&AccountSharing>) {
        let sharing = self.claimed_sharing(server);
        let (plan, ids) = (std::mem::take(&mut sharing.plan), sharing.ids.clone());
        if let Some(id) = ids[place] {
            self.import_services(id, &plan, place, &ids);
            let heard = old.is_some_and(|old| hears_the_same(old, &plan.accounts[place]));
            self.import_streams(id, &plan.accounts[place], &ids, !heard);
        }
        self.claimed_sharing(server).plan = plan;
    }

    /// Takes over which of the imports of an account are valid.
    fn apply_validity(&mut self, server: ServerId, place: usize) {
        let sharing = self.claimed_sharing(server);
        let (plan, ids) = (std::mem::take(&mut sharing.plan), sharing.ids.clone());
        if let Some(id) = ids[place] {
            self.set_validity(id, &plan.accounts[place]);
        }
        self.claimed_sharing(server).plan = plan;
    }

    /// Has an account map subjects as it claims. What cannot be leaves what was there.
    fn map_claimed(&mut self, server: ServerId, account: AccountId, claims: &AccountClaims) {
        let functions = self.server(server).profile.subject_functions();
        let mappings = &mut self.account_mut(account).mappings;
        for (source, destinations) in &claims.mappings {
            let destinations = destinations.iter().map(|destination| MappingDestination {
                subject: destination.subject.clone(),
                weight: destination.weight(),
                cluster: Some(destination.cluster.clone()).filter(|cluster| !cluster.is_empty()),
            });
            let mapping = SubjectMapping {
                source: source.clone(),
                destinations: destinations.collect(),
            };
            let Ok(mapping) = Mapping::of(&mapping, functions) else {
                continue;
            };
            match mappings.iter_mut().find(|known| known.source == *source) {
                Some(known) => *known = mapping,
                None => mappings.push(mapping),
            }
        }
        let mut place = 0;
        while place < mappings.len() {
            match claims.mappings.contains_key(&mappings[place].source) {
                true => place += 1,
                // So a server does it, and where subjects overlap it shows.
                false => drop(mappings.swap_remove(place)),
            }
        }
        self.has_mappings |= !claims.mappings.is_empty();
    }
}

/// Whether the token that lets something be imported was taken back.
fn is_revoked(approval: &Approval, activation: Option<&Token<ActivationClaims>>) -> bool {
    activation.is_none_or(|activation| {
        let claims = &activation.claims;
        let since = |key: &str| {
            approval
                .revocations
                .get(key)
                .is_some_and(|&at| at >= claims.iat)
        };
        since(&claims.sub) || since("*")
    })
}

/// Whether clients need not listen anew for other imports: servers compare them by account and subjects.
fn hears_the_same(old: &AccountSharing, new: &AccountSharing) -> bool {
    let key = |sharing: &AccountSharing| -> Vec<(usize, String, String, bool)> {
        let imports = sharing.stream_imports.iter();
        imports
            .map(|it| (it.exporter, it.from.clone(), it.to.clone(), it.allow_trace))
            .collect()
    };
    key(old) == key(new)
}
