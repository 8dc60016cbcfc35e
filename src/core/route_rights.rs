//! What may cross the routes of a server, where its configuration says so.
//!
//! It is about interest: a server tells its peers only what it may import, and takes from them only what
//! it may export. Messages follow. One that has come to a server gets to all who listen there, whether or
//! not others were told of them.

use nats_mock_protocol::subject;

use super::Core;
use super::deliver::Delivery;
use super::permissions::Rules;
use super::server::ServerId;
use super::subs::SubId;
use crate::topology::RoutePermissions;
use crate::version::Feature;

/// Subjects of MQTT, which lists of what is allowed say nothing about.
const MQTT: &[u8] = b"$MQTT.";

/// The permissions of a server's routes.
#[derive(Debug)]
pub(super) struct RouteRights {
    import: Rules,
    export: Rules,
    exempts_mqtt: bool,
    filters_by_overlap: bool,
}

impl RouteRights {
    pub fn new(permissions: &RoutePermissions, has: impl Fn(Feature) -> bool) -> Self {
        Self {
            import: Rules::new(permissions.import.as_ref()),
            export: Rules::new(permissions.export.as_ref()),
            exempts_mqtt: has(Feature::MqttCrossesRoutes),
            filters_by_overlap: has(Feature::RouteFiltersByOverlap),
        }
    }

    fn allows(&self, rules: &Rules, subject: &[u8]) -> bool {
        if self.exempts_mqtt && subject.starts_with(MQTT) {
            return !rules.denies(subject, None);
        }
        rules.allows(subject, None)
    }

    /// Whether a message is kept back although a peer was allowed to listen to what it matches.
    fn holds_back(&self, listened_to: &[u8], message: &[u8]) -> bool {
        let is_looked_at = |denied: &[u8]| {
            if self.filters_by_overlap {
                subject::collides(denied, listened_to)
            } else {
                subject::is_subset(denied, listened_to)
            }
        };
        subject::has_wildcard(listened_to)
            && self.export.denies(message, None)
            && self.export.denied().any(is_looked_at)
    }
}

impl Core {
    /// Gives a server the permissions of routes that its configuration has.
    pub(super) fn configure_routes(&mut self, id: ServerId) {
        let server = self.server_mut(id);
        let cluster = server.spec.cluster.as_ref();
        let permissions = cluster.and_then(|cluster| cluster.permissions.as_ref());
        let profile = server.profile;
        let rights =
            permissions.map(|it| Box::new(RouteRights::new(it, |feature| profile.has(feature))));
        let had_rights = std::mem::replace(&mut server.route_rights, rights).is_some();
        self.has_route_rights |= had_rights || self.server(id).route_rights.is_some();
    }

    /// Whether a server lets others know that it listens to a subject.
    pub(super) fn may_import(&self, server: ServerId, subject: &[u8]) -> bool {
        let rights = self.server(server).route_rights.as_ref();
        rights.is_none_or(|rights| rights.allows(&rights.import, subject))
    }

    /// Whether a server takes it from others that they listen to a subject.
    pub(super) fn may_export(&self, server: ServerId, subject: &[u8]) -> bool {
        let rights = self.server(server).route_rights.as_ref();
        rights.is_none_or(|rights| rights.allows(&rights.export, subject))
    }

    /// Whether one server knows of another that it listens to a subject.
    pub(super) fn may_tell(&self, from: ServerId, to: ServerId, subject: &[u8]) -> bool {
        self.may_import(from, subject) && self.may_export(to, subject)
    }

    /// Whether a server that listens to `told` hears a peer of it.
    pub fn hears(&self, server: ServerId, peer: ServerId, told: &[u8]) -> bool {
        !self.has_route_rights
            || self.server(server).cluster != self.server(peer).cluster
            || self.may_tell(server, peer, told)
    }

    /// Whether a message goes from one server to another because of a subscription there.
    fn draws(&self, from: ServerId, to: ServerId, listened_to: &[u8], message: &[u8]) -> bool {
        let rights = self.server(from).route_rights.as_ref();
        self.may_tell(to, from, listened_to)
            && rights.is_none_or(|rights| !rights.holds_back(listened_to, message))
    }

    /// Takes note of the servers that a message may go to by routes because of those that listen there.
    pub(super) fn open_routes(
        &self,
        delivery: &mut Delivery<'_>,
        plain: &[SubId],
        every: &[SubId],
    ) {
        let (entry, message) = (delivery.entry, delivery.message.subject);
        let cluster = self.server(entry).cluster;
        delivery.open.clear();
        for &id in plain.iter().chain(every) {
            let Some(sub) = self.subs.get(id.index()) else {
                continue;
            };
            let listeners: Vec<ServerId> = if !id.is_of_every_server() {
                vec![sub.server]
            } else if sub.told {
                self.routed_peers(entry).collect()
            } else {
                continue;
            };
            for server in listeners {
                if self.server(server).cluster == cluster
                    && !delivery.open.contains(&server)
                    && self.draws(entry, server, sub.subject(), message)
                {
                    delivery.open.push(server);
                }
            }
        }
    }

    /// Whether a message may go by a route to a subscription, which may be that of a queue group.
    #[inline]
    pub(super) fn is_open(
        &self,
        delivery: &Delivery<'_>,
        place: ServerId,
        sub: SubId,
        in_group: bool,
    ) -> bool {
        if !self.has_route_rights || place == delivery.entry {
            return true;
        }
        if !in_group {
            return delivery.open.contains(&place);
        }
        let sub = self.subs.get(sub.index());
        sub.is_some_and(|sub| {
            self.draws(
                delivery.entry,
                place,
                sub.subject(),
                delivery.message.subject,
            )
        })
    }

    /// The first of the subscriptions that all servers have of which one has told another.
    pub(super) fn first_told(&self, subs: &[SubId], from: ServerId, to: ServerId) -> SubId {
        if !self.has_route_rights {
            return subs[0];
        }
        let mut told = subs.iter().copied();
        told.find(|&sub| self.may_tell(from, to, self.sub(sub).subject()))
            .unwrap_or(subs[0])
    }
}
