//! Leaf nodes of a deployment that a builder makes.

use super::plan::{self, Planned};
use super::{Builder, StartError};
use crate::services::Configuration;
use crate::topology::{
    ClusterOptions, GLOBAL_ACCOUNT, LeafCredentials, LeafNodeOptions, LeafRemote, LeafUser,
    RemoteUrl, ServerSpec, SystemAccount,
};

/// Servers that are leaf nodes of a cluster, or of a single server: see [`Builder::leaf_with`].
///
/// Unless it says otherwise, it is one server, and every account but the system account is joined with
/// that of the same name.
///
/// ```
/// use nats_mock::{Leaf, MockNats};
///
/// let nats = MockNats::builder()
///     .account("SHOP", [("shop", "secret")])
///     .account("EDGE", [("till", "secret")])
///     .cluster("east", 3)
///     .leaf_with(Leaf::new("store", "east").account_as("EDGE", "SHOP").deny_imports(["audit.>"]))
///     .start_blocking()?;
/// let mut till = nats.server("store-1").client("till")?;
/// let mut heard = till.subscribe(">")?;
/// let mut shop = nats.client("shop")?;
/// shop.publish("prices.new", "1")?;
/// shop.publish("audit.all", "2")?;
/// assert_eq!(heard.try_next().unwrap().text(), "1");
/// assert!(heard.try_next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is to be given to a builder"]
pub struct Leaf {
    name: String,
    hub: String,
    servers: usize,
    /// Accounts of the leaf with those of the hub; none stand for all.
    accounts: Vec<(String, String)>,
    /// Accounts of the leaf with the credentials that lead to one of the hub.
    credentials: Vec<(String, LeafCredentials)>,
    system: bool,
    deny_imports: Vec<String>,
    deny_exports: Vec<String>,
    isolated: bool,
}

impl Leaf {
    /// A leaf node called `<name>-1` of the cluster `hub`, of the leaf nodes with that name, or of the
    /// server with that name.
    pub fn new(name: impl Into<String>, hub: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            hub: hub.into(),
            servers: 1,
            accounts: Vec::new(),
            credentials: Vec::new(),
            system: false,
            deny_imports: Vec::new(),
            deny_exports: Vec::new(),
            isolated: false,
        }
    }

    /// Makes it a cluster of servers, each of which connects to the hub.
    pub fn servers(mut self, servers: usize) -> Self {
        self.servers = servers;
        self
    }

    /// Joins the account `name` with that of the same name on the hub, and none that is not named.
    pub fn account(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.account_as(name.clone(), name)
    }

    /// Joins the account `own` with the hub's account `hub`, and none that is not named.
    pub fn account_as(mut self, own: impl Into<String>, hub: impl Into<String>) -> Self {
        self.accounts.push((own.into(), hub.into()));
        self
    }

    /// Joins the account `own` with that of the hub to which the credentials lead, and none that is not named. In
    /// operator mode an account is called by its public key.
    ///
    /// ```
    /// # #[cfg(feature = "jwt")]
    /// # {
    /// use nats_mock::{Leaf, MockNats, MockOperator};
    ///
    /// let acme = MockOperator::new("acme");
    /// let orders = acme.account("ORDERS");
    /// let nats = MockNats::builder()
    ///     .operator(&acme, [&orders])
    ///     .cluster("east", 2)
    ///     .leaf_with(Leaf::new("edge", "east").credentials(orders.public_key(), orders.user("edge").creds()))
    ///     .start_blocking()?;
    /// assert_eq!(nats.servers().count(), 3);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn credentials(mut self, own: impl Into<String>, creds: impl Into<String>) -> Self {
        let creds = LeafCredentials::Creds(creds.into());
        self.credentials.push((own.into(), creds));
        self
    }

    /// Joins the system accounts as well: events and requests then reach the servers of both sides.
    ///
    /// ```
    /// use nats_mock::{Leaf, MockNats};
    ///
    /// let nats = MockNats::builder()
    ///     .cluster("east", 2)
    ///     .leaf_with(Leaf::new("edge", "east").system_account())
    ///     .start_blocking()?;
    /// let mut ops = nats.server("edge-1").client("admin")?;
    /// let mut answers = ops.request("$SYS.REQ.SERVER.PING.IDZ", "")?;
    /// assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn system_account(mut self) -> Self {
        self.system = true;
        self
    }

    /// Subjects that the leaf node does not take from its hub.
    pub fn deny_imports<S: Into<String>>(mut self, subjects: impl IntoIterator<Item = S>) -> Self {
        self.deny_imports
            .extend(subjects.into_iter().map(Into::into));
        self
    }

    /// Subjects that the leaf node does not give to its hub.
    pub fn deny_exports<S: Into<String>>(mut self, subjects: impl IntoIterator<Item = S>) -> Self {
        self.deny_exports
            .extend(subjects.into_iter().map(Into::into));
        self
    }

    /// Does not let the leaf node hear what other leaf nodes of the hub listen to (since 2.12).
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// The accounts that are joined, own and hub's.
    fn joined(&self, template: &ServerSpec) -> Vec<(String, String)> {
        let system = match &template.system_account {
            SystemAccount::Named(name) => Some(name.clone()),
            SystemAccount::Default => Some(crate::topology::DEFAULT_SYSTEM_ACCOUNT.to_owned()),
            SystemAccount::Disabled => None,
        };
        let mut joined = self.accounts.clone();
        if !self.credentials.is_empty() {
            return joined;
        }
        if joined.is_empty() {
            let named = template.accounts.iter().map(|account| account.name.clone());
            let named = named.filter(|name| Some(name) != system.as_ref());
            joined.extend(named.map(|name| (name.clone(), name)));
        }
        let has_users = template.authorization.is_some();
        if joined.is_empty() || (has_users && self.accounts.is_empty()) {
            joined.push((GLOBAL_ACCOUNT.to_owned(), GLOBAL_ACCOUNT.to_owned()));
        }
        if let Some(system) = system.filter(|_| self.system) {
            joined.push((system.clone(), system));
        }
        joined
    }
}

impl Builder {
    /// Adds leaf nodes of a cluster, named `<name>-1` and so on. They are like the other servers of the
    /// builder, but form a deployment of their own: every account but the system account is joined with
    /// that of the same name.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).leaf("edge", 1, "east").start_blocking()?;
    /// let mut sensor = nats.server("edge-1").client("a")?;
    /// let mut app = nats.server("east-2").client("a")?;
    /// let mut readings = app.subscribe("readings.*")?;
    /// sensor.publish("readings.attic", "21")?;
    /// assert_eq!(readings.try_next().unwrap().text(), "21");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leaf(self, name: impl Into<String>, servers: usize, hub: impl Into<String>) -> Self {
        self.leaf_with(Leaf::new(name, hub).servers(servers))
    }

    /// As [`leaf`](Self::leaf), with a say in what is joined.
    pub fn leaf_with(mut self, leaf: Leaf) -> Self {
        self.leafs.push(leaf);
        self
    }

    /// Adds the servers that are leaf nodes, and has their hubs listen for them.
    pub(super) fn add_leafs(&self, servers: &mut Vec<Planned>) -> Result<(), StartError> {
        for leaf in &self.leafs {
            let hubs = self.hubs_of(leaf, servers)?;
            let joined = leaf.joined(&self.server);
            let mut urls = Vec::new();
            for &hub in &hubs {
                urls.push(plan::leaf_url(hub));
                listen_for_leafs(&mut servers[hub].spec, leaf, &joined, hub);
            }
            let remotes = joined.iter().map(|(own, hub)| LeafRemote {
                urls: urls
                    .iter()
                    .map(|url| RemoteUrl {
                        user: Some(user_name(leaf, hub)),
                        password: Some(PASSWORD.to_owned()),
                        ..url.clone()
                    })
                    .collect(),
                account: Some(own.clone()),
                deny_imports: leaf.deny_imports.clone(),
                deny_exports: leaf.deny_exports.clone(),
                request_isolation: leaf.isolated,
                ..LeafRemote::default()
            });
            let signed = leaf.credentials.iter().map(|(own, creds)| LeafRemote {
                urls: urls.clone(),
                account: Some(own.clone()),
                credentials: Some(creds.clone()),
                deny_imports: leaf.deny_imports.clone(),
                deny_exports: leaf.deny_exports.clone(),
                request_isolation: leaf.isolated,
                ..LeafRemote::default()
            });
            let remotes: Vec<LeafRemote> = remotes.chain(signed).collect();
            let first = servers.len();
            for index in 0..leaf.servers {
                let routes = (first..first + leaf.servers.min(plan::SEEDS)).map(plan::route_url);
                let spec = ServerSpec {
                    name: Some(format!("{}-{}", leaf.name, index + 1)),
                    cluster: (leaf.servers > 1).then(|| ClusterOptions {
                        name: Some(leaf.name.clone()),
                        host: Some("127.0.0.1".to_owned()),
                        routes: routes.collect(),
                        port: Some(0),
                        ..self.server.cluster.clone().unwrap_or_default()
                    }),
                    gateway: None,
                    leafnodes: Some(LeafNodeOptions {
                        remotes: remotes.clone(),
                        ..LeafNodeOptions::default()
                    }),
                    ..self.server.clone()
                };
                let mut planned = Planned {
                    spec,
                    configuration: Configuration::default(),
                    unbound: self.unbound,
                };
                plan::give_ports(&mut planned, first + index);
                servers.push(planned);
            }
        }
        Ok(())
    }

    /// The places of the servers that a leaf node may connect to.
    fn hubs_of(&self, leaf: &Leaf, servers: &[Planned]) -> Result<Vec<usize>, StartError> {
        let is_member = |name: &str, cluster: &str| {
            let rest = name.strip_prefix(cluster);
            let number = rest.and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        let is_hub = |spec: &ServerSpec| {
            let name = spec.name.as_deref().unwrap_or_default();
            let cluster = spec.cluster.as_ref().and_then(|it| it.name.as_deref());
            name == leaf.hub
                || cluster == Some(&leaf.hub)
                || (cluster.is_none() && is_member(name, &leaf.hub))
        };
        let places = servers.iter().enumerate();
        let hubs: Vec<usize> = places
            .filter(|(_, planned)| is_hub(&planned.spec))
            .map(|(place, _)| place)
            .collect();
        if hubs.is_empty() {
            return Err(StartError::NoSuchHub {
                leaf: leaf.name.clone(),
                hub: leaf.hub.clone(),
            });
        }
        Ok(hubs)
    }
}

/// What leaf nodes log in with. Nobody else gets to where it is asked for.
const PASSWORD: &str = "leaf";

fn user_name(leaf: &Leaf, account: &str) -> String {
    format!("{}-{account}", leaf.name)
}

/// Lets a leaf node in, under a user for each account.
fn listen_for_leafs(
    spec: &mut ServerSpec,
    leaf: &Leaf,
    joined: &[(String, String)],
    number: usize,
) {
    let options = spec.leafnodes.get_or_insert_default();
    options.host.get_or_insert_with(|| "127.0.0.1".to_owned());
    options.port.get_or_insert(plan::leaf_port(number).into());
    if joined.is_empty() {
        return;
    }
    let authorization = options.authorization.get_or_insert_default();
    let users = authorization.users.get_or_insert_default();
    users.extend(joined.iter().map(|(_, account)| LeafUser {
        user: user_name(leaf, account),
        password: PASSWORD.to_owned(),
        account: Some(account.clone()),
    }));
}
