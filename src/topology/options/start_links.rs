//! What a server checks of its links when it starts.

use super::{
    ServerOptions, StartError,
    cluster::check_lists,
    leafnodes::check_users,
    links::RESERVED_CLUSTER_NAME,
    min_version,
    permissions::{Queues, check_subjects},
    remotes,
    start::{DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT},
};
use crate::{
    Version,
    identity::{self, Role},
    topology::links::{ClusterOptions, LeafNodeOptions, LeafRemote},
    version::Feature,
};

impl ServerOptions {
    pub(super) fn validate_leafnodes(&self, version: Version) -> Result<(), StartError> {
        let Some(leafnodes) = &self.leafnodes else {
            return Ok(());
        };
        leafnodes
            .authorization
            .as_ref()
            .map_or(Ok(()), check_users)?;
        if version.profile().has(Feature::UniqueLeafRemotes) {
            validate_remotes(&leafnodes.remotes)?;
        }
        self.validate_leaf_accounts(leafnodes)?;
        let compression = leafnodes.compression.as_ref();
        // Of a server that does not listen, the default is never worked out.
        if leafnodes.is_listening() || compression.is_some_and(|options| !options.mode.is_empty()) {
            leafnodes.compression_in_force()?;
        }
        for remote in &leafnodes.remotes {
            remote.compression_in_force()?;
        }
        if !leafnodes.is_listening() {
            return Ok(());
        }
        if let Some(version_of_leafs) = &leafnodes.min_version {
            let strict = version.profile().has(Feature::SemanticVersions);
            min_version::check(version_of_leafs, strict).map_err(StartError::LeafMinVersion)?;
        }
        if self.names_gateway() && self.system_account.is_none() {
            return Err(StartError::LeafNodesAndGateways);
        }
        Ok(())
    }

    fn validate_leaf_accounts(&self, leafnodes: &LeafNodeOptions) -> Result<(), StartError> {
        let operators = self.operator.as_ref();
        if operators.is_some_and(|operator| !operator.operators.is_empty()) {
            return validate_leafs_of_operators(leafnodes);
        }
        let known = |name: &str| {
            name == GLOBAL_ACCOUNT
                || self.accounts.iter().any(|account| account.name == name)
                || (name == DEFAULT_SYSTEM_ACCOUNT
                    && self.system_account.is_none()
                    && !self.no_system_account)
        };
        let auth = leafnodes.authorization.as_ref();
        let users = auth.and_then(|auth| auth.users.as_deref());
        let single = auth.and_then(|auth| auth.account.as_deref());
        let users = users.unwrap_or_default();
        let local = single
            .into_iter()
            .chain(users.iter().filter_map(|user| user.account.as_deref()))
            .map(|account| (account, "authorization"));
        let remotes = leafnodes.remotes.iter();
        let remote = remotes.filter_map(|remote| Some((remote.account.as_deref()?, "remote")));
        match local.chain(remote).find(|&(account, _)| !known(account)) {
            None => Ok(()),
            Some((account, place)) => Err(StartError::LeafAccountUnknown {
                account: account.to_owned(),
                place,
            }),
        }
    }

    pub(super) fn validate_gateway(&self, version: Version) -> Result<(), StartError> {
        let Some(gateway) = self.gateway.as_ref().filter(|_| self.names_gateway()) else {
            return Ok(());
        };
        let Some(name) = &gateway.name else {
            return Err(StartError::GatewayWithoutName);
        };
        if name.contains(' ') && version.profile().has(Feature::BlanksInNamesRefused) {
            return Err(StartError::GatewayNameSpaces);
        }
        if gateway.port.is_none() {
            return Err(StartError::GatewayWithoutPort(name.clone()));
        }
        for (index, remote) in gateway.gateways.iter().enumerate() {
            if remote.name.is_empty() {
                return Err(StartError::RemoteGatewayWithoutName(index));
            }
            if remote.urls.is_empty() {
                return Err(StartError::RemoteGatewayWithoutUrl(remote.name.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn validate_cluster(&self, version: Version) -> Result<(), StartError> {
        let profile = version.profile();
        let cluster = self.cluster.as_ref();
        let name = cluster.and_then(|cluster| cluster.name.as_deref());
        if name.is_some_and(|name| name.contains(' ')) && profile.has(Feature::BlanksInNamesRefused)
        {
            return Err(StartError::ClusterNameSpaces);
        }
        if let Some(cluster) = cluster {
            if let Some(permissions) = &cluster.permissions
                && profile.has(Feature::QueuesOnlyToSubscribe)
            {
                check_lists(permissions.import.as_ref(), permissions.export.as_ref())
                    .map_err(|(list, reason)| StartError::ClusterPermissions { list, reason })?;
            }
            cluster.compression_in_force()?;
        }
        let gateway = self
            .gateway
            .as_ref()
            .and_then(|gateway| gateway.name.as_deref());
        if name.is_some() && gateway.is_some() && name != gateway {
            return Err(StartError::ClusterNameConflict);
        }
        let lone_leaf = self
            .leafnodes
            .as_ref()
            .is_some_and(|leafnodes| !leafnodes.remotes.is_empty())
            && !cluster.is_some_and(ClusterOptions::is_listening);
        // A leaf node without a cluster passes its own name off as one.
        let leaf = self.server_name.as_deref().filter(|_| lone_leaf);
        if name.or(gateway).or(leaf) == Some(RESERVED_CLUSTER_NAME)
            && profile.has(Feature::ReservedClusterName)
        {
            return Err(StartError::ClusterNameReserved);
        }
        cluster.map_or(Ok(()), |cluster| self.validate_pinned_accounts(cluster))
    }

    fn validate_pinned_accounts(&self, cluster: &ClusterOptions) -> Result<(), StartError> {
        if cluster.accounts.is_empty() {
            return Ok(());
        }
        if cluster.pool_size.is_some_and(|size| size < 0) {
            return Err(StartError::PinnedAccountsWithoutPool);
        }
        let mut accounts = cluster.accounts.clone();
        if let Some(system) = self.expected_system_account()
            && cluster.is_listening()
            && !accounts.iter().any(|account| account == system)
        {
            accounts.push(system.to_owned());
        }
        let twice = accounts
            .iter()
            .enumerate()
            .find(|(index, account)| accounts[..*index].contains(account));
        match twice.map(|(_, account)| account.clone()) {
            None => Ok(()),
            Some(account) => Err(StartError::PinnedAccountTwice { account, accounts }),
        }
    }

    /// The system account's name before the server knows whether there will be one.
    fn expected_system_account(&self) -> Option<&str> {
        let default = (!self.no_system_account).then_some(DEFAULT_SYSTEM_ACCOUNT);
        self.system_account.as_deref().or(default)
    }

    fn names_gateway(&self) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| gateway.name.is_some() || gateway.port.is_some())
    }
}

/// In operator mode accounts are not known before somebody comes, but they are public keys.
fn validate_leafs_of_operators(leafnodes: &LeafNodeOptions) -> Result<(), StartError> {
    let auth = leafnodes.authorization.as_ref();
    let users = auth.and_then(|auth| auth.users.as_deref());
    let is_key = |account: Option<&str>| {
        account.is_some_and(|account| identity::is_public_key(Role::Account, account))
    };
    let single = auth.and_then(|auth| auth.account.as_deref());
    let problem = if users.is_some_and(|users| !users.is_empty()) {
        "operator mode does not allow specifying users in leafnode config"
    } else if !leafnodes
        .remotes
        .iter()
        .all(|remote| is_key(remote.account.as_deref()))
    {
        "operator mode requires account nkeys in remotes. Please add an `account` key to each remote in your \
         `leafnodes` section, to assign it to an account. Each account value should be a 56 character public key, \
         starting with the letter 'A'"
    } else if leafnodes.is_listening() && single.is_some() && !is_key(single) {
        "operator mode and non account nkeys are incompatible"
    } else {
        return Ok(());
    };
    Err(StartError::Operator(problem.to_owned()))
}

fn validate_remotes(all: &[LeafRemote]) -> Result<(), StartError> {
    for (index, remote) in all.iter().enumerate() {
        for (list, subjects) in [
            ("deny_imports", &remote.deny_imports),
            ("deny_exports", &remote.deny_exports),
        ] {
            check_subjects(subjects, Queues::Refused).map_err(|reason| {
                StartError::DeniedSubject {
                    list,
                    remote: remotes::name(remote),
                    reason,
                }
            })?;
        }
        if remotes::is_known(remote, &all[..index]) {
            return Err(StartError::RemoteTwice(remotes::name(remote)));
        }
    }
    Ok(())
}
