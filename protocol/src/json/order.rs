//! Writing the keys of an object in another order than its type has them.

use super::to_vec;
use super::value::{Cursor, Kind};
use serde::Serialize;

/// The order some keys of an object have, where a release writes them otherwise than 2.15.1.
///
/// Listed keys that are there come in the listed order, all at the place of the first of them that was written; all
/// other keys stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyOrder<'a> {
    /// The keys that lead to the object, from the outside; empty for the outermost. Lists on the way need none: the
    /// order holds for each of their elements.
    pub path: &'a [&'a str],
    /// The keys in their order.
    pub keys: &'a [&'a str],
}

/// [`to_vec`](super::to_vec) with the keys of some objects in another order; not a byte of keys or values differs.
///
/// ```
/// use nats_mock_protocol::json::{self, KeyOrder};
/// use nats_mock_protocol::monitor::{Reply, ServerId};
///
/// let reply = Reply::ok(Default::default(), ServerId { name: "n1".into(), ..Default::default() });
/// let id_first = KeyOrder { path: &["data"], keys: &["id", "host", "name"] };
/// let written = json::to_vec_ordered(&reply, &[id_first]);
/// assert!(written.ends_with(br#""data":{"id":"","host":"","name":"n1"}}"#));
/// ```
#[must_use]
pub fn to_vec_ordered<T: ?Sized + Serialize>(value: &T, orders: &[KeyOrder<'_>]) -> Vec<u8> {
    let written = to_vec(value);
    if orders.is_empty() {
        return written;
    }
    let mut out = Vec::with_capacity(written.len());
    reorder(&mut Cursor::new(&written), orders, &mut out);
    out
}

/// Copies the value that comes next, with the orders that begin at it.
fn reorder(cursor: &mut Cursor<'_>, orders: &[KeyOrder<'_>], out: &mut Vec<u8>) {
    match cursor.kind() {
        Kind::Object if !orders.is_empty() => {
            let mut members = Vec::new();
            cursor.enter();
            while cursor.more() {
                let key = cursor.raw();
                members.push((Cursor::new(key).string(), key, cursor.raw()));
            }
            for order in orders.iter().filter(|order| order.path.is_empty()) {
                sort_listed(&mut members, order.keys);
            }
            out.push(b'{');
            for (index, (name, key, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                out.push(b':');
                let inside: Vec<_> = orders
                    .iter()
                    .filter_map(|order| {
                        let (first, path) = order.path.split_first()?;
                        (*first == name).then_some(KeyOrder { path, ..*order })
                    })
                    .collect();
                reorder(&mut Cursor::new(value), &inside, out);
            }
            out.push(b'}');
        }
        Kind::Array if !orders.is_empty() => {
            cursor.enter();
            let mut separator = b'[';
            while cursor.more() {
                out.push(separator);
                separator = b',';
                reorder(cursor, orders, out);
            }
            if separator == b'[' {
                out.push(b'[');
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(cursor.raw()),
    }
}

/// Sorts the listed members and puts them where the first of them is.
fn sort_listed<M>(members: &mut Vec<(String, M, M)>, keys: &[&str]) {
    let rank = |name: &str| keys.iter().position(|key| *key == name);
    let Some(place) = members.iter().position(|(name, ..)| rank(name).is_some()) else {
        return;
    };
    let (mut listed, others): (Vec<_>, Vec<_>) = members
        .drain(place..)
        .partition(|(name, ..)| rank(name).is_some());
    listed.sort_by_key(|(name, ..)| rank(name));
    members.extend(listed);
    members.extend(others);
}
