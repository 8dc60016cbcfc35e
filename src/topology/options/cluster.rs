//! The `cluster` block.

use nats_mock_protocol::conf::{Map, Value, fold};

use super::{
    durations::write_timeout,
    links::without_place_of,
    permissions::{Queues, check_subjects},
    problem::Problem,
    read::{
        Reader, boolean, integer, invalid, non_empty, non_zero, string, unsupported_type,
        wrong_type,
    },
    tls::Side,
    words::quote,
};
use crate::{
    topology::{
        accounts::{Permissions, SubjectPermission},
        links::{ClusterOptions, RoutePermissions},
    },
    version::Feature,
};

impl Reader<'_> {
    pub(super) fn cluster(&mut self, value: &Value) -> Result<(), Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| unsupported_type(value, "Expected map to define cluster, got"))?;
        let mut cluster = self.options.cluster.take().unwrap_or_default();
        let mut permissions = None;
        let read = self.cluster_keys(map, &mut cluster, &mut permissions);
        // Permissions of the block itself count, wherever they stand.
        cluster.permissions = permissions.or(cluster.permissions);
        self.options.cluster = Some(cluster);
        read
    }

    fn cluster_keys(
        &mut self,
        map: &Map,
        cluster: &mut ClusterOptions,
        permissions: &mut Option<RoutePermissions>,
    ) -> Result<(), Problem> {
        for (key, value) in map.iter() {
            let folded = fold(key);
            if !self.knows(&format!("cluster.{folded}")) {
                self.stranger(key, value);
                continue;
            }
            if self.listener(&folded, value, &mut cluster.host, &mut cluster.port)? {
                continue;
            }
            match folded.as_str() {
                "name" => {
                    if let Some(name) = self.cluster_name("cluster", value)? {
                        cluster.name = non_empty(name);
                    }
                }
                "authorization" => self.cluster_authorization(key, value, cluster)?,
                "routes" => {
                    let routes = value
                        .as_array()
                        .ok_or_else(|| wrong_type(value, "[]interface {}"))?;
                    if let Some(routes) = self.urls("route", routes) {
                        cluster.routes = routes;
                    }
                }
                "tls" => match self.tls(value, Side::Servers) {
                    Ok(tls) => cluster.tls = Some(tls),
                    Err(problem) => self.problems.push(problem),
                },
                "cluster_advertise" | "advertise" => cluster.advertise = non_empty(string(value)?),
                "no_advertise" => cluster.no_advertise = boolean(value)?,
                "connect_retries" => cluster.connect_retries = non_zero(integer(value)?),
                "connect_backoff" => cluster.connect_backoff = boolean(value)?,
                "permissions" => {
                    if let Some(read) = self.cluster_permissions(value) {
                        *permissions = Some(read);
                    }
                }
                "pool_size" => cluster.pool_size = non_zero(integer(value)?),
                "accounts" => cluster.accounts = self.names("accounts", value),
                "compression" => {
                    if let Some(read) = self.compression(key, value, "s2_fast") {
                        cluster.compression = Some(read);
                    }
                }
                "ping_interval" => {
                    cluster.ping_interval = self.link_duration("ping_interval", key, value)?;
                    if cluster.ping_interval > Some(ClusterOptions::MAX_PING_INTERVAL) {
                        let text =
                            "Cluster 'ping_interval' will reset to 30s which is the max for routes";
                        self.warn(value, text.to_owned());
                    }
                }
                "ping_max" => cluster.ping_max = non_zero(integer(value)?),
                "write_deadline" => {
                    cluster.write_deadline = self.link_duration("write_deadline", key, value)?;
                }
                "write_timeout" => match write_timeout(value) {
                    Ok(policy) => cluster.write_timeout = Some(policy),
                    Err(problem) => self.note(problem)?,
                },
                _ => self.stranger(key, value),
            }
        }
        Ok(())
    }

    fn cluster_authorization(
        &mut self,
        key: &str,
        value: &Value,
        cluster: &mut ClusterOptions,
    ) -> Result<(), Problem> {
        let Some((auth, permissions)) = self.link_authorization("Cluster", value)? else {
            return Ok(());
        };
        cluster.authorization = Some(auth);
        let Some(permissions) = permissions else {
            return Ok(());
        };
        if let Err(problem) = self.check_cluster_permissions(&permissions, value) {
            self.problems.push(problem);
            return Ok(());
        }
        let text = format!(
            "invalid use of field {}: setting \"permissions\" within cluster authorization block is deprecated",
            quote(key)
        );
        self.warn(value, text);
        cluster.permissions.get_or_insert(of_links(permissions));
        Ok(())
    }

    fn cluster_permissions(&mut self, value: &Value) -> Option<RoutePermissions> {
        let read = self
            .permissions(value)
            .map_err(|problem| without_place_of(value, problem));
        let read = read.and_then(|permissions| {
            if permissions.allow_responses.is_some() {
                let reason = "Cluster permissions do not support dynamic responses";
                return Err(invalid(value, reason));
            }
            self.check_cluster_permissions(&permissions, value)?;
            Ok(of_links(permissions))
        });
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn check_cluster_permissions(
        &self,
        permissions: &Permissions,
        value: &Value,
    ) -> Result<(), Problem> {
        if !self.has(Feature::QueuesOnlyToSubscribe) {
            return Ok(());
        }
        check_lists(permissions.publish.as_ref(), permissions.subscribe.as_ref())
            .map_err(|(list, reason)| invalid(value, format!("{list}: {reason}")))
    }
}

/// Checks what may cross the routes: no list has a place for queues.
pub(super) fn check_lists(
    import: Option<&SubjectPermission>,
    export: Option<&SubjectPermission>,
) -> Result<(), (&'static str, String)> {
    for (list, subjects) in lists(import, export) {
        check_subjects(subjects, Queues::Refused).map_err(|reason| (list, reason))?;
    }
    Ok(())
}

fn of_links(permissions: Permissions) -> RoutePermissions {
    RoutePermissions {
        import: permissions.publish,
        export: permissions.subscribe,
    }
}

/// The lists of subjects in the permissions of a cluster, each with the server's name for it.
fn lists<'p>(
    import: Option<&'p SubjectPermission>,
    export: Option<&'p SubjectPermission>,
) -> impl Iterator<Item = (&'static str, &'p [String])> {
    let lists = |permission: Option<&'p SubjectPermission>| {
        permission.map_or((&[][..], &[][..]), |permission| {
            let allow = permission.allow.as_deref().unwrap_or_default();
            (allow, permission.deny.as_slice())
        })
    };
    let (import_allow, import_deny) = lists(import);
    let (export_allow, export_deny) = lists(export);
    [
        ("cluster import allow", import_allow),
        ("cluster import deny", import_deny),
        ("cluster export allow", export_allow),
        ("cluster export deny", export_deny),
    ]
    .into_iter()
}
