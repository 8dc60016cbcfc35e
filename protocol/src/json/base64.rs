//! Bytes, which Go writes as base64.

use data_encoding::{BASE64, Encoding, Specification};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Go's decoder: line breaks do not count, nor do the bits of the last character that are left over.
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.padding = Some('=');
    specification.ignore.push_str("\r\n");
    specification.check_trailing_bits = false;
    specification.encoding().unwrap_or(BASE64)
});

/// Bytes that are a base64 string in JSON.
///
/// ```
/// use nats_mock_protocol::json::{self, Base64};
///
/// assert_eq!(json::to_string(&Base64(b"workers".to_vec())), r#""d29ya2Vycw==""#);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Base64(
    /// The bytes.
    pub Vec<u8>,
);

impl Base64 {
    /// The bytes a base64 text stands for, by the rules of Go; `None` when it is none.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        LENIENT.decode(text.as_bytes()).ok().map(Self)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::decode(&text)
            .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"base64"))
    }
}
