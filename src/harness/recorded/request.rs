//! One request.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use nats_mock_protocol::headers::Headers;
use nats_mock_protocol::json::{DecodeError, RequestOptions, decode_request};
use nats_mock_protocol::sys::{RequestSubject, SysSubjectError};

use crate::harness::mock::system_time;
use crate::services::{RequestRecord, Requester};

/// Something that a server was asked by way of the system account, whether it answered or not. Copies
/// are cheap.
///
/// A request of another account arrives under the subject that its account's import leads to, and so
/// it is shown here: `$SYS.REQ.USER.INFO` as `$SYS.REQ.USER.<account>.INFO`, with a reply subject of
/// the import's and a `Nats-Request-Info` header.
#[derive(Clone)]
pub struct Request(pub(in crate::harness) Arc<RequestRecord>);

impl Request {
    /// The subject that the service got it on.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The subject taken apart.
    ///
    /// # Errors
    ///
    /// None so far: only what has one of the known subjects is recorded.
    pub fn parsed_subject(&self) -> Result<RequestSubject<'_>, SysSubjectError> {
        RequestSubject::parse(&self.0.subject)
    }

    /// What is asked for, as at the end of the subject: `CONNZ`, `INFO`, `KICK`. `STATSZ` for
    /// `$SYS.REQ.SERVER.PING`.
    pub fn endpoint(&self) -> &str {
        endpoint(&self.0.subject)
    }

    /// Who asks; `None` when it is not a client.
    pub fn requester(&self) -> Option<&Requester> {
        self.0.from.as_ref()
    }

    /// Where the answer is expected.
    pub fn reply(&self) -> Option<&str> {
        self.0.reply.as_deref()
    }

    /// The headers, if there are any that can be read.
    pub fn headers(&self) -> Option<Headers> {
        if self.0.header.is_empty() {
            return None;
        }
        Headers::parse_lenient(&self.0.header).ok()
    }

    /// The payload, without headers.
    pub fn payload(&self) -> &Bytes {
        &self.0.payload
    }

    /// The payload as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.payload).into_owned()
    }

    /// The payload as the options of an endpoint, as the server reads it.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::monitor::SubszOptions;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// nats.client("admin")?.request("$SYS.REQ.SERVER.PING.SUBSZ", r#"{"Account":"USERS"}"#)?;
    /// let asked = nats.requests().endpoint("SUBSZ").history().pop().unwrap();
    /// assert_eq!(asked.options::<SubszOptions>()?.account, "USERS");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the server would not have understood them, in its words.
    pub fn options<T: RequestOptions>(&self) -> Result<T, DecodeError> {
        decode_request(&self.0.payload, self.0.dialect)
    }

    /// The name of the server that was asked.
    pub fn server_name(&self) -> &str {
        &self.0.server.name
    }

    /// The id of the server that was asked.
    pub fn server_id(&self) -> &str {
        &self.0.server.id
    }

    /// When it was asked, by the clock of the deployment.
    pub fn time(&self) -> SystemTime {
        system_time(self.0.time)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("subject", &self.subject())
            .field("reply", &self.reply())
            .field("requester", &self.requester())
            .field("server_name", &self.server_name())
            .field("time", &self.time())
            .field("headers", &self.headers())
            .field("payload", &self.text())
            .finish()
    }
}

impl Requester {
    /// The client's id, as CONNZ shows it.
    pub fn cid(&self) -> u64 {
        self.cid
    }

    /// The account that the client is bound to.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The user that the client has logged in as, as events show it; `None` without credentials.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The name that the client has given itself; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is asked for by a request to this subject.
pub(in crate::harness) fn endpoint(subject: &str) -> &str {
    match RequestSubject::parse(subject) {
        Ok(RequestSubject::Ping) => "STATSZ",
        _ => subject.rsplit('.').next().unwrap_or_default(),
    }
}
