//! What a scenario is: one deployment, several scripted connections, and what to await on each.
//!
//! `docs/scenarios.md` describes the file format for those who write scenarios; the
//! types here are what [`parse`] makes of such a file.

mod literal;
mod parse;
mod path;
mod servers;
mod steps;
mod words;

use std::time::Duration;

pub use literal::{Segment, Template, Unbound};
pub use parse::{ConfLibrary, parse};
pub use path::{JsonPath, Place};
pub use servers::{LinkChange, PortKind, PortName, SCRATCH, Server, fill_ports};

use crate::account_server::{self, Change};
use crate::callout::Answer;
use crate::framing::Agreed;
use crate::identities::TokenSpec;
use crate::version::{Version, VersionRange};

/// A scenario that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScenarioError {
    /// The line of the scenario file, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What the scenario shows, in one line.
    pub purpose: String,
    /// The server versions it is meant for.
    pub versions: VersionRange,
    /// What the server is started with.
    pub deployment: Deployment,
    /// The JWTs that configurations and the script name.
    pub tokens: Vec<TokenSpec>,
    /// Who answers the server's `PING`s.
    pub pings: Pings,
    /// The script, in order.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// Whether a web server for the JWTs of accounts is named anywhere.
    pub fn uses_account_server(&self) -> bool {
        // All its names begin like this.
        let named = format!("{{{{{}", account_server::PLACEHOLDER);
        let deployment = &self.deployment;
        let confs = deployment.servers.iter().map(|server| &server.conf);
        let files = deployment.files.iter().map(|(_, text)| text);
        let claims = self.tokens.iter().any(|token| token.names(&named));
        let is_changed =
            |step: &Step| matches!(step.action, Action::Accounts(_) | Action::AwaitRequests(_));
        claims
            || confs
                .chain(files)
                .chain([&deployment.conf])
                .any(|text| text.contains(&named))
            || self.steps.iter().any(is_changed)
    }

    /// Whether keys and tokens are named anywhere, for which a server needs to know nkeys and JWTs.
    pub fn uses_identities(&self) -> bool {
        let names = |text: &str| text.contains("{{key.") || text.contains("{{jwt.");
        let deployment = &self.deployment;
        let confs = deployment.servers.iter().map(|server| &server.conf);
        let files = deployment.files.iter().map(|(_, text)| text);
        !self.tokens.is_empty()
            || confs
                .chain(files)
                .chain([&deployment.conf])
                .any(|text| names(text))
            || self
                .steps
                .iter()
                .any(|step| names(&step.source) || matches!(step.action, Action::Answer { .. }))
    }
}

/// What a server is started with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployment {
    /// The text of the configuration file of the only server; empty if there are several.
    pub conf: String,
    /// The servers, if there are several, in the order in which they are started.
    pub servers: Vec<Server>,
    /// Whether the script does something to the links between servers.
    pub has_links: bool,
    /// More files beside it: name and text.
    pub files: Vec<(String, String)>,
    /// Certificates of `fixtures/tls` beside it, with their keys.
    pub certificates: Vec<String>,
    /// Whether the script connects over WebSocket.
    pub has_websockets: bool,
    /// Command-line flags on top of the configuration.
    pub args: Vec<String>,
    /// The server's local time zone, an IANA name; UTC when absent.
    pub time_zone: Option<String>,
}

/// Who answers the server's `PING`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pings {
    /// The harness, at once and unseen, as every client library does.
    Answered,
    /// The script; each `PING` is part of the transcript.
    Scripted,
}

/// One line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// The line as written, shown in the transcript.
    pub source: String,
    /// The versions for which the step is carried out; others skip it.
    pub versions: VersionRange,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Opens a connection and, if told so, awaits the server's `INFO`.
    Open {
        /// The name the script gives to the connection.
        conn: String,
        /// The server, if there are several.
        server: Option<String>,
        /// Which of its ports; one of several servers has several.
        port: PortKind,
        /// Whether to await `INFO`.
        await_info: bool,
    },
    /// Opens a connection that the server's host must refuse.
    OpenRefused {
        /// The name used in the transcript.
        conn: String,
        /// The server, if there are several.
        server: Option<String>,
    },
    /// Sends bytes.
    Send {
        /// Who sends.
        conn: String,
        /// What is sent.
        operation: Operation,
        /// How many times.
        repeat: usize,
    },
    /// Sends bytes and then awaits.
    Exchange {
        /// Who sends and awaits.
        conn: String,
        /// What is sent first.
        send: Template,
        /// What is awaited then.
        until: Await,
    },
    /// Sends a request that the server has counted when it answers it.
    Ask {
        /// Who asks.
        conn: String,
        /// What is asked.
        subject: Template,
        /// Where the answer is to go.
        reply: Template,
        /// The options.
        payload: Template,
    },
    /// Answers what a server has last asked on a connection: who one of its clients is.
    Answer {
        /// Who answers.
        conn: String,
        /// What.
        answer: Answer,
    },
    /// Awaits frames or the end of the connection.
    Await {
        /// Where to look.
        conn: String,
        /// What is awaited.
        until: Await,
    },
    /// Awaits a total number of frames over several connections, however they are shared out.
    Spread {
        /// The connections among which the frames are shared.
        conns: Vec<String>,
        /// How many frames, together.
        count: usize,
        /// Which frames count.
        pattern: Pattern,
        /// How many each connection must get at least.
        each: usize,
        /// Whether the subscription ids are free as well.
        any_sid: bool,
    },
    /// Reads and throws away everything until the connection ends.
    Drain {
        /// The connection to empty.
        conn: String,
    },
    /// Does something to the transport of a connection.
    Transport {
        /// The connection.
        conn: String,
        /// What is done.
        change: TransportChange,
    },
    /// Makes a TLS handshake on an open connection.
    Secure {
        /// The connection.
        conn: String,
        /// How.
        how: Handshake,
    },
    /// Has an open connection speak in frames of WebSocket from now on.
    Frames {
        /// The connection.
        conn: String,
        /// How.
        agreed: Agreed,
    },
    /// Sends one frame with this first byte, or bytes as they are, past all framing.
    SendFrame {
        /// The connection.
        conn: String,
        /// The first byte of the frame; nothing for no frame.
        first: Option<u8>,
        /// The payload.
        payload: Template,
    },
    /// Starts the deployment, unless it runs already, or one of several servers.
    Start {
        /// The server, if there are several.
        server: Option<String>,
        /// The release it is from now on.
        version: Option<Version>,
    },
    /// Sends a signal to a server.
    Signal {
        /// The server, if there are several.
        server: Option<String>,
        /// Which signal.
        signal: Signal,
    },
    /// Awaits that all servers that can reach each other are connected as configured.
    AwaitFormed,
    /// Has the web server for the JWTs of accounts do something.
    Accounts(Change<Template>),
    /// Shows what that was asked for since the last time, so many requests at least.
    AwaitRequests(usize),
    /// Does something to the link between two servers.
    Link {
        /// The two servers.
        between: (String, String),
        /// What is done.
        change: LinkChange,
    },
    /// Replaces the configuration file and has the server read it again.
    Reload {
        /// The server, if there are several.
        server: Option<String>,
        /// The new text of the configuration file.
        conf: String,
    },
    /// Replaces the configuration file, of which the server hears nothing.
    Configure {
        /// The server, if there are several.
        server: Option<String>,
        /// The new text of the configuration file.
        conf: String,
    },
    /// Runs the server's program with these arguments to its end.
    Run {
        /// The arguments; `$CONF` stands for the path of the configuration file.
        args: Vec<String>,
    },
    /// Awaits that all servers have nothing left to do.
    AwaitRest,
    /// Awaits the end of a server process.
    AwaitExit {
        /// The server, if there are several.
        server: Option<String>,
    },
    /// Lets time pass, because the passing of time is what the scenario is about.
    Elapse(Duration),
}

impl Action {
    /// The servers that the action names, and whether it needs one when there are several.
    fn servers(&self) -> (Vec<&str>, bool) {
        match self {
            Self::Open { server, .. }
            | Self::OpenRefused { server, .. }
            | Self::Signal { server, .. }
            | Self::Reload { server, .. }
            | Self::Configure { server, .. }
            | Self::AwaitExit { server } => (server.iter().map(String::as_str).collect(), true),
            Self::Start { server, .. } => (server.iter().map(String::as_str).collect(), false),
            Self::Link { between, .. } => (vec![&between.0, &between.1], false),
            _ => (Vec::new(), false),
        }
    }
}

/// How a client makes a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handshake {
    /// The certificate of `fixtures/tls` that it shows, if any.
    pub certificate: Option<String>,
    /// Whether it knows nothing newer than TLS 1.2.
    pub is_old: bool,
    /// The name it looks for; `localhost` unless given.
    pub server_name: Option<String>,
}

/// What a connection sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes as written.
    Raw(Template),
    /// `PUB` or `HPUB` with its sizes worked out.
    Publish {
        /// The subject.
        subject: Template,
        /// The reply subject.
        reply: Option<Template>,
        /// The header block; its presence makes it `HPUB`.
        headers: Option<Template>,
        /// The payload.
        payload: Template,
    },
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Await {
    /// When it is satisfied.
    pub goal: Goal,
    /// Whether the order of the frames taken is free.
    pub any_order: bool,
    /// Whether only `PONG` may come.
    pub quiet: bool,
    /// JSON lists whose order is free.
    pub sets: Vec<JsonPath>,
    /// JSON values that may differ from run to run.
    pub free: Vec<JsonPath>,
    /// JSON values that the frames of the step share out among themselves in any order.
    pub shuffled: Vec<JsonPath>,
    /// Which frames come any number of times, so that only the last of them is shown.
    pub latest: Option<Pattern>,
    /// How long to wait before giving up.
    pub within: Duration,
}

/// When an await is satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// After this many frames that match.
    Frames {
        /// How many.
        count: usize,
        /// Which.
        pattern: Pattern,
    },
    /// When the server has closed the connection.
    Closed,
}

/// Which frames count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Every frame.
    Any,
    /// Frames with this verb.
    Verb(String),
    /// Frames whose line starts so.
    Prefix(Template),
}

/// What happens to the transport of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportChange {
    /// The client ends its side and keeps reading.
    HalfClose,
    /// The client closes in good order.
    Close,
    /// The client resets the connection.
    Reset,
    /// The client stops reading.
    StopReading,
    /// The client reads again.
    ResumeReading,
}

/// The signals a server's process gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop.
    Term,
    /// Stop, as from a terminal.
    Int,
    /// Lame duck mode.
    Usr2,
    /// The process is gone at once.
    Kill,
    /// The process does nothing any more, and keeps all its connections.
    Stop,
    /// A stopped process goes on.
    Continue,
}
