//! A web server that hands out the JWTs of accounts, or what stands for one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::faults::guarded;

use super::ClientTls;

/// Where a resolver asks for the JWTs of accounts: a web server that has `<url>/<public key>` for each, or something
/// in this process that stands for one.
///
/// ```
/// use nats_mock::topology::{AccountServer, FetchError, Resolver};
///
/// // In reality.
/// let _ = Resolver::Url(AccountServer::at("http://localhost:9090/jwt/v1/accounts"));
///
/// // Without a web server.
/// let server = AccountServer::answering(|key| match key {
///     "" => Ok("at the start servers only look whether anybody is there".to_owned()),
///     _ => Err(FetchError::Status(404)),
/// });
/// let _ = Resolver::Url(server);
/// ```
#[derive(Clone)]
pub struct AccountServer {
    source: Source,
    /// How it is asked by TLS, if not as the machine would.
    pub(crate) tls: Option<ClientTls>,
    /// The JWT of the system account as it was at the start, by its public key.
    pub(crate) known: BTreeMap<String, String>,
}

type Answering = dyn Fn(&str) -> Result<String, FetchError> + Send + Sync;

#[derive(Clone)]
enum Source {
    /// With a slash at its end.
    Http(Arc<str>),
    Function(Arc<Answering>),
}

/// How long a server waits for an answer.
pub(crate) const FETCH_PATIENCE: Duration = Duration::from_millis(1900);

/// Why a JWT was not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server has answered with a status other than 200, and the words that go with it.
    #[error("{0} {reason}", reason = reason(*.0))]
    Status(u16),
    /// The same in words of its own, which are what real servers tell.
    #[error("{line}")]
    StatusLine {
        /// The status.
        status: u16,
        /// The status and what follows it.
        line: String,
    },
    /// There was no server, or it has ended the connection; what the HTTP client of a real server says.
    #[error("{0}")]
    Unreachable(String),
    /// The connection has ended in the middle of the answer.
    #[error("unexpected EOF")]
    CutShort,
    /// No answer has come. Who waits for it waits until servers lose patience, which is 1.9 seconds.
    #[error("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")]
    Silence,
    /// That takes a feature that is off.
    #[error("that takes the feature `{0}` of nats-mock")]
    NeedsFeature(&'static str),
    /// The JWT is longer than anybody needs.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
}

impl FetchError {
    /// What a status line says, without the version in front.
    #[cfg_attr(
        not(feature = "jwt"),
        expect(dead_code, reason = "without JWTs nobody is asked for them")
    )]
    pub(crate) fn of_status(status: u16, line: &str) -> Self {
        match line == Self::Status(status).to_string() {
            true => Self::Status(status),
            false => Self::StatusLine {
                status,
                line: line.to_owned(),
            },
        }
    }
}

/// The words that go with a status.
fn reason(status: u16) -> &'static str {
    match status {
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

impl AccountServer {
    /// A web server, by the address below which it has the JWTs, such as `http://localhost:9090/jwt/v1/accounts`.
    /// It is asked when a server starts, and has to be there then. [`Builder::start`](crate::Builder::start) waits for it
    /// aside; what starts a server later, such as [`Server::restart`](crate::Server::restart), keeps its thread.
    ///
    /// Addresses of `https` take the feature `tls`. The web server has to have a certificate for its name or address
    /// that an authority of the machine has signed, unless [`with_tls`](Self::with_tls) says something else.
    ///
    /// A manual clock is not moved past the moment at which servers lose patience while an answer is on its way: who
    /// moves it waits, and the web server must not need that thread. A paused clock of tokio moves on by itself
    /// meanwhile; there a [function](Self::answering) is the better choice.
    pub fn at(url: impl Into<String>) -> Self {
        let mut url = url.into();
        if !url.ends_with('/') {
            url.push('/');
        }
        Self::new(Source::Http(url.into()))
    }

    /// Asks by TLS like this, if the address is one of `https`. A configuration file does the same with `resolver_tls`.
    #[must_use]
    pub fn with_tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A function that is called with the public key of the account, and with an empty text when a server starts,
    /// for which any answer but an error will do. It runs while the deployment stands still, so it must not use
    /// that. A panic in it counts as a web server that is not there.
    pub fn answering(
        answer: impl Fn(&str) -> Result<String, FetchError> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Function(Arc::new(answer)))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            tls: None,
            known: BTreeMap::new(),
        }
    }

    /// The address of a web server, with a slash at its end.
    pub(crate) fn url(&self) -> Option<&Arc<str>> {
        match &self.source {
            Source::Http(url) => Some(url),
            Source::Function(_) => None,
        }
    }

    /// Whether its answers come by TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        let scheme = self.url().and_then(|url| url.split_once("://"));
        scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
    }

    /// The answer of a function.
    pub(crate) fn answer(&self, key: &str) -> Option<Result<String, FetchError>> {
        match &self.source {
            Source::Http(_) => None,
            Source::Function(answer) => {
                let answer = guarded(&mut || answer(key));
                Some(answer.unwrap_or_else(|why| Err(FetchError::Unreachable(why))))
            }
        }
    }

    /// Whether it is the same as another, whatever both have handed out.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (Source::Http(url), Source::Http(other)) => url == other,
            (Source::Function(answer), Source::Function(other)) => Arc::ptr_eq(answer, other),
            (Source::Http(_), Source::Function(_)) | (Source::Function(_), Source::Http(_)) => {
                false
            }
        }
    }

    /// What a server says that could not get something.
    pub(crate) fn complaint(&self, key: &str, error: &FetchError) -> String {
        let base = self.url().map_or("function:/", |url| url);
        // The client of a real server has taken the address apart before it shows it.
        let parsed = match base.split_once("://") {
            Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
            None => base.to_owned(),
        };
        let (redacted, starred) = (
            // So has the server, if there may be a password.
            match base.contains('@') {
                true => format!("{}{key}", hidden(&parsed, "xxxxx")),
                false => format!("{base}{key}"),
            },
            format!("{}{key}", hidden(&parsed, "***")),
        );
        match error {
            // Nobody is told where.
            FetchError::CutShort => error.to_string(),
            FetchError::Status(_)
            | FetchError::StatusLine { .. }
            | FetchError::NeedsFeature(_)
            | FetchError::TooLong(_) => {
                format!("could not fetch <\"{redacted}\">: {error}")
            }
            FetchError::Unreachable(_) | FetchError::Silence => {
                format!("could not fetch <\"{redacted}\">: Get \"{starred}\": {error}")
            }
        }
    }
}

/// An address with its password replaced.
fn hidden(url: &str, by: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..authority].rfind('@') else {
        return url.to_owned();
    };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{by}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// An address may hold a password, and what was handed out is nobody's business.
impl fmt::Debug for AccountServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.url().map(|url| hidden(url, "***"));
        let source = source.as_deref().unwrap_or("a function");
        f.debug_tuple("AccountServer").field(&source).finish()
    }
}

impl PartialEq for AccountServer {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) && self.tls == other.tls && self.known == other.known
    }
}

impl Eq for AccountServer {}

/// The JWTs of accounts, as an [`AccountServer`] hands them out, for a test to change at any time.
///
/// ```
/// use nats_mock::topology::{FetchError, JwtTable, Resolver};
///
/// let table = JwtTable::new();
/// table.serve("ABC", "eyJ");
/// table.fail("ABD", FetchError::Status(500));
/// // For the options of a server; what the table has can be changed while that runs.
/// let _ = Resolver::Url(table.server());
/// assert!(table.requests().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct JwtTable(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    answers: BTreeMap<String, Result<String, FetchError>>,
    requests: Vec<String>,
}

/// So many requests are remembered.
const MOST_REQUESTS: usize = 65_536;

impl JwtTable {
    /// A table with nothing in it: each account is answered with status 404.
    pub fn new() -> Self {
        Self::default()
    }

    fn table<T>(&self, act: impl FnOnce(&mut Table) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands out this JWT for the account with this public key from now on.
    pub fn serve(&self, key: impl Into<String>, jwt: impl Into<String>) {
        let (key, jwt) = (key.into(), jwt.into());
        self.table(|table| table.answers.insert(key, Ok(jwt)));
    }

    /// Answers so from now on when the account with this public key is asked for. An empty key is what servers ask
    /// for when they start.
    pub fn fail(&self, key: impl Into<String>, error: FetchError) {
        let key = key.into();
        self.table(|table| table.answers.insert(key, Err(error)));
    }

    /// The keys that were asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        self.table(|table| table.requests.clone())
    }

    /// What a resolver asks.
    pub fn server(&self) -> AccountServer {
        let table = self.clone();
        AccountServer::answering(move |key| {
            table.table(|table| {
                if table.requests.len() < MOST_REQUESTS {
                    table.requests.push(key.to_owned());
                }
                match table.answers.get(key) {
                    Some(answer) => answer.clone(),
                    None if key.is_empty() => Ok(String::new()),
                    None => Err(FetchError::Status(404)),
                }
            })
        })
    }
}

/// It holds what servers are to trust.
impl fmt::Debug for JwtTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.table(|table| table.answers.len());
        f.debug_struct("JwtTable")
            .field("accounts", &accounts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let server = AccountServer::at("http://joe:secret@127.0.0.1:1/x");
        let error = FetchError::Unreachable("no".to_owned());
        assert_eq!(
            server.complaint("A", &error),
            "could not fetch <\"http://joe:xxxxx@127.0.0.1:1/x/A\">: \
             Get \"http://joe:***@127.0.0.1:1/x/A\": no"
        );
        assert!(!format!("{server:?}").contains("secret"));
        assert_eq!(hidden("http://joe@h/", "***"), "http://joe@h/");
        assert_eq!(hidden("/x@y:z", "***"), "/x@y:z");
    }

    #[test]
    fn servers_are_told_apart() {
        let function = |_: &str| Err(FetchError::Silence);
        let (one, other) = (
            AccountServer::at("http://a"),
            AccountServer::at("http://a/"),
        );
        assert_eq!(one, other);
        assert_ne!(one, AccountServer::answering(function));
        let one = AccountServer::answering(function);
        assert_eq!(one, one.clone());
        assert_ne!(one, AccountServer::answering(function));
    }
}
