//! From what the journal keeps to entries for people: a request and its answers come together.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Entry, EntryKind, Part, words};
use crate::core::Time;
use crate::services::{
    Act, Answer, CustomRequest, EventRecord, Excerpt, Happening, LineRecord, RequestRecord,
    Requester, Seen, ServerName, What,
};

/// How a request is found again: by what it was sent to, and where the answer is expected.
type Key<'a> = (&'a str, Option<&'a str>);

/// An entry in the making.
enum Draft<'a> {
    Exchange(Exchange<'a>),
    Done(Entry),
}

/// A request, and what servers have made of it at once.
struct Exchange<'a> {
    time: Time,
    request: &'a RequestRecord,
    asked: Vec<Asked<'a>>,
}

struct Asked<'a> {
    server: &'a ServerName,
    answers: Vec<Answered<'a>>,
}

struct Answered<'a> {
    payload: &'a Excerpt,
    is_said: bool,
    faults: &'a [Arc<str>],
}

pub(super) fn entries(happenings: &[Arc<Happening>], start: Time) -> Vec<Entry> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    let mut latest: HashMap<Key<'_>, usize, FixedState> = HashMap::default();
    for happening in happenings {
        let Happening { time, what, faults } = &**happening;
        match what {
            What::Request(record) => {
                let key = (&*record.subject, record.reply.as_deref());
                let known = latest
                    .get(&key)
                    .and_then(|&place| match &mut drafts[place] {
                        Draft::Exchange(exchange) if exchange.is_of(record, *time) => {
                            Some(exchange)
                        }
                        _ => None,
                    });
                let asked = Asked {
                    server: &record.server,
                    answers: Vec::new(),
                };
                if let Some(exchange) = known {
                    exchange.asked.push(asked);
                } else {
                    latest.insert(key, drafts.len());
                    drafts.push(Draft::Exchange(Exchange {
                        time: *time,
                        request: record,
                        asked: vec![asked],
                    }));
                }
            }
            What::Answer { answer, is_said } => {
                let key = (&*answer.subject, answer.reply.as_deref());
                let place = latest.get(&key).copied();
                let exchange = place.and_then(|place| match &mut drafts[place] {
                    Draft::Exchange(exchange) => Some(exchange),
                    Draft::Done(_) => None,
                });
                let asked_at = exchange.as_ref().map(|exchange| exchange.time);
                let asked = exchange
                    .filter(|exchange| exchange.time == *time)
                    .and_then(|exchange| exchange.asked_of(&answer.server));
                match asked {
                    Some(asked) => asked.answers.push(Answered {
                        payload: &answer.payload,
                        is_said: *is_said,
                        faults,
                    }),
                    None => drafts.push(Draft::Done(late_answer(
                        answer, *is_said, asked_at, *time, faults, start,
                    ))),
                }
            }
            other => drafts.push(Draft::Done(Entry {
                since_start: *time - start,
                ..entry(other, faults)
            })),
        }
    }
    let done = drafts.into_iter().map(|draft| {
        let mut entry = match draft {
            Draft::Exchange(exchange) => exchange.entry(start),
            Draft::Done(entry) => entry,
        };
        words::on_one_line(&mut entry.text);
        let titles = entry.parts.iter_mut().map(|part| &mut part.title);
        titles.for_each(words::on_one_line);
        entry
    });
    done.collect()
}

impl<'a> Exchange<'a> {
    /// Whether a server that is asked now is asked this.
    fn is_of(&self, record: &RequestRecord, time: Time) -> bool {
        let cid = |record: &RequestRecord| record.from.as_ref().map(Requester::cid);
        self.time == time
            && cid(self.request) == cid(record)
            && self.request.payload == record.payload
            && self.asked.iter().all(|it| it.server.id != record.server.id)
    }

    fn asked_of(&mut self, server: &ServerName) -> Option<&mut Asked<'a>> {
        // Mostly it is the last that was asked.
        self.asked
            .iter_mut()
            .rfind(|asked| asked.server.id == server.id)
    }

    fn entry(self, start: Time) -> Entry {
        let Self {
            time,
            request,
            asked,
        } = self;
        let servers: Vec<Arc<str>> = asked.iter().map(|it| Arc::clone(&it.server.name)).collect();
        let mut text = format!("request {}{}", request.subject, by(request.from.as_ref()));
        text.push_str(&outcome(&asked));
        let asked_how = awaiting("asked", request.reply.as_deref());
        let mut parts = vec![Part::new(asked_how, Excerpt::of(&request.payload))];
        parts.extend(headers(&request.header));
        let mut faults: Vec<Arc<str>> = Vec::new();
        for Asked { server, answers } in &asked {
            for answer in answers {
                let verb = if answer.is_said {
                    "says"
                } else {
                    "does not say"
                };
                let title = format!("{} {verb}{}", server.name, words::marks(answer.faults));
                parts.push(Part {
                    is_marked: !answer.faults.is_empty(),
                    ..Part::new(title, answer.payload.clone())
                });
                for fault in answer.faults {
                    if !faults.contains(fault) {
                        faults.push(Arc::clone(fault));
                    }
                }
            }
        }
        Entry {
            since_start: time - start,
            kind: EntryKind::Request,
            servers,
            text,
            faults,
            parts,
        }
    }
}

/// What servers have made of a request: those that have done the same come together, in the order of the
/// first of each.
fn outcome(asked: &[Asked<'_>]) -> String {
    /// Whether it was said, under what faults, and by whom.
    type Group<'a> = ((bool, &'a [Arc<str>]), Vec<String>);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for Asked { server, answers } in asked {
        let last = answers.last();
        let way = last.map_or((false, &[][..]), |it| (it.is_said, it.faults));
        let name = match answers.iter().filter(|it| it.is_said).count() {
            0 | 1 => server.name.to_string(),
            times => format!("{} ×{times}", server.name),
        };
        match groups.iter_mut().find(|(known, _)| *known == way) {
            Some((_, names)) => names.push(name),
            None => groups.push((way, vec![name])),
        }
    }
    let groups = groups.iter().map(|((is_said, faults), names)| {
        let verb = if *is_said {
            "answered by"
        } else {
            "no answer from"
        };
        format!("{verb} {}{}", words::listed(names), words::marks(faults))
    });
    format!(": {}", groups.collect::<Vec<_>>().join("; "))
}

fn by(requester: Option<&Requester>) -> String {
    requester.map_or_else(String::new, |by| format!(" by {by}"))
}

fn late_answer(
    answer: &Answer,
    is_said: bool,
    asked_at: Option<Time>,
    time: Time,
    faults: &[Arc<str>],
    start: Time,
) -> Entry {
    let not = if is_said { "" } else { ", not said" };
    let asked = asked_at.map_or_else(String::new, |asked| {
        format!(", {} after the request", words::span(time - asked))
    });
    Entry {
        since_start: time - start,
        kind: EntryKind::Answer,
        servers: vec![Arc::clone(&answer.server.name)],
        text: format!(
            "answer of {} to {}{asked}{not}{}",
            answer.server.name,
            answer.subject,
            words::marks(faults)
        ),
        faults: faults.to_vec(),
        parts: vec![Part::new(
            format!("to {}", answer.reply.as_deref().unwrap_or("nobody")),
            answer.payload.clone(),
        )],
    }
}

/// Whatever is neither a request nor an answer; when it was is left open.
fn entry(what: &What, faults: &[Arc<str>]) -> Entry {
    let (kind, servers, text, parts) = match what {
        What::Event { record, is_said } => event(record, *is_said, faults),
        What::Custom(request) => custom(request),
        What::Connection {
            server,
            by,
            is_leaf,
            change,
        } => {
            let what = if *is_leaf { "leaf node" } else { "client" };
            let client = format!("{what} {by}");
            (
                EntryKind::Connection,
                vec![Arc::clone(&server.name)],
                words::connection(&client, &server.name, change),
                Vec::new(),
            )
        }
        What::Arrival { server, host } => (
            EntryKind::Connection,
            vec![Arc::clone(&server.name)],
            format!(
                "client from {host} arrives at {}{}",
                server.name,
                words::marks(faults)
            ),
            Vec::new(),
        ),
        What::Line(line) => sent(line, faults),
        What::Act { act, clients } => acted(act, clients),
        What::Seen(seen) => watched(seen),
        What::Rule {
            description,
            change,
        } => (
            EntryKind::Fault,
            Vec::new(),
            words::rule(description, *change),
            Vec::new(),
        ),
        What::Servers { servers, change } => {
            let names: Vec<_> = servers.iter().map(|it| Arc::clone(&it.name)).collect();
            let text = words::servers(&names, *change);
            (EntryKind::Server, names, text, Vec::new())
        }
        What::Links { pairs, change } => {
            let names = each_once(pairs.iter().flat_map(|(from, to)| [from, to]));
            let text = words::links(pairs, *change);
            (EntryKind::Link, names, text, Vec::new())
        }
        What::Clock(by) => (
            EntryKind::Clock,
            Vec::new(),
            format!("clock moves by {}", words::span(*by)),
            Vec::new(),
        ),
        // They come with their exchange.
        What::Request(_) | What::Answer { .. } => {
            (EntryKind::Request, Vec::new(), String::new(), Vec::new())
        }
    };
    Entry {
        since_start: Duration::ZERO,
        kind,
        servers,
        text,
        faults: faults.to_vec(),
        parts,
    }
}

/// What was done to have an answer sent somewhere, if any is.
fn awaiting(done: &str, reply: Option<&str>) -> String {
    match reply {
        Some(reply) => format!("{done}, to be answered to {reply}"),
        None => done.to_owned(),
    }
}

fn headers(block: &[u8]) -> Option<Part> {
    let text = String::from_utf8_lossy(block);
    let text = Some(text.trim_end()).filter(|text| !text.is_empty())?;
    Some(Part::new("headers", Excerpt::copied(text.as_bytes())))
}

type Told = (EntryKind, Vec<Arc<str>>, String, Vec<Part>);

fn event(record: &EventRecord, is_said: bool, faults: &[Arc<str>]) -> Told {
    let not = if is_said { "" } else { ", not said" };
    (
        EntryKind::Event,
        vec![Arc::clone(&record.server.name)],
        format!(
            "event {} of {}{not}{}",
            record.subject,
            record.server.name,
            words::marks(faults)
        ),
        vec![Part::new(
            format!("published in {}", record.account),
            Excerpt::of(&record.payload),
        )],
    )
}

fn custom(request: &CustomRequest) -> Told {
    (
        EntryKind::Request,
        vec![Arc::clone(&request.server.name)],
        format!(
            "request {} at {}{}, to the {}",
            request.subject,
            request.server.name,
            by(request.by.as_ref()),
            request.service
        ),
        vec![Part::new("asked", request.payload.clone())],
    )
}

fn sent(line: &LineRecord, faults: &[Arc<str>]) -> Told {
    let mut parts = vec![Part::new("as the server says it", line.line.clone())];
    parts.extend(line.sent.as_ref().map(|sent| Part {
        is_marked: true,
        ..Part::new(words::sent(line), sent.clone())
    }));
    (
        EntryKind::Line,
        vec![Arc::clone(&line.server.name)],
        format!("{}{}", words::line(line), words::marks(faults)),
        parts,
    )
}

fn acted(act: &Act, clients: &[(ServerName, Requester)]) -> Told {
    let name = |(server, by): &(ServerName, Requester)| format!("{by} at {}", server.name);
    let names: Vec<String> = clients.iter().map(name).collect();
    let parts = match act {
        Act::SendRaw(bytes) => vec![Part::new("sent", Excerpt::of(bytes))],
        _ => Vec::new(),
    };
    (
        EntryKind::Connection,
        each_once(clients.iter().map(|(server, _)| &server.name)),
        words::act(&names, act),
        parts,
    )
}

fn each_once<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let mut known: HashMap<&str, (), FixedState> = HashMap::default();
    let new = names.filter(|name| known.insert(name, ()).is_none());
    new.map(Arc::clone).collect()
}

fn watched(seen: &Seen) -> Told {
    let (kind, parts) = match seen {
        Seen::Message(message) => {
            let published = awaiting("published", message.reply.as_deref());
            let mut parts = vec![Part::new(published, Excerpt::of(&message.payload))];
            parts.extend(headers(&message.header));
            (EntryKind::Message, parts)
        }
        Seen::Subscription(_) => (EntryKind::Subscription, Vec::new()),
        Seen::Connection(_) => (EntryKind::Connection, Vec::new()),
        Seen::Request(_) => (EntryKind::Request, Vec::new()),
    };
    let servers = vec![Arc::clone(&seen.server().name)];
    (kind, servers, seen.to_string(), parts)
}
