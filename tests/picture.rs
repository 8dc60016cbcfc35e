//! Pictures of running deployments.

use std::time::Duration;

use nats_mock::picture::{LinkKind, Picture, ServerState};
use nats_mock::{Builder, MockNats};

#[track_caller]
fn assert_reads(picture: &Picture, text: &str) {
    let found = picture.to_string();
    assert!(found == text, "the picture is\n{found}");
}

fn conf(text: &str) -> Builder {
    Builder::from_conf_str(text).unwrap().unbound()
}

#[test]
fn one_server_is_a_line() {
    let nats = MockNats::builder().name("n1").start_blocking().unwrap();
    let _app = nats.client("a").unwrap();
    let _ops = nats.client("admin").unwrap();
    assert_reads(
        &nats.topology(),
        "\
1 server; 2 clients

  ● n1  2.15.1  2 clients
",
    );
}

#[test]
fn a_server_without_a_name_is_shown_by_the_beginning_of_its_id() {
    let nats = MockNats::builder().start_blocking().unwrap();
    let line = format!("  ● {}…  2.15.1\n", &nats.server_id()[..11]);
    assert!(nats.topology().to_string().ends_with(&line));
}

#[test]
fn a_server_that_has_stopped_stays_in_its_cluster() {
    let builder = MockNats::builder().cluster("east", 3);
    let nats = builder.start_blocking().unwrap();
    nats.server("east-2").stop();
    let stopped = nats.topology();
    assert_reads(
        &stopped,
        "\
3 servers, 1 stopped

east
  ● east-1  2.15.1
  ○ east-2  2.15.1  stopped
  ● east-3  2.15.1
  routes: 1 up
",
    );

    // It comes back under another id, and in its place.
    nats.server("east-2").restart().unwrap();
    let names: Vec<String> = nats
        .topology()
        .servers()
        .map(|it| it.name.clone())
        .collect();
    assert_eq!(names, ["east-1", "east-2", "east-3"]);
    assert_ne!(
        stopped.server("east-2").unwrap().id,
        nats.topology().server("east-2").unwrap().id
    );
    assert_reads(
        &nats.topology(),
        "\
3 servers

east
  ● east-1  2.15.1
  ● east-2  2.15.1
  ● east-3  2.15.1
  routes: all 3 up
",
    );
    nats.link("east-2", "east-3").cut();
    let cut = nats.topology();
    assert!(cut.link("east-3", "east-2").unwrap().state.is_cut);
    assert!(cut.link("east-2", "east-1").unwrap().state.is_well());
}

#[test]
fn clusters_are_joined_by_gateways() {
    let builder = MockNats::builder()
        .unbound()
        .cluster("east", 3)
        .cluster("west", 2);
    let nats = builder.start_blocking().unwrap();
    let picture = nats.topology();
    assert_reads(
        &picture,
        "\
5 servers in 2 clusters

east
  ● east-1  2.15.1
  ● east-2  2.15.1
  ● east-3  2.15.1
  routes: all 3 up

west
  ● west-1  2.15.1
  ● west-2  2.15.1
  routes: 1 up

gateways
  east ═══ west
",
    );
    let gateways = picture
        .links()
        .filter(|link| link.kind == LinkKind::Gateway);
    assert_eq!(gateways.count(), 5);

    nats.partition(|server| server.name().starts_with("west"))
        .cut();
    let apart = nats.topology().to_string();
    let gateways = "
gateways
  east ═╳═ west
    west-1, west-2 ─╳─ east-1, east-2, east-3  cut
";
    assert!(apart.ends_with(gateways), "{apart}");
}

#[test]
fn what_is_wrong_with_links_is_said() {
    let nats = MockNats::builder()
        .unbound()
        .cluster("east", 4)
        .start_blocking()
        .unwrap();
    nats.link("east-1", "east-2").cut();
    nats.link("east-3", "east-1").cut_one_way();
    nats.link("east-2", "east-3").cut_silently();
    nats.link("east-2", "east-4")
        .slow(Duration::from_millis(10), Duration::from_millis(250));
    assert_reads(
        &nats.topology(),
        "\
4 servers; 4 links in trouble

east
  ● east-1  2.15.1
  ● east-2  2.15.1
  ● east-3  2.15.1
  ● east-4  2.15.1
  routes: 2 of 6 well
    east-1 ─╳─ east-2  cut
    east-1 ◀╳─ east-3  stuck one way
    east-2 ◀╳▶ east-3  stuck both ways
    east-2 ─~─ east-4  slow: 10ms to 250ms
",
    );
}

#[test]
fn a_server_that_stands_still_or_leaves_is_marked() {
    let nats = MockNats::builder()
        .unbound()
        .cluster("east", 2)
        .start_blocking()
        .unwrap();
    let _app = nats.server("east-2").client("a").unwrap();
    nats.server("east-1").freeze();
    nats.server("east-2").lame_duck();
    let picture = nats.topology();
    assert_eq!(picture.server("east-1").unwrap().state, ServerState::Frozen);
    assert_eq!(
        picture.server("east-2").unwrap().state,
        ServerState::LameDuck
    );
}

#[test]
fn leaf_nodes_point_to_their_hubs() {
    let hub = "server_name: hub, leafnodes { listen: 127.0.0.1:7422 }";
    let leaf = "server_name: leaf, accounts { SHOP { users: [{ user: a, password: a }] } }
        leafnodes { remotes: [{ url: nats://127.0.0.1:7422, account: SHOP }] }";
    let builder = conf(hub).and(conf(leaf));
    let text = "\
2 servers

  ● hub   2.15.1
  ● leaf  2.15.1

leaf nodes
  leaf ──▶ hub  account SHOP
";
    assert_reads(&builder.topology().unwrap(), text);
    let nats = builder.start_blocking().unwrap();
    assert_reads(&nats.topology(), text);
    nats.link("leaf", "hub").cut();
    let cut = nats.topology();
    let link = cut.link("hub", "leaf").unwrap();
    assert!(link.state.is_cut, "{cut}");
    assert!(
        cut.to_string().ends_with("    hub ─╳─ leaf  cut\n"),
        "{cut}"
    );
}

#[test]
fn many_servers_make_a_short_picture() {
    let nats = MockNats::builder()
        .unbound()
        .cluster("east", 300)
        .start_blocking()
        .unwrap();
    nats.server("east-200").stop();
    assert_reads(
        &nats.topology(),
        "\
300 servers, 1 stopped

east
  ● 299 servers, east-1 to east-300  2.15.1
  ○ east-200                         2.15.1  stopped
  routes: all 44551 up
",
    );
}
