//! Files of credentials by which a leaf node connects. Its hub lets it in or not, and neither it nor its configuration
//! shows a seed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nats_mock::{Leaf, MockAccount, MockNats, MockOperator};

static OPERATOR: LazyLock<MockOperator> = LazyLock::new(|| MockOperator::new("acme"));
static ACCOUNT: LazyLock<MockAccount> = LazyLock::new(|| OPERATOR.account("ORDERS"));
static CREDS: LazyLock<String> = LazyLock::new(|| ACCOUNT.user("edge").creds());

/// Whether a leaf node that comes with these credentials is let in.
fn is_let_in(creds: &str) -> bool {
    let leaf = Leaf::new("edge", "hub").credentials(ACCOUNT.public_key(), creds);
    let builder = MockNats::builder()
        .operator(&OPERATOR, [&*ACCOUNT])
        .name("hub")
        .leaf_with(leaf)
        .history(0);
    let shown = format!("{builder:?}");
    for seed in creds.lines().filter(|line| is_seed(line)) {
        assert!(!shown.contains(seed), "{shown}");
    }
    let nats = builder.start_blocking().expect("the hub starts");
    let mut watch = nats.connect_in_memory().expect("the hub takes clients");
    let admin = OPERATOR.system_account().user("admin").bearer().jwt();
    let lines = format!(
        "CONNECT {{\"jwt\":\"{admin}\",\"verbose\":false}}\r\nSUB in 1\r\nPUB $SYS.REQ.SERVER.PING.LEAFZ in 0\r\n\r\nPING\r\n"
    );
    watch.send(lines.as_bytes()).expect("it is connected");
    let said = watch.take_received().unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("\"leafnodes\":"), "{said}");
    said.contains("\"leafnodes\":1")
}

/// A line that begins like a seed and is as long as one.
fn is_seed(line: &str) -> bool {
    line.starts_with('S') && line.len() == 58
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    is_let_in(&text);
    // What is written below good credentials changes nothing.
    assert!(is_let_in(&format!("{}\n{text}", *CREDS)), "{text}");
});
