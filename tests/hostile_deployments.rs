//! Deployments that are large, entangled or flooded: nothing panics, hangs, or takes memory without
//! bound.

mod support;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use nats_mock::topology::Limits;
use nats_mock::{Builder, ClientError, MockNats};
use support::deployment::Fleet;
use support::raw::{Raw, connect};
use support::{PATIENCE, epoch};

/// What nobody reads of one connection, at most.
const PIPE: usize = 4 * 1024 * 1024;

fn cluster(servers: usize) -> MockNats {
    let builder = MockNats::builder().unbound().manual_clock(epoch());
    builder.cluster("c", servers).start_blocking().unwrap()
}

/// A message from one server to another, and its answer.
fn still_works(nats: &MockNats) {
    let mut names = nats.servers().filter(|server| !server.is_stopped());
    let first = names.next().unwrap();
    let last = names.last().unwrap_or(first);
    let mut service = last.client("a").unwrap();
    let mut requests = service.subscribe("alive").unwrap();
    let mut app = first.client("a").unwrap();
    let mut answer = app.request("alive", "").unwrap();
    let request = requests.try_next().unwrap();
    service.publish(request.reply.unwrap(), "yes").unwrap();
    assert_eq!(answer.try_next().unwrap().payload, "yes");
}

#[test]
fn a_thousand_servers_answer() {
    let mut builder = MockNats::builder()
        .unbound()
        .history(0)
        .manual_clock(epoch());
    for place in 0..100 {
        builder = builder.cluster(format!("c{place}"), 10);
    }
    let nats = builder.start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    for asked in ["IDZ", "VARZ"] {
        let mut answers = ops
            .request(format!("$SYS.REQ.SERVER.PING.{asked}"), "")
            .unwrap();
        assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 1_000);
    }
    nats.server("c50-5").restart().unwrap();
    nats.server("c7-1").crash();
    nats.partition(|server| server.name().starts_with("c1"))
        .cut();
    still_works(&nats);
}

#[test]
fn a_server_that_stands_still_takes_as_much_as_a_pipe() {
    let nats = cluster(3);
    let frozen = nats.server("c-2");
    let mut subscriber = frozen.client("a").unwrap();
    let mut messages = subscriber.subscribe("flood").unwrap();
    let mut publisher = frozen.client("a").unwrap();
    frozen.freeze();
    let payload = [b'x'; 10_000];
    let mut sent = 0;
    let refused = loop {
        match publisher.publish("flood", payload) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent <= PIPE / payload.len());
    };
    assert!(
        matches!(&refused, ClientError::Closed(error) if error.kind() == ErrorKind::WouldBlock),
        "{refused}"
    );
    // The smallest of operations takes its share too.
    let mut raw = Raw(frozen.connect_in_memory().unwrap());
    let pings = (0..)
        .take_while(|_| raw.0.send(b"PING\r\n").is_ok())
        .count();
    assert!(pings < PIPE / 256);
    assert!(messages.try_next().is_none());

    frozen.thaw();
    publisher.publish("flood", "last").unwrap();
    let got: Vec<_> = std::iter::from_fn(|| messages.try_next()).collect();
    assert_eq!(got.len(), sent + 1);
    assert_eq!(got[sent].text(), "last");
    still_works(&nats);
}

#[test]
fn a_server_that_stands_still_leaves_sockets_full() {
    let nats = MockNats::builder()
        .cluster("c", 2)
        .start_blocking()
        .unwrap();
    let frozen = nats.server("c-2");
    let mut subscriber = nats.server("c-1").client("a").unwrap();
    let mut messages = subscriber.subscribe("flood").unwrap();
    frozen.freeze();
    let mut stream = TcpStream::connect(frozen.address()).unwrap();
    stream.write_all(connect("a", "a", "").as_bytes()).unwrap();
    // More than any system keeps for a socket that nobody reads.
    let message = format!("PUB flood 100000\r\n{}\r\n", "x".repeat(100_000));
    stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut rest = Vec::new();
    let mut whole = 0;
    for _ in 0..1_000 {
        let mut bytes = message.as_bytes();
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) => {
                    let blocked = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                    assert!(blocked.contains(&error.kind()), "{error}");
                    break;
                }
            }
        }
        whole += 1;
        if !bytes.is_empty() {
            rest.extend_from_slice(bytes);
            break;
        }
    }
    assert!(!rest.is_empty(), "{whole} messages are somewhere");
    assert!(messages.try_next().is_none());

    frozen.thaw();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&rest).unwrap();
    for _ in 0..whole {
        assert_eq!(messages.wait_next(PATIENCE).unwrap().payload.len(), 100_000);
    }
}

#[test]
fn connections_to_a_server_that_stands_still_are_counted() {
    let nats = cluster(2);
    let frozen = nats.server("c-1");
    frozen.freeze();
    let mut open: Vec<Raw> = Vec::new();
    while let Ok(connection) = frozen.connect_in_memory() {
        open.push(Raw(connection));
        assert!(open.len() < 10_000);
    }
    // Those that have gone are still to be taken.
    open.truncate(100);
    assert!(frozen.connect_in_memory().is_err());
    assert!(open.iter_mut().all(|raw| raw.read().is_empty()));
    frozen.crash();
    assert!(open.iter_mut().all(Raw::is_closed));
    frozen.restart().unwrap();
    still_works(&nats);
}

#[test]
fn whoever_stands_still_can_be_restarted_and_dropped() {
    let nats = cluster(3);
    for server in nats.servers() {
        server.freeze();
    }
    nats.server("c-1").restart().unwrap();
    nats.server("c-2").crash();
    nats.server("c-3").lame_duck();
    nats.server("c-3").stop();
    nats.server("c-3").thaw();
    assert!(nats.server("c-3").is_stopped());
    nats.server("c-3").restart().unwrap();
    nats.server("c-2").restart().unwrap();
    still_works(&nats);

    let alone = MockNats::builder().start_blocking().unwrap();
    let mut client = alone.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    alone.first_server().freeze();
    drop(alone);
    assert!(messages.wait_next(PATIENCE).is_none());
}

#[test]
fn login_and_headers_are_read_when_the_server_goes_on() {
    let nats = cluster(2);
    let frozen = nats.server("c-2");
    let mut subscriber = nats.server("c-1").client("a").unwrap();
    let mut messages = subscriber.subscribe("x").unwrap();
    frozen.freeze();
    let mut raw = Raw(frozen.connect_in_memory().unwrap());
    raw.send(connect("a", "a", "") + "HPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    assert_eq!(raw.read(), "");
    frozen.thaw();
    assert!(raw.read().starts_with("INFO {"));
    assert_eq!(messages.try_next().unwrap().payload, "hi");
}

/// A link that lets nothing through is given up when too much waits for it, empty messages included.
#[test]
fn what_waits_for_a_link_is_bounded() {
    for payload in [0, 1_000] {
        let limits = Limits {
            max_pending: 1024 * 1024,
            ..Limits::default()
        };
        let nats = MockNats::builder()
            .unbound()
            .limits(limits)
            .cluster("c", 2)
            .manual_clock(epoch())
            .start_blocking()
            .unwrap();
        let mut subscriber = nats.server("c-2").client("a").unwrap();
        let mut messages = subscriber.subscribe("flood").unwrap();
        let mut publisher = nats.server("c-1").client("a").unwrap();
        nats.link("c-1", "c-2").cut_silently();
        for _ in 0..20_000 {
            publisher.publish("flood", vec![b'x'; payload]).unwrap();
        }
        assert_eq!(publisher.info().connect_urls.len(), 1);
        nats.link("c-1", "c-2").heal();
        assert_eq!(publisher.info().connect_urls.len(), 2);
        publisher.publish("flood", "found").unwrap();
        assert_eq!(messages.try_next().unwrap().text(), "found");
        assert!(messages.try_next().is_none());
    }
}

#[test]
fn subscriptions_end_while_a_message_is_handed_out() {
    let mut fleet = Fleet::start(7, &[2, 2]);
    for server in 0..4 {
        // All end at the first message; the second group has members that end with it.
        fleet.send(
            server,
            0,
            "SUB x 1\r\nUNSUB 1 1\r\nSUB x q 2\r\nUNSUB 2 1\r\nSUB * 3\r\nUNSUB 3 1\r\n",
        );
    }
    fleet.send(0, 0, &"PUB x 2\r\nhi\r\n".repeat(10));
    let got = fleet.received();
    let count = |sid| {
        got.iter()
            .flat_map(|(_, got)| got)
            .filter(|(it, _)| *it == sid)
            .count()
    };
    assert_eq!((count(1), count(2), count(3)), (4, 4, 4));
}

/// Those who are cut off for not reading are members of what the message is being handed to.
#[test]
fn receivers_end_while_a_message_is_handed_out() {
    let limits = Limits {
        max_pending: 10_000,
        ..Limits::default()
    };
    let nats = MockNats::builder()
        .unbound()
        .limits(limits)
        .cluster("c", 3)
        .start_blocking()
        .unwrap();
    let mut slow: Vec<Raw> = nats
        .servers()
        .map(|server| {
            let mut raw = Raw(server.connect_in_memory().unwrap());
            raw.ask(connect("a", "a", ""));
            for sid in 0..20 {
                raw.ask(format!("SUB x 1{sid}\r\nSUB x q{sid} 2{sid}\r\n"));
            }
            raw
        })
        .collect();
    let mut publisher = nats.server("c-1").client("a").unwrap();
    for _ in 0..10 {
        publisher.publish("x", [b'x'; 1_000]).unwrap();
    }
    assert!(slow.iter_mut().all(Raw::is_closed));
    still_works(&nats);
}

/// Routes and whatever else that lead to the server itself, in circles, or nowhere.
fn entangled(links: fn(&str, u16, u16) -> String) {
    let names = ["n1", "n2", "n3"];
    let confs = (0..3_u16).map(|number| {
        let (name, next) = (names[usize::from(number)], (number + 1) % 3);
        format!(
            "server_name: {name}
             accounts {{ A {{ users: [{{ user: a, password: a }}] }} }}
             {}",
            links(name, number, next)
        )
    });
    let mut builders = confs.map(|conf| Builder::from_conf_str(&conf).unwrap());
    let first = builders.next().unwrap();
    let nats = builders
        .fold(first, Builder::and)
        .unbound()
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let mut clients: Vec<_> = nats.servers().map(|it| it.client("a").unwrap()).collect();
    let mut heard: Vec<_> = clients
        .iter_mut()
        .map(|it| it.subscribe("x").unwrap())
        .collect();
    // Longer than it takes to try again to connect.
    for _ in 0..100 {
        nats.advance(Duration::from_secs(1));
        clients.iter().for_each(|client| drop(client.info()));
    }
    clients[0].publish("x", "once").unwrap();
    for messages in &mut heard {
        assert!(std::iter::from_fn(|| messages.try_next()).count() <= 1);
    }
}

#[test]
fn entangled_routes_and_gateways_start() {
    entangled(|name, own, next| {
        format!(
            "cluster {{ name: {name}, listen: 127.0.0.1:1600{own}, routes: [
                 nats://127.0.0.1:1600{own}, nats://127.0.0.1:1600{next}, nats://127.0.0.1:1 ] }}
             gateway {{ name: {name}, listen: 127.0.0.1:1700{own}, gateways: [
                 {{ name: {name}, url: nats://127.0.0.1:1700{own} }}
                 {{ name: n1, url: nats://127.0.0.1:1700{next} }} ] }}"
        )
    });
}

#[test]
fn entangled_leaf_nodes_start() {
    entangled(|_, own, next| {
        format!(
            "leafnodes {{ listen: 127.0.0.1:1800{own}, remotes: [
                 {{ url: nats://a:a@127.0.0.1:1800{own}, account: A }}
                 {{ url: nats://a:a@127.0.0.1:1800{next}, account: A }}
                 {{ url: nats://a:a@127.0.0.1:1, account: A }} ] }}"
        )
    });
}
