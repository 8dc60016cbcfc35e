//! What the text says.

use super::super::{Armed, Picture, ServerState};
use super::{CUT, alone, everything, slow};

#[track_caller]
fn assert_reads(picture: &Picture, text: &str) {
    let found = picture.to_string();
    assert!(found == text, "the picture is\n{found}");
}

#[test]
fn all_kinds_of_links_and_troubles_are_named() {
    assert_reads(
        &everything(),
        "\
7 servers in 2 clusters, 1 lame duck, 1 frozen; 121 clients; 6 links in trouble

east
  ● east-1  2.15.1                1 client
  ◐ east-2  2.15.1   lame duck
  ◌ east-3  2.15.1   frozen     120 clients
  routes: 0 of 3 well
    east-3 ◀╳▶ east-1, east-2  stuck both ways
    east-1 ◀╳─ east-2  stuck one way

west
  ● west-1  2.15.1
  ● west-2  2.10.26
  routes: 1 up

without a cluster
  ● shop    2.15.1
  ● till    2.15.1

gateways
  east ═══ west
    east-2 ─╳─ west-2  cut

leaf nodes
  shop ──▶ east-1  account SHOP
  till ──▶ shop    account TILL
    east-1 ─~─ shop  slow: 10ms to 20ms
",
    );
}

#[test]
fn clusters_that_are_all_joined_are_one_line() {
    let picture = Picture::default()
        .with("a", 2)
        .with("b", 2)
        .with("c", 2)
        .gateways();
    assert_reads(
        &picture,
        "\
6 servers in 3 clusters

a
  ● a-1  2.15.1
  ● a-2  2.15.1
  routes: 1 up

b
  ● b-1  2.15.1
  ● b-2  2.15.1
  routes: 1 up

c
  ● c-1  2.15.1
  ● c-2  2.15.1
  routes: 1 up

gateways
  each with each: a, b, c
",
    );
}

#[test]
fn a_thousand_servers_are_summed_up() {
    let mut picture = Picture::default().with("east", 1_000);
    for name in ["east-7", "east-9"] {
        picture = picture.change(name, |server| server.state = ServerState::Stopped);
    }
    picture = picture.change("east-1000", |server| server.clients = 3);
    for number in 1..=4 {
        let name = format!("east-{number}");
        for other in 100..=1_000 {
            picture = picture.trouble(&name, &format!("east-{other}"), CUT);
        }
    }
    let picture = picture.trouble("east-1", "east-2", slow(5, 5));
    assert_reads(
        &picture,
        "\
1000 servers, 2 stopped; 3 clients; 3605 links in trouble

east
  ● 998 servers, east-1 to east-1000  2.15.1           3 clients
  ○ east-7                            2.15.1  stopped
  ○ east-9                            2.15.1  stopped
  routes: 493898 of 497503 well
    east-1, east-2, east-3, east-4 ─╳─ east-100, east-101, east-102 and 898 others  cut
    east-1 ─~─ east-2  slow: 5ms
",
    );
}

#[test]
fn many_clusters_and_many_leaf_nodes_are_summed_up() {
    let mut picture = Picture::default();
    for number in 1..=27 {
        picture = picture.with(&format!("c{number}"), 2);
    }
    for number in 1..=20 {
        let name = format!("leaf-{number}");
        picture = picture.with(&name, 1).leaf(&name, "c2-1", "A");
    }
    let text = picture.to_string();
    assert!(text.contains("\n3 more clusters\n  ● c25-1"), "{text}");
    assert!(
        text.contains("\nwithout a cluster\n  ● 20 servers, leaf-1 to leaf-20  2.15.1\n"),
        "{text}"
    );
    let leafs = "leaf nodes\n  leaf-1, leaf-2, leaf-3 and 17 others ──▶ c2-1  account A\n";
    assert!(text.ends_with(leafs), "{text}");
}

#[test]
fn many_troubles_are_counted() {
    let mut picture = Picture::default().with("a", 12);
    for number in 1..12 {
        for other in (number + 1)..=12 {
            let (one, other) = (format!("a-{number}"), format!("a-{other}"));
            picture = picture.trouble(&one, &other, slow(number, number));
        }
    }
    let text = picture.to_string();
    assert!(
        text.contains(
            "  routes: 0 of 66 well\n    a-1 ─~─ a-2, a-3, a-4 and 8 others  slow: 1ms\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("    and 6 links more\n"), "{text}");
}

#[test]
fn names_cannot_break_the_picture() {
    let picture = alone(1).change("n1", |server| {
        "a\n\u{1b}[31m\u{202e}b".clone_into(&mut server.name)
    });
    assert_reads(
        &picture,
        "1 server\n\n  ● a\u{fffd}\u{fffd}[31m\u{fffd}b  2.15.1\n",
    );
}

#[test]
fn there_may_be_nothing_to_see() {
    assert_reads(&Picture::default(), "0 servers\n");
}

#[test]
fn wrong_clocks_and_what_is_armed_are_told() {
    let mut picture = Picture::default().with("east", 2);
    picture.servers[0].clock_ahead = 90_000_000_000;
    picture.servers[1].clock_ahead = -1_000_000;
    picture.armed = (0..18)
        .map(|number| Armed {
            what: format!("rule\n{number}"),
            hits: number,
        })
        .collect();
    let text = picture.to_string();
    let clocks = "\nclocks\n  east-1  90s ahead\n  east-2  1ms behind\n";
    assert!(text.contains(clocks), "{text}");
    let armed = "\narmed\n  rule\u{fffd}0  not hit\n  rule\u{fffd}1  hit once\n  rule\u{fffd}2  hit 2 times\n";
    assert!(text.contains(armed), "{text}");
    assert!(text.ends_with("  and 2 things more\n"), "{text}");
}
