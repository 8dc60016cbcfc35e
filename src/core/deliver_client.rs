//! The last step of a message: to a client.

use super::Core;
use super::asked::RECENT;
use super::conn::ConnId;
use super::deliver::{Delivery, Origin, Outgoing};
use super::frame::Frame;
use super::msg_trace::{Outcome, Undelivered};
use super::subs::SubId;
use crate::version::Feature;

/// What a message is to a client of another account than the one it was published in.
pub(super) struct Imported<'a> {
    pub subject: &'a [u8],
    /// Where its line is put together. Most messages are delivered without any such.
    pub frame: Frame,
}

impl Core {
    /// Hands a message to a client, as it is imported if it comes from another account.
    #[inline]
    pub(super) fn deliver_to_client(
        &mut self,
        delivery: &mut Delivery<'_>,
        sub_id: SubId,
        id: ConnId,
        imported: Option<&mut Imported<'_>>,
    ) -> bool {
        let message = &delivery.message;
        let now = self.now;
        let sub = &mut self.subs[sub_id.index()];
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return false;
        };
        let is_own = !conn.options.echo && delivery.origin == Origin::Client(id);
        if conn.is_closing() || is_own {
            let why = if is_own {
                Undelivered::NoEcho
            } else {
                Undelivered::Closed
            };
            self.trace_client(sub_id, id, Outcome::Not(why));
            return false;
        }
        if let Some(rights) = &conn.rights {
            let profile = self.servers[usize::from(conn.server.0)].profile;
            let is_checked_as_imported =
                || sub.queue().is_none() || profile.has(Feature::ImportedSubjectsChecked);
            let subject = match &imported {
                Some(imported) if is_checked_as_imported() => imported.subject,
                _ => message.subject,
            };
            if !rights.may_receive(subject, sub.queue()) {
                let why = Undelivered::ReceiverDenied;
                self.trace_client(sub_id, id, Outcome::Not(why));
                return false;
            }
        }
        if self.trace.as_ref().is_some_and(|it| it.is_only_traced) {
            self.trace_client(sub_id, id, Outcome::Delivered);
            // It counts as sent for all but the client.
            delivery.msgs += 1;
            return true;
        }
        sub.matched += 1;
        let exhausted = sub.max > 0 && sub.matched >= sub.max;
        if exhausted && sub.matched > sub.max {
            self.trace_client(sub_id, id, Outcome::Not(Undelivered::Unsubscribed));
            self.remove_sub(sub_id);
            return false;
        }
        let strip = message.header_len.is_some() && !conn.flags.headers;
        let (frame, body) = if let Some(imported) = imported {
            let message = Outgoing {
                subject: imported.subject,
                ..*message
            };
            let frame = &mut imported.frame;
            frame.build(&message, message.header_len.is_some() && !strip);
            let from = message.header_len.filter(|_| strip).unwrap_or(0);
            (&*frame, &message.payload[from..])
        } else if strip {
            if !delivery.stripped.is_built() {
                delivery.stripped.build(message, false);
            }
            let header_len = message.header_len.unwrap_or(0);
            (&delivery.stripped, &message.payload[header_len..])
        } else {
            (&delivery.whole, message.payload)
        };
        conn.sent.add(1, body.len() as u64);
        conn.last = now;
        conn.flags.last_in_utc = false;
        delivery.msgs += 1;
        if !conn.flags.mute {
            frame.append(sub.sid(), body, &mut conn.output);
            super::wake(&mut self.woken, conn, id);
        }
        if let Some(rights) = &mut conn.rights
            && let Some(reply) = message.reply.filter(|reply| !reply.is_empty())
        {
            rights.track_reply(reply, now);
        }
        if let Some(reply) = delivery.asks_for_answers_at() {
            conn.asked.keep(reply, now, RECENT, ());
        }
        let max_pending = self.servers[conn.server.0 as usize].spec.limits.max_pending;
        let pending = conn.pending() as u64;
        let is_here = conn.server == delivery.server;
        if self.trace.is_some() {
            self.trace_client(sub_id, id, Outcome::Delivered);
        }
        if pending > max_pending / 4 * 3 {
            let over = pending > max_pending;
            self.receiver_falls_behind(id, over, delivery.origin, is_here);
        }
        if exhausted {
            self.remove_sub(sub_id);
        }
        if delivery.may_be_measured() {
            self.note_came(delivery, id);
        }
        true
    }

    /// A receiver has more than three quarters of what may wait for it: whoever feeds it is slowed
    /// down, and beyond the limit it is cut off.
    fn receiver_falls_behind(&mut self, id: ConnId, over: bool, origin: Origin, is_here: bool) {
        if over {
            self.cut_off_slow_consumer(id);
        } else if is_here
            && matches!(origin, Origin::Client(_))
            && !self.stall
            && let Some(conn) = super::conn_mut(&mut self.conns, id)
        {
            let server = &mut self.servers[conn.server.0 as usize];
            if server.spec.stalls_producers {
                self.stall = true;
                conn.stalls += 1;
                server.stalled_clients += 1;
            }
        }
    }
}
