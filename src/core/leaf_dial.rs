//! How a server becomes a leaf node: which hub it connects to, as whom, and when it tries again.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;

use super::Core;
use super::ids;
use super::server::{Phase, ServerId};
use super::timers::Timer;
use crate::topology::{DEFAULT_LEAFNODE_PORT, LeafRemote, RemoteUrl, leaf_listener};

/// Where one remote of a server leads.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    /// The addresses, in the order in which they are tried. The one in use comes first.
    urls: Vec<RemoteUrl>,
    /// Whether the first of them has been tried.
    tried: bool,
    /// What the first URL with a user says of it, for addresses that are found out.
    user: Option<String>,
    password: Option<String>,
    /// The server tries, or is about to.
    is_pending: bool,
}

/// The wait after a connection has ended, whatever is configured.
pub(super) const AFTER_LOSS: Duration = Duration::from_secs(1);

/// And where it would only happen again.
pub(super) const AFTER_VIOLATION: Duration = Duration::from_secs(30);

/// Why no connection comes about, and when to try again.
pub(super) struct Refused(pub Duration);

impl Core {
    /// Connects a server to all its remotes.
    pub(super) fn dial_remotes(&mut self, server: ServerId) {
        let spec = Arc::clone(&self.server(server).spec);
        let Some(options) = &spec.leafnodes else {
            return;
        };
        let remotes = options.remotes.iter().enumerate();
        let remotes = remotes
            .map(|(place, remote)| self.new_remote(server, place, remote))
            .collect();
        self.server_mut(server).remotes = remotes;
        for place in 0..options.remotes.len() {
            self.dial(server, place);
        }
    }

    fn new_remote(&self, server: ServerId, place: usize, remote: &LeafRemote) -> Remote {
        let mut urls = remote.urls.clone();
        let with_user = urls.iter().find(|url| url.user.is_some());
        let (user, password) =
            with_user.map_or((None, None), |url| (url.user.clone(), url.password.clone()));
        if !remote.no_randomize {
            let name = format!("remotes {} {place}", server.0);
            urls.shuffle(&mut ids::stream(self.seed, &name));
        }
        Remote {
            urls,
            tried: false,
            user,
            password,
            is_pending: true,
        }
    }

    /// The remotes of a server are others now, or others come before them: `places` says where each has gone.
    pub(super) fn move_remotes(
        &mut self,
        server: ServerId,
        remotes: &[LeafRemote],
        places: &[Option<usize>],
    ) {
        let mut moved: Vec<Option<Remote>> = remotes.iter().map(|_| None).collect();
        let known = std::mem::take(&mut self.server_mut(server).remotes);
        let mut pending = Vec::new();
        for (before, remote) in known.into_iter().enumerate() {
            if let Some(place) = places.get(before).copied().flatten() {
                if remote.is_pending && place != before {
                    pending.push(place);
                }
                moved[place] = Some(remote);
            }
        }
        let all = moved.into_iter().enumerate();
        let all = all
            .map(|(place, known)| {
                known.unwrap_or_else(|| Remote {
                    is_pending: false,
                    ..self.new_remote(server, place, &remotes[place])
                })
            })
            .collect();
        self.server_mut(server).remotes = all;
        for place in pending {
            let timer = Timer::Dial(server, place as u16);
            self.timers.set(self.now + AFTER_LOSS, timer);
        }
    }

    /// Tries to connect to a remote that there was no attempt for.
    pub(super) fn dial_at_once(&mut self, server: ServerId, place: usize) {
        if let Some(remote) = self.server_mut(server).remotes.get_mut(place)
            && !std::mem::replace(&mut remote.is_pending, true)
        {
            self.dial(server, place);
        }
    }

    /// Sets the time of the next attempt.
    pub(super) fn dial_again(&mut self, server: ServerId, place: usize, wait: Option<Duration>) {
        let at = self.now + wait.unwrap_or(AFTER_LOSS);
        let srv = self.server_mut(server);
        if srv.phase == Phase::Stopped {
            return;
        }
        if let Some(remote) = srv.remotes.get_mut(place)
            && !std::mem::replace(&mut remote.is_pending, true)
        {
            self.timers.set(at, Timer::Dial(server, place as u16));
        }
    }

    /// Tries to connect to a remote.
    pub(super) fn dial(&mut self, server: ServerId, place: usize) {
        let srv = self.server_mut(server);
        let Some(remote) = srv.remotes.get_mut(place) else {
            return;
        };
        let is_due = std::mem::replace(&mut remote.is_pending, false);
        if !is_due || srv.phase != Phase::Running {
            return;
        }
        let spec = Arc::clone(&srv.spec);
        let options = spec.leafnodes.as_ref();
        let Some(configured) = options.and_then(|options| options.remotes.get(place)) else {
            return;
        };
        if configured.disabled {
            return;
        }
        let Some((url, hub)) = self.next_hub(server, place) else {
            let reconnect = options.map_or(AFTER_LOSS, |options| options.reconnect_in_force());
            let jitter = ids::below(1_000_000_000, &mut self.jitter);
            let wait = reconnect + Duration::from_nanos(jitter);
            self.dial_again(server, place, Some(wait));
            return;
        };
        if let Err(Refused(wait)) = self.connect_leaf(server, place, configured, &url, hub) {
            self.dial_again(server, place, Some(wait));
        }
    }

    /// Has a server wait that has to get the account of a remote first. Tells whether it has to.
    pub(super) fn waits_for_account(&mut self, server: ServerId, place: usize, key: &str) -> bool {
        let waits = self.fetch_for_remote(server, place, key);
        if waits && let Some(remote) = self.server_mut(server).remotes.get_mut(place) {
            remote.is_pending = true;
        }
        waits
    }

    /// Goes on with a remote whose account a server has looked for: at once if it is there.
    pub(super) fn dial_with_account(&mut self, server: ServerId, place: usize, key: &str) {
        let is_there = !self.is_to_be_fetched(server, key);
        let Some(remote) = self.server_mut(server).remotes.get_mut(place) else {
            return;
        };
        if is_there {
            remote.tried = false;
            self.dial(server, place);
        } else if std::mem::take(&mut remote.is_pending) {
            self.dial_again(server, place, None);
        }
    }

    /// The address that is tried next, and the server there, if there is one.
    fn next_hub(&mut self, server: ServerId, place: usize) -> Option<(RemoteUrl, ServerId)> {
        let remote = &mut self.server_mut(server).remotes[place];
        if std::mem::replace(&mut remote.tried, true) && !remote.urls.is_empty() {
            remote.urls.rotate_left(1);
        }
        let mut url = remote.urls.first()?.clone();
        if url.user.is_none() {
            (url.user, url.password) = (remote.user.clone(), remote.password.clone());
        }
        let running = self.servers().filter(|(id, srv)| {
            let is_there = srv.phase == Phase::Running && !self.is_frozen(*id);
            is_there && *id != server && self.can_connect(server, *id)
        });
        let hub = leaf_listener(running.map(|(id, srv)| (id, &*srv.spec)), &url)?;
        Some((url, hub))
    }

    /// Takes note of the other servers of the hub's cluster.
    pub(super) fn learn_urls(
        &mut self,
        server: ServerId,
        place: usize,
        configured: &LeafRemote,
        hub: ServerId,
    ) {
        let options = self.server(hub).spec.leafnodes.as_ref();
        let keeps = options.is_some_and(|options| options.no_advertise);
        if keeps || configured.ignore_discovered_servers {
            return;
        }
        let peers = std::iter::once(hub).chain(self.routed_peers(hub));
        let urls: Vec<RemoteUrl> = peers
            .filter_map(|peer| {
                let srv = self.server(peer);
                let options = srv.spec.leafnodes.as_ref()?;
                let port = u16::try_from(options.port?).ok()?;
                Some(RemoteUrl {
                    scheme: "nats-leaf".to_owned(),
                    host: srv.leaf_host().to_owned(),
                    port: Some(port),
                    ..RemoteUrl::default()
                })
            })
            .collect();
        let known = &mut self.server_mut(server).remotes[place].urls;
        for url in urls {
            let is_known = known
                .iter()
                .any(|it| it.port.unwrap_or(DEFAULT_LEAFNODE_PORT) == url.port.unwrap_or_default());
            if !is_known {
                known.push(url);
            }
        }
    }
}
