//! What is to be said against the claims of an account, in the words in which servers show it.

use std::collections::BTreeMap;

use super::claims::{
    ANY_ACCOUNT, AccountClaims, Authorization, ClaimedTrace, Claims, Permission, SigningKey,
};
use super::shares::{ActivationClaims, ClaimedExport, ClaimedImport, Kind};
use super::subjects::{has_wildcards, is_within, reference, unreferenced};
use super::{Role, is_public_key};
use crate::topology::quote;

/// Something that is wrong or old-fashioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issue {
    pub description: String,
    /// The claims are not taken.
    pub is_blocking: bool,
    /// They are not taken now.
    pub is_about_time: bool,
}

/// All that there is to be said.
#[derive(Debug, Default)]
pub(crate) struct Issues(pub Vec<Issue>);

/// What servers look at in another way since some release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strictness {
    /// Services may be imported under subjects that overlap if they are of several accounts.
    pub overlaps_per_account: bool,
}

const LONGEST_INFO: usize = 8 * 1024;

impl Issues {
    fn say(&mut self, description: String, is_blocking: bool, is_about_time: bool) {
        self.0.push(Issue {
            description,
            is_blocking,
            is_about_time,
        });
    }

    fn error(&mut self, description: impl Into<String>) {
        self.say(description.into(), true, false);
    }

    fn warning(&mut self, description: &str) {
        self.say(description.to_owned(), false, false);
    }

    /// Whether the claims are not to be taken; `now` also counts that it is not the time for them.
    pub fn is_blocking(&self, now: bool) -> bool {
        let mut issues = self.0.iter();
        issues.any(|issue| issue.is_blocking || (now && issue.is_about_time))
    }

    /// What is said to whoever has sent the claims.
    pub fn errors(&self) -> String {
        let errors = self.0.iter().filter(|issue| issue.is_blocking);
        let errors: Vec<&str> = errors.map(|issue| issue.description.as_str()).collect();
        format!("[{}]", errors.join(" "))
    }

    fn time<N>(&mut self, claims: &Claims<N>, now: i64) {
        if claims.exp > 0 && now > claims.exp {
            self.say("claim is expired".to_owned(), false, true);
        }
        if claims.nbf > now {
            self.say("claim is not yet valid".to_owned(), false, true);
        }
    }

    fn subject(&mut self, subject: &str) {
        if subject.is_empty() {
            self.error("subject cannot be empty");
            return;
        }
        if subject.contains(' ') {
            self.error(format!("subject {} cannot have spaces", quote(subject)));
        }
        if subject.starts_with('.') || subject.ends_with('.') {
            let subject = quote(subject);
            self.error(format!("subject {subject} cannot start or end with a `.`"));
        }
        if subject.contains("..") {
            let subject = quote(subject);
            self.error(format!("subject {subject} cannot contain consecutive `.`"));
        }
    }

    /// What `local` may be for something that is called `subject` elsewhere.
    fn renaming(&mut self, local: &str, subject: &str) {
        self.subject(local);
        if subject.is_empty() {
            self.error("subject cannot be empty");
        }
        if local.contains(' ') {
            self.error(format!("subject {} cannot have spaces", quote(local)));
        }
        let is_open = |text: &str| text == ">" || text.ends_with(".>");
        if is_open(local) != is_open(subject) {
            self.error("both, renaming subject and subject, need to end or not end in >");
        }
        let wildcards = subject.split('.').filter(|token| *token == "*").count();
        let mut references = 0;
        for token in local.split('.') {
            if token == "*" {
                references += 1;
            } else if let Some(number) = reference(token) {
                if number > wildcards as i64 {
                    self.error(format!(
                        "Reference ${number} in {} reference * in {} that do not exist",
                        quote(local),
                        quote(subject)
                    ));
                } else {
                    references += 1;
                }
            }
        }
        if references != wildcards {
            self.error("subject does not contain enough * or reference wildcards $[0-9]");
        }
    }

    fn info(&mut self, description: &str, url: &str) {
        if description.len() > LONGEST_INFO {
            self.error("Description is too long");
        }
        if url.is_empty() {
            return;
        }
        if url.len() > LONGEST_INFO {
            self.error("Info URL is too long");
        }
        let host = url.split_once("://").map(|(scheme, rest)| {
            let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
            !scheme.is_empty() && !host.is_empty()
        });
        if host != Some(true) {
            self.error("error parsing info url: no hostname or scheme");
        }
    }

    pub(super) fn permission(&mut self, side: &Permission, queues: bool) {
        for entry in side.allow.iter().chain(&side.deny) {
            let words: Vec<&str> = entry.split(' ').collect();
            match words[..] {
                [subject] => self.subject(subject),
                [subject, queue] => {
                    self.subject(subject);
                    self.subject(queue);
                    if !queues {
                        self.error(format!(
                            "Permission Subject \"{entry}\" is not allowed to contain queue"
                        ));
                    }
                }
                _ => self.error(format!(
                    "Permission Subject \"{entry}\" contains too many spaces"
                )),
            }
        }
    }

    fn activation(&mut self, activation: &Claims<ActivationClaims>) {
        let nats = &activation.nats;
        if nats.import_kind == Kind::Unknown {
            self.error("invalid import type: \"unknown\"");
        }
        self.subject(&nats.subject);
        let issuer = &nats.issuer_account;
        if !issuer.is_empty() && !is_public_key(Role::Account, issuer) {
            self.error("account_id is not an account public key");
        }
    }

    fn import(&mut self, account: &str, import: &ClaimedImport) {
        let subject = &import.subject;
        if import.kind == Kind::Unknown {
            self.error("invalid import type: \"unknown\"");
        }
        let is_service = import.kind == Kind::Service;
        if is_service && import.allow_trace {
            self.error("AllowTrace only valid for stream import");
        }
        if import.account.is_empty() {
            self.error("account to import from is not specified");
        }
        if !import.to.is_empty() {
            self.warning("the field to has been deprecated (use LocalSubject instead)");
        }
        self.subject(subject);
        if !import.local_subject.is_empty() {
            self.renaming(&import.local_subject, subject);
            if !import.to.is_empty() {
                self.error("Local Subject replaces To");
            }
        }
        if import.share && !is_service {
            self.error(format!(
                "sharing information (for latency tracking) is only valid for services: {}",
                quote(subject)
            ));
        }
        if import.token.is_empty() {
            return;
        }
        let Some(activation) = import.activation() else {
            let subject = quote(subject);
            self.error(format!(
                "import {subject} contains an invalid activation token"
            ));
            return;
        };
        let claims = &activation.claims;
        if claims.iss != import.account && claims.nats.issuer_account != import.account {
            self.error(format!(
                "activation token doesn't match account for import {}",
                quote(subject)
            ));
        }
        if claims.sub != account {
            self.error(format!(
                "activation token doesn't match account it is being included in, {}",
                quote(subject)
            ));
        }
        if claims.nats.import_kind != import.kind {
            self.error(format!(
                "mismatch between token import type {} and type of import {}",
                claims.nats.import_kind.name(),
                import.kind.name()
            ));
        }
        self.activation(claims);
        let there = match import.to.as_str() {
            to if is_service && !to.is_empty() => to,
            _ => subject,
        };
        if !is_within(there, &claims.nats.subject) {
            self.error(format!(
                "activation token import subject {} doesn't match import {}",
                quote(&claims.nats.subject),
                quote(subject)
            ));
        }
    }

    fn imports(&mut self, account: &str, imports: &[ClaimedImport], strictness: Strictness) {
        let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for import in imports {
            if import.kind == Kind::Service {
                let here = match (&*import.to, &*import.local_subject) {
                    ("", "") => import.subject.clone(),
                    ("", local) => unreferenced(local),
                    (to, _) => to.to_owned(),
                };
                let per_account = strictness.overlaps_per_account;
                let key = if per_account { &*import.account } else { "" };
                let others = seen.entry(key).or_default();
                for other in others.iter() {
                    if is_within(&here, other) || is_within(other, &here) {
                        let (here, other) = (quote(&here), quote(other));
                        let start = format!("overlapping subject namespace for {here} and {other}");
                        self.error(match per_account {
                            true => format!("{start} in same account {}", quote(&import.account)),
                            false => start,
                        });
                    }
                }
                if others.contains(&here) {
                    self.error(match per_account {
                        true => format!(
                            "overlapping subject namespace for {} in account {}",
                            quote(&here),
                            quote(&import.account)
                        ),
                        false => {
                            format!("overlapping subject namespace for {}", quote(&import.to))
                        }
                    });
                } else {
                    others.push(here);
                }
            }
            self.import(account, import);
        }
    }

    fn export(&mut self, export: &ClaimedExport) {
        let is_service = export.kind == Kind::Service;
        let is_stream = export.kind == Kind::Stream;
        if export.kind == Kind::Unknown {
            self.error("invalid export type: \"unknown\"");
        }
        let responses = export.response_type.as_str();
        if is_service && !matches!(responses, "" | "Singleton" | "Chunked" | "Stream") {
            self.error(format!(
                "invalid response type for service: {}",
                quote(responses)
            ));
        }
        if is_stream {
            if !responses.is_empty() {
                self.error(format!(
                    "invalid response type for stream: {}",
                    quote(responses)
                ));
            }
            if export.allow_trace {
                self.error("AllowTrace only valid for service export");
            }
        }
        if let Some(latency) = &export.service_latency {
            if !is_service {
                self.error("latency tracking only permitted for services");
            }
            if !(0..=100).contains(&latency.sampling) {
                self.error("sampling percentage needs to be between 1-100");
            }
            self.subject(&latency.results);
            if has_wildcards(&latency.results) {
                self.error("results subject can not contain wildcards");
            }
        }
        if export.response_threshold < 0 {
            self.error("negative response threshold is invalid");
        }
        if export.response_threshold > 0 && !is_service {
            self.error("response threshold only valid for services");
        }
        let subject = &export.subject;
        self.subject(subject);
        let position = export.account_token_position;
        if position > 0 {
            let tokens: Vec<&str> = subject.split('.').collect();
            let token = usize::try_from(position - 1)
                .ok()
                .and_then(|place| tokens.get(place));
            if !has_wildcards(subject) {
                self.error(format!(
                    "Account Token Position can only be used with wildcard subjects: {subject}"
                ));
            } else if let Some(&token) = token {
                if token != "*" {
                    self.error(format!(
                        "Account Token Position {position} matches '{token}' but must match a * in: {subject}"
                    ));
                }
            } else {
                self.error(format!(
                    "Account Token Position {position} exceeds length of subject '{subject}'"
                ));
            }
        }
        self.info(&export.description, &export.info_url);
    }

    fn exports(&mut self, exports: &[ClaimedExport]) {
        for export in exports {
            self.export(export);
        }
        for kind in [Kind::Service, Kind::Stream] {
            let subjects = exports
                .iter()
                .filter(|export| (export.kind == Kind::Service) == (kind == Kind::Service))
                .map(|export| export.subject.as_str());
            let subjects: Vec<&str> = subjects.collect();
            let mut twice: BTreeMap<&str, &str> = BTreeMap::new();
            for (place, narrow) in subjects.iter().enumerate() {
                for (other, wide) in subjects.iter().enumerate() {
                    if place != other && is_within(narrow, wide) {
                        twice.entry(wide).or_insert(narrow);
                    }
                }
            }
            for (wide, narrow) in twice {
                self.error(format!(
                    "{} export subject {} already exports {}",
                    kind.name(),
                    quote(wide),
                    quote(narrow)
                ));
            }
        }
    }

    fn authorization(&mut self, claims: &Authorization) {
        let (users, accounts) = (&claims.auth_users, &claims.allowed_accounts);
        if !accounts.is_empty() && users.is_empty() {
            self.error("External authorization cannot have accounts without users specified");
        }
        for user in users.iter().filter(|key| !is_public_key(Role::User, key)) {
            let user = quote(user);
            self.error(format!("AuthUser {user} is not a valid user public key"));
        }
        for account in accounts {
            if account == ANY_ACCOUNT {
                if accounts.len() > 1 {
                    self.error(format!(
                        "AllowedAccounts can only be a list of accounts or {}",
                        quote(ANY_ACCOUNT)
                    ));
                }
            } else if !is_public_key(Role::Account, account) {
                let account = quote(account);
                self.error(format!(
                    "Account {account} is not a valid account public key"
                ));
            }
        }
        let xkey = &claims.xkey;
        if !xkey.is_empty() && !is_public_key(Role::Curve, xkey) {
            self.error(format!("XKey {} is not a valid public xkey", quote(xkey)));
        }
    }

    fn trace(&mut self, trace: &ClaimedTrace) {
        let mut about_dest = Issues::default();
        about_dest.subject(&trace.dest);
        if let Some(first) = about_dest.0.first() {
            let issue = format!("the account Trace.Destination {}", first.description);
            self.error(issue);
        }
        if has_wildcards(&trace.dest) {
            self.error(format!(
                "the account Trace.Destination subject {} is not a valid publish subject",
                quote(&trace.dest)
            ));
        }
        if !(0..=100).contains(&trace.sampling) {
            self.error(format!(
                "the account Trace.Sampling value '{}' is not valid, should be in the range [1..100]",
                trace.sampling
            ));
        }
    }

    fn mappings(&mut self, claims: &AccountClaims) {
        for (source, destinations) in &claims.mappings {
            self.subject(source);
            let mut per_cluster: BTreeMap<&str, u32> = BTreeMap::new();
            for destination in destinations {
                self.subject(&destination.subject);
                let cluster = destination.cluster.as_str();
                let total = per_cluster.entry(cluster).or_default();
                *total += u32::from(destination.weight());
                if *total > 100 && !cluster.is_empty() {
                    self.error(format!(
                        "Mapping {} in cluster {} exceeds 100% among all of it's weighted to mappings",
                        quote(source),
                        quote(cluster)
                    ));
                }
            }
            if per_cluster.get("").is_some_and(|&total| total > 100) {
                self.error(format!(
                    "Mapping {} exceeds 100% among all of it's weighted to mappings",
                    quote(source)
                ));
            }
        }
    }
}

/// What is to be said against the claims of an account at a time, in seconds since 1970.
pub(crate) fn issues(claims: &Claims<AccountClaims>, now: i64, strictness: Strictness) -> Issues {
    let mut issues = Issues::default();
    let nats = &claims.nats;
    issues.time(claims, now);
    issues.imports(&claims.sub, &nats.imports, strictness);
    issues.exports(&nats.exports);
    let usual = &nats.default_permissions;
    issues.permission(&usual.subscribe, true);
    issues.permission(&usual.publish, false);
    issues.mappings(nats);
    issues.authorization(&nats.authorization);
    if let Some(trace) = &nats.trace {
        issues.trace(trace);
    }
    let too_many = |count: usize, limit: i64| count as i64 > limit;
    const TOO_MANY_IMPORTS: &str = "the account contains more imports than allowed by the operator";
    let limits = &nats.limits;
    let imports = nats.imports.len();
    if !limits.is_empty() && limits.imports >= 0 && too_many(imports, limits.imports) {
        issues.error(TOO_MANY_IMPORTS);
    }
    if limits.imports != -1 && too_many(imports, limits.imports) {
        issues.error(TOO_MANY_IMPORTS);
    }
    if limits.exports != -1 {
        if too_many(nats.exports.len(), limits.exports) {
            issues.error("the account contains more exports than allowed by the operator");
        }
        let mut exports = nats.exports.iter();
        if !limits.wildcards && exports.any(|export| has_wildcards(&export.subject)) {
            issues.error(
                "the account contains wildcard exports that are not allowed by the operator",
            );
        }
    }
    for key in &nats.signing_keys {
        match key {
            SigningKey::Plain(key) if !is_public_key(Role::Account, key) => {
                issues.error(format!("{} is not a valid account signing key", quote(key)));
            }
            SigningKey::Scoped(scope) if !is_public_key(Role::Account, &scope.key) => {
                issues.error(format!("{} is not an account public key", scope.key));
            }
            _ => {}
        }
    }
    issues.info(&nats.description, &nats.info_url);
    let traffic = nats.cluster_traffic.as_str();
    if !matches!(traffic, "" | "system" | "owner") {
        let traffic = quote(traffic);
        issues.error(format!("unknown cluster traffic option: {traffic}"));
    }
    if is_public_key(Role::Account, &claims.iss) && !limits.is_empty() {
        issues.warning("self-signed account JWTs shouldn't contain operator limits");
    }
    issues
}

/// Whether an import that is claimed comes with a token that lets `account` have it, whoever was to sign it.
pub(crate) fn is_activated(
    account: &str,
    import: &ClaimedImport,
    activation: &Token,
    now: i64,
) -> bool {
    let mut issues = Issues::default();
    issues.import(account, import);
    issues.time(&activation.claims, now);
    let expires = activation.claims.exp;
    !issues.is_blocking(true) && (expires == 0 || expires > now)
}

type Token = super::Token<ActivationClaims>;
