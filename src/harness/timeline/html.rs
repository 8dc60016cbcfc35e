//! A timeline as a page: one file without anything from elsewhere. It is complete without its script, which
//! only hides what a filter leaves out.
//!
//! The page is well-formed XML as well, so that a test can read it and see that nothing a peer has sent
//! has become markup.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use data_encoding::BASE64;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};

use super::indent::indented;
use super::{Entry, EntryKind, Timeline};
use crate::services::Excerpt;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// With more servers than this there is no lane for each.
const LANES: usize = 16;

/// Text that stands for nothing but itself.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                // The pictures of control characters.
                '\0'..='\x1f' => f.write_char(char::from_u32(0x2400 + c as u32).unwrap_or(' '))?,
                '\x7f' => f.write_char('␡')?,
                '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                // What turns the direction of writing would have text look like other text.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "⟨U+{:04X}⟩", c as u32)?;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The servers of a timeline, in the order in which they come up.
struct Servers<'a> {
    names: Vec<&'a Arc<str>>,
    places: HashMap<&'a str, usize, FixedState>,
}

impl<'a> Servers<'a> {
    fn of(timeline: &'a Timeline) -> Self {
        let mut servers = Self {
            names: Vec::new(),
            places: HashMap::default(),
        };
        for name in timeline.entries.iter().flat_map(|entry| &entry.servers) {
            servers.places.entry(name).or_insert_with(|| {
                servers.names.push(name);
                servers.names.len() - 1
            });
        }
        servers
    }

    fn have_lanes(&self) -> bool {
        (2..=LANES).contains(&self.names.len())
    }
}

pub(super) fn page(timeline: &Timeline) -> String {
    let mut page = String::new();
    // Nothing fails that writes into memory.
    let _ = write(&mut page, timeline);
    page
}

fn write(page: &mut String, timeline: &Timeline) -> fmt::Result {
    let servers = Servers::of(timeline);
    let script = BASE64.encode(&Sha256::digest(SCRIPT));
    write!(
        page,
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <title>nats-mock timeline</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )?;
    write_head(page, timeline, &servers)?;
    let lanes = if servers.have_lanes() {
        format!(" style=\"--lanes:{}\"", servers.names.len())
    } else {
        " style=\"--lanes:0\"".to_owned()
    };
    writeln!(page, "<main{lanes}>")?;
    if servers.have_lanes() {
        page.push_str("<div class=\"names\"><span></span><span></span><span class=\"lanes\">");
        for name in &servers.names {
            write!(page, "<b>{}</b>", Plain(name))?;
        }
        page.push_str("</span></div>\n");
    }
    for entry in &*timeline.entries {
        write_entry(page, entry, &servers)?;
    }
    write!(
        page,
        "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn write_head(page: &mut String, timeline: &Timeline, servers: &Servers<'_>) -> fmt::Result {
    let entries = timeline.entries.len();
    write!(
        page,
        "<header>\n<h1>nats-mock timeline</h1>\n<p>{entries} entries, seed {}",
        timeline.seed
    )?;
    if timeline.missing > 0 {
        write!(page, "; {} before are not kept", timeline.missing)?;
    }
    page.push_str(
        "; <output id=\"shown\"></output></p>\n<form id=\"filters\" hidden=\"hidden\">\n\
         <input type=\"search\" id=\"text\" placeholder=\"text  ( / )\" aria-label=\"text\"/>\n\
         <select id=\"server\" aria-label=\"server\"><option value=\"\">all servers</option>",
    );
    for (place, name) in servers.names.iter().enumerate() {
        write!(page, "<option value=\"{place}\">{}</option>", Plain(name))?;
    }
    page.push_str("</select>\n");
    for kind in EntryKind::ALL {
        let count = timeline.entries.iter().filter(|it| it.kind == kind).count();
        if count > 0 {
            writeln!(
                page,
                "<label class=\"k-{kind}\"><input type=\"checkbox\" name=\"kind\" value=\"{kind}\" \
                 checked=\"checked\"/><b>{kind}</b> {count}</label>"
            )?;
        }
    }
    let faulty = timeline.entries.iter().filter(|it| is_faulty(it)).count();
    write!(
        page,
        "<label class=\"faulty\"><input type=\"checkbox\" id=\"faulty\"/><b>⚡ only</b> {faulty}</label>\n\
         <button type=\"button\" id=\"open\">open all</button>\n\
         <button type=\"button\" id=\"close\">close all</button>\n</form>\n</header>\n"
    )
}

/// What a fault had a hand in, and the faults themselves.
fn is_faulty(entry: &Entry) -> bool {
    !entry.faults.is_empty() || entry.kind == EntryKind::Fault
}

fn write_entry(page: &mut String, entry: &Entry, servers: &Servers<'_>) -> fmt::Result {
    let kind = entry.kind;
    let faulty = if is_faulty(entry) { " faulty" } else { "" };
    let (outer, inner) = if entry.parts.is_empty() {
        ("div", "div")
    } else {
        ("details", "summary")
    };
    write!(
        page,
        "<{outer} class=\"entry k-{kind}{faulty}\" data-kind=\"{kind}\" data-servers=\" "
    )?;
    let places: Vec<usize> = entry
        .servers
        .iter()
        .filter_map(|name| servers.places.get(&**name).copied())
        .collect();
    for place in &places {
        write!(page, "{place} ")?;
    }
    write!(
        page,
        "\"><{inner} class=\"row\"><time>{}</time><b class=\"kind\">{kind}</b>",
        entry.time().trim_start()
    )?;
    if servers.have_lanes() {
        page.push_str("<span class=\"lanes\">");
        for place in &places {
            write!(page, "<i style=\"--lane:{place}\"></i>")?;
        }
        page.push_str("</span>");
    }
    // The kind stands in a column of its own.
    let text = &entry.text;
    let shown = text
        .strip_prefix(kind.name())
        .and_then(|rest| rest.strip_prefix(' '));
    write!(
        page,
        "<span class=\"text\">{}</span></{inner}>",
        Plain(shown.unwrap_or(text))
    )?;
    for part in &entry.parts {
        let marked = if part.is_marked {
            " class=\"marked\""
        } else {
            ""
        };
        write!(page, "<h2{marked}>{}</h2>", Plain(&part.title))?;
        write_payload(page, &part.payload)?;
    }
    writeln!(page, "</{outer}>")
}

fn write_payload(page: &mut String, payload: &Excerpt) -> fmt::Result {
    if payload.len == 0 {
        return page.write_str("<p>empty</p>");
    }
    let text = String::from_utf8_lossy(&payload.bytes);
    let shown = indented(&text);
    write!(
        page,
        "<pre>{}</pre>",
        Plain(shown.as_deref().unwrap_or(&text))
    )?;
    if !payload.is_whole() {
        let (shown, len) = (payload.bytes.len(), payload.len);
        write!(page, "<p>the first {shown} of {len} bytes</p>")?;
    }
    Ok(())
}
