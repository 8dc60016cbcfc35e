//! Blocks as a server prints them that does not change them: values without names, as Go prints a struct.

use std::borrow::Cow;
use std::time::Duration;

use nats_mock_protocol::conf::duration;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::ids;
use super::reload::ReloadError;
use crate::topology::TlsOptions;

/// Refuses a changed option.
pub(super) fn refuse(option: &'static str, old: String, new: String) -> Result<(), ReloadError> {
    if old == new {
        return Ok(());
    }
    Err(changed(option, old, new))
}

pub(super) fn changed(
    option: impl Into<Cow<'static, str>>,
    old: String,
    new: String,
) -> ReloadError {
    ReloadError {
        option: option.into(),
        old,
        new,
    }
}

/// An option of a block, as a server prints it.
pub(super) struct Shown {
    pub name: &'static str,
    pub value: String,
    /// Whether its value tells if it was changed.
    tells: bool,
}

/// All options of a block, in the server's order.
#[derive(Default)]
pub(super) struct Block(Vec<Shown>);

impl Block {
    pub fn with(self, name: &'static str, value: impl ToString) -> Self {
        self.with_told(true, name, value.to_string())
    }

    /// An option that is compared in another way.
    pub fn with_apart(self, name: &'static str, value: String) -> Self {
        self.with_told(false, name, value)
    }

    /// An option whose value may tell if it was changed.
    pub fn with_told(mut self, tells: bool, name: &'static str, value: String) -> Self {
        self.0.push(Shown { name, value, tells });
        self
    }

    /// An option that not all releases have.
    pub fn with_if(self, is_known: bool, name: &'static str, value: impl ToString) -> Self {
        if is_known {
            self.with(name, value)
        } else {
            self
        }
    }

    /// An option that not all releases have, compared in another way.
    pub fn with_apart_if(self, is_known: bool, name: &'static str, value: String) -> Self {
        if is_known {
            self.with_apart(name, value)
        } else {
            self
        }
    }

    /// The first option in which two blocks differ.
    pub fn first_change<'a>(&'a self, new: &'a Self) -> Option<(&'a Shown, &'a Shown)> {
        let mut pairs = self.0.iter().zip(&new.0);
        pairs.find(|(old, new)| old.tells && old.value != new.value)
    }

    /// What an option is printed as; nothing if there is no such.
    pub fn value(&self, name: &str) -> &str {
        let shown = self.0.iter().find(|shown| shown.name == name);
        shown.map_or("", |shown| &shown.value)
    }

    pub fn shown(&self) -> String {
        let values: Vec<&str> = self.0.iter().map(|shown| &*shown.value).collect();
        format!("{{{}}}", values.join(" "))
    }
}

/// What pointers are printed as. A simulation has no memory that they could point to.
pub(super) struct Addresses(ChaCha8Rng);

impl Addresses {
    const HEAP: u64 = 0xc0_0000_0000;
    const STEP: u64 = 0x10;
    const PLACES: u64 = 0x4_0000;

    pub fn new(seed: u64) -> Self {
        Self(ids::stream(seed, "addresses"))
    }

    /// A pointer to something.
    pub fn one(&mut self) -> String {
        let place = self.0.next_u64() % Self::PLACES;
        format!("{:#x}", Self::HEAP + place * Self::STEP)
    }

    /// A pointer, if it points to anything.
    pub fn to(&mut self, exists: bool) -> String {
        if exists { self.one() } else { NIL.to_owned() }
    }

    pub fn list(&mut self, len: usize) -> String {
        let all: Vec<String> = (0..len).map(|_| self.one()).collect();
        format!("[{}]", all.join(" "))
    }
}

/// What Go prints for a pointer to nothing.
pub(super) const NIL: &str = "<nil>";

/// The keys of certificates that are good.
pub(super) fn pinned(tls: Option<&TlsOptions>) -> String {
    let keys = tls.and_then(|tls| tls.pinned.as_ref());
    map(keys.into_iter().flatten().map(|key| format!("{key}:{{}}")))
}

/// A map of these entries.
pub(super) fn map(entries: impl Iterator<Item = String>) -> String {
    format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
}

pub(super) fn written(duration: Option<Duration>) -> String {
    let nanos = duration.map_or(0, |it| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX));
    duration::format(nanos)
}
