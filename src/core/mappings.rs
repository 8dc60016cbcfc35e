//! Subjects that become others when something is published to them.

use super::account::AccountId;
use super::server::ServerId;
use super::{Core, ids};
use crate::topology::{Mapping, ServerSpec, SubjectMapping};

impl Core {
    /// What a subject becomes in an account, if it becomes another: nothing, where messages are to be
    /// lost.
    pub(super) fn mapped(
        &mut self,
        account: AccountId,
        server: ServerId,
        subject: &[u8],
    ) -> Option<Vec<u8>> {
        let mappings = &self.accounts[account.0 as usize].mappings;
        let mapping = mappings.iter().find(|mapping| mapping.takes(subject))?;
        let cluster = self.servers[usize::from(server.0)].cluster_name.as_deref();
        let shares = mapping.shares(cluster);
        let rng = &mut self.mapping_picks;
        let share = match shares {
            [all] if all.up_to == 100 => Some(all),
            _ => {
                let drawn = ids::below(100, rng) as u8;
                shares.iter().find(|share| drawn < share.up_to)
            }
        };
        let mut random = || ids::below(1 << 31, rng) as u32;
        Some(share.map_or_else(Vec::new, |share| {
            share.transform.apply(subject, &mut random)
        }))
    }

    /// Has the accounts of a server map what its specification says.
    pub(super) fn map_subjects(&mut self, server: ServerId, spec: &ServerSpec) {
        let functions = spec.version.profile().subject_functions();
        let in_force = |mappings: &[SubjectMapping]| -> Vec<Mapping> {
            let mappings = mappings.iter();
            mappings
                .filter_map(|mapping| Mapping::of(mapping, functions).ok())
                .collect()
        };
        let of_accounts = spec.accounts.iter().flat_map(|listed| &listed.mappings);
        self.has_mappings |= spec
            .global_mappings
            .iter()
            .chain(of_accounts)
            .next()
            .is_some();
        let global = self.server(server).global;
        self.account_mut(global).mappings = in_force(&spec.global_mappings);
        for listed in spec.accounts.iter() {
            if let Some(account) = self.account_named(server, &listed.name) {
                let mappings = in_force(&listed.mappings);
                let account = self.account_mut(account);
                account.mappings = mappings;
                let trace = listed.msg_trace.as_ref();
                account.msg_trace = trace.map(|trace| (trace.dest.as_str().into(), trace.sampling));
            }
        }
    }
}
