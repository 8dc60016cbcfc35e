//! Leaf nodes: what crosses their connections, what is told of them, and what becomes of them when
//! servers come and go.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use nats_mock::topology::{AccountLimits, AccountOptions, UserOptions};
use nats_mock::{Builder, Client, Leaf, MockNats, Subscription, Version};
use serde_json::Value;
use support::epoch;
use support::system::{ask, drain, json};

const SECOND: Duration = Duration::from_secs(1);

/// A hub cluster of three with a cluster of two leaf nodes and one more leaf node.
fn deployment() -> Builder {
    MockNats::builder()
        .manual_clock(epoch())
        .cluster("hub", 3)
        .leaf("edge", 2, "hub")
        .leaf("shop", 1, "hub")
}

fn app(nats: &MockNats, server: &str) -> Client {
    nats.server(server).client("a").unwrap()
}

fn ops(nats: &MockNats, server: &str) -> Client {
    nats.server(server).client("admin").unwrap()
}

fn texts(subscription: &mut Subscription) -> Vec<String> {
    let messages = drain(subscription);
    messages.iter().map(nats_mock::Message::text).collect()
}

/// The answers of all servers that answer, by the name of the server.
fn ask_all(client: &mut Client, subject: &str) -> BTreeMap<String, Value> {
    let mut answers = client.request(subject, "").unwrap();
    let answers = drain(&mut answers);
    let named = answers.iter().map(|answer| {
        let answer = json(answer);
        (
            answer["server"]["name"].as_str().unwrap().to_owned(),
            answer,
        )
    });
    let named: Vec<_> = named.collect();
    let by_name: BTreeMap<_, _> = named.iter().cloned().collect();
    assert_eq!(named.len(), by_name.len(), "a server has answered twice");
    by_name
}

/// The connections of a server with its leaf nodes and hubs.
fn leafz(nats: &MockNats, server: &str) -> Vec<Value> {
    let id = nats.server(server).id();
    let subject = format!("$SYS.REQ.SERVER.{id}.LEAFZ");
    let mut answer = ask(&mut ops(nats, server), &subject, "");
    serde_json::from_value(answer["data"]["leafs"].take()).unwrap()
}

fn is_joined(nats: &MockNats, server: &str) -> bool {
    !leafz(nats, server).is_empty()
}

#[test]
fn messages_reach_every_server_once() {
    let nats = deployment().start_blocking().unwrap();
    let names: Vec<String> = nats.servers().map(|server| server.name()).collect();
    let mut clients: Vec<_> = names.iter().map(|name| app(&nats, name)).collect();
    let mut heard: Vec<_> = clients
        .iter_mut()
        .map(|client| client.subscribe("news.*").unwrap())
        .collect();
    for (name, client) in names.iter().zip(&mut clients) {
        client.publish(format!("news.{name}"), name).unwrap();
        for (place, heard) in heard.iter_mut().enumerate() {
            assert_eq!(texts(heard), [name.as_str()], "{name} to {}", names[place]);
        }
    }
}

#[test]
fn requests_are_answered_across() {
    let nats = deployment().start_blocking().unwrap();
    let mut service = app(&nats, "shop-1");
    let mut requests = service.subscribe("price").unwrap();
    for server in ["hub-2", "edge-1", "edge-2", "shop-1"] {
        let mut client = app(&nats, server);
        let mut answers = client.request("price", "what").unwrap();
        let request = requests.try_next().unwrap();
        service.publish(request.reply.unwrap(), "9").unwrap();
        assert_eq!(texts(&mut answers), ["9"], "at {server}");
        assert!(requests.try_next().is_none());
    }
}

#[test]
fn nobody_listens_behind_a_leaf_node() {
    let nats = deployment().start_blocking().unwrap();
    let mut client = app(&nats, "edge-1");
    let answer = client.request("nobody", "").unwrap().try_next().unwrap();
    assert_eq!(answer.status(), Some(503));
}

#[test]
fn a_queue_group_keeps_to_its_own_side_first() {
    let nats = deployment().start_blocking().unwrap();
    let mut members = BTreeMap::new();
    let mut clients = Vec::new();
    for server in ["hub-2", "edge-1", "shop-1"] {
        let mut client = app(&nats, server);
        members.insert(server, client.queue_subscribe("work", "q").unwrap());
        clients.push(client);
    }
    for (from, to) in [
        ("hub-1", "hub-2"),
        ("hub-3", "hub-2"),
        ("edge-1", "edge-1"),
        ("edge-2", "edge-1"),
        ("shop-1", "shop-1"),
    ] {
        let mut publisher = app(&nats, from);
        for _ in 0..10 {
            publisher.publish("work", from).unwrap();
        }
        for (server, member) in &mut members {
            let expected = if *server == to { 10 } else { 0 };
            assert_eq!(drain(member).len(), expected, "{from} to {server}");
        }
    }
}

#[test]
fn a_queue_group_behind_leaf_nodes_shares_by_its_members() {
    let nats = deployment().start_blocking().unwrap();
    let mut shop = app(&nats, "shop-1");
    let mut edge = app(&nats, "edge-1");
    let mut at_shop: Vec<_> = (0..3)
        .map(|_| shop.queue_subscribe("work", "q").unwrap())
        .collect();
    let mut at_edge = edge.queue_subscribe("work", "q").unwrap();
    let mut publisher = app(&nats, "hub-1");
    for _ in 0..400 {
        publisher.publish("work", "").unwrap();
    }
    let shop = at_shop.iter_mut().map(|it| drain(it).len()).sum::<usize>();
    let edge = drain(&mut at_edge).len();
    assert_eq!(shop + edge, 400, "each message once");
    assert!((250..350).contains(&shop), "three of four, but {shop}");
}

#[test]
fn leaf_nodes_form_chains() {
    let nats = MockNats::builder()
        .name("a")
        .leaf("b", 1, "a")
        .leaf("c", 1, "b")
        .leaf("d", 1, "a")
        .start_blocking()
        .unwrap();
    let names = ["a", "b-1", "c-1", "d-1"];
    let mut clients: Vec<_> = names.iter().map(|name| app(&nats, name)).collect();
    let mut heard: Vec<_> = clients
        .iter_mut()
        .map(|client| client.subscribe("x").unwrap())
        .collect();
    for (name, client) in names.iter().zip(&mut clients) {
        client.publish("x", name).unwrap();
        for heard in &mut heard {
            assert_eq!(texts(heard), [*name]);
        }
    }
    let answers = ask_all(&mut clients[2], "$SYS.REQ.SERVER.PING.CONNZ");
    assert_eq!(answers.keys().collect::<Vec<_>>(), names);
    // What c is told by b: four imports, and the loop subjects of b, a and d.
    let told = &leafz(&nats, "c-1")[0]["subscriptions"];
    assert_eq!(told, 4 + 3 + 1, "and the subject of the clients");
}

#[test]
fn a_loop_is_found_and_broken() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .name("a")
        .leaf("b", 1, "a")
        .leaf("c", 1, "b")
        .server("a", |a| {
            let mut back = a.leafnodes.clone().unwrap();
            back.remotes = vec![nats_mock::topology::LeafRemote {
                urls: vec!["nats://a:a@127.0.0.1:8224".parse().unwrap()],
                account: Some("USERS".to_owned()),
                ..Default::default()
            }];
            a.leafnodes = Some(back);
        })
        .server("c-1", |c| {
            let leafnodes = c.leafnodes.get_or_insert_default();
            leafnodes.host = Some("127.0.0.1".to_owned());
            leafnodes.port = Some(8224);
        });
    let nats = nats.start_blocking().unwrap();
    let connections = || -> usize {
        let servers = ["a", "b-1", "c-1"].iter();
        servers.map(|name| leafz(&nats, name).len()).sum()
    };
    // Whoever hears its own loop subject ends the connection that it came by, and tries again after
    // half a minute.
    assert!(matches!(connections(), 2 | 4));
    let mut ends = ["a", "b-1", "c-1"].map(|name| {
        let subject = "$SYS.ACCOUNT.USERS.DISCONNECT";
        ops(&nats, name).subscribe(subject).unwrap()
    });
    nats.advance(SECOND * 31);
    assert!(matches!(connections(), 2 | 4));
    let ends: Vec<_> = ends.iter_mut().flat_map(drain).collect();
    assert!(!ends.is_empty());
    for end in &ends {
        assert_eq!(json(end)["reason"], "Protocol Violation");
    }
    let mut heard = app(&nats, "c-1").subscribe("x").unwrap();
    for name in ["a", "b-1", "c-1"] {
        app(&nats, name).publish("x", "once").unwrap();
        assert!(drain(&mut heard).len() <= 1);
    }
}

#[test]
fn what_is_denied_does_not_cross() {
    let nats = MockNats::builder()
        .cluster("hub", 1)
        .leaf_with(
            Leaf::new("edge", "hub")
                .deny_imports(["in.>"])
                .deny_exports(["out.>"]),
        )
        .start_blocking()
        .unwrap();
    let (mut hub, mut edge) = (app(&nats, "hub-1"), app(&nats, "edge-1"));
    let mut at_hub = hub.subscribe(">").unwrap();
    let mut at_edge = edge.subscribe("*.x").unwrap();
    hub.publish("in.x", "").unwrap();
    hub.publish("out.x", "").unwrap();
    let subjects = |messages: Vec<nats_mock::Message>| -> Vec<String> {
        messages
            .into_iter()
            .map(|message| message.subject)
            .collect()
    };
    assert_eq!(subjects(drain(&mut at_edge)), ["out.x"]);
    drain(&mut at_hub);
    edge.publish("out.x", "").unwrap();
    edge.publish("other.x", "").unwrap();
    edge.publish("$JS.API.INFO", "").unwrap();
    let heard = subjects(drain(&mut at_hub));
    assert_eq!(heard, ["other.x"]);
}

#[test]
fn requests_of_one_account_are_answered_by_the_servers_of_all_sides() {
    let nats = deployment().start_blocking().unwrap();
    let all = ["edge-1", "edge-2", "hub-1", "hub-2", "hub-3", "shop-1"];
    for server in ["hub-1", "edge-1", "shop-1"] {
        let answers = ask_all(&mut app(&nats, server), "$SYS.REQ.SERVER.PING.CONNZ");
        assert_eq!(answers.keys().collect::<Vec<_>>(), all, "asked at {server}");
    }
}

#[test]
fn without_a_joined_system_account_each_side_is_alone() {
    let nats = deployment().start_blocking().unwrap();
    let answers = ask_all(&mut ops(&nats, "edge-1"), "$SYS.REQ.SERVER.PING.STATSZ");
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["edge-1", "edge-2"]);
    assert_eq!(answers["edge-1"]["statsz"]["active_servers"], 2);
    let mut heard = ops(&nats, "hub-1")
        .subscribe("$SYS.ACCOUNT.USERS.>")
        .unwrap();
    let client = app(&nats, "edge-1");
    assert!(heard.try_next().is_none());
    drop(client);
}

#[test]
fn a_joined_system_account_makes_them_one() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .cluster("hub", 2)
        .leaf_with(Leaf::new("edge", "hub").servers(2).system_account())
        .start_blocking()
        .unwrap();
    let all = ["edge-1", "edge-2", "hub-1", "hub-2"];
    for server in all {
        let answers = ask_all(&mut ops(&nats, server), "$SYS.REQ.SERVER.PING.STATSZ");
        assert_eq!(answers.keys().collect::<Vec<_>>(), all, "asked at {server}");
        for (name, answer) in answers {
            assert_eq!(answer["statsz"]["active_servers"], 4, "of {name}");
        }
    }
    let mut heard = ops(&nats, "hub-2")
        .subscribe("$SYS.ACCOUNT.USERS.CONNECT")
        .unwrap();
    let _client = app(&nats, "edge-1");
    let events = drain(&mut heard);
    assert_eq!(events.len(), 1);
    assert_eq!(json(&events[0])["server"]["name"], "edge-1");
}

#[test]
fn a_leaf_node_finds_another_server_of_its_hub() {
    let nats = deployment().start_blocking().unwrap();
    let hub = |nats: &MockNats| {
        leafz(nats, "shop-1")[0]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = hub(&nats);
    let mut app = app(&nats, "shop-1");
    let mut heard = app.subscribe("x").unwrap();
    nats.server(&first).stop();
    assert!(!is_joined(&nats, "shop-1"));
    nats.advance(SECOND * 5);
    let second = hub(&nats);
    assert_ne!(first, second);
    let other = ["hub-1", "hub-2", "hub-3"]
        .into_iter()
        .find(|name| *name != first && *name != second)
        .unwrap();
    let mut publisher = nats.server(other).client("a").unwrap();
    publisher.publish("x", "still there").unwrap();
    assert_eq!(texts(&mut heard), ["still there"]);
}

#[test]
fn a_leaf_node_comes_back_when_its_hub_does() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .name("hub")
        .leaf("edge", 1, "hub")
        .start_blocking()
        .unwrap();
    let mut events = ops(&nats, "edge-1")
        .subscribe("$SYS.ACCOUNT.USERS.>")
        .unwrap();
    nats.server("hub").stop();
    let last = json(&drain(&mut events).pop().unwrap());
    assert_eq!(last["reason"], "Client Closed");
    nats.advance(SECOND * 30);
    assert!(!is_joined(&nats, "edge-1"));
    nats.server("hub").restart().unwrap();
    nats.advance(SECOND * 2);
    assert!(is_joined(&nats, "edge-1"));
    assert!(is_joined(&nats, "hub"));
}

#[test]
fn the_hub_hears_that_a_leaf_node_is_gone() {
    for version in [Version::V2_10, Version::V2_15] {
        let nats = deployment().version(version).start_blocking().unwrap();
        let hub = leafz(&nats, "shop-1")[0]["name"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut events = ops(&nats, &hub)
            .subscribe("$SYS.ACCOUNT.USERS.DISCONNECT")
            .unwrap();
        nats.server("shop-1").crash();
        let events = drain(&mut events);
        assert_eq!(events.len(), 1);
        let event = json(&events[0]);
        assert_eq!(event["client"]["name"], "shop-1");
        assert_eq!(event["client"]["kind"], "Leafnode");
        assert_eq!(event["reason"], "Client Closed");
    }
}

#[test]
fn a_kicked_leaf_node_comes_back_after_a_second() {
    let nats = deployment().start_blocking().unwrap();
    let id = leafz(&nats, "shop-1")[0]["id"].as_u64().unwrap();
    let subject = format!("$SYS.REQ.SERVER.{}.KICK", nats.server("shop-1").id());
    ask(
        &mut ops(&nats, "shop-1"),
        &subject,
        &format!(r#"{{"cid":{id}}}"#),
    );
    assert!(!is_joined(&nats, "shop-1"));
    nats.advance(SECOND + SECOND / 100);
    assert!(is_joined(&nats, "shop-1"));
}

#[test]
fn a_link_that_is_cut_or_slow_holds_for_leaf_nodes() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .name("hub")
        .leaf("edge", 1, "hub")
        .start_blocking()
        .unwrap();
    let mut heard = app(&nats, "edge-1").subscribe("x").unwrap();
    let mut hub = app(&nats, "hub");
    let link = nats.link("hub", "edge-1");
    link.slow(SECOND / 10, SECOND / 10);
    hub.publish("x", "late").unwrap();
    assert!(heard.try_next().is_none());
    nats.advance(SECOND / 10);
    assert_eq!(texts(&mut heard), ["late"]);
    link.heal();
    link.cut_silently();
    hub.publish("x", "held").unwrap();
    assert!(heard.try_next().is_none());
    link.heal();
    assert_eq!(texts(&mut heard), ["held"]);
    link.cut();
    assert!(!is_joined(&nats, "edge-1"));
    nats.advance(SECOND * 10);
    assert!(!is_joined(&nats, "edge-1"));
    link.heal();
    nats.advance(SECOND * 2);
    hub.publish("x", "again").unwrap();
    assert_eq!(texts(&mut heard), ["again"]);
}

#[test]
fn interest_follows_routes_that_are_cut_and_mended() {
    let nats = deployment().start_blocking().unwrap();
    let hub = leafz(&nats, "shop-1")[0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = if hub == "hub-1" { "hub-2" } else { "hub-1" };
    let mut far = app(&nats, other);
    let mut heard = far.subscribe("x").unwrap();
    let count = || leafz(&nats, "shop-1")[0]["subscriptions"].as_u64().unwrap();
    let before = count();
    nats.link(&hub, other).cut();
    assert!(count() < before);
    nats.link(&hub, other).heal();
    assert_eq!(count(), before);
    app(&nats, "shop-1").publish("x", "1").unwrap();
    assert_eq!(texts(&mut heard), ["1"]);
}

#[test]
fn an_account_takes_as_many_leaf_nodes_as_it_may() {
    let limited = AccountOptions {
        users: vec![UserOptions::new("a", "a")],
        limits: AccountLimits {
            max_leafnodes: Some(1),
            ..AccountLimits::default()
        },
        ..AccountOptions::new("USERS")
    };
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .account_with(limited)
        .system_account("SYS", [("admin", "changeit")])
        .name("hub")
        .leaf("one", 1, "hub")
        .leaf("two", 1, "hub")
        .start_blocking()
        .unwrap();
    assert_eq!(leafz(&nats, "hub").len(), 1);
    nats.advance(SECOND * 5);
    assert_eq!(leafz(&nats, "hub").len(), 1);
}

#[test]
fn a_leaf_node_of_an_unknown_hub_is_refused() {
    let error = MockNats::builder()
        .cluster("hub", 1)
        .leaf("edge", 1, "hud")
        .start_blocking()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("edge") && text.contains("hud"), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let course = || {
        let nats = deployment().seed(7).start_blocking().unwrap();
        let mut heard = ops(&nats, "hub-1").subscribe("$SYS.>").unwrap();
        nats.server("shop-1").restart().unwrap();
        nats.server("hub-2").crash();
        nats.advance(SECOND * 40);
        texts(&mut heard)
    };
    assert_eq!(course(), course());
}
