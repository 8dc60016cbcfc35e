//! Tests under everything that can go wrong.

mod support;

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use nats_mock::incidents::Incident;
use nats_mock::sweep::{Outcome, Plan, Report, Trial};
use nats_mock::{Builder, ClientError, MockNats, sweep};
use serde_json::Value;
use support::epoch;

fn three() -> Builder {
    MockNats::builder()
        .manual_clock(epoch())
        .unbound()
        .cluster("east", 3)
}

/// What the tests of this file sweep: a tool that sums up connections, and is written well or badly. Without a
/// connection there is nothing to sum up.
fn poll(nats: &MockNats, add_up: impl Fn(&Value) -> u64) -> Result<u64, ClientError> {
    ask(nats, add_up).or(Ok(0))
}

fn ask(nats: &MockNats, add_up: impl Fn(&Value) -> u64) -> Result<u64, ClientError> {
    let mut answers = nats
        .client("admin")?
        .request("$SYS.REQ.SERVER.PING.CONNZ", "")?;
    let answers = std::iter::from_fn(|| answers.try_next());
    let bodies = answers.map(|it| serde_json::from_slice(&it.payload).unwrap_or_default());
    Ok(bodies
        .map(|body: Value| add_up(&body))
        .fold(0, u64::saturating_add))
}

fn careful(body: &Value) -> u64 {
    body["data"]["num_connections"].as_u64().unwrap_or(0)
}

fn careless(body: &Value) -> u64 {
    body["data"]["num_connections"].as_u64().unwrap()
}

#[test]
fn a_careful_tool_survives_everything() {
    let report = sweep(three(), async |nats: &MockNats| {
        poll(nats, careful).map(drop)
    })
    .run_blocking();
    assert!(report.is_survived(), "{report}");
    let of = |trial| {
        report
            .runs()
            .iter()
            .filter(|run| run.trial == trial)
            .count()
    };
    assert_eq!(of(Trial::Incident), Incident::each().len());
    assert_eq!(of(Trial::Plan), 100);
    assert!(of(Trial::Mutation) > 50);
    let met = report.runs().iter().filter(|run| run.hits > 0).count();
    assert!(
        met * 10 > report.runs().len() * 8,
        "{met} of {}",
        report.runs().len()
    );
    report.unwrap();
}

#[test]
fn a_careless_tool_is_found_out_field_by_field() {
    let test = async |nats: &MockNats| poll(nats, careless).map(drop);
    let report = sweep(three(), test).mutations().run_blocking();
    let failed: Vec<_> = report.failures().map(|run| run.plan.to_string()).collect();
    assert!(!failed.is_empty());
    let strange = ["remove", "null", "\"7\"", "-1", "1e+300"];
    for what in strange.map(|it| format!("/data/num_connections {it}")) {
        let what = what.replace(
            "/data/num_connections remove",
            "remove /data/num_connections",
        );
        assert!(
            failed.iter().any(|plan| plan.ends_with(&what)),
            "{what}: {failed:?}"
        );
    }
    // What holds the field, and the field itself: nothing else matters to the tool.
    let matters = |plan: &String| {
        plan.contains(" /data ") || plan.ends_with(" /data") || plan.contains("num_connections")
    };
    assert!(failed.iter().all(matters), "{failed:?}");
    let text = report.to_string();
    assert!(text.starts_with("mutations: "), "{text}");
    assert!(
        text.contains("panicked: called `Option::unwrap()`"),
        "{text}"
    );
    let line = "    CONNZ: remove /data\n";
    assert!(text.contains(line), "{text}");
    let line = "    again: NATS_MOCK_SWEEP='seed 0; CONNZ: remove /data' cargo test \
                a_careless_tool_is_found_out_field_by_field\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_failure_is_shrunk_to_the_faults_it_takes() {
    let plan: Plan = "clock east-1: ahead 50ms; CONNZ: duplicate 1; server east-3: crash; \
                      CONNZ from east-1: remove /data/num_connections; IDZ: silence"
        .parse()
        .unwrap();
    let test = async |nats: &MockNats| poll(nats, careless).map(drop);
    let report = sweep(three(), test).plan(plan).run_blocking();
    let run = report.failures().next().unwrap();
    let text = "seed 0; CONNZ from east-1: remove /data/num_connections";
    assert_eq!(run.plan.to_string(), text);
    // And that brings it back.
    let again = sweep(three(), test)
        .plan(text.parse().unwrap())
        .run_blocking();
    assert_eq!(again.failures().next().unwrap().outcome, run.outcome);
}

#[test]
fn the_line_that_brings_chance_back_says_how_often_and_how_likely() {
    let text = "seed 3; IDZ from east-2 times 2 with probability 0.5: silence";
    let test = async |nats: &MockNats| {
        let mut tool = nats.client("admin")?;
        for round in 0..10 {
            let mut answers = tool.request("$SYS.REQ.SERVER.PING.IDZ", "")?;
            if std::iter::from_fn(|| answers.try_next()).count() < 3 {
                return Err(format!("two servers in round {round}").into());
            }
        }
        Ok::<(), Box<dyn Error>>(())
    };
    let run = |plan: &str| {
        let report = sweep(three(), test)
            .plan(plan.parse().unwrap())
            .run_blocking();
        let line = format!("again: NATS_MOCK_SWEEP='{text}' cargo test");
        assert!(report.to_string().contains(&line), "{report}");
        let run = report.failures().next().unwrap();
        (run.plan.to_string(), run.outcome.clone())
    };
    let first = run(&format!("{text}; CONNZ: silence"));
    assert_eq!(first.0, text);
    assert_eq!(run(text), first);
}

#[test]
fn two_faults_that_only_fail_together_stay_together() {
    let test = async |nats: &MockNats| {
        let answers = |endpoint: &str| {
            let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
            let mut answers = nats.client("admin")?.request(&subject, "")?;
            Ok::<_, ClientError>(std::iter::from_fn(|| answers.try_next()).count())
        };
        match (answers("IDZ")?, answers("VARZ")?) {
            (0, 0) => Err("nobody is there".into()),
            _ => Ok::<(), Box<dyn Error>>(()),
        }
    };
    let plan = "VARZ: silence; CONNZ: silence; IDZ: silence"
        .parse()
        .unwrap();
    let report = sweep(three(), test).plan(plan).run_blocking();
    let run = report.failures().next().unwrap();
    assert_eq!(run.plan.to_string(), "seed 0; VARZ: silence; IDZ: silence");
}

#[test]
fn each_way_to_fail_is_told() {
    let outcome = |report: Report| report.runs()[0].outcome.clone();
    let is_silent = |nats: &MockNats| poll(nats, |_| 1).is_ok_and(|servers| servers == 0);
    let plan = || "CONNZ: silence".parse().unwrap();

    let hangs = async |nats: &MockNats| {
        if is_silent(nats) {
            pending::<()>().await;
        }
        Ok::<(), ClientError>(())
    };
    let limit = Duration::from_millis(20);
    let report = sweep(three(), hangs)
        .time_limit(limit)
        .plan(plan())
        .run_blocking();
    assert_eq!(outcome(report), Outcome::Hung);

    let fails = async |nats: &MockNats| {
        if is_silent(nats) {
            Err("nobody is there")
        } else {
            Ok(())
        }
    };
    let report = sweep(three(), fails).plan(plan()).run_blocking();
    assert_eq!(
        outcome(report),
        Outcome::Failed("nobody is there".to_owned())
    );

    let expects = async |nats: &MockNats| {
        if is_silent(nats) {
            nats.expect(nats_mock::expected::requests()).times(100);
        }
        Ok::<(), ClientError>(())
    };
    let report = sweep(three(), expects).plan(plan()).run_blocking();
    assert!(matches!(outcome(report), Outcome::Failed(text) if text.contains("100")));

    let plan = "server west: crash".parse().unwrap();
    let report = sweep(three(), async |_: &MockNats| Ok::<(), ClientError>(()))
        .plan(plan)
        .run_blocking();
    let why = "there is no server \"west\" for \"server west: crash\"".to_owned();
    assert_eq!(outcome(report), Outcome::NotStaged(why));
}

#[test]
fn a_test_that_fails_by_itself_is_not_swept() {
    let test = async |_: &MockNats| Err::<(), _>("always");
    let report = sweep(three(), test).run_blocking();
    assert!(!report.is_survived());
    let text = "nothing was tried: it fails without any fault: failed: always\n";
    assert_eq!(report.to_string(), text);
}

#[test]
fn what_happens_once_happens_in_the_midst_of_the_test() {
    let test = async |nats: &MockNats| {
        let before = nats.server("east-3").id();
        poll(nats, careful)?;
        tokio::task::yield_now().await;
        if nats.server("east-3").id() == before {
            Ok::<(), Box<dyn Error>>(())
        } else {
            Err("another server".into())
        }
    };
    let report = sweep(three(), test)
        .incident(Incident::NewIdentity)
        .run_blocking();
    let plan = report.failures().next().unwrap().plan.to_string();
    assert_eq!(plan, "seed 0; after 1 request, server east-3: restart");
}

#[test]
fn the_same_seed_draws_the_same_plans() {
    let plans = |seed| {
        let test = async |nats: &MockNats| poll(nats, careful).map(drop);
        let report = sweep(three().seed(seed), test).plans(50).run_blocking();
        let plans = report.runs().iter().map(|run| run.plan.to_string());
        plans.collect::<Vec<_>>()
    };
    assert_eq!(plans(7), plans(7));
    assert_ne!(plans(7), plans(8));
    assert_eq!(plans(7)[1..], plans(8)[..49]);
}

#[test]
fn real_clients_are_swept_too() {
    let test = async |nats: &MockNats| {
        let client = async_nats::connect(nats.system_url()).await?;
        let asked = client.request("$SYS.REQ.SERVER.PING.VARZ", "".into());
        let answer = tokio::time::timeout(Duration::from_millis(200), asked).await;
        if let Ok(Ok(answer)) = answer {
            let _: Result<Value, _> = serde_json::from_slice(&answer.payload);
        }
        Ok::<(), async_nats::Error>(())
    };
    let report = sweep(MockNats::builder(), test)
        .incident(Incident::EmptyReplies)
        .incident(Incident::NoSystemPrivileges)
        .incident(Incident::PartialReplies { silent: 1 })
        .run_blocking();
    report.unwrap();
}
