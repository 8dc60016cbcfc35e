//! JSON exactly as a NATS server writes and reads it.
//!
//! A NATS server is a Go program, so its payloads follow `encoding/json`: compact, fields in
//! declaration order, `<`, `>` and `&` escaped, floats in Go's notation. [`to_vec`] writes those very
//! bytes, and [`decode_request`] reads a request body with Go's rules and Go's error texts.
//!
//! ```
//! let mut out = Vec::new();
//! nats_mock_protocol::json::to_writer(&mut out, &("a > b", 2.0, 1e-7)).unwrap();
//! assert_eq!(out, br#"["a \u003e b",2,1e-7]"#);
//! ```

mod base64;
mod encode;
mod extra;
mod order;
mod presence;
mod quote;
mod request;
mod scan;
mod value;

pub use base64::Base64;
pub use encode::{to_string, to_vec, to_writer};
pub use extra::Extra;
pub use order::{KeyOrder, to_vec_ordered};
pub use presence::Presence;
pub use request::{DecodeError, Dialect, Field, RequestOptions, Slot, decode_request};
pub use scan::{MAX_DEPTH, SyntaxError, check};

/// The two generations of Go's `encoding/json`, which differ in their error texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum GoJson {
    /// Go before 1.27: nats-server up to 2.12.
    V1,
    /// Go since 1.27: nats-server since 2.14.
    #[default]
    V2,
}

/// True for the value a Go `omitempty` tag leaves out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
