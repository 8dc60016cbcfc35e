//! The text that a client signs to show who it is.

use data_encoding::BASE64URL_NOPAD;
use rand::Rng;

use super::{Core, ServerId};

impl Core {
    /// A nonce for a new connection, if anybody who connects to the server could have to sign one.
    pub(super) fn draw_nonce(&mut self, server: ServerId) -> Option<Box<str>> {
        if !self.server(server).asks_for_signatures() {
            return None;
        }
        Some(self.draw_nonce_always())
    }

    /// One that is wanted whether the server looks at signatures or not.
    pub(super) fn draw_nonce_always(&mut self) -> Box<str> {
        let mut raw = [0; 11];
        self.nonces.fill_bytes(&mut raw);
        BASE64URL_NOPAD.encode(&raw).into()
    }
}
