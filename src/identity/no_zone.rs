//! Without the feature `jwt` nobody has claims that name a place.

/// The clocks of the server.
#[derive(Clone, Debug)]
pub(crate) struct Zone(i64);

impl Zone {
    pub fn find(_: &str, local: i64) -> Option<Self> {
        Some(Self(local))
    }

    pub(super) fn offset_at(&self, _: i64) -> i64 {
        self.0
    }
}
