//! A changed configuration: what a running server makes of it.

mod support;

use nats_mock::MockNats;
use support::system::ask;

#[test]
fn the_system_account_stays_even_when_it_is_not_listed() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut spec = nats.server_spec();
    spec.accounts.retain(|account| account.name != "SYS");
    for _ in 0..2 {
        nats.reload(spec.clone()).unwrap();
        spec.accounts.retain(|account| account.name != "USERS");
    }
    // Its user is gone, so the next one comes by a configuration that has it again.
    assert!(ops.request("$SYS.REQ.SERVER.PING", "").is_err());
    let whole = MockNats::builder()
        .account("USERS", [("a", "a")])
        .system_account("SYS", [("admin", "changeit")]);
    nats.reload(whole.server_spec().clone()).unwrap();
    let mut ops = nats.client("admin").unwrap();
    let listed = ask(&mut ops, "$SYS.REQ.SERVER.PING.ACCOUNTZ", "");
    let mut accounts: Vec<_> = listed["data"]["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    accounts.sort_unstable();
    assert_eq!(accounts, ["$G", "SYS", "USERS"]);
}

#[test]
fn a_removed_account_comes_back_new() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let with = nats.server_spec();
    let mut without = with.clone();
    without.accounts.retain(|account| account.name != "USERS");
    let imports = |ops: &mut _| {
        let info = ask(ops, "$SYS.REQ.ACCOUNT.USERS.INFO", "");
        info["data"]["imports"].as_array().map(Vec::len)
    };
    assert_eq!(imports(&mut ops), Some(4));
    nats.reload(without).unwrap();
    assert_eq!(imports(&mut ops), None);
    nats.reload(with).unwrap();
    assert_eq!(imports(&mut ops), Some(4));
    drop(nats.client("a").unwrap());
}
