//! What there is of nkeys without the feature for them.

use super::Role;

pub(crate) fn is_public_key(_: Role, _: &str) -> bool {
    false
}

pub(crate) fn is_any_public_key(_: &str) -> bool {
    false
}

pub(crate) fn signs(_: &str, _: &[u8], _: &str) -> bool {
    false
}

pub(crate) fn verifies(_: &str, _: &[u8], _: &[u8]) -> bool {
    false
}

pub(crate) fn is_user_seed(_: &str) -> bool {
    false
}

pub(crate) fn sign_with_seed(_: &str, _: &[u8]) -> Option<(String, String)> {
    None
}

/// Nobody is asked about clients without it.
#[derive(Debug)]
pub(crate) enum Keys {}

impl Keys {
    pub fn new(_: [u8; 32], _: [u8; 32]) -> Option<Self> {
        None
    }

    pub fn public_key(&self) -> String {
        match *self {}
    }

    pub fn public_curve_key(&self) -> String {
        match *self {}
    }

    pub fn token<N>(&self, _: super::claims::Claims<N>) -> Option<String> {
        match *self {}
    }

    pub fn seal(&self, _: &[u8], _: &str, _: [u8; 24]) -> Option<Vec<u8>> {
        match *self {}
    }

    pub fn open(&self, _: &[u8], _: &str) -> Result<Vec<u8>, &'static str> {
        match *self {}
    }
}

pub(crate) fn user_key(_: [u8; 32]) -> String {
    String::new()
}
