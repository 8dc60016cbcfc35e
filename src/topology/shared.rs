//! Data that many servers have alike.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value that costs little to clone and is copied when a clone of it is changed. It is used like
/// the value itself.
///
/// ```
/// use nats_mock::topology::Shared;
///
/// let all: Shared<Vec<&str>> = vec!["a"].into();
/// let mut one = all.clone();
/// one.push("b");
/// assert_eq!((all.len(), one.len()), (1, 2));
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Whether both are one value that nobody has changed.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}
