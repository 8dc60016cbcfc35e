//! The `$SYS` subject space: every subject a server publishes events on or answers requests on.
//!
//! [`EventSubject`] and [`RequestSubject`] borrow their tokens, so parsing and formatting allocate nothing.
//! `parse` and `Display` are exact inverses for all values whose tokens are single, non-empty subject tokens.
//! A token may be `*`, so the subjects of subscriptions have a form too.
//!
//! ```
//! use nats_mock_protocol::sys::{Endpoint, EventSubject, RequestSubject, Target};
//!
//! let all_connects = EventSubject::Connect { account: "*" };
//! assert_eq!(all_connects.to_string(), "$SYS.ACCOUNT.*.CONNECT");
//!
//! let request = RequestSubject::parse("$SYS.REQ.SERVER.PING.VARZ").unwrap();
//! assert_eq!(request, RequestSubject::Server { target: Target::Ping, endpoint: Endpoint::Varz });
//! ```

mod assignment;
mod endpoint;
mod event;
mod inbox;
mod request;

pub use assignment::AssignmentSubject;
pub use endpoint::{AccountEndpoint, ClaimsEndpoint, Endpoint, ServerCommand};
pub use event::EventSubject;
pub use inbox::InboxSubject;
pub use request::{RequestSubject, Target};

/// A subject that is not one of the `$SYS` subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject:?} is not {expected}")]
pub struct SysSubjectError {
    /// What was given, cut to its first 128 characters.
    pub subject: String,
    /// What was expected: an event, a request, an inbox or an assignment.
    pub expected: &'static str,
}

impl SysSubjectError {
    fn new(subject: &str, expected: &'static str) -> Self {
        Self {
            subject: subject.chars().take(128).collect(),
            expected,
        }
    }
}

/// Most tokens of any `$SYS` subject.
const MAX_TOKENS: usize = 7;

/// The tokens after `$SYS`; `None` for another root, an empty token or more tokens than any subject has.
fn tokens<'a, 'b>(
    subject: &'a str,
    buffer: &'b mut [&'a str; MAX_TOKENS],
) -> Option<&'b [&'a str]> {
    let mut used = 0;
    for token in subject.strip_prefix("$SYS.")?.split('.') {
        if token.is_empty() || token.contains([' ', '\t', '\r', '\n']) {
            return None;
        }
        *buffer.get_mut(used)? = token;
        used += 1;
    }
    Some(&buffer[..used])
}
