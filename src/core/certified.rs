//! Clients who are the users that their certificates name.

use super::Server;
use super::tls::TlsSession;
use crate::topology::ConnectionType;
use crate::topology::tls::{Name, PeerCertificate};

impl Server {
    /// Whether clients are who their certificates say.
    pub(super) fn maps_certificates(&self, wanted: ConnectionType) -> bool {
        let tls = match wanted {
            ConnectionType::Websocket => {
                let websocket = self.spec.websocket.as_ref();
                websocket.and_then(|it| it.tls.as_ref())
            }
            _ => self.spec.tls.as_ref(),
        };
        tls.is_some_and(|tls| tls.map)
    }

    /// The user that a client's certificate names: by its addresses first, then by its subject.
    pub(super) fn user_certified(
        &self,
        session: Option<&TlsSession>,
        wanted: ConnectionType,
    ) -> Option<String> {
        let shown = session?.certificates.first()?;
        let is_user = |name: &str| {
            let user = self.users.get(name);
            user.is_some_and(|user| user.allows(wanted))
        };
        self.named_by_address(shown, is_user)
            .or_else(|| self.named_by_parts(shown, wanted))
            .or_else(|| named_by_subject(shown, is_user))
    }

    fn named_by_address(
        &self,
        shown: &PeerCertificate,
        is_user: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let names = shown.emails.iter().chain(&shown.dns_names);
        let mut names = names.chain(&shown.uris);
        names.find(|name| is_user(name)).cloned()
    }

    /// The user whose name has the parts of the subject, if possible in its order.
    fn named_by_parts(&self, shown: &PeerCertificate, wanted: ConnectionType) -> Option<String> {
        let parts = shown.subject.parts()?;
        let users = self.users.iter().filter(|(_, user)| user.allows(wanted));
        let mut named: Vec<(&str, Name)> = users
            .filter_map(|(name, _)| Some((&**name, Name::parse(name)?)))
            .collect();
        // A real server takes one of several that fit at random.
        named.sort_unstable_by_key(|(name, _)| *name);
        let equal = named.iter().find(|(_, name)| name.equals(&parts));
        let found = equal.or_else(|| named.iter().find(|(_, name)| name.has_parts_of(&parts)));
        found.map(|(name, _)| (*name).to_owned())
    }
}

fn named_by_subject(shown: &PeerCertificate, is_user: impl Fn(&str) -> bool) -> Option<String> {
    let subject = shown.subject.as_user();
    let components = shown.subject.domain_components();
    if !components.is_empty() {
        let whole = format!("{subject},{components}");
        if is_user(&whole) {
            return Some(whole);
        }
    }
    is_user(&subject).then_some(subject)
}
