//! The same seed, script and clock give the same bytes; another seed gives others.

mod support;

use proptest::prelude::*;
use support::deployment_script as deployment;
use support::raw::Raw;
use support::script::{CONNS, Step, World, script};

/// Every byte that every connection got, an observer of the system account included.
fn transcript(seed: u64, steps: &[Step]) -> String {
    let mut world = World::new(seed);
    let mut ops = Raw::login(&world.nats, "ops", "pw", "");
    ops.send("SUB > 1\r\n");
    let mut transcript = String::new();
    for step in steps {
        world.play(step);
        for conn in 0..CONNS {
            let text = world.read(conn);
            transcript.push_str(&format!("{conn} {text}\n"));
        }
        transcript.push_str(&ops.read());
    }
    for endpoint in ["VARZ", "CONNZ", "SUBSZ", "STATSZ"] {
        ops.send(format!(
            "PUB $SYS.REQ.SERVER.PING.{endpoint} r 2\r\n{{}}\r\n"
        ));
        transcript.push_str(&ops.read());
    }
    // The system picks the port.
    let port = format!("\"port\":{}", world.nats.address().port());
    transcript.replace(&port, "\"port\":PORT")
}

proptest! {
    #![proptest_config(support::cases(200))]

    #[test]
    fn equal_seeds_give_equal_transcripts(seed in 0..1000_u64, steps in script(0..60)) {
        let first = transcript(seed, &steps);
        prop_assert!(first.contains("\"server_id\""));
        prop_assert_eq!(first, transcript(seed, &steps));
    }

    #[test]
    fn other_seeds_give_other_ids(seed in 0..1000_u64, steps in script(0..10)) {
        prop_assert_ne!(transcript(seed, &steps), transcript(seed + 1, &steps));
    }
}

#[test]
fn other_seeds_pick_other_members_of_a_queue_group() {
    let picks = |seed| {
        let world = World::new(seed);
        let mut raw = Raw::login(&world.nats, "a1", "pw", "");
        raw.send("SUB x q 1\r\nSUB x q 2\r\nSUB x q 3\r\n");
        raw.ask("PUB x 0\r\n\r\n".repeat(60))
    };
    assert_eq!(picks(1), picks(1));
    assert_ne!(picks(1), picks(2));
}

fn check_deployment(
    seed: u64,
    clusters: &[usize],
    steps: &[deployment::Step],
) -> Result<(), TestCaseError> {
    let first = deployment::transcript(seed, clusters, steps);
    prop_assert!(first.contains("\"server_id\""));
    prop_assert_eq!(first, deployment::transcript(seed, clusters, steps));
    Ok(())
}

// A thousand scripts, in halves that are played side by side.
proptest! {
    #![proptest_config(support::cases(500))]

    #[test]
    fn clusters_are_repeatable_too(
        seed in 0..1000_u64,
        servers in 1..5_usize,
        steps in deployment::script(0..16),
    ) {
        check_deployment(seed, &[servers], &steps)?;
    }

    #[test]
    fn superclusters_are_repeatable_too(
        seed in 0..1000_u64,
        servers in (1..3_usize, 1..3_usize, 0..2_usize),
        steps in deployment::script(0..16),
    ) {
        let (a, b, c) = servers;
        check_deployment(seed, &[a, b, c], &steps)?;
    }
}

#[test]
fn deployments_of_other_seeds_have_other_ids() {
    let ids = |seed| {
        let nats = nats_mock::MockNats::builder().unbound().seed(seed);
        let nats = nats
            .cluster("east", 3)
            .cluster("west", 2)
            .start_blocking()
            .unwrap();
        let mut ids: Vec<_> = nats.servers().map(|server| server.id()).collect();
        nats.server("east-2").restart().unwrap();
        ids.push(nats.server("east-2").id());
        ids
    };
    let all: std::collections::BTreeSet<_> = (0..20).flat_map(ids).collect();
    assert_eq!(all.len(), 20 * 6);
}
