//! Stream imports. Whoever listens to what the own account imports listens in the other account too,
//! with a subscription that is the shadow of the one it has made.

use nats_mock_protocol::subject::{ONE, REST, has_wildcard, is_subset, tokens};

use super::Core;
use super::account::AccountId;
use super::deliver::Delivery;
use super::deliver_client::Imported;
use super::frame::Frame;
use super::sharing::StreamImport;
use super::subs::{Receiver, Sub, SubId};
use crate::topology::What;

impl Core {
    /// Has a new subscription listen to what its account imports.
    pub(super) fn cast_shadows(&mut self, id: SubId) {
        let sub = &self.subs[id.index()];
        let imports = &self.account(sub.account).shared.stream_imports;
        let shadows: Vec<Sub> = (0..)
            .zip(imports)
            .filter(|(_, import)| !import.is_invalid)
            .filter_map(|(place, import)| {
                let subject = import.subject_there(sub.subject())?;
                let receiver = Receiver::Shadow {
                    of: id,
                    import: place,
                };
                let mut shadow = Sub::new(
                    receiver,
                    sub.server,
                    import.account,
                    &subject,
                    sub.queue(),
                    sub.sid(),
                );
                shadow.told = sub.told;
                Some(shadow)
            })
            .collect();
        let shadows: Vec<SubId> = shadows
            .into_iter()
            .filter_map(|shadow| self.add_sub(shadow))
            .collect();
        if !shadows.is_empty() {
            self.shadows.insert(id, shadows);
        }
    }

    /// A subscription is gone, and its shadows with it.
    pub(super) fn lift_shadows(&mut self, id: SubId) {
        for shadow in self.shadows.remove(&id).into_iter().flatten() {
            self.remove_sub(shadow);
        }
    }

    /// An account imports other streams than before.
    pub(super) fn listen_anew(&mut self, account: AccountId) {
        let subs = self.subs.iter();
        let subs: Vec<SubId> = subs
            .filter(|(_, sub)| sub.account == account && sub.receiver.casts_shadows())
            .map(|(place, sub)| SubId::new(place, sub.server))
            .collect();
        for id in subs {
            let old = self.shadows.remove(&id);
            self.cast_shadows(id);
            for shadow in old.into_iter().flatten() {
                self.remove_sub(shadow);
            }
        }
    }

    /// Hands a message of another account to whoever the shadow belongs to.
    pub(super) fn deliver_to_shadow(
        &mut self,
        delivery: &mut Delivery<'_>,
        shadow: SubId,
        of: SubId,
        import: u32,
        group: Option<&[u8]>,
    ) -> bool {
        // What was asked of a service is not handed on, though other servers do not know that it was.
        if delivery.course.via.is_some() && delivery.at == delivery.server {
            return false;
        }
        let Some(listener) = self.subs.get(of.index()) else {
            return false;
        };
        let (account, receiver) = (listener.account, listener.receiver);
        let imports = &self.account(account).shared.stream_imports;
        let Some(import) = imports.get(import as usize) else {
            return false;
        };
        let subject = import.subject_here(delivery.message.subject);
        let allows_trace = import.allows_trace;
        let is_traced = self.trace.is_some() && !matches!(receiver, Receiver::Leaf { .. });
        if is_traced {
            self.trace_stream_export(account, &subject);
            if !allows_trace && self.is_only_traced() {
                return true;
            }
        }
        let put_aside = if is_traced && !allows_trace {
            self.trace.take()
        } else {
            None
        };
        let delivered = match receiver {
            Receiver::Client(id) => {
                let mut imported = Imported {
                    subject: &subject,
                    frame: Frame::default(),
                };
                self.deliver_to_client(delivery, shadow, id, Some(&mut imported))
            }
            Receiver::MadeUp(_) if self.is_only_traced() => true,
            Receiver::MadeUp(tag) => {
                self.subs[shadow.index()].matched += 1;
                self.request(delivery, tag, Some(&subject));
                true
            }
            Receiver::Leaf { end, .. } => {
                self.deliver_to_leaf(delivery, shadow, end, group, Some(&subject))
            }
            _ => false,
        };
        if put_aside.is_some() {
            self.trace = put_aside;
        }
        delivered
    }

    /// Whether a subscription is the shadow of one that has been told over a leaf node connection.
    pub(super) fn is_shadow_of_leaf(&self, receiver: Receiver) -> bool {
        let Receiver::Shadow { of, .. } = receiver else {
            return false;
        };
        let of = self.subs.get(of.index());
        of.is_some_and(|of| matches!(of.receiver, Receiver::Leaf { .. }))
    }
}

impl StreamImport {
    /// What to listen to in the other account for a subscription in this one, if anything that is
    /// imported can match it.
    fn subject_there(&self, wanted: &[u8]) -> Option<Vec<u8>> {
        let here = self.to.as_bytes();
        if wanted == here {
            return Some(self.from.as_bytes().to_vec());
        }
        let (overlap, is_narrower) = if is_subset(wanted, here) {
            (None, true)
        } else if !has_wildcard(wanted) {
            return None;
        } else if is_subset(here, wanted) {
            (None, false)
        } else {
            (Some(overlap(wanted, here)?), true)
        };
        if let (true, Some(back)) = (is_narrower, &self.back) {
            let wanted = overlap.as_deref().unwrap_or(wanted);
            return Some(back.apply(wanted, &mut || 0));
        }
        Some(match (overlap, &self.turn) {
            (Some(overlap), _) => overlap,
            (None, What::Same) if is_narrower => wanted.to_vec(),
            (None, _) => self.from.as_bytes().to_vec(),
        })
    }

    /// Under which subject a message of the other account arrives.
    fn subject_here(&self, subject: &[u8]) -> Vec<u8> {
        match &self.turn {
            What::Same => subject.to_vec(),
            What::Named => self.to.as_bytes().to_vec(),
            What::Turned(transform) => transform.apply(subject, &mut || 0),
        }
    }
}

/// The part of `wanted` that lies within `here`, if that is all of what is imported for it.
fn overlap(wanted: &[u8], here: &[u8]) -> Option<Vec<u8>> {
    let here_tokens: Vec<&[u8]> = tokens(here).collect();
    let mut narrowed: Vec<&[u8]> = tokens(wanted).collect();
    for (token, import) in narrowed.iter_mut().zip(&here_tokens) {
        if *token == ONE && *import != REST {
            *token = import;
        }
    }
    let last = narrowed.len() - 1;
    if narrowed[last] == REST && here_tokens.len() > last {
        narrowed.truncate(last);
        narrowed.extend_from_slice(&here_tokens[last..]);
    }
    let narrowed = narrowed.join(&b'.');
    is_subset(&narrowed, here).then_some(narrowed)
}
