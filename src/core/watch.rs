//! What the core tells of clients only when somebody watches: it happens too often to be told always.

use super::conn::{Conn, ConnId};
use super::notice::{Notice, Published, Subscribed, Watched};
use super::{Core, Outgoing};

impl Core {
    /// Says what is to be told from now on.
    pub fn watch(&mut self, watched: Watched) {
        self.watched = watched;
    }

    pub(super) fn note_published(&mut self, id: ConnId, message: &Outgoing<'_>) {
        if !self.watched.publishing {
            return;
        }
        let (header, payload) = message.payload.split_at(message.header_len.unwrap_or(0));
        self.note(id, |core, conn| {
            Notice::Published(Box::new(Published {
                server: conn.server,
                client: core.snapshot(conn),
                subject: message.subject.into(),
                reply: message.reply.map(Into::into),
                header: header.into(),
                payload: payload.into(),
            }))
        });
    }

    pub(super) fn note_subscribed(&mut self, id: ConnId, subject: &[u8], queue: Option<&[u8]>) {
        if !self.watched.subscribing {
            return;
        }
        self.note(id, |core, conn| {
            Notice::Subscribed(Box::new(Subscribed {
                server: conn.server,
                client: core.snapshot(conn),
                subject: subject.into(),
                queue: queue.map(Into::into),
            }))
        });
    }

    fn note(&mut self, id: ConnId, notice: impl FnOnce(&Self, &Conn) -> Notice) {
        let notice = self.conn(id).map(|conn| notice(self, conn));
        self.notices.extend(notice);
    }
}
