//! Who may connect, and who may do what.

use async_nats::{ConnectErrorKind, ConnectOptions};
use futures_util::{FutureExt, StreamExt};
use nats_mock::topology::Limits;
use nats_mock::{MockNats, Version};
use serde_json::Value;

use crate::client::{app, connect, next, options, round_trip, server_error};
use crate::support::soon;

#[tokio::test]
async fn the_url_of_a_user_is_enough_to_log_in_as_that_user() {
    let nats = MockNats::start().await.unwrap();
    let ops = async_nats::connect(nats.system_url()).await.unwrap();
    let app = async_nats::connect(nats.url_for("a")).await.unwrap();
    for (client, account) in [(ops, "SYS"), (app, "USERS")] {
        let answer = client
            .request("$SYS.REQ.USER.INFO", "".into())
            .await
            .unwrap();
        let info: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(info["data"]["account"], account);
    }
}

#[tokio::test]
async fn the_client_sees_the_server_of_the_chosen_version() {
    for version in Version::ALL {
        let nats = MockNats::builder()
            .name("n1")
            .version(version)
            .start()
            .await
            .unwrap();
        let (client, _) = connect(&nats, "a", "a").await;
        let info = client.server_info();
        assert_eq!(info.version, version.to_string());
        assert_eq!(info.server_name, "n1");
        assert_eq!(info.server_id, nats.server_id());
        assert_eq!(info.port, nats.address().port());
        assert_eq!(info.max_payload, 1024 * 1024);
        assert!(info.headers && info.auth_required && !info.lame_duck_mode);
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let nats = MockNats::start().await.unwrap();
    for options in [
        ConnectOptions::new(),
        options("a", "wrong"),
        options("nobody", "a"),
        ConnectOptions::with_token("a".to_owned()),
    ] {
        let error = soon("a refusal", options.connect(nats.url()))
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ConnectErrorKind::AuthorizationViolation,
            "{error}"
        );
    }
    round_trip(&app(&nats).await).await;
}

#[tokio::test]
async fn a_token_and_a_bcrypt_password_let_in() {
    let nats = MockNats::from_conf_str("authorization { token: s3cret }")
        .await
        .unwrap();
    let by_token = ConnectOptions::with_token("s3cret".to_owned());
    round_trip(&by_token.connect(nats.url()).await.unwrap()).await;

    let conf = r#"authorization { user: joe
        password: "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG" }"#;
    let nats = MockNats::from_conf_str(conf).await.unwrap();
    let address = nats.address().to_string();
    round_trip(&options("joe", "s3cret").connect(&address).await.unwrap()).await;
    assert!(options("joe", "S3cret").connect(&address).await.is_err());
}

#[tokio::test]
async fn forbidden_subjects_are_reported_as_server_errors() {
    let nats = MockNats::from_conf_str(
        r#"accounts { A { users: [{ user: joe, password: pw, permissions {
             publish { allow: ["ok.>", "$SYS.>"], deny: "ok.not" }
             subscribe { allow: ["in.>", "_INBOX.>", "shared crew"] } } }] } }"#,
    )
    .await
    .unwrap();
    let (client, mut events) = connect(&nats, "joe", "pw").await;
    let mut allowed = client.subscribe("in.box").await.unwrap();

    client.publish("other", "".into()).await.unwrap();
    let text = server_error(&mut events).await;
    assert_eq!(
        text.to_lowercase(),
        "permissions violation for publish to \"other\""
    );
    client.publish("ok.not", "".into()).await.unwrap();
    assert!(server_error(&mut events).await.contains("\"ok.not\""));
    let _denied = client.subscribe("out.box").await.unwrap();
    let text = server_error(&mut events).await.to_lowercase();
    assert_eq!(
        text,
        "permissions violation for subscription to \"out.box\""
    );
    let _queue = client
        .queue_subscribe("shared", "others".to_owned())
        .await
        .unwrap();
    let text = server_error(&mut events).await.to_lowercase();
    assert_eq!(
        text,
        "permissions violation for subscription to \"shared\" using queue \"others\""
    );

    // The connection stays open, and what is allowed works.
    client.publish("ok.yes", "".into()).await.unwrap();
    round_trip(&client).await;
    assert_eq!(client.connection_state().to_string(), "connected");
    assert!(allowed.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_responder_may_answer_once() {
    let nats = MockNats::from_conf_str(
        r#"accounts { A { users: [
             { user: svc, password: pw, permissions { subscribe: ["svc", "_INBOX.>"], publish: "$SYS.REQ.>", allow_responses: true } }
             { user: app, password: pw } ] } }"#,
    )
    .await
    .unwrap();
    let (service, mut events) = connect(&nats, "svc", "pw").await;
    let (requester, _) = connect(&nats, "app", "pw").await;
    let mut requests = service.subscribe("svc").await.unwrap();
    round_trip(&service).await;
    let asking = tokio::spawn(async move { requester.request("svc", "".into()).await });
    let request = next(&mut requests).await;
    let reply = request.reply.unwrap();
    service.publish(reply.clone(), "one".into()).await.unwrap();
    assert_eq!(
        soon("the answer", asking).await.unwrap().unwrap().payload,
        "one"
    );
    service.publish(reply, "two".into()).await.unwrap();
    assert!(
        server_error(&mut events)
            .await
            .to_lowercase()
            .contains("permissions violation")
    );
}

#[tokio::test]
async fn too_many_connections_are_turned_away() {
    let limits = Limits {
        max_connections: 1,
        ..Limits::default()
    };
    let nats = MockNats::builder().limits(limits).start().await.unwrap();
    let first = app(&nats).await;
    let second = options("a", "a").connect(nats.address().to_string()).await;
    assert!(second.is_err());
    round_trip(&first).await;
}

#[tokio::test]
async fn accounts_are_isolated_from_each_other() {
    let nats = MockNats::builder()
        .account("A", [("a", "a")])
        .account("B", [("b", "b")])
        .system_account("SYS", [("admin", "admin")])
        .start()
        .await
        .unwrap();
    let (a, b) = (
        connect(&nats, "a", "a").await.0,
        connect(&nats, "b", "b").await.0,
    );
    let (mut of_a, mut of_b) = (
        a.subscribe("*").await.unwrap(),
        b.subscribe("*").await.unwrap(),
    );
    round_trip(&a).await;
    round_trip(&b).await;
    a.publish("x", "from a".into()).await.unwrap();
    b.publish("x", "from b".into()).await.unwrap();
    assert_eq!(next(&mut of_a).await.payload, "from a");
    assert_eq!(next(&mut of_b).await.payload, "from b");
    // What comes next is the account's own as well: nothing came in between.
    a.publish("y", "again a".into()).await.unwrap();
    b.publish("y", "again b".into()).await.unwrap();
    assert_eq!(next(&mut of_a).await.payload, "again a");
    assert_eq!(next(&mut of_b).await.payload, "again b");
}
