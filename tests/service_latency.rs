//! Where the time of a request to another account's service goes.

use std::time::{Duration, SystemTime};

use nats_mock::MockNats;
use nats_mock::protocol::events::{RemoteLatency, ServiceLatency};
use nats_mock::topology::{
    AccountOptions, Export, Import, LatencyOptions, Sampling, ServiceExport, UserOptions,
};

const PATIENCE: Duration = Duration::from_secs(10);
const WAY: Duration = Duration::from_millis(10);
const WORK: Duration = Duration::from_millis(300);

fn started() -> MockNats {
    let prices = ServiceExport {
        latency: Some(LatencyOptions {
            subject: "latency".into(),
            sampling: Sampling::Percent(100),
        }),
        ..ServiceExport::new("prices")
    };
    let desk = AccountOptions {
        users: vec![UserOptions::new("desk", "")],
        exports: vec![Export::from(prices)],
        ..AccountOptions::new("DESK")
    };
    let shop = AccountOptions {
        users: vec![UserOptions::new("shop", "")],
        imports: vec![Import::service("DESK", "prices")],
        ..AccountOptions::new("SHOP")
    };
    let nats = MockNats::builder()
        .cluster("east", 2)
        .manual_clock(SystemTime::UNIX_EPOCH)
        .system_account("SYS", [("admin", "")])
        .account_with(desk)
        .account_with(shop);
    nats.start_blocking().unwrap()
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap()
}

#[test]
fn a_slow_link_is_time_of_the_system_and_work_is_time_of_the_service() {
    let nats = started();
    let mut ops = nats.server("east-1").client("admin").unwrap();
    let mut halves = ops.subscribe("$SYS.LATENCY.M2.*").unwrap();
    let mut desk = nats.server("east-2").client("desk").unwrap();
    let mut asked = desk.subscribe("prices").unwrap();
    let mut told = desk.subscribe("latency").unwrap();
    let mut shop = nats.server("east-1").client("shop").unwrap();
    nats.link("east-1", "east-2").slow(WAY, WAY);

    let answer = shop.request("prices", "").unwrap();
    nats.advance(WAY);
    let request = asked.wait_next(PATIENCE).unwrap();
    nats.advance(WORK);
    desk.publish(request.reply.unwrap(), "9").unwrap();
    nats.advance(WAY);
    assert_eq!(answer.wait(PATIENCE).unwrap().text(), "9");
    nats.advance(WAY);

    let half = halves.wait_next(PATIENCE).unwrap();
    let half: RemoteLatency = serde_json::from_slice(&half.payload).unwrap();
    assert_eq!(half.account, "DESK");
    assert_eq!(half.m2.responder.unwrap().server, "east-2");
    let whole = told.wait_next(PATIENCE).unwrap();
    let whole: ServiceLatency = serde_json::from_slice(&whole.payload).unwrap();
    let (requestor, responder) = (whole.requestor.unwrap(), whole.responder.unwrap());
    assert_eq!(responder.server, "east-2");
    assert_eq!(whole.service.0 + responder.rtt.0, nanos(WORK));
    assert_eq!(whole.system.0, nanos(2 * WAY));
    assert_eq!(whole.total.0 - requestor.rtt.0, nanos(WORK + 2 * WAY));
}

#[test]
fn a_service_of_the_same_server_is_measured_there_alone() {
    let nats = started();
    let mut ops = nats.server("east-1").client("admin").unwrap();
    let mut halves = ops.subscribe("$SYS.LATENCY.M2.*").unwrap();
    let mut desk = nats.server("east-1").client("desk").unwrap();
    let mut asked = desk.subscribe("prices").unwrap();
    let mut told = desk.subscribe("latency").unwrap();
    let mut shop = nats.server("east-1").client("shop").unwrap();

    let answer = shop.request("prices", "").unwrap();
    let request = asked.wait_next(PATIENCE).unwrap();
    nats.advance(WORK);
    desk.publish(request.reply.unwrap(), "9").unwrap();
    assert_eq!(answer.wait(PATIENCE).unwrap().text(), "9");

    let whole = told.wait_next(PATIENCE).unwrap();
    let whole: ServiceLatency = serde_json::from_slice(&whole.payload).unwrap();
    assert_eq!(whole.system.0, 0);
    assert_eq!(
        whole.service.0 + whole.responder.unwrap().rtt.0,
        nanos(WORK)
    );
    assert!(halves.try_next().is_none());
}
