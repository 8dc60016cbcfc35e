//! Nkeys and JWTs as a test and as real clients use them.

mod support;

use std::path::Path;
use std::time::Duration;

use async_nats::ConnectOptions;
use futures_util::StreamExt;
use nats_mock::topology::{AccountOptions, Export, Import, UserOptions};
use nats_mock::{Builder, Leaf, MockAccount, MockNats, MockOperator};
use support::epoch;
use support::raw::Raw;

async fn with_creds(nats: &MockNats, creds: &str) -> Result<async_nats::Client, String> {
    let options = ConnectOptions::with_credentials(creds).map_err(|error| error.to_string())?;
    let connecting = options.connect(nats.url()).await;
    connecting.map_err(|error| error.to_string())
}

/// Waits until the server has done all that the client has asked for: to flush only writes it.
async fn fence(client: &async_nats::Client) {
    client.request("nobody", "".into()).await.unwrap_err();
}

#[tokio::test]
async fn a_client_logs_in_with_creds() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let nats = MockNats::builder()
        .operator(&acme, [&orders])
        .start()
        .await
        .unwrap();
    let alice = with_creds(&nats, &orders.user("alice").creds())
        .await
        .unwrap();
    let mut inbox = alice.subscribe("orders.*").await.unwrap();
    alice.publish("orders.new", "1".into()).await.unwrap();
    assert_eq!(inbox.next().await.unwrap().payload, "1");
    let admin = with_creds(&nats, &acme.system_account().user("admin").creds())
        .await
        .unwrap();
    let subject = format!("$SYS.REQ.ACCOUNT.{}.INFO", orders.public_key());
    let answer = admin.request(subject, "".into()).await.unwrap();
    let answer = String::from_utf8_lossy(&answer.payload).into_owned();
    assert!(answer.contains("\"name_tag\":\"ORDERS\""), "{answer}");
    let stranger = MockOperator::new("other").account("ORDERS");
    assert!(
        with_creds(&nats, &stranger.user("eve").creds())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn pushed_claims_take_effect_at_once() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let (alice, bob) = (orders.user("alice"), orders.user("bob"));
    let nats = MockNats::builder()
        .operator(&acme, [&orders])
        .start()
        .await
        .unwrap();
    let client = with_creds(&nats, &alice.creds()).await.unwrap();
    with_creds(&nats, &bob.creds()).await.unwrap();
    nats.push_claims(&orders.clone().revoke(&alice)).unwrap();
    let gone = async {
        while client.connection_state() == async_nats::connection::State::Connected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
    assert!(with_creds(&nats, &alice.creds()).await.is_err());
    assert!(with_creds(&nats, &bob.creds()).await.is_ok());
    let again = alice.issued(1_600_000_000);
    assert!(with_creds(&nats, &again.creds()).await.is_ok());
}

#[tokio::test]
async fn a_client_logs_in_with_an_nkey() {
    let user = MockOperator::new("acme").account("A").user("alice");
    let mut account = AccountOptions::new("APP");
    account
        .users
        .push(UserOptions::with_nkey(user.public_key()));
    let nats = MockNats::builder()
        .account_with(account)
        .start()
        .await
        .unwrap();
    let options = ConnectOptions::with_nkey(user.seed());
    let client = options.connect(nats.url()).await.unwrap();
    client.flush().await.unwrap();
    let other = MockOperator::new("acme").account("A").user("bob");
    let options = ConnectOptions::with_nkey(other.seed());
    assert!(options.connect(nats.url()).await.is_err());
}

#[tokio::test]
async fn no_seed_and_no_password_is_shown_anywhere() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let alice = orders.user("alice");
    let nats = MockNats::builder()
        .operator(&acme, [&orders])
        .start()
        .await
        .unwrap();
    with_creds(&nats, &alice.creds()).await.unwrap();
    let mut raw = nats.connect_in_memory().unwrap();
    let connect = b"CONNECT {\"user\":\"joe\",\"pass\":\"s3cret\",\"auth_token\":\"t0ken\"}\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut raw, connect)
        .await
        .unwrap();
    let mut said = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut said)
        .await
        .unwrap();
    let mut shown = format!("{acme:?} {orders:?} {alice:?} {:?}", nats.server_spec());
    shown.push_str(&nats.timeline().to_string());
    shown.push_str(&nats.timeline().html());
    for event in nats.events().history() {
        shown.push_str(&format!(
            "{event:?} {}",
            String::from_utf8_lossy(event.payload())
        ));
    }
    shown.push_str(&String::from_utf8_lossy(&said));
    for secret in [alice.seed().as_str(), "s3cret", "t0ken"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn accounts_share_what_their_claims_say() {
    let acme = MockOperator::new("acme");
    let orders = acme
        .account("ORDERS")
        .export_with_token(Export::stream("orders.>"))
        .export(Export::service("price"));
    let shop = acme.account("SHOP");
    let token = orders.activation(&shop, Export::stream("orders.>"));
    let shop = shop
        .import_with_token(Import::stream(orders.public_key(), "orders.>"), token)
        .import(Import::service(orders.public_key(), "price").to("ask"));
    let builder = MockNats::builder().operator(&acme, [&orders, &shop]);
    let nats = builder.start().await.unwrap();
    let alice = with_creds(&nats, &orders.user("alice").creds())
        .await
        .unwrap();
    let bob = with_creds(&nats, &shop.user("bob").creds()).await.unwrap();
    let mut heard = bob.subscribe("orders.new").await.unwrap();
    let mut asked = alice.subscribe("price").await.unwrap();
    fence(&alice).await;
    fence(&bob).await;
    alice.publish("orders.new", "1".into()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().payload, "1");
    let answering = async {
        let request = asked.next().await.unwrap();
        let reply = request.reply.unwrap();
        alice.publish(reply, "12".into()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(bob.request("ask", "".into()), answering);
    assert_eq!(answer.unwrap().payload, "12");
    nats.push_claims(&orders.clone().revoke_activations(&shop))
        .unwrap();
    alice.publish("orders.new", "2".into()).await.unwrap();
    fence(&alice).await;
    nats.push_claims(&orders.export(Export::service("more")))
        .unwrap();
    alice.publish("orders.new", "3".into()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().payload, "3");
}

/// The files of a directory, with their texts.
fn files(of: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(of).unwrap();
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_full_resolver_keeps_its_files() {
    let place = tempfile::tempdir().unwrap();
    let acme = MockOperator::new("acme");
    let (system, orders) = (acme.system_account(), acme.account("ORDERS"));
    let conf = format!(
        "operator: {}\nsystem_account: {}\nresolver: {{ type: full, dir: {:?}, allow_delete: true }}\n\
         resolver_preload: {{ {}: {} }}\n",
        acme.jwt(),
        system.public_key(),
        place.path(),
        system.public_key(),
        system.jwt(),
    );
    let builder = Builder::from_conf_str(&conf).unwrap();
    let nats = builder.start().await.unwrap();
    let file = |key: &str| format!("{key}.jwt");
    let (of_system, of_orders) = (file(&system.public_key()), file(&orders.public_key()));
    assert_eq!(files(place.path()), [(of_system.clone(), system.jwt())]);
    let admin = with_creds(&nats, &system.user("admin").creds())
        .await
        .unwrap();
    let update = admin.request("$SYS.REQ.CLAIMS.UPDATE", orders.jwt().into());
    let answer = update.await.unwrap();
    assert!(String::from_utf8_lossy(&answer.payload).contains("jwt updated"));
    assert!(files(place.path()).contains(&(of_orders.clone(), orders.jwt())));
    with_creds(&nats, &orders.user("alice").creds())
        .await
        .unwrap();
    let delete = acme.delete_request([&orders]);
    let delete = admin.request("$SYS.REQ.CLAIMS.DELETE", delete.into());
    let answer = delete.await.unwrap();
    assert!(String::from_utf8_lossy(&answer.payload).contains("deleted 1 accounts"));
    let names: Vec<String> = files(place.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(names.contains(&format!("{of_orders}.deleted")), "{names:?}");
    assert!(!names.contains(&of_orders), "{names:?}");
}

#[tokio::test]
async fn a_long_chain_of_imports_is_survived() {
    let acme = MockOperator::new("acme");
    let names: Vec<String> = (0..200).map(|number| format!("A{number}")).collect();
    let keys = |name: &str| acme.account(name).public_key();
    let accounts: Vec<MockAccount> = std::iter::zip(&names, names.iter().cycle().skip(1))
        .map(|(name, next)| {
            let account = acme.account(name.as_str()).export(Export::stream("x"));
            account.import(Import::stream(keys(next), "x").to(format!("from.{name}")))
        })
        .collect();
    let builder = MockNats::builder().operator(&acme, &accounts);
    let nats = builder.start().await.unwrap();
    let creds = accounts[0].user("alice").creds();
    let alice = with_creds(&nats, &creds).await.unwrap();
    let bob = with_creds(&nats, &accounts[1].user("bob").creds())
        .await
        .unwrap();
    let mut heard = alice.subscribe("from.A0").await.unwrap();
    fence(&alice).await;
    bob.publish("x", "1".into()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().payload, "1");
}

#[test]
fn a_leaf_node_with_credentials_is_there_until_they_are_taken_back() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let edge = orders.user("edge");
    let nats = MockNats::builder()
        .operator(&acme, [&orders])
        .name("hub")
        .leaf_with(Leaf::new("edge", "hub").credentials(orders.public_key(), edge.creds()))
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let admin = acme.system_account().user("admin").bearer().jwt();
    let mut watch = Raw::open(&nats);
    watch.send(format!(
        "CONNECT {{\"jwt\":\"{admin}\",\"verbose\":false}}\r\nSUB in 1\r\n"
    ));
    let mut leafs = || watch.ask("PUB $SYS.REQ.SERVER.PING.LEAFZ in 0\r\n\r\n");
    assert!(leafs().contains("\"leafnodes\":1"));
    nats.push_claims(&orders.revoke(&edge)).unwrap();
    assert!(leafs().contains("\"leafnodes\":0"));
    nats.advance(Duration::from_secs(5));
    assert!(leafs().contains("\"leafnodes\":0"));
}
