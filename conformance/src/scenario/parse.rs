//! Reading a scenario file: the header, blocks of text, and the script's lines.

use std::collections::BTreeMap;

use super::steps::{self, Parsed};
use super::{
    Action, Deployment, Pings, PortKind, Scenario, ScenarioError, Server, Step, fill_ports,
};
use crate::identities::TokenSpec;
use crate::version::VersionRange;

/// The shared configuration files a scenario may name, by name without `.conf`.
pub type ConfLibrary = BTreeMap<String, String>;

/// Reads a scenario file.
///
/// # Errors
///
/// Gives the first line that cannot be understood and why.
pub fn parse(text: &str, library: &ConfLibrary) -> Result<Scenario, ScenarioError> {
    let mut lines = Lines {
        rest: text.lines().enumerate(),
    };
    let mut header = Header::default();
    let mut saw_script = false;
    while let Some((line, text)) = lines.next() {
        if text == "---" {
            saw_script = true;
            break;
        }
        header
            .entry(text, &mut lines, library)
            .map_err(|problem| ScenarioError { line, problem })?;
    }
    let missing = |what: &str| ScenarioError {
        line: 1,
        problem: format!("the scenario has no {what}"),
    };
    if !saw_script {
        return Err(missing("`---` line before its script"));
    }
    let servers = header
        .servers()
        .map_err(|problem| ScenarioError { line: 1, problem })?;
    let purpose = header.purpose.ok_or_else(|| missing("`purpose:`"))?;
    let conf = match header.conf {
        Some(conf) => conf,
        None if servers.is_empty() => return Err(missing("`conf:`")),
        None => String::new(),
    };
    let mut script = Vec::new();
    while let Some((line, text)) = lines.next() {
        script
            .push(step(line, text, &mut lines).map_err(|problem| ScenarioError { line, problem })?);
    }
    if script.is_empty() {
        return Err(missing("steps"));
    }
    for step in &script {
        names_servers(&step.action, &servers).map_err(|problem| ScenarioError {
            line: step.line,
            problem,
        })?;
    }
    let is_websocket = |step: &Step| {
        let port = match step.action {
            Action::Open { port, .. } => Some(port),
            _ => None,
        };
        port == Some(PortKind::Websocket)
    };
    let is_link = |step: &Step| matches!(step.action, Action::Link { .. });
    Ok(Scenario {
        purpose,
        versions: header.versions,
        deployment: Deployment {
            conf,
            servers,
            has_links: script.iter().any(is_link),
            has_websockets: script.iter().any(is_websocket),
            files: header.files,
            certificates: header.certificates,
            args: header.args,
            time_zone: header.time_zone,
        },
        tokens: header.tokens,
        pings: header.pings,
        steps: script,
    })
}

/// Whether a step names servers that exist, and one where there are several.
fn names_servers(action: &Action, servers: &[Server]) -> Result<(), String> {
    let (names, needs_one) = action.servers();
    if needs_one && names.is_empty() && !servers.is_empty() {
        return Err("which server?".to_owned());
    }
    match names
        .iter()
        .find(|name| !servers.iter().any(|server| server.name == **name))
    {
        Some(name) => Err(format!("no server is named `{name}`")),
        None => Ok(()),
    }
}

fn step(line: usize, text: &str, lines: &mut Lines<'_>) -> Result<Step, String> {
    let (versions, rest) = match text.strip_prefix('@') {
        Some(rest) => {
            let (range, rest) = rest
                .split_once(' ')
                .ok_or("a version range must be followed by a step")?;
            let range: VersionRange = range.parse().map_err(|e| format!("{e}"))?;
            (range, rest.trim_start())
        }
        None => (VersionRange::ALL, text),
    };
    let mut source = text.to_owned();
    let action = match steps::parse(rest)? {
        Parsed::Whole(action) => action,
        Parsed::NeedsConf(end, act) => {
            let conf = lines.block(&end)?;
            for line in conf.lines() {
                source.push_str("\n    ");
                source.push_str(line);
            }
            act(conf)
        }
    };
    Ok(Step {
        line,
        source,
        versions,
        action,
    })
}

struct Header {
    purpose: Option<String>,
    versions: VersionRange,
    conf: Option<String>,
    servers: Vec<Server>,
    later: Vec<String>,
    files: Vec<(String, String)>,
    certificates: Vec<String>,
    args: Vec<String>,
    time_zone: Option<String>,
    tokens: Vec<TokenSpec>,
    pings: Pings,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            purpose: None,
            versions: VersionRange::ALL,
            conf: None,
            servers: Vec::new(),
            later: Vec::new(),
            files: Vec::new(),
            certificates: Vec::new(),
            args: Vec::new(),
            time_zone: None,
            tokens: Vec::new(),
            pings: Pings::Answered,
        }
    }
}

impl Header {
    fn entry(
        &mut self,
        text: &str,
        lines: &mut Lines<'_>,
        library: &ConfLibrary,
    ) -> Result<(), String> {
        let (key, value) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is neither `key: value` nor `---`"))?;
        let value = value.trim();
        if let Some(name) = key.strip_prefix("file ") {
            let name = name.trim();
            let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.');
            if name.contains('\\') || !name.split('/').all(is_plain) {
                return Err(format!("`{name}` is not a plain file name"));
            }
            let text = lines.text_or_block(value)?;
            self.files.push((name.to_owned(), text));
            return Ok(());
        }
        if let Some(name) = key.strip_prefix("token ") {
            if self.tokens.iter().any(|token| token.name == name) {
                return Err(format!("there are two tokens `{name}`"));
            }
            self.tokens.push(TokenSpec::parse(name, value)?);
            return Ok(());
        }
        if let Some(names) = key.strip_prefix("server ") {
            return self.server(names, value, lines, library);
        }
        match key {
            "later" => self.later = value.split_whitespace().map(str::to_owned).collect(),
            "purpose" => self.purpose = Some(value.to_owned()),
            "versions" => {
                self.versions = value.parse().map_err(|e| format!("{e}"))?;
            }
            "conf" => self.conf = Some(lines.conf(value, library)?),
            "args" => self.args = value.split_whitespace().map(str::to_owned).collect(),
            "certificates" => {
                self.certificates = value.split_whitespace().map(str::to_owned).collect();
            }
            "time_zone" => self.time_zone = Some(value.to_owned()),
            "pings" => {
                self.pings = match value {
                    "answered" => Pings::Answered,
                    "scripted" => Pings::Scripted,
                    _ => return Err(format!("pings are `answered` or `scripted`, not `{value}`")),
                }
            }
            _ => return Err(format!("unknown header key `{key}`")),
        }
        Ok(())
    }

    /// `server n1 n2: conf` or `server n1 version 2.10.26: conf`.
    fn server(
        &mut self,
        names: &str,
        value: &str,
        lines: &mut Lines<'_>,
        library: &ConfLibrary,
    ) -> Result<(), String> {
        let (names, version) = match names.split_once(" version ") {
            Some((names, version)) => {
                let version = version.trim().parse().map_err(|e| format!("{e}"))?;
                (names, Some(version))
            }
            None => (names, None),
        };
        let conf = lines.conf(value, library)?;
        for name in names.split_whitespace() {
            if !steps::is_name(name) || name == "self" {
                return Err(format!("`{name}` cannot be the name of a server"));
            }
            if self.servers.iter().any(|server| server.name == name) {
                return Err(format!("there are two servers `{name}`"));
            }
            self.servers.push(Server {
                name: name.to_owned(),
                conf: conf.clone(),
                version,
                later: false,
            });
        }
        Ok(())
    }

    /// The servers, once all are known.
    fn servers(&mut self) -> Result<Vec<Server>, String> {
        let mut servers = std::mem::take(&mut self.servers);
        if self.conf.is_some() && !servers.is_empty() {
            return Err("a scenario has `conf:` or servers, not both".to_owned());
        }
        for name in &self.later {
            let server = servers.iter_mut().find(|server| server.name == *name);
            let server = server.ok_or_else(|| format!("no server is named `{name}`"))?;
            server.later = true;
        }
        let is_known = |name: &str| servers.iter().any(|server| server.name == name);
        for server in &servers {
            fill_ports(&server.conf, &server.name, |port| {
                is_known(port.server).then_some(0)
            })?;
        }
        Ok(servers)
    }
}

struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl<'a> Lines<'a> {
    /// The next line that is neither empty nor a comment, with its number.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        self.rest.by_ref().find_map(|(index, line)| {
            let line = line.trim();
            (!line.is_empty() && !line.starts_with('#')).then_some((index + 1, line))
        })
    }

    /// The value itself, or the block it announces with `<<END`.
    fn text_or_block(&mut self, value: &str) -> Result<String, String> {
        match value.strip_prefix("<<") {
            Some(end) => self.block(end),
            None => Ok(format!("{value}\n")),
        }
    }

    /// A configuration: a block, or a shared one by its name.
    fn conf(&mut self, value: &str, library: &ConfLibrary) -> Result<String, String> {
        if value.starts_with("<<") {
            return self.text_or_block(value);
        }
        let text = library.get(value);
        text.cloned()
            .ok_or_else(|| format!("no shared configuration is named `{value}`"))
    }

    /// The lines up to one that is exactly `end`, kept as they are.
    fn block(&mut self, end: &str) -> Result<String, String> {
        if end.is_empty() {
            return Err("`<<` needs the word that ends the block".to_owned());
        }
        let mut block = String::new();
        for (_, line) in self.rest.by_ref() {
            if line.trim() == end {
                return Ok(block);
            }
            block.push_str(line);
            block.push('\n');
        }
        Err(format!("the block has no closing line `{end}`"))
    }
}

#[cfg(test)]
mod tests;
