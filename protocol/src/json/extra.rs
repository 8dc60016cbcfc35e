//! The catch-all for fields this crate does not know.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// JSON members a payload type has no field for.
///
/// Every payload keeps what it does not know here, in the order it was read, and writes it back after the
/// known fields. It costs one pointer while empty and writes nothing then.
///
/// ```
/// use nats_mock_protocol::{events::MsgBytes, json};
///
/// let read: MsgBytes = serde_json::from_str(r#"{"msgs":1,"bytes":5,"lost":18446744073709551615}"#).unwrap();
/// assert_eq!(read.extra.get("lost").and_then(|v| v.as_u64()), Some(u64::MAX));
/// assert_eq!(json::to_vec(&read), br#"{"msgs":1,"bytes":5,"lost":18446744073709551615}"#);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra(Option<Box<Map<String, Value>>>);

impl Extra {
    /// No unknown members.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// True when there is no unknown member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|map| map.is_empty())
    }

    /// The value of `key`, if there is such a member.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.as_ref()?.get(key)
    }

    /// Sets `key`, giving back the value it had.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.0
            .get_or_insert_default()
            .insert(key.into(), value.into())
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.as_mut()?.shift_remove(key)
    }

    /// The members in the order they were read or inserted.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|map| map.iter())
    }
}

impl From<Map<String, Value>> for Extra {
    fn from(map: Map<String, Value>) -> Self {
        Self((!map.is_empty()).then(|| Box::new(map)))
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in self.iter() {
            out.serialize_entry(key, value)?;
        }
        out.end()
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}
