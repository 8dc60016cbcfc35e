//! Reading a scenario file: the header, blocks of text, and the script's lines.

use std::collections::BTreeMap;

use super::steps::{self, Parsed};
use super::{Action, Deployment, Pings, Scenario, ScenarioError, Server, Step, fill_ports};
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
    let is_link = |step: &Step| matches!(step.action, Action::Link { .. });
    Ok(Scenario {
        purpose,
        versions: header.versions,
        deployment: Deployment {
            conf,
            servers,
            has_links: script.iter().any(is_link),
            files: header.files,
            args: header.args,
            time_zone: header.time_zone,
        },
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
    args: Vec<String>,
    time_zone: Option<String>,
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
            args: Vec::new(),
            time_zone: None,
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
            if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(format!("`{name}` is not a plain file name"));
            }
            let text = lines.text_or_block(value)?;
            self.files.push((name.to_owned(), text));
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
mod tests {
    use super::*;
    use crate::scenario::{
        Action, Await, Goal, JsonPath, LinkChange, Operation, Pattern, Signal, Template,
    };
    use proptest::prelude::*;
    use std::time::Duration;

    fn library() -> ConfLibrary {
        ConfLibrary::from([("seed".to_owned(), "server_name: n1\n".to_owned())])
    }

    fn parsed(text: &str) -> Scenario {
        parse(text, &library()).unwrap_or_else(|e| panic!("{e}"))
    }

    fn problem(text: &str) -> String {
        parse(text, &library()).expect_err("a mistake").to_string()
    }

    #[test]
    fn a_whole_scenario_is_read() {
        let scenario = parsed(
            "# about\npurpose: shows it\nversions: >=2.12\nconf: <<END\n  a: 1\n\n# kept\nEND\nfile x.conf: b: 2\ntime_zone: America/New_York\n---\n\na: connect\n@<2.14 a: send \"PING\\r\\n\" repeat=2\na: await 2 MSG any-order set=x.y within=30s\nserver: reload <<E\np: 1\nE\nserver: configure <<E\np: 2\nE\n",
        );
        assert_eq!(scenario.purpose, "shows it");
        assert_eq!(scenario.deployment.conf, "  a: 1\n\n# kept\n");
        assert_eq!(
            scenario.deployment.files,
            [("x.conf".to_owned(), "b: 2\n".to_owned())]
        );
        assert_eq!(
            scenario.deployment.time_zone.as_deref(),
            Some("America/New_York")
        );
        let lines: Vec<_> = scenario.steps.iter().map(|step| step.line).collect();
        assert_eq!(lines, [13, 14, 15, 16, 19]);
        assert_eq!(
            scenario.steps[1].action,
            Action::Send {
                conn: "a".into(),
                operation: Operation::Raw(Template::fixed("PING\r\n")),
                repeat: 2
            }
        );
        assert_eq!(
            scenario.steps[2].action,
            Action::Await {
                conn: "a".into(),
                until: Await {
                    goal: Goal::Frames {
                        count: 2,
                        pattern: Pattern::Verb("MSG".into())
                    },
                    any_order: true,
                    quiet: false,
                    sets: vec![JsonPath::new("x.y")],
                    free: vec![],
                    shuffled: vec![],
                    within: Duration::from_secs(30),
                }
            }
        );
        assert_eq!(scenario.steps[3].source, "server: reload <<E\n    p: 1");
        let configure = Action::Configure {
            server: None,
            conf: "p: 2\n".to_owned(),
        };
        assert_eq!(scenario.steps[4].action, configure);
    }

    #[test]
    fn requests_and_rest_are_read() {
        let scenario =
            parsed("purpose: p\nconf: seed\n---\na: ask s.{{server_id}} in {}\nserver: rest\n");
        assert_eq!(
            scenario.steps[0].action,
            Action::Ask {
                conn: "a".into(),
                subject: Template::bare("s.{{server_id}}").expect("a template"),
                reply: Template::fixed("in"),
                payload: Template::fixed("{}"),
            }
        );
        assert_eq!(scenario.steps[1].action, Action::AwaitRest);
        assert_eq!(
            problem("purpose: p\nconf: seed\n---\na: ask s in\n"),
            "line 4: a payload is missing"
        );
    }

    #[test]
    fn several_servers_are_read() {
        let scenario = parsed(
            "purpose: p\nserver n1 n2: seed\nserver n3 version 2.14.6: <<E\np: {{n1.cluster}}\nE\nlater: n3\n---\na: connect n2\nserver n1: freeze\nserver n3: start version 2.15.1\nservers: formed\nlink n1 n2: cut silently\nserver n1: reload <<E\np: 1\nE\nserver n1: exit\na: fence 3\n",
        );
        let servers = &scenario.deployment.servers;
        let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        assert_eq!(names, ["n1", "n2", "n3"]);
        assert_eq!(
            servers[2].version,
            Some("2.14.6".parse().expect("a version"))
        );
        let later: Vec<bool> = servers.iter().map(|server| server.later).collect();
        assert_eq!(later, [false, false, true]);
        assert!(scenario.deployment.has_links);
        let actions: Vec<&Action> = scenario.steps.iter().map(|step| &step.action).collect();
        let n1 = Some("n1".to_owned());
        assert_eq!(
            actions[..7],
            [
                &Action::Open {
                    conn: "a".into(),
                    server: Some("n2".into()),
                    await_info: true
                },
                &Action::Signal {
                    server: n1.clone(),
                    signal: Signal::Stop
                },
                &Action::Start {
                    server: Some("n3".into()),
                    version: Some("2.15.1".parse().expect("a version")),
                },
                &Action::AwaitFormed,
                &Action::Link {
                    between: ("n1".into(), "n2".into()),
                    change: LinkChange::CutSilently
                },
                &Action::Reload {
                    server: n1.clone(),
                    conf: "p: 1\n".into()
                },
                &Action::AwaitExit { server: n1 },
            ]
        );
    }

    #[test]
    fn mistakes_about_servers_are_named() {
        let problem =
            |head: &str, step: &str| problem(&format!("purpose: p\n{head}\n---\n{step}\n"));
        let two = "server n1 n2: seed";
        assert_eq!(problem(two, "a: connect"), "line 4: which server?");
        assert_eq!(
            problem(two, "a: connect n3"),
            "line 4: no server is named `n3`"
        );
        assert_eq!(
            problem("conf: seed", "a: connect n1"),
            "line 4: no server is named `n1`"
        );
        assert_eq!(
            problem(two, "link n1 n2: bend"),
            "line 4: unknown operation `bend` for a link"
        );
        assert_eq!(
            problem(two, "server n1: check"),
            "line 4: unknown operation `check` for one server"
        );
        assert_eq!(
            problem("server n1 n1: seed", "a: connect n1"),
            "line 2: there are two servers `n1`"
        );
        assert_eq!(
            problem("conf: seed\nserver n1: seed", "a: connect n1"),
            "line 1: a scenario has `conf:` or servers, not both"
        );
        assert_eq!(
            problem("server n1: <<E\np: {{n2.cluster}}\nE", "a: connect n1"),
            "line 1: `{{n2.cluster}}` means nothing"
        );
    }

    #[test]
    fn mistakes_come_with_their_line() {
        let head = "purpose: p\nconf: seed\n---\n";
        assert_eq!(
            problem("purpose: p\nconf: nope\n---\n"),
            "line 2: no shared configuration is named `nope`"
        );
        assert_eq!(
            problem("colour: red\n"),
            "line 1: unknown header key `colour`"
        );
        assert_eq!(
            problem("hello\n"),
            "line 1: `hello` is neither `key: value` nor `---`"
        );
        assert_eq!(
            problem("purpose: p\n---\n"),
            "line 1: the scenario has no `conf:`"
        );
        assert_eq!(
            problem(&format!("{head}\na: jump\n")),
            "line 5: unknown operation `jump`"
        );
        assert_eq!(
            problem(&format!("{head}a connect\n")),
            "line 4: a step is written `connection: operation`"
        );
        assert_eq!(
            problem(&format!("{head}@2 a: connect\n")),
            "line 4: `2` is not a version such as 2.15.1"
        );
        assert_eq!(
            problem(&format!("{head}server: reload <<X\n")),
            "line 4: the block has no closing line `X`"
        );
        assert_eq!(
            problem("file ../x: y\n"),
            "line 1: `../x` is not a plain file name"
        );
        assert_eq!(problem(head), "line 1: the scenario has no steps");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(purpose: p\nconf: seed\n---\n)?[ab@<>:{}\"\\\\ \n*=0-9a-z]{0,80}") {
            let _ = parse(&text, &library());
        }
    }
}
