//! Every way to log in of `fixtures/access`, and how each ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions};
use nats_mock::{Builder, MockNats};
use serde_json::{Value, json};

use crate::support::soon;

fn fixtures(parts: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(parts)
}

fn pem(name: &str) -> PathBuf {
    fixtures("fixtures/tls").join(format!("{name}.pem"))
}

fn read(name: &str) -> String {
    fs::read_to_string(fixtures("fixtures/access").join(name)).unwrap()
}

/// What the library takes for a client of the table.
fn options(client: &Value) -> ConnectOptions {
    let text = |name: &str| client[name].as_str().map(str::to_owned);
    let mut options = if let Some(token) = text("token") {
        ConnectOptions::with_token(token)
    } else if let Some(user) = text("user") {
        ConnectOptions::with_user_and_password(user, text("password").unwrap_or_default())
    } else if let Some(file) = text("nkey") {
        ConnectOptions::with_nkey(read(&file).trim().to_owned())
    } else if let Some(file) = text("creds") {
        ConnectOptions::with_credentials(&read(&file)).unwrap()
    } else if let Some(file) = text("jwt") {
        let token = read(&file).trim().to_owned();
        ConnectOptions::with_jwt(token, |_| async { Ok(Vec::new()) })
    } else {
        ConnectOptions::new()
    };
    if let Some(ca) = text("ca") {
        options = options.add_root_certificates(pem(&ca));
    }
    if let Some(name) = text("certificate") {
        options = options.add_client_certificate(pem(&name), pem(&format!("{name}-key")));
    }
    if client["first"] == true {
        options = options.tls_first();
    }
    options
}

/// In the words of the table.
fn outcome(error: &ConnectError) -> Value {
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => json!({"error": "authorization violation"}),
        // Whoever is not understood is told little.
        ConnectErrorKind::Tls | ConnectErrorKind::Io | ConnectErrorKind::TimedOut => {
            json!({"error": "tls"})
        }
        other => json!({"error": format!("{other:?} {error}")}),
    }
}

async fn log_in(nats: &MockNats, client: &Value) -> Value {
    let address = format!("localhost:{}", nats.address().port());
    let connecting = options(client).connect(address);
    let client = match soon("an end of the login", connecting).await {
        Ok(client) => client,
        Err(error) => return outcome(&error),
    };
    let asking = client.request("$SYS.REQ.USER.INFO", "".into());
    let answer = soon("an answer", asking).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    let of = |name: &str| answer["data"][name].clone();
    json!({"user": of("user"), "account": of("account")})
}

#[tokio::test]
async fn every_login_ends_as_the_table_says() {
    let table: Value = serde_json::from_str(&read("variants.json")).unwrap();
    let folder = fixtures("fixtures/tls").display().to_string();
    let mut servers = BTreeMap::new();
    for (name, conf) in table["servers"].as_object().unwrap() {
        let conf = conf.as_str().unwrap().replace("{{tls}}", &folder);
        let builder = Builder::from_conf_str(&conf).unwrap();
        servers.insert(name.as_str(), builder.start().await.unwrap());
    }
    let variants = table["variants"].as_array().unwrap();
    assert!(variants.len() > 40);
    for variant in variants {
        let server = &servers[variant["server"].as_str().unwrap()];
        let got = log_in(server, &variant["client"]).await;
        assert_eq!(got, variant["outcome"], "{}", variant["name"]);
    }
}
