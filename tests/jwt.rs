//! Nkeys and JWTs as a test and as real clients use them.

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::ConnectOptions;
use futures_util::StreamExt;
use nats_mock::topology::{
    self, AccountOptions, Export, FetchError, Import, JwtDirectory, JwtTable, Resolver, UserOptions,
};
use nats_mock::{
    Builder, Leaf, MemoryConnection, MockAccount, MockNats, MockOperator, MockUser, StartError,
};
use nats_mock_conformance::account_server::{AccountServer, Change};
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

#[tokio::test]
async fn a_token_is_judged_by_the_clock_of_the_server() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let nats = MockNats::builder()
        .cluster("east", 2)
        .operator(&acme, [&orders])
        .manual_clock(start)
        .start()
        .await
        .unwrap();
    nats.server("east-2")
        .set_clock_ahead(Duration::from_secs(3600));
    let creds = orders.user("alice").expires(1_700_001_800).creds();
    let logs_in = async |server: &str| {
        let options = ConnectOptions::with_credentials(&creds).unwrap();
        options.connect(nats.server(server).url()).await.is_ok()
    };
    assert!(logs_in("east-1").await);
    assert!(!logs_in("east-2").await);
}

/// The CONNECT of a user whose token needs no signature, and a PING.
fn bearer_login(user: &MockUser) -> String {
    let jwt = user.clone().bearer().jwt();
    format!("CONNECT {{\"jwt\":\"{jwt}\",\"verbose\":false}}\r\nPING\r\n")
}

fn received(connection: &mut MemoryConnection) -> String {
    let bytes = connection.take_received();
    bytes.map_or("closed".to_owned(), |bytes| {
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[tokio::test]
async fn accounts_come_from_a_web_server() {
    let web = AccountServer::start().unwrap();
    let serve = |account: &MockAccount| {
        let key = account.public_key().into_bytes();
        let answer = Change::Answer(key, 200, account.jwt().into_bytes());
        web.change(answer).unwrap();
    };
    let resolver = Resolver::Url(topology::AccountServer::at(web.url()));
    let acme = MockOperator::new("acme").resolver(resolver);
    let orders = acme.account("ORDERS");
    serve(&acme.system_account());
    let builder = MockNats::builder().operator(&acme, [&orders]);
    let nats = builder.start().await.unwrap();
    let creds = orders.user("alice").creds();
    with_creds(&nats, &creds).await.unwrap_err();
    serve(&orders);
    with_creds(&nats, &creds).await.unwrap();
    let asked = web.requests(0).len();
    with_creds(&nats, &creds).await.unwrap();
    assert_eq!(web.requests(0).len(), asked);

    // Nobody is there for the next one.
    web.change(Change::Stop).unwrap();
    let error = MockNats::builder()
        .operator(&acme, [&orders])
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Accounts { .. }), "{error:?}");
    assert!(error.to_string().ends_with("connection refused"), "{error}");
}

#[test]
fn who_waits_for_an_account_waits_as_long_as_a_server_does() {
    let table = JwtTable::new();
    let acme = MockOperator::new("acme").resolver(Resolver::Url(table.server()));
    let (system, orders) = (acme.system_account(), acme.account("ORDERS"));
    table.serve(system.public_key(), system.jwt());
    table.fail(orders.public_key(), FetchError::Silence);
    let nats = MockNats::builder()
        .operator(&acme, [])
        .manual_clock(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .start_blocking()
        .unwrap();
    let mut alice = nats.connect_in_memory().unwrap();
    received(&mut alice);
    alice
        .send(bearer_login(&orders.user("alice")).as_bytes())
        .unwrap();
    nats.advance(Duration::from_millis(1899));
    assert_eq!(received(&mut alice), "");
    nats.advance(Duration::from_millis(1));
    assert_eq!(received(&mut alice), "-ERR 'Authorization Violation'\r\n");

    // What is waited for when a server stops concerns nobody any more.
    let mut bob = nats.connect_in_memory().unwrap();
    bob.send(bearer_login(&orders.user("bob")).as_bytes())
        .unwrap();
    nats.stop();
    nats.advance(Duration::from_secs(10));
    received(&mut bob);
    assert_eq!(received(&mut bob), "closed");
}

#[test]
fn circles_of_imports_are_fetched_once() {
    let table = JwtTable::new();
    let acme = MockOperator::new("acme").resolver(Resolver::Url(table.server()));
    let names: Vec<String> = (0..40).map(|number| format!("A{number}")).collect();
    let key = |name: &String| acme.account(name.as_str()).public_key();
    for (at, name) in names.iter().enumerate() {
        let next = &names[(at + 1) % names.len()];
        let account = acme
            .account(name.as_str())
            .export(Export::stream("s"))
            .import(Import::stream(key(next), "s"));
        table.serve(account.public_key(), account.jwt());
    }
    table.serve(
        acme.system_account().public_key(),
        acme.system_account().jwt(),
    );
    let nats = MockNats::builder()
        .operator(&acme, [])
        .start_blocking()
        .unwrap();
    let mut alice = nats.connect_in_memory().unwrap();
    received(&mut alice);
    let user = acme.account("A0").user("alice");
    alice.send(bearer_login(&user).as_bytes()).unwrap();
    assert!(received(&mut alice).contains("PONG"));
    let asked: Vec<String> = table.requests().into_iter().skip(3).collect();
    assert_eq!(asked, names.iter().map(key).collect::<Vec<_>>());
}

/// A server that keeps what it is sent of an account in a directory.
fn with_directory(place: &Path) -> (MockAccount, MockNats) {
    let directory = JwtDirectory::open(place).unwrap();
    let acme = MockOperator::new("acme").resolver(Resolver::Full(directory));
    let builder = MockNats::builder().operator(&acme, []);
    let nats = builder.manual_clock(epoch()).start_blocking().unwrap();
    (acme.account("ORDERS"), nats)
}

#[test]
fn a_server_without_a_name_starts_again_with_what_its_directory_has() {
    let place = tempfile::tempdir().unwrap();
    let (orders, nats) = with_directory(place.path());
    nats.push_claims(&orders).unwrap();
    nats.first_server().restart().unwrap();
    let mut client = nats.connect_in_memory().unwrap();
    client
        .send(bearer_login(&orders.user("alice")).as_bytes())
        .unwrap();
    assert!(received(&mut client).contains("PONG"));
}

#[test]
fn a_directory_is_read_again_with_the_configuration() {
    let place = tempfile::tempdir().unwrap();
    let (orders, nats) = with_directory(place.path());
    let login = |user: &str| {
        let mut client = nats.connect_in_memory().unwrap();
        client
            .send(bearer_login(&orders.user(user)).as_bytes())
            .unwrap();
        nats.advance(Duration::from_millis(1900));
        received(&mut client)
    };
    assert!(login("alice").contains("Authorization Violation"));
    let file = place.path().join(format!("{}.jwt", orders.public_key()));
    std::fs::write(file, orders.jwt()).unwrap();
    nats.reload(nats.server_spec()).unwrap();
    assert!(login("bob").contains("PONG"));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn accounts_come_from_a_web_server_by_tls() {
    use nats_mock::topology::ClientTls;
    use nats_mock_conformance::account_server::Security;

    let file = |name: &str| std::fs::read(format!("fixtures/tls/{name}.pem")).unwrap();
    let web = AccountServer::start().unwrap();
    let secure = |verify| {
        let security = Security {
            certificate: "server".to_owned(),
            verify,
            is_old: false,
        };
        web.change(Change::Secure(security)).unwrap();
    };
    let operator = |tls: Option<ClientTls>| {
        let mut server = topology::AccountServer::at(web.url_named());
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        MockOperator::new("acme").resolver(Resolver::Url(server))
    };
    let start = async |operator: &MockOperator| {
        let orders = operator.account("ORDERS");
        for account in [&orders, &operator.system_account()] {
            let key = account.public_key().into_bytes();
            let answer = Change::Answer(key, 200, account.jwt().into_bytes());
            web.change(answer).unwrap();
        }
        let nats = MockNats::builder().operator(operator, [&orders]).start();
        let nats = nats.await.map_err(|error| error.to_string())?;
        let creds = orders.user("alice").creds();
        with_creds(&nats, &creds)
            .await
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(nats)
    };
    secure(false);
    let ca = file("ca");
    let trusting = operator(Some(ClientTls::trusting(&ca).unwrap()));
    start(&trusting).await.unwrap();

    let error = start(&operator(None)).await.unwrap_err();
    assert!(error.ends_with("unknown authority"), "{error}");

    secure(true);
    let error = start(&trusting).await.unwrap_err();
    assert!(
        error.ends_with("remote error: tls: certificate required"),
        "{error}"
    );
    let showing = ClientTls::trusting_and_showing(&ca, file("client"), file("client-key")).unwrap();
    start(&operator(Some(showing))).await.unwrap();
    let stranger = ClientTls::trusting_and_showing(&ca, file("client"), file("stranger-key"));
    stranger.unwrap_err();
}

#[test]
fn a_web_server_says_no_in_words_of_its_own() {
    let web = AccountServer::start().unwrap();
    web.change(Change::Answer("/".into(), 404, Vec::new()))
        .unwrap();
    web.change(Change::Words(404, "Never Heard Of It".into()))
        .unwrap();
    let resolver = Resolver::Url(topology::AccountServer::at(web.url()));
    let acme = MockOperator::new("acme").resolver(resolver);
    let error = MockNats::builder().operator(&acme, []).start_blocking();
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with(": 404 Never Heard Of It"), "{error}");
}

#[test]
fn a_server_that_stands_still_takes_no_answers() {
    let web = AccountServer::start().unwrap();
    let resolver = Resolver::Url(topology::AccountServer::at(web.url()));
    let acme = MockOperator::new("acme").resolver(resolver);
    let orders = acme.account("ORDERS");
    let (key, jwt) = (orders.public_key(), orders.jwt());
    web.change(Change::Hang(key.clone().into_bytes())).unwrap();
    let nats = MockNats::builder()
        .operator(&acme, [])
        .manual_clock(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .start_blocking()
        .unwrap();
    let mut alice = nats.connect_in_memory().unwrap();
    received(&mut alice);
    alice
        .send(bearer_login(&orders.user("alice")).as_bytes())
        .unwrap();
    assert_eq!(nats.open_fetches(), 1);
    nats.first_server().freeze();
    let answer = Change::Answer(key.into_bytes(), 200, jwt.into_bytes());
    web.change(answer).unwrap();
    while nats.open_fetches() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(received(&mut alice), "");
    nats.first_server().thaw();
    assert!(received(&mut alice).contains("PONG"));
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

#[test]
fn a_server_that_starts_again_asks_its_account_server_anew() {
    let table = JwtTable::new();
    let acme = MockOperator::new("acme").resolver(Resolver::Url(table.server()));
    let (system, orders) = (acme.system_account(), acme.account("ORDERS"));
    table.serve(system.public_key(), system.jwt());
    table.serve(orders.public_key(), orders.jwt());
    let nats = MockNats::builder()
        // Who has no name of its own starts again under another.
        .name("a")
        .operator(&acme, [])
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let (alice, bob) = (orders.user("alice"), orders.user("bob"));
    let logs_in = |user: &MockUser| {
        let mut client = nats.connect_in_memory().unwrap();
        client.send(bearer_login(user).as_bytes()).unwrap();
        received(&mut client).contains("PONG")
    };
    assert!(logs_in(&alice) && logs_in(&bob));
    table.serve(orders.public_key(), orders.clone().revoke(&alice).jwt());
    assert!(logs_in(&alice));
    nats.first_server().restart().unwrap();
    assert!(!logs_in(&alice));
    assert!(logs_in(&bob));
    let admin = system.user("admin");
    assert!(logs_in(&admin));
    table.serve(system.public_key(), system.clone().revoke(&admin).jwt());
    nats.first_server().restart().unwrap();
    assert!(!logs_in(&admin));
}

#[test]
fn a_function_that_panics_is_an_account_server_that_is_not_there() {
    let known = MockOperator::new("acme").system_account();
    let (key, jwt) = (known.public_key(), known.jwt());
    let server = topology::AccountServer::answering(move |asked| match asked {
        "" => Ok(String::new()),
        asked if asked == key => Ok(jwt.clone()),
        _ => panic!("on purpose"),
    });
    let acme = MockOperator::new("acme").resolver(Resolver::Url(server));
    let nats = MockNats::builder()
        .operator(&acme, [])
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let login = |user: MockUser| {
        let mut client = nats.connect_in_memory().unwrap();
        client.send(bearer_login(&user).as_bytes()).unwrap();
        received(&mut client)
    };
    let refused = login(acme.account("ORDERS").user("alice"));
    assert!(refused.contains("Authorization Violation"), "{refused}");
    assert!(login(known.user("admin")).contains("PONG"));
}
