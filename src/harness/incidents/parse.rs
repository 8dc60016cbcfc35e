//! Reading faults.

use std::str::FromStr;

use nats_mock_protocol::sys::{AccountEndpoint, Endpoint, ServerCommand};

use super::connections::{Arriving, Sent};
use super::fault::{Change, Fault, Kind, LinkFate, Said, ServerFate};
use super::words::{Missing, Rest};
use crate::harness::programmed::Pattern;
use crate::recorded::EventKind;

/// A text that is no [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no fault: {expected} is expected at {at:?}")]
pub struct FaultError {
    /// The text.
    pub text: String,
    /// What was expected.
    pub expected: &'static str,
    /// Where it was expected.
    pub at: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = Rest(text);
        let fault = fault(&mut rest).and_then(|fault| match rest.0.trim() {
            "" => Ok(fault),
            _ => Err(("the end", rest)),
        });
        fault.map_err(|missing| error(text, missing))
    }
}

impl Fault {
    /// Reads faults that follow each other with semicolons.
    pub(in crate::harness) fn all_of(text: &str) -> Result<Vec<Self>, FaultError> {
        let mut rest = Rest(text);
        let mut faults = Vec::new();
        while !rest.0.trim().is_empty() {
            faults.push(fault(&mut rest).map_err(|missing| error(text, missing))?);
            if !rest.takes(";") && !rest.0.trim().is_empty() {
                return Err(error(text, ("a semicolon", rest)));
            }
        }
        Ok(faults)
    }
}

fn error(text: &str, (expected, at): Missing<'_>) -> FaultError {
    FaultError {
        text: text.to_owned(),
        expected,
        at: at.0.trim_start().to_owned(),
    }
}

fn fault<'a>(rest: &mut Rest<'a>) -> Result<Fault, Missing<'a>> {
    let mut after = 0;
    if rest.takes("after") {
        after = rest.size()?;
        if !rest.takes("requests,") && !rest.takes("request,") {
            return Err(("\"requests,\"", *rest));
        }
    }
    let kind = if rest.takes("server") {
        let name = named(rest)?;
        Kind::Server(name, server_fate(rest)?)
    } else if rest.takes("all servers:") {
        Kind::AllServers(server_fate(rest)?)
    } else if rest.takes("connecting") {
        Kind::Arriving(Arriving::read(rest)?)
    } else if rest.takes("line") {
        Kind::Sent(Sent::read(rest)?)
    } else if rest.takes("link") {
        let one = rest.expect("a name", Rest::word)?;
        let other = named(rest)?;
        Kind::Link(one, other, link_fate(rest)?)
    } else if rest.takes("clock") {
        let server = named(rest)?;
        let ahead = rest.takes("ahead");
        if !ahead && !rest.takes("behind") {
            return Err(("\"ahead\" or \"behind\"", *rest));
        }
        let by = rest.span()?;
        Kind::Clock { server, ahead, by }
    } else if rest.takes("event") {
        let subject = named(rest)?;
        let body = rest.expect("JSON", Rest::json)?;
        Kind::Event { subject, body }
    } else {
        Kind::Said(said(rest)?)
    };
    Ok(Fault { after, kind })
}

/// A name and the colon behind it.
fn named<'a>(rest: &mut Rest<'a>) -> Result<String, Missing<'a>> {
    let name = rest.expect("a name", Rest::word)?;
    rest.colon()?;
    Ok(name)
}

fn said<'a>(rest: &mut Rest<'a>) -> Result<Said, Missing<'a>> {
    let what = pattern(rest)?;
    let (from, occasions) = (rest.server("from")?, rest.occasions()?);
    rest.colon()?;
    Ok(Said {
        what,
        from,
        occasions,
        change: change(rest)?,
    })
}

/// An endpoint, a command, a subject, or everything.
fn pattern<'a>(rest: &mut Rest<'a>) -> Result<Pattern, Missing<'a>> {
    if rest.takes("any answer") {
        return Ok(Pattern::AnyReply);
    }
    if rest.takes("any event") {
        return Ok(Pattern::AnyEvent);
    }
    let start = *rest;
    let is_of_account = rest.takes("ACCOUNT");
    let name = rest.word();
    let found = name.and_then(|name| {
        if is_of_account {
            return AccountEndpoint::from_name(&name).map(Pattern::Account);
        }
        let endpoint = Endpoint::from_name(&name).map(Pattern::Endpoint);
        let command = || ServerCommand::from_name(&name).map(Pattern::Command);
        let event = || EventKind::from_pattern(&name).map(Pattern::Event);
        let asked = || name.starts_with('$').then(|| Pattern::Asked(name.clone()));
        endpoint.or_else(command).or_else(event).or_else(asked)
    });
    found.ok_or(("an endpoint, a subject or what else can go wrong", start))
}

fn change<'a>(rest: &mut Rest<'a>) -> Result<Change, Missing<'a>> {
    let pointer = |rest: &mut Rest<'a>| rest.expect("a pointer", Rest::word);
    Ok(if rest.takes("silence") {
        Change::Silence
    } else if rest.takes("delay") {
        Change::Delay(rest.span()?)
    } else if rest.takes("duplicate") {
        Change::Duplicate(rest.size()?)
    } else if rest.takes("reorder") {
        Change::Reorder(rest.size()?)
    } else if rest.takes("truncate") {
        Change::Truncate(rest.size()?)
    } else if rest.takes("no responders") {
        Change::NoResponders
    } else if rest.takes("error") {
        let code = rest.expect("a code", Rest::number)?;
        Change::Error(code, rest.expect("a text", Rest::word)?)
    } else if rest.takes("remove") {
        Change::Remove(pointer(rest)?)
    } else if rest.takes("set") {
        let pointer = pointer(rest)?;
        Change::Set(pointer, rest.expect("JSON", Rest::json)?)
    } else if rest.takes("pad") {
        Change::Pad(rest.size()?)
    } else if rest.takes("scientific") {
        Change::Scientific
    } else if rest.takes("fall back") {
        Change::FallBack
    } else {
        return Err(("what happens", *rest));
    })
}

fn server_fate<'a>(rest: &mut Rest<'a>) -> Result<ServerFate, Missing<'a>> {
    const FATES: [(&str, ServerFate); 5] = [
        ("crash", ServerFate::Crash),
        ("stop", ServerFate::Stop),
        ("restart", ServerFate::Restart),
        ("lame duck", ServerFate::LameDuck),
        ("freeze", ServerFate::Freeze),
    ];
    if rest.takes("upgrade") {
        let version = rest.expect("a version", Rest::number)?;
        return Ok(ServerFate::Upgrade(version));
    }
    let fate = FATES.into_iter().find(|(words, _)| rest.takes(words));
    fate.map(|(_, fate)| fate).ok_or(("what happens", *rest))
}

fn link_fate<'a>(rest: &mut Rest<'a>) -> Result<LinkFate, Missing<'a>> {
    if rest.takes("cut silently") {
        return Ok(LinkFate::CutSilently);
    }
    if rest.takes("cut") {
        return Ok(LinkFate::Cut);
    }
    let flaps = rest.takes("flap");
    if !flaps && !rest.takes("slow") {
        return Err(("what happens", *rest));
    }
    let (one, other) = (rest.span()?, rest.span()?);
    Ok(if flaps {
        LinkFate::Flap(one, other)
    } else {
        LinkFate::Slow(one, other)
    })
}
