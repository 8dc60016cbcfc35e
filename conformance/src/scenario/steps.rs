//! Reading one line of a script.

use std::time::Duration;

use serde_json::{Map, Value};

use super::words::{self, Word};
use super::{
    Action, Await, Goal, Handshake, JsonPath, LinkChange, Operation, Pattern, PortKind, Signal,
    Template, TransportChange,
};
use crate::account_server::{Change, Security};
use crate::callout::Answer;
use crate::framing::Agreed;

/// How long a step waits unless it says otherwise.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(20);

/// What a line turned out to be.
pub(super) enum Parsed {
    /// A complete action.
    Whole(Action),
    /// An action with a configuration, which follows up to this line.
    NeedsConf(String, Box<dyn FnOnce(String) -> Action>),
}

/// Reads `connection: operation arguments`.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    if let Some((subject, rest)) = text.split_once(':') {
        let words: Vec<&str> = subject.split(' ').collect();
        let verb = |mut words: Words| words.bare("an operation").map(|verb| (verb, words));
        match words[..] {
            ["server", name] if is_name(name) => {
                let (verb, words) = verb(Words::new(rest)?)?;
                return server(Some(name.to_owned()), &verb, words);
            }
            ["servers"] => {
                let (verb, words) = verb(Words::new(rest)?)?;
                words.end()?;
                return match verb.as_str() {
                    "formed" => Ok(Parsed::Whole(Action::AwaitFormed)),
                    _ => Err(format!("unknown operation `{verb}` for all servers")),
                };
            }
            ["accounts"] => return accounts(Words::new(rest)?),
            ["link", one, other] if is_name(one) && is_name(other) && one != other => {
                return link((one.to_owned(), other.to_owned()), Words::new(rest)?);
            }
            _ => {}
        }
    }
    let (subject, rest) = text
        .split_once(':')
        .filter(|(subject, _)| is_name_list(subject))
        .ok_or("a step is written `connection: operation`")?;
    let mut words = Words::new(rest)?;
    let verb = words.bare("an operation")?;
    if subject == "server" {
        return server(None, &verb, words);
    }
    let action = if verb == "spread" {
        spread(subject, &mut words)?
    } else if subject.contains(',') {
        return Err(format!("`{verb}` takes one connection"));
    } else {
        connection(subject.to_owned(), &verb, &mut words)?
    };
    words.end()?;
    Ok(Parsed::Whole(action))
}

fn is_name_list(text: &str) -> bool {
    text.split(',').all(is_name)
}

/// Whether `text` can be the name of a connection or a server.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `link n1 n2: cut`, `cut silently`, `cut one-way` and `heal`.
fn link(between: (String, String), mut words: Words) -> Result<Parsed, String> {
    let mut said = Vec::new();
    while let Some(word) = words.next() {
        said.push(plain(&word)?);
    }
    let said = said.join(" ");
    let change = match said.as_str() {
        "cut" => LinkChange::Cut,
        "cut silently" => LinkChange::CutSilently,
        "cut one-way" => LinkChange::CutOneWay,
        "heal" => LinkChange::Heal,
        _ => return Err(format!("unknown operation `{said}` for a link")),
    };
    Ok(Parsed::Whole(Action::Link { between, change }))
}

/// What the web server for the JWTs of accounts does, and what it was asked.
fn accounts(mut words: Words) -> Result<Parsed, String> {
    let verb = words.bare("an operation")?;
    let change = |change| Ok(Action::Accounts(change));
    let action = match verb.as_str() {
        "answer" => {
            let key = words.template("a key")?;
            let status = status(&mut words)?;
            let body = match words.next() {
                Some(word) => word.template()?,
                None => Template::fixed(""),
            };
            change(Change::Answer(key, status, body))
        }
        "close" => change(Change::Close(words.template("a key")?)),
        "cut" => change(Change::Cut(words.template("a key")?)),
        "hang" => change(Change::Hang(words.template("a key")?)),
        "words" => {
            let status = status(&mut words)?;
            change(Change::Words(status, words.template("words")?))
        }
        "tls" => {
            let mut security = Security {
                certificate: words.bare("a certificate")?,
                verify: false,
                is_old: false,
            };
            while let Some(word) = words.next() {
                match word {
                    Word::Bare(word) if word == "verify" => security.verify = true,
                    Word::Bare(word) if word == "version=1.2" => security.is_old = true,
                    word => return Err(format!("unknown option {word:?} of TLS for accounts")),
                }
            }
            change(Change::Secure(security))
        }
        "plain" => change(Change::Plain),
        "stop" => change(Change::Stop),
        "start" => change(Change::Start),
        "await" => Ok(Action::AwaitRequests(number(&words.bare("a count")?)?)),
        _ => Err(format!("unknown operation `{verb}` for accounts")),
    }?;
    words.end()?;
    Ok(Parsed::Whole(action))
}

fn status(words: &mut Words) -> Result<u16, String> {
    let status = words.bare("a status")?;
    status
        .parse()
        .map_err(|_| format!("`{status}` is no status"))
}

fn server(name: Option<String>, verb: &str, mut words: Words) -> Result<Parsed, String> {
    let signal = |signal| Action::Signal {
        server: name.clone(),
        signal,
    };
    let action = match verb {
        "start" => Action::Start {
            version: match words.next() {
                Some(Word::Bare(word)) if word == "version" && name.is_some() => {
                    let version = words.bare("a version")?;
                    Some(version.parse().map_err(|e| format!("{e}"))?)
                }
                Some(word) => return Err(format!("unexpected {word:?}")),
                None => None,
            },
            server: name,
        },
        "stop" => signal(Signal::Term),
        "kill" => signal(Signal::Kill),
        "freeze" => signal(Signal::Stop),
        "thaw" => signal(Signal::Continue),
        "signal" => signal(match words.bare("a signal")?.as_str() {
            "TERM" => Signal::Term,
            "INT" => Signal::Int,
            "USR2" => Signal::Usr2,
            other => return Err(format!("signals are TERM, INT and USR2, not `{other}`")),
        }),
        "reload" | "configure" => {
            let block = words.bare("`<<` and the word that ends the configuration")?;
            words.end()?;
            let end = block
                .strip_prefix("<<")
                .ok_or("the configuration follows as a block, `<<END`")?;
            let reload = verb == "reload";
            let act = move |conf| match reload {
                true => Action::Reload { server: name, conf },
                false => Action::Configure { server: name, conf },
            };
            return Ok(Parsed::NeedsConf(end.to_owned(), Box::new(act)));
        }
        "exit" => Action::AwaitExit { server: name },
        _ if name.is_some() => return Err(format!("unknown operation `{verb}` for one server")),
        "check" => Action::Run {
            args: ["-c", "$CONF", "-t"].map(str::to_owned).to_vec(),
        },
        "run" => {
            let mut args = Vec::new();
            while let Some(word) = words.next() {
                args.push(plain(&word)?);
            }
            Action::Run { args }
        }
        "rest" => Action::AwaitRest,
        "elapse" => Action::Elapse(duration(&words.bare("a duration")?)?),
        _ => return Err(format!("unknown server operation `{verb}`")),
    };
    words.end()?;
    Ok(Parsed::Whole(action))
}

fn connection(conn: String, verb: &str, words: &mut Words) -> Result<Action, String> {
    let transport = |change| Action::Transport {
        conn: conn.clone(),
        change,
    };
    let raw = |template| Action::Send {
        conn: conn.clone(),
        operation: Operation::Raw(template),
        repeat: 1,
    };
    Ok(match verb {
        "connect" | "open" => {
            let (server, port) = words.port()?;
            Action::Open {
                conn,
                server,
                port,
                await_info: verb == "connect",
            }
        }
        "refused" => Action::OpenRefused {
            conn,
            server: words.name()?,
        },
        "send" => {
            let template = words.template("the bytes to send")?;
            let repeat = words.repeat()?;
            Action::Send {
                conn,
                operation: Operation::Raw(template),
                repeat,
            }
        }
        "frames" => {
            let mut agreed = Agreed::default();
            while let Some(word) = words.next() {
                match plain(&word)?.as_str() {
                    "unmasked" => agreed.unmasked = true,
                    "deflated" => agreed.deflated = true,
                    other => return Err(format!("frames are not `{other}`")),
                }
            }
            Action::Frames { conn, agreed }
        }
        "frame" => {
            let first = words.bare("the first byte")?;
            let first = u8::from_str_radix(&first, 16)
                .map_err(|_| format!("`{first}` is no byte in hexadecimal"))?;
            Action::SendFrame {
                conn,
                first: Some(first),
                payload: words.template("a payload")?,
            }
        }
        "bytes" => Action::SendFrame {
            conn,
            first: None,
            payload: words.template("the bytes to send")?,
        },
        "login" => Action::Exchange {
            conn,
            send: login(words)?,
            until: pong(false),
        },
        "sign" => Action::Exchange {
            send: sign(&conn, words)?,
            conn,
            until: pong(false),
        },
        "sync" => Action::Exchange {
            conn,
            send: Template::fixed("PING\r\n"),
            until: options(pong(false), words)?,
        },
        "latest" => Action::Exchange {
            conn,
            send: Template::fixed("PING\r\n"),
            until: Await {
                latest: Some(pattern(words.next().ok_or("a frame pattern is missing")?)?),
                ..pong(false)
            },
        },
        "quiet" => Action::Exchange {
            conn,
            send: Template::fixed("PING\r\n"),
            until: pong(true),
        },
        "fence" => {
            let count = match words.next() {
                None => 1,
                Some(word) => number(&plain(&word)?)?,
            };
            Action::Exchange {
                conn,
                send: Template::fixed("PUB $SYS.REQ.SERVER.PING.IDZ fence 0\r\n\r\n"),
                until: Await {
                    goal: Goal::Frames {
                        count,
                        pattern: Pattern::Prefix(Template::fixed("MSG fence ")),
                    },
                    any_order: count > 1,
                    ..pong(false)
                },
            }
        }
        "sub" => {
            let mut line = Template::fixed("SUB ");
            line.append(words.template("a subject")?);
            let second = words.template("a subscription id")?;
            line.append(Template::fixed(" "));
            line.append(second);
            if let Some(sid) = words.next() {
                line.append(Template::fixed(" "));
                line.append(sid.template()?);
            }
            line.append(Template::fixed("\r\n"));
            raw(line)
        }
        "unsub" => {
            let mut line = Template::fixed("UNSUB ");
            line.append(words.template("a subscription id")?);
            if let Some(max) = words.next() {
                line.append(Template::fixed(" "));
                line.append(max.template()?);
            }
            line.append(Template::fixed("\r\n"));
            raw(line)
        }
        "pub" | "hpub" => publish(conn, verb == "hpub", words)?,
        "ask" => Action::Ask {
            conn,
            subject: words.template("a subject")?,
            reply: words.template("a reply subject")?,
            payload: words.template("a payload")?,
        },
        "await" => Action::Await {
            conn,
            until: awaited(words)?,
        },
        "permit" | "refuse" => Action::Answer {
            answer: answer(verb == "permit", words)?,
            conn,
        },
        "drain" => Action::Drain { conn },
        "secure" => Action::Secure {
            conn,
            how: handshake(words)?,
        },
        "half-close" => transport(TransportChange::HalfClose),
        "close" => transport(TransportChange::Close),
        "reset" => transport(TransportChange::Reset),
        "stop-reading" => transport(TransportChange::StopReading),
        "resume-reading" => transport(TransportChange::ResumeReading),
        _ => return Err(format!("unknown operation `{verb}`")),
    })
}

/// `secure [cert=NAME] [version=1.2] [name=HOST]`.
fn handshake(words: &mut Words) -> Result<Handshake, String> {
    let mut how = Handshake::default();
    while let Some((key, value)) = words.option()? {
        match (key.as_str(), value.as_str()) {
            ("cert", _) => how.certificate = Some(value),
            ("version", "1.2") => how.is_old = true,
            ("name", _) => how.server_name = Some(value),
            _ => return Err(format!("unknown option `{key}={value}`")),
        }
    }
    Ok(how)
}

/// `pub subject [reply] payload` and `hpub subject [reply] headers payload`.
fn publish(conn: String, with_headers: bool, words: &mut Words) -> Result<Action, String> {
    let subject = words.template("a subject")?;
    let mut parts = Vec::new();
    while let Some(word) = words.next_unless_option() {
        parts.push(word.template()?);
    }
    let repeat = words.repeat()?;
    let payload = parts.pop().ok_or("a payload is missing")?;
    let headers = if with_headers {
        Some(parts.pop().ok_or("a header block is missing")?)
    } else {
        None
    };
    let reply = parts.pop();
    if !parts.is_empty() {
        return Err("too many words; quote a payload that has blanks".to_owned());
    }
    Ok(Action::Send {
        conn,
        operation: Operation::Publish {
            subject,
            reply,
            headers,
            payload,
        },
        repeat,
    })
}

/// `login [user password] [{options}]`: a quiet `CONNECT` and the `PING` that fences it.
fn login(words: &mut Words) -> Result<Template, String> {
    let mut options = Map::new();
    options.insert("verbose".to_owned(), Value::Bool(false));
    options.insert("pedantic".to_owned(), Value::Bool(false));
    let mut rest = words.next();
    if let Some(user) = rest.take_if(|word| !is_json(word)) {
        let pass = words.next().ok_or("a user needs a password")?;
        options.insert("user".to_owned(), Value::String(plain(&user)?));
        options.insert("pass".to_owned(), Value::String(plain(&pass)?));
        rest = words.next();
    }
    if let Some(json) = rest {
        let more: Map<String, Value> =
            serde_json::from_str(&plain(&json)?).map_err(|e| format!("CONNECT options: {e}"))?;
        options.extend(more);
    }
    let text = Value::Object(options).to_string();
    Ok(Template::fixed(format!("CONNECT {text}\r\nPING\r\n")))
}

/// `sign KEY [jwt=TOKEN] [{options}]`: the same with the nonce signed instead of a password, as an nkey user
/// or as the user of a token.
fn sign(conn: &str, words: &mut Words) -> Result<Template, String> {
    let key = words.bare("a key")?;
    let token = match words.next_unless_option() {
        Some(json) => Err(json),
        None => Ok(words.option()?),
    };
    let (token, json) = match token {
        Err(json) => (None, Some(json)),
        Ok(Some((word, token))) if word == "jwt" => (Some(token), words.next()),
        Ok(Some((word, _))) => return Err(format!("unknown option `{word}`")),
        Ok(None) => (None, None),
    };
    let mut text = String::from("CONNECT {\"verbose\":false,\"pedantic\":false,");
    match token {
        Some(token) => text.push_str(&format!("\"jwt\":\"{{{{jwt.{token}}}}}\",")),
        None => text.push_str(&format!("\"nkey\":\"{{{{key.{key}}}}}\",")),
    }
    text.push_str(&format!("\"sig\":\"{{{{{conn}.sig.{key}}}}}\""));
    if let Some(json) = json {
        let more: Map<String, Value> =
            serde_json::from_str(&plain(&json)?).map_err(|e| format!("CONNECT options: {e}"))?;
        for (name, value) in more {
            text.push_str(&format!(",{}:{value}", Value::String(name)));
        }
    }
    text.push_str("}\r\nPING\r\n");
    Template::bare(&text)
}

/// `permit KEY {claims of the user} [{claims of the answer}]`, `refuse KEY {claims of the answer}`.
fn answer(permits: bool, words: &mut Words) -> Result<Answer, String> {
    let issuer = words.bare("a key")?;
    // What begins with a brace goes on to the end of the line.
    let text = match words.next() {
        Some(json) => plain(&json)?,
        None => String::new(),
    };
    let read: Result<Vec<Map<String, Value>>, _> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect();
    let mut claims = read.map_err(|e| format!("claims: {e}"))?.into_iter();
    Ok(Answer {
        issuer,
        user: permits.then(|| claims.next().unwrap_or_default()),
        answer: claims.next().unwrap_or_default(),
    })
}

fn is_json(word: &Word) -> bool {
    matches!(word, Word::Bare(text) if text.starts_with('{'))
}

fn spread(subject: &str, words: &mut Words) -> Result<Action, String> {
    let count = number(&words.bare("a count")?)?;
    let pattern = pattern(words.next().ok_or("a frame pattern is missing")?)?;
    let (mut each, mut any_sid) = (0, false);
    while let Some(word) = words.next() {
        let Word::Bare(text) = word else {
            return Err("options are not quoted".to_owned());
        };
        match text.split_once('=') {
            None if text == "any-sid" => any_sid = true,
            Some(("each", text)) => each = number(text)?,
            _ => return Err(format!("unknown option `{text}`")),
        }
    }
    Ok(Action::Spread {
        conns: subject.split(',').map(str::to_owned).collect(),
        count,
        pattern,
        each,
        any_sid,
    })
}

fn awaited(words: &mut Words) -> Result<Await, String> {
    let mut until = pong(false);
    let mut first = words.next().ok_or("what is awaited?")?;
    let mut count = 1;
    let mut counted = false;
    if let Word::Bare(text) = &first
        && let Ok(number) = text.parse()
    {
        count = number;
        counted = true;
        match words.next_unless_option() {
            Some(word) => first = word,
            None => first = Word::Bare("*".to_owned()),
        }
    }
    until.goal = if !counted && first == Word::Bare("closed".to_owned()) {
        Goal::Closed
    } else {
        Goal::Frames {
            count,
            pattern: pattern(first)?,
        }
    };
    options(until, words)
}

fn options(mut until: Await, words: &mut Words) -> Result<Await, String> {
    while let Some(word) = words.next() {
        let Word::Bare(text) = word else {
            return Err("options are not quoted".to_owned());
        };
        match text.split_once('=') {
            None if text == "any-order" => until.any_order = true,
            Some(("set", path)) => until.sets.push(JsonPath::new(path)),
            Some(("free", path)) => until.free.push(JsonPath::new(path)),
            Some(("shuffled", path)) => until.shuffled.push(JsonPath::new(path)),
            Some(("within", time)) => until.within = duration(time)?,
            _ => return Err(format!("unknown option `{text}`")),
        }
    }
    Ok(until)
}

fn pattern(word: Word) -> Result<Pattern, String> {
    Ok(match word {
        Word::Bare(text) if text == "*" => Pattern::Any,
        Word::Bare(text) => Pattern::Verb(text),
        Word::Quoted(template) => Pattern::Prefix(template),
    })
}

fn pong(quiet: bool) -> Await {
    Await {
        goal: Goal::Frames {
            count: 1,
            pattern: Pattern::Verb("PONG".to_owned()),
        },
        any_order: false,
        quiet,
        sets: Vec::new(),
        free: Vec::new(),
        shuffled: Vec::new(),
        latest: None,
        within: DEFAULT_DEADLINE,
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a count"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let error = || format!("`{text}` is not a duration such as 300ms or 2s");
    if let Some(number) = text.strip_suffix("ms") {
        return number
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| error());
    }
    let number = text.strip_suffix('s').ok_or_else(error)?;
    number.parse().map(Duration::from_secs).map_err(|_| error())
}

fn plain(word: &Word) -> Result<String, String> {
    let bytes = match word {
        Word::Bare(text) => return Ok(text.clone()),
        Word::Quoted(template) => template
            .fill(&std::collections::BTreeMap::new())
            .map_err(|e| e.to_string())?,
    };
    String::from_utf8(bytes).map_err(|_| "this text must be UTF-8".to_owned())
}

/// The words of a line, taken from the front.
struct Words(std::collections::VecDeque<Word>);

impl Words {
    fn new(text: &str) -> Result<Self, String> {
        Ok(Self(words::split(text)?.into()))
    }

    fn next(&mut self) -> Option<Word> {
        self.0.pop_front()
    }

    /// The next word, unless it reads `key=value` or `any-order`.
    fn next_unless_option(&mut self) -> Option<Word> {
        match self.0.front() {
            Some(Word::Bare(text)) if text.contains('=') || text == "any-order" => None,
            _ => self.0.pop_front(),
        }
    }

    fn bare(&mut self, what: &str) -> Result<String, String> {
        match self.next() {
            Some(Word::Bare(text)) => Ok(text),
            Some(Word::Quoted(_)) => Err(format!("{what} is not quoted")),
            None => Err(format!("{what} is missing")),
        }
    }

    /// The name of a server, if one follows.
    fn name(&mut self) -> Result<Option<String>, String> {
        match self.next() {
            None => Ok(None),
            Some(Word::Bare(text)) if is_name(&text) => Ok(Some(text)),
            Some(word) => Err(format!("{word:?} is not the name of a server")),
        }
    }

    /// The name of a server, if one follows, and which of its ports: `hub`, or `hub.leaf`, or `.websocket`
    /// of the only server.
    fn port(&mut self) -> Result<(Option<String>, PortKind), String> {
        if let Some(Word::Bare(text)) = self.0.front()
            && let Some((name, word)) = text.split_once('.')
            && let Some(port) = PortKind::ALL.into_iter().find(|kind| kind.name() == word)
            && (name.is_empty() || is_name(name))
        {
            let name = (!name.is_empty()).then(|| name.to_owned());
            self.0.pop_front();
            return Ok((name, port));
        }
        Ok((self.name()?, PortKind::Client))
    }

    fn template(&mut self, what: &str) -> Result<Template, String> {
        self.next()
            .ok_or_else(|| format!("{what} is missing"))?
            .template()
    }

    /// `key=value`, if that is what comes next.
    fn option(&mut self) -> Result<Option<(String, String)>, String> {
        match self.next() {
            None => Ok(None),
            Some(Word::Bare(text)) => text
                .split_once('=')
                .map(|(key, value)| Some((key.to_owned(), value.to_owned())))
                .ok_or_else(|| format!("unexpected `{text}`")),
            Some(Word::Quoted(_)) => Err("an unexpected literal".to_owned()),
        }
    }

    fn repeat(&mut self) -> Result<usize, String> {
        match self.option()? {
            None => Ok(1),
            Some((key, value)) if key == "repeat" => number(&value),
            Some((key, _)) => Err(format!("unknown option `{key}`")),
        }
    }

    fn end(mut self) -> Result<(), String> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(format!("unexpected {word:?}")),
        }
    }
}
