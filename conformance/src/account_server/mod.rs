//! A web server for the JWTs of accounts, which a script tells what to answer.
//!
//! It says what it was asked, holds back what it is not told to answer yet, and can be gone for a while. Whoever
//! plays a script owns it, so it is the same for every kind of server under test.

mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What configurations call the place below which it serves.
pub const PLACEHOLDER: &str = "accounts";

/// The same by TLS.
pub const PLACEHOLDER_TLS: &str = "accounts_https";

/// The same by TLS, and by the name of the machine rather than by its address.
pub const PLACEHOLDER_NAMED: &str = "accounts_named";

/// Where it serves.
const FOLDER: &str = "/jwt/v1/accounts";

/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes that a line of a request has.
const LONGEST_LINE: u64 = 8 * 1024;

/// The server; it is gone when dropped.
#[derive(Debug)]
pub struct AccountServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when there is something else to answer.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    /// What is asked for and not answered yet.
    hanging: BTreeSet<String>,
    /// How many requests wait.
    held: usize,
    /// The words that go with a status, if they are not the usual ones.
    words: BTreeMap<u16, String>,
    /// How to make handshakes, if that is to be done.
    tls: Option<Arc<ServerConfig>>,
    requests: Vec<String>,
    is_gone: bool,
    /// Who listens; each time it is another.
    generation: usize,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status and a body.
    Page(u16, Vec<u8>),
    /// The connection is closed.
    Nothing,
    /// The connection is closed in the middle of the answer.
    Half,
}

/// What a script has the server do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<Text> {
    /// Answers so from now on, and to those who wait.
    Answer(Text, u16, Text),
    /// Closes the connection of whoever asks for it.
    Close(Text),
    /// Closes the connection of whoever asks for it in the middle of the answer.
    Cut(Text),
    /// Lets whoever asks for it wait.
    Hang(Text),
    /// Says these words with this status from now on.
    Words(u16, Text),
    /// Serves by TLS from now on.
    Secure(Security),
    /// Serves without TLS again.
    Plain,
    /// Is not there.
    Stop,
    /// Is there again.
    Start,
}

/// How the server serves by TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// The certificate of `fixtures/tls` that it shows.
    pub certificate: String,
    /// Whether clients have to show one of the authority `ca`.
    pub verify: bool,
    /// Whether it knows nothing newer than TLS 1.2.
    pub is_old: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountServer {
    /// A server on a free port.
    ///
    /// # Errors
    ///
    /// When no port or thread is to be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let server = Self {
            address,
            shared: Arc::default(),
        };
        server.listen(listener)?;
        Ok(server)
    }

    /// Its address, as configurations have it in front of the folder.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stands for it in configurations.
    pub fn url(&self) -> String {
        format!("http://{}{FOLDER}", self.address)
    }

    /// What stands for it in configurations, if it serves by TLS.
    pub fn url_tls(&self) -> String {
        format!("https://{}{FOLDER}", self.address)
    }

    /// The address with the name that certificates have.
    pub fn named_address(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// As [`url_tls`](Self::url_tls), with the name that certificates have.
    pub fn url_named(&self) -> String {
        format!("https://{}{FOLDER}", self.named_address())
    }

    fn listen(&self, listener: TcpListener) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let generation = {
            let mut state = shared.state();
            state.is_gone = false;
            state.generation += 1;
            state.generation
        };
        thread::Builder::new()
            .name("accounts".to_owned())
            .spawn(move || accept(&listener, &shared, generation))?;
        Ok(())
    }

    /// Does what a script says.
    ///
    /// # Errors
    ///
    /// When its port was taken by somebody else meanwhile.
    pub fn change(&self, change: Change<Vec<u8>>) -> io::Result<()> {
        let name = |key: Vec<u8>| match String::from_utf8_lossy(&key).as_ref() {
            // What servers look for at their start.
            "/" => String::new(),
            key => key.to_owned(),
        };
        let mut state = self.shared.state();
        match change {
            Change::Answer(key, status, body) => {
                let key = name(key);
                state.hanging.remove(&key);
                state.answers.insert(key, Answer::Page(status, body));
            }
            Change::Close(key) => {
                let key = name(key);
                state.hanging.remove(&key);
                state.answers.insert(key, Answer::Nothing);
            }
            Change::Cut(key) => {
                let key = name(key);
                state.hanging.remove(&key);
                state.answers.insert(key, Answer::Half);
            }
            Change::Hang(key) => {
                state.hanging.insert(name(key));
            }
            Change::Words(status, words) => {
                let words = String::from_utf8_lossy(&words).into_owned();
                state.words.insert(status, words);
            }
            Change::Secure(security) => state.tls = Some(tls::config(&security)?),
            Change::Plain => state.tls = None,
            Change::Stop => {
                state.is_gone = true;
                drop(state);
                self.shared.changed.notify_all();
                self.wake();
                return Ok(());
            }
            Change::Start if state.is_gone => {
                drop(state);
                return self.listen(TcpListener::bind(self.address)?);
            }
            Change::Start => {}
        }
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Has the thread that listens see that it is to end, and waits until it has.
    fn wake(&self) {
        while TcpStream::connect(self.address).is_ok() {
            thread::yield_now();
        }
    }

    /// What was asked for, from the request of this number on.
    pub fn requests(&self, from: usize) -> Vec<String> {
        let state = self.shared.state();
        state.requests.get(from..).unwrap_or_default().to_vec()
    }

    /// How many wait for an answer that they do not get yet.
    pub fn held(&self) -> usize {
        self.shared.state().held
    }
}

impl Drop for AccountServer {
    fn drop(&mut self) {
        self.shared.state().is_gone = true;
        self.shared.changed.notify_all();
        self.wake();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, generation: usize) {
    for stream in listener.incoming() {
        {
            let state = shared.state();
            if state.is_gone || state.generation != generation {
                return;
            }
        }
        let (Ok(stream), shared) = (stream, Arc::clone(shared)) else {
            continue;
        };
        // Whoever is not served sees the connection closed.
        let _ = thread::Builder::new()
            .name("accounts".to_owned())
            .spawn(move || serve(stream, &shared));
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    let tls = shared.state().tls.clone();
    let Some(config) = tls else {
        match tls::is_asked_for(&stream) {
            true => {
                let _ = write_answer(&mut &stream, (400, None), b"this is no TLS");
            }
            false => {
                let _ = converse(&mut &stream, shared);
            }
        }
        tls::end(stream);
        return;
    };
    let Ok(conn) = ServerConnection::new(config) else {
        return;
    };
    let mut stream = StreamOwned::new(conn, stream);
    if converse(&mut stream, shared).is_ok() {
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
    tls::end(stream.sock);
}

/// Answers one request. A client that is gone has its reasons.
fn converse(stream: &mut (impl Read + Write), shared: &Shared) -> io::Result<()> {
    let Some(path) = read_request(stream)? else {
        return Ok(());
    };
    let (status, body) = match answer(&path, shared) {
        Answer::Page(status, body) => (status, body),
        Answer::Nothing => return Ok(()),
        Answer::Half => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?;
            return stream.flush();
        }
    };
    let words = shared.state().words.get(&status).cloned();
    write_answer(stream, (status, words.as_deref()), &body)
}

/// The path that is asked for.
fn read_request(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut path = None;
    loop {
        line.clear();
        let length = Read::take(&mut reader, LONGEST_LINE).read_line(&mut line)?;
        if length == 0 {
            return Ok(None);
        }
        let text = line.trim_end();
        if text.is_empty() {
            return Ok(path);
        }
        if path.is_none() {
            let mut words = text.split(' ');
            path = words
                .next()
                .filter(|&method| method == "GET")
                .and_then(|_| words.next())
                .map(str::to_owned);
            if path.is_none() {
                return Ok(None);
            }
        }
    }
}

/// What is to be answered, once it is known.
fn answer(path: &str, shared: &Shared) -> Answer {
    let mut state = shared.state();
    state.requests.push(format!("GET {path}"));
    let key = path
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_prefix('/'));
    let Some(key) = key else {
        return Answer::Page(404, Vec::new());
    };
    if state.hanging.contains(key) {
        state.held += 1;
        while state.hanging.contains(key) && !state.is_gone {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.held -= 1;
    }
    if state.is_gone {
        return Answer::Nothing;
    }
    let known = state.answers.get(key).cloned();
    known.unwrap_or_else(|| match key {
        "" => Answer::Page(200, b"ok".to_vec()),
        _ => Answer::Page(404, Vec::new()),
    })
}

fn write_answer(
    stream: &mut impl Write,
    (status, words): (u16, Option<&str>),
    body: &[u8],
) -> io::Result<()> {
    let usual = match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    };
    let reason = words.unwrap_or(usual);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/jwt\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &AccountServer, key: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(server.address())?;
        write!(stream, "GET {FOLDER}/{key} HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn said(key: &str, status: u16, body: &str) -> Change<Vec<u8>> {
        Change::Answer(key.into(), status, body.into())
    }

    #[test]
    fn it_answers_what_it_is_told_to() {
        let server = AccountServer::start().expect("a server");
        server.change(said("A", 200, "token")).expect("told");
        let answer = ask(&server, "A").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ntoken"), "{answer}");
        let answer = ask(&server, "B").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        let paths = ["A", "B"].map(|key| format!("GET {FOLDER}/{key}"));
        assert_eq!(server.requests(0), paths);
        server.change(Change::Close("A".into())).expect("told");
        assert_eq!(ask(&server, "A").expect("the end"), "");
    }

    #[test]
    fn it_lets_wait_until_it_is_told() {
        let server = AccountServer::start().expect("a server");
        server.change(Change::Hang("A".into())).expect("told");
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&server, "A"));
            while server.held() == 0 {
                thread::yield_now();
            }
            server.change(said("A", 200, "late")).expect("told");
            let answer = asked.join().expect("joined").expect("an answer");
            assert!(answer.ends_with("late"), "{answer}");
        });
        assert_eq!(server.held(), 0);
    }

    #[test]
    fn it_is_gone_and_back() {
        let server = AccountServer::start().expect("a server");
        server.change(Change::Stop).expect("told");
        assert!(ask(&server, "A").is_err());
        server.change(Change::Start).expect("told");
        assert!(ask(&server, "A").is_ok());
    }
}
