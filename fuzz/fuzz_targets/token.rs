//! JWTs from anybody: what a client shows, what the system account is sent for an account, and what a
//! configuration names. The server answers, and goes on.
//!
//! The first byte says what the rest is: a token as it is, from a client, for an account or for an operator; or the
//! claims of a user or an account, which are signed by whom the server trusts.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nats_mock::{Builder, MemoryConnection, MockAccount, MockNats, MockOperator};
use serde_json::{Map, Value, json};

static OPERATOR: LazyLock<MockOperator> = LazyLock::new(|| MockOperator::new("acme"));
static ACCOUNT: LazyLock<MockAccount> = LazyLock::new(|| OPERATOR.account("ORDERS"));
static NATS: LazyLock<MockNats> = LazyLock::new(|| {
    let builder = MockNats::builder().operator(&OPERATOR, [&*ACCOUNT]);
    // Nothing is left of one input for the next.
    let started = builder.history(0).start_blocking();
    started.expect("the server starts")
});

/// A client with a token, and what it has been told after it did what clients do.
fn log_in(token: &str) -> (MemoryConnection, String) {
    let opened = NATS.connect_in_memory();
    let mut conn = opened.expect("the server takes connections");
    let connect = json!({"jwt": token, "sig": token, "verbose": false, "headers": true});
    let lines = format!(
        "CONNECT {connect}\r\nPING\r\nSUB a.> 1\r\nSUB b q 2\r\nPUB a.b c 2\r\nhi\r\nPING\r\n"
    );
    // Whoever is refused hears no more.
    let _ = conn.send(lines.as_bytes());
    let said = conn.take_received().unwrap_or_default();
    (conn, String::from_utf8_lossy(&said).into_owned())
}

/// Sends the server a token for an account, as tools do, and gives its answer.
fn update(account: &str, token: &str) -> String {
    let system = OPERATOR.system_account().user("root").bearer();
    let (mut conn, said) = log_in(&system.jwt());
    assert!(said.contains("PONG"), "{said}");
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.UPDATE");
    let length = token.len();
    let request = format!("SUB r 3\r\nPUB {subject} r {length}\r\n{token}\r\nPING\r\n");
    conn.send(request.as_bytes()).expect("it is connected");
    let said = conn.take_received().unwrap_or_default();
    String::from_utf8_lossy(&said).into_owned()
}

fn claims(data: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(data).unwrap_or_default()
}

fuzz_target!(|data: &[u8]| {
    let Some((how, data)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(data);
    match how % 5 {
        0 => {
            // Nobody signs for an account by accident.
            let (_, said) = log_in(&text);
            assert!(said.contains("-ERR") && !said.contains("PONG"), "{said}");
        }
        1 => {
            let user = ACCOUNT.user("alice").bearer();
            let user = claims(data)
                .into_iter()
                .fold(user, |user, (name, value)| user.claim(&name, value));
            log_in(&user.jwt());
        }
        2 => {
            let said = update(&ACCOUNT.public_key(), &text);
            assert!(said.contains("MSG r 3"), "{said}");
        }
        3 => {
            let account = claims(data)
                .into_iter()
                .fold(ACCOUNT.clone(), |it, (name, value)| it.claim(&name, value));
            update(&account.public_key(), &account.jwt());
            // Its users get what is left to them.
            log_in(&ACCOUNT.user("alice").bearer().jwt());
            let restored = NATS.push_claims(&ACCOUNT);
            restored.expect("it was good before");
        }
        // What does not begin like a token is the name of a file.
        _ if text.starts_with("eyJ") => {
            let quoted = json!(text).to_string();
            let conf = format!("operator: {quoted}\nresolver: MEMORY\n");
            drop(Builder::from_conf_str(&conf).map_err(|error| error.to_string()));
        }
        _ => {}
    }
});
