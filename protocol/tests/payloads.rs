//! Payloads recorded from real servers: each must survive a round trip byte for byte, with every member known.
//!
//! Each file in `data/<version>` has one payload per line, exactly as it was sent.

use nats_mock_protocol::events::{
    AccountConns, AccountConnsRequest, AuthError, Connect, Disconnect, LameDuck, LeafNodeConnect,
    ServerStatsMsg, Shutdown,
};
use nats_mock_protocol::json::to_string;
use nats_mock_protocol::monitor::{
    AccountInfo, AccountStatz, Connz, Healthz, Reply, ServerId, Subsz, UserInfo, Varz,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

fn read<T: DeserializeOwned>(payload: &str) -> T {
    serde_json::from_str(payload).unwrap_or_else(|error| panic!("{error}: {payload}"))
}

fn assert_all_known<T: Debug>(typed: &T) {
    let debug = format!("{typed:?}");
    assert!(!debug.contains("Extra(Some("), "unknown member: {debug}");
}

fn round_trip<T: Serialize + DeserializeOwned + Debug>(payloads: &str) {
    assert!(!payloads.is_empty());
    for payload in payloads.lines() {
        let typed: T = read(payload);
        assert_eq!(to_string(&typed), payload);
        assert_all_known(&typed);
        let mut grown: Value = read(payload);
        grow(&mut grown);
        let grown = to_string(&grown);
        assert_eq!(to_string(&read::<T>(&grown)), grown);
    }
}

/// As [`round_trip`], for payloads whose keys older releases order differently.
fn round_trip_unordered<T: Serialize + DeserializeOwned + Debug>(payloads: &str) {
    assert!(!payloads.is_empty());
    for payload in payloads.lines() {
        let typed: T = read(payload);
        assert_eq!(read::<Value>(&to_string(&typed)), read::<Value>(payload));
        assert_all_known(&typed);
    }
}

/// Puts a member no release has at the end of every object whose keys are fixed.
fn grow(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter_mut() {
                let free_keys = [
                    "metadata",
                    "feature_flags",
                    "http_req_stats",
                    "mappings",
                    "revoked_user",
                    "decoded_jwt",
                    "responses",
                    "trusted_operators_claim",
                ];
                if !free_keys.contains(&key.as_str()) {
                    grow(member);
                }
            }
            object.insert(
                "zz_new".into(),
                json!({"a": u64::MAX, "b": [null, -1, 0.5, "<"]}),
            );
        }
        Value::Array(elements) => elements.iter_mut().for_each(grow),
        _ => {}
    }
}

macro_rules! recorded {
    ($version:literal: $($test:ident: $type:ty = $file:literal;)+) => {$(
        #[test]
        fn $test() {
            round_trip::<$type>(include_str!(concat!("data/", $version, "/", $file, ".jsonl")));
        }
    )+};
}

recorded! {
    "2.15.1":
    account_conns: AccountConns = "account-conns";
    account_conns_requests: AccountConnsRequest = "account-conns-request";
    account_info: Reply<AccountInfo> = "account-info";
    account_statz: Reply<AccountStatz> = "account-statz";
    auth_errors: AuthError = "auth-error";
    commands: Reply<()> = "command";
    connects: Connect = "connect";
    connz: Reply<Connz> = "connz";
    disconnects: Disconnect = "disconnect";
    healthz: Reply<Healthz> = "healthz";
    idz: ServerId = "idz";
    lame_duck: LameDuck = "lame-duck";
    leaf_node_connects: LeafNodeConnect = "leafnode-connect";
    shutdown: Shutdown = "shutdown";
    statsz: ServerStatsMsg = "statsz";
    statsz_errors: Reply<()> = "statsz-reply";
    subsz: Reply<Subsz> = "subsz";
    user_info: Reply<UserInfo> = "user-info";
    varz: Reply<Varz> = "varz";
}

macro_rules! recorded_before {
    ($($module:ident = $version:literal, $varz:ident;)+) => {$(
        mod $module {
            use super::*;

            recorded! {
                $version:
                account_conns: AccountConns = "account-conns";
                account_info: Reply<AccountInfo> = "account-info";
                account_statz: Reply<AccountStatz> = "account-statz";
                auth_errors: AuthError = "auth-error";
                connects: Connect = "connect";
                connz: Reply<Connz> = "connz";
                disconnects: Disconnect = "disconnect";
                healthz: Reply<Healthz> = "healthz";
                idz: ServerId = "idz";
                shutdown: Shutdown = "shutdown";
                statsz: ServerStatsMsg = "statsz";
                subsz: Reply<Subsz> = "subsz";
                user_info: Reply<UserInfo> = "user-info";
            }

            #[test]
            fn varz() {
                $varz::<Reply<Varz>>(include_str!(concat!("data/", $version, "/varz.jsonl")));
            }
        }
    )+};
}

recorded_before! {
    v2_10 = "2.10.26", round_trip_unordered;
    v2_11 = "2.11.11", round_trip_unordered;
    v2_12 = "2.12.8", round_trip_unordered;
    v2_14 = "2.14.6", round_trip;
}
