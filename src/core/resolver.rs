//! What a resolver with a directory does for its server: it keeps tokens, and has accounts be what they say.

use std::sync::Arc;

use super::account::AccountId;
use super::jwt_store::{FileChange, JwtStore, ResolverKind, StoreError, WriteFile};
#[cfg(feature = "jwt")]
use super::operator::ClaimsRefused;
use super::operator::OperatorMode;
use super::server::ServerId;
use super::{CloseReason, Core, Notice};
use crate::identity::{self, Role};
use crate::topology::AccountLimits;

impl Core {
    /// How the resolver of a server in operator mode keeps its tokens.
    pub fn resolver_kind(&self, server: ServerId) -> Option<ResolverKind> {
        let mode = self.server(server).operator.as_deref();
        mode.map(|mode| mode.store.kind())
    }

    pub(super) fn operator_mode(&mut self, server: ServerId) -> &mut OperatorMode {
        self.server_mut(server).operator.get_or_insert_default()
    }

    /// The token of an account that a resolver has, or gets from another server.
    pub(super) fn resolve(&mut self, server: ServerId, key: &str) -> Option<Arc<str>> {
        let now = self.now;
        if !identity::is_public_key(Role::Account, key) {
            return None;
        }
        let mode = self.operator_mode(server);
        let is_alone = mode.is_alone;
        let store = mode.resolver_mut();
        if store.kind() != ResolverKind::Url
            && let Some(text) = store.load(key, now)
        {
            return Some(text);
        }
        match store.kind() {
            ResolverKind::Memory => return None,
            ResolverKind::Url => return mode.hand.get(key),
            ResolverKind::Full | ResolverKind::Cache if mode.hand.times(key) > 0 => {
                let text = mode.hand.get(key)?;
                let kept = mode.resolver_mut().save_if_newer(key, &text, now);
                self.collect_file_changes(server);
                return kept.ok().map(|_| text);
            }
            ResolverKind::Full | ResolverKind::Cache if is_alone => return None,
            ResolverKind::Full | ResolverKind::Cache => {}
        }
        self.notices.push_back(Notice::ClaimsWanted {
            server,
            account: key.into(),
        });
        let text = self.known_servers(server).into_iter().find_map(|peer| {
            if !self.answers_lookups(peer) {
                return None;
            }
            self.operator_mode(peer).store.load(key, now)
        })?;
        let store = self.operator_mode(server).resolver_mut();
        let kept = store.save_if_newer(key, &text, now);
        self.collect_file_changes(server);
        kept.ok().map(|_| text)
    }

    /// The token of an account that a resolver has itself.
    pub fn stored_claims(
        &mut self,
        server: ServerId,
        key: &str,
    ) -> Result<Option<Arc<str>>, StoreError> {
        let now = self.now;
        if !identity::is_any_public_key(key) {
            return Err(StoreError::Key);
        }
        let store = &mut self.operator_mode(server).store;
        match store.load(key, now) {
            None if store.is_unreadable(key) => Err(StoreError::Unreadable),
            found => Ok(found),
        }
    }

    /// Keeps a token for an account, and has the account be what it says.
    pub fn store_claims(
        &mut self,
        server: ServerId,
        key: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let now = self.now;
        let write = self.write_file;
        let store = &mut self.operator_mode(server).store;
        let changed = store.save_written(key, text, now, write);
        self.collect_file_changes(server);
        if changed? {
            self.claims_changed(server, key);
        }
        Ok(())
    }

    /// Has a server take a token for an account as it takes those that it is sent.
    #[cfg(feature = "jwt")]
    pub fn take_claims(
        &mut self,
        server: ServerId,
        key: &str,
        text: &str,
    ) -> Result<(), ClaimsRefused> {
        match self.resolver_kind(server) {
            Some(ResolverKind::Full) => {}
            Some(ResolverKind::Cache) if self.account_named(server, key).is_none() => return Ok(()),
            Some(ResolverKind::Cache) => {}
            Some(ResolverKind::Memory | ResolverKind::Url) | None => {
                return self.update_claims(server, key, text).map(|_| ());
            }
        }
        self.verify_claims(server, text)?;
        Ok(self.store_claims(server, key, text)?)
    }

    /// Keeps what another server has packed, as far as it is newer.
    pub fn merge_claims(&mut self, server: ServerId, pack: &str) {
        let now = self.now;
        // What is wrong with it, a server only logs.
        let (changed, _) = self.operator_mode(server).store.merge(pack, now);
        self.collect_file_changes(server);
        for key in changed {
            self.claims_changed(server, &key);
        }
    }

    fn claims_changed(&mut self, server: ServerId, key: &str) {
        let now = self.now;
        if let Some(text) = self.operator_mode(server).store.load(key, now) {
            // Whether an account takes them is not told to whoever has sent them.
            let _ = self.update_claims(server, key, &text);
        }
    }

    /// Forgets the token of an account, and ends the account.
    pub fn delete_claims(&mut self, server: ServerId, key: &str) {
        if !self.operator_mode(server).store.delete(key) {
            return;
        }
        self.collect_file_changes(server);
        if let Some(account) = self.account_named(server, key) {
            self.end_account(server, account);
        }
    }

    fn end_account(&mut self, server: ServerId, account: AccountId) {
        let now = self.now;
        self.account_mut(account).limits = AccountLimits {
            max_connections: Some(0),
            max_subscriptions: Some(0),
            max_payload: Some(0),
            max_leafnodes: Some(0),
        };
        let mode = self.operator_mode(server);
        if let Some(timer) = mode.end(account, now) {
            self.timers.cancel(timer);
        }
        for id in self.clients_in(account, server) {
            self.send_err(id, "Account Authentication Expired");
            self.close(id, CloseReason::AuthenticationExpired);
        }
        self.unlisten_imports(account);
    }

    /// All tokens that a resolver would give to others.
    pub fn packed_claims(&self, server: ServerId) -> Vec<(String, Arc<str>)> {
        self.store(server)
            .map_or_else(Vec::new, |store| store.packed(self.now))
    }

    pub fn claims_hash(&self, server: ServerId) -> [u8; 32] {
        self.store(server).map_or([0; 32], JwtStore::hash)
    }

    /// Has a resolver forget what is too old.
    pub fn sweep_claims(&mut self, server: ServerId) {
        let now = self.now;
        self.operator_mode(server).store.sweep(now);
        self.collect_file_changes(server);
    }

    pub(crate) fn store(&self, server: ServerId) -> Option<&JwtStore> {
        let mode = self.server(server).operator.as_deref();
        mode.map(|mode| &mode.store)
    }

    /// Has files written by whoever looks after them, at once, where somebody is to be told whether that was possible.
    pub fn write_files_with(&mut self, write: WriteFile) {
        self.write_file = write;
    }

    /// What has become of files since it was last asked for.
    pub fn take_file_changes(&mut self) -> Vec<FileChange> {
        std::mem::take(&mut self.file_changes)
    }

    /// Has the files of a resolver follow what it keeps.
    pub(super) fn collect_file_changes(&mut self, server: ServerId) {
        if let Some(mode) = self.server_mut(server).operator.as_deref_mut() {
            let mut changes = mode.store.take_changes();
            if let Some(replaced) = &mut mode.replaced {
                changes.append(&mut replaced.take_changes());
            }
            self.file_changes.append(&mut changes);
        }
    }
}
