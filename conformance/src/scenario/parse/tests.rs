use super::*;
use crate::scenario::{
    Action, Await, Goal, JsonPath, LinkChange, Operation, Pattern, PortKind, Signal, Template,
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
                latest: None,
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
                port: PortKind::Client,
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
    let problem = |head: &str, step: &str| problem(&format!("purpose: p\n{head}\n---\n{step}\n"));
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
