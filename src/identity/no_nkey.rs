//! What there is of nkeys without the feature for them.

use super::Role;

pub(crate) fn is_public_key(_: Role, _: &str) -> bool {
    false
}

pub(crate) fn signs(_: &str, _: &[u8], _: &str) -> bool {
    false
}

pub(crate) fn verifies(_: &str, _: &[u8], _: &[u8]) -> bool {
    false
}
