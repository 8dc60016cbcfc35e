//! A resolver that is configured anew while its server runs.
//!
//! The server looks accounts up there from then on. What is asked about claims still goes to the one that it has
//! started with, unless both keep theirs in the same place; and the new one asks no other server.

use std::sync::Arc;

use super::Core;
use super::account::AccountId;
use super::jwt_store::{JwtStore, ResolverKind};
use super::server::ServerId;

impl Core {
    /// Has a server look accounts up as it is configured now. Tells whether its clients have to log in again: that
    /// is so as soon as the resolver has anything to tell it from a new one.
    pub(super) fn renew_resolver(&mut self, server: ServerId) -> bool {
        let spec = Arc::clone(&self.server(server).spec);
        let Some(options) = &spec.operator else {
            return false;
        };
        if options.resolver.is_none() {
            return false;
        }
        let now = self.now;
        let mode = self.operator_mode(server);
        let mut new = JwtStore::new(options);
        let kind = new.kind();
        let old = mode.resolver();
        let is_other = old.kind() != ResolverKind::Memory || kind != ResolverKind::Memory;
        let is_renewed = is_other || !old.is_empty();
        let is_same_place = mode.store.is_same_place(&new);
        let goes_on = is_same_place && !new.has_files();
        new.open(&options.preload, goes_on.then_some(&mode.store), now);
        if is_same_place {
            mode.store.take_over(new);
            mode.replaced = None;
        } else {
            mode.replaced = Some(Box::new(new));
        }
        mode.is_alone = true;
        self.collect_file_changes(server);
        if kind == ResolverKind::Memory {
            self.look_again_for_accounts(server);
        }
        is_renewed
    }

    /// A resolver in memory knows all accounts that there are: others go.
    fn look_again_for_accounts(&mut self, server: ServerId) {
        let now = self.now;
        let system = self.server(server).system;
        let accounts: Vec<AccountId> = self.operator_mode(server).accounts();
        for id in accounts {
            let key = Arc::clone(&self.account(id).name);
            let text = self.operator_mode(server).resolver_mut().load(&key, now);
            let text = text.filter(|text| {
                let token = self.verify_claims(server, text);
                token.is_ok_and(|token| *token.claims.sub == *key)
            });
            let stays = text.is_some_and(|text| self.update_claims(server, &key, &text).is_ok());
            if stays || Some(id) == system {
                continue;
            }
            if let Some(timer) = self.operator_mode(server).forget(id) {
                self.timers.cancel(timer);
            }
            self.remove_account(server, id);
        }
    }
}
