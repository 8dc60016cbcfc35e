//! Payloads recorded from real servers: each must survive a round trip byte for byte, with every member known.
//!
//! Each file in `data/<version>` has one payload per line, exactly as it was sent.

use nats_mock_protocol::events::{
    AccountConns, AccountConnsRequest, AuthError, Connect, Disconnect, LameDuck, LeafNodeConnect,
    MessageTrace, RemoteLatency, ServerStatsMsg, ServiceLatency, Shutdown,
};
use nats_mock_protocol::json::{KeyOrder, to_string, to_vec_ordered};
use nats_mock_protocol::monitor::{
    AccountInfo, AccountStatz, Accountz, Connz, Expvarz, Gatewayz, Healthz, Ipqueuesz, Jsz,
    JszAccount, Leafz, Profilez, Raftz, Reply, Routez, ServerId, Subsz, UserInfo, Varz,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

fn read<T: DeserializeOwned>(payload: &str) -> T {
    serde_json::from_str(payload).unwrap_or_else(|error| panic!("{error}: {payload}"))
}

fn write<T: Serialize>(typed: &T, orders: &[KeyOrder<'_>]) -> String {
    String::from_utf8(to_vec_ordered(typed, orders)).expect("JSON is UTF-8")
}

fn assert_all_known<T: Debug>(typed: &T) {
    let debug = format!("{typed:?}");
    assert!(!debug.contains("Extra(Some("), "unknown member: {debug}");
}

/// `data_levels` is how many levels from `data` on are maps with free keys.
fn round_trip<T: Serialize + DeserializeOwned + Debug>(
    payloads: &str,
    data_levels: usize,
    orders: &[KeyOrder<'_>],
) {
    assert!(!payloads.is_empty());
    for payload in payloads.lines() {
        let typed: T = read(payload);
        assert_eq!(write(&typed, orders), payload);
        assert_all_known(&typed);
        let mut grown: Value = read(payload);
        grow(&mut grown, 0, data_levels);
        let grown = to_string(&grown);
        assert_eq!(write(&read::<T>(&grown), orders), grown);
    }
}

/// Puts a member no release has at the end of every object whose keys are fixed, that is, below `map_levels`.
fn grow(value: &mut Value, map_levels: usize, data_levels: usize) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter_mut() {
                let levels = match key.as_str() {
                    _ if map_levels > 0 => map_levels - 1,
                    "data" => data_levels,
                    "metadata"
                    | "feature_flags"
                    | "http_req_stats"
                    | "mappings"
                    | "revoked_user"
                    | "revocations"
                    | "revoked_activations"
                    | "responses"
                    | "header"
                    | "tracking_header"
                    | "subjects"
                    | "peers"
                    | "outbound_gateways"
                    | "inbound_gateways" => 1,
                    _ => 0,
                };
                grow(member, levels, 0);
            }
            if map_levels == 0 {
                object.insert(
                    "zz_new".into(),
                    json!({"a": u64::MAX, "b": [null, -1, 0.5, "<"]}),
                );
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| grow(element, 0, 0)),
        _ => {}
    }
}

/// VARZ before 2.14.
const VARZ: &[KeyOrder<'static>] = &[KeyOrder {
    path: &["data"],
    keys: &["in_msgs", "out_msgs", "in_bytes", "out_bytes"],
}];

/// A consumer's configuration before 2.11.
const CONSUMER: &[&str] = &[
    "idle_heartbeat",
    "flow_control",
    "headers_only",
    "max_batch",
    "max_expires",
    "max_bytes",
    "deliver_subject",
    "deliver_group",
];

/// JSZ before 2.11.
const JSZ: &[KeyOrder<'static>] = &[
    KeyOrder {
        path: &["data"],
        keys: &["server_id", "now", "disabled", "config", "memory"],
    },
    KeyOrder {
        path: &[
            "data",
            "account_details",
            "stream_detail",
            "consumer_detail",
            "config",
        ],
        keys: CONSUMER,
    },
];

/// JSZ of an account before 2.11.
const ACCOUNT_JSZ: &[KeyOrder<'static>] = &[KeyOrder {
    path: &["data", "stream_detail", "consumer_detail", "config"],
    keys: CONSUMER,
}];

macro_rules! recorded {
    ($version:literal: $($test:ident: $type:ty = $file:literal, $levels:literal, $orders:expr;)+) => {$(
        #[test]
        fn $test() {
            let payloads = include_str!(concat!("data/", $version, "/", $file, ".jsonl"));
            round_trip::<$type>(payloads, $levels, $orders);
        }
    )+};
}

macro_rules! releases {
    ($($module:ident = $version:literal, $varz:expr, $jsz:expr, $account_jsz:expr;)+) => {$(
        mod $module {
            use super::*;

            recorded! {
                $version:
                account_conns: AccountConns = "account-conns", 0, &[];
                account_conns_requests: AccountConnsRequest = "account-conns-request", 0, &[];
                account_info: Reply<AccountInfo> = "account-info", 0, &[];
                account_jsz: Reply<JszAccount> = "account-jsz", 0, $account_jsz;
                account_statz: Reply<AccountStatz> = "account-statz", 0, &[];
                accountz: Reply<Accountz> = "accountz", 0, &[];
                auth_errors: AuthError = "auth-error", 0, &[];
                commands: Reply<()> = "command", 0, &[];
                connects: Connect = "connect", 0, &[];
                connz: Reply<Connz> = "connz", 0, &[];
                disconnects: Disconnect = "disconnect", 0, &[];
                expvarz: Reply<Expvarz> = "expvarz", 0, &[];
                gatewayz: Reply<Gatewayz> = "gatewayz", 0, &[];
                healthz: Reply<Healthz> = "healthz", 0, &[];
                idz: ServerId = "idz", 0, &[];
                ipqueuesz: Reply<Ipqueuesz> = "ipqueuesz", 1, &[];
                jsz: Reply<Jsz> = "jsz", 0, $jsz;
                lame_duck: LameDuck = "lame-duck", 0, &[];
                latency: ServiceLatency = "latency", 0, &[];
                leaf_node_connects: LeafNodeConnect = "leafnode-connect", 0, &[];
                leafz: Reply<Leafz> = "leafz", 0, &[];
                profilez: Reply<Profilez> = "profilez", 0, &[];
                raftz: Reply<Raftz> = "raftz", 2, &[];
                remote_latency: RemoteLatency = "remote-latency", 0, &[];
                routez: Reply<Routez> = "routez", 0, &[];
                shutdown: Shutdown = "shutdown", 0, &[];
                statsz: ServerStatsMsg = "statsz", 0, &[];
                statsz_errors: Reply<()> = "statsz-reply", 0, &[];
                subsz: Reply<Subsz> = "subsz", 0, &[];
                user_info: Reply<UserInfo> = "user-info", 0, &[];
                varz: Reply<Varz> = "varz", 0, $varz;
            }
        }
    )+};
}

releases! {
    v2_10 = "2.10.26", VARZ, JSZ, ACCOUNT_JSZ;
    v2_11 = "2.11.11", VARZ, &[], &[];
    v2_12 = "2.12.8", VARZ, &[], &[];
    v2_14 = "2.14.6", &[], &[], &[];
    v2_15 = "2.15.1", &[], &[], &[];
}

/// Messages are traced since 2.11.
macro_rules! traces {
    ($($module:ident = $version:literal;)+) => {$(
        mod $module {
            use super::*;

            recorded! {
                $version:
                message_trace: MessageTrace = "message-trace", 0, &[];
            }
        }
    )+};
}

traces! {
    traces_of_2_11 = "2.11.11";
    traces_of_2_12 = "2.12.8";
    traces_of_2_14 = "2.14.6";
    traces_of_2_15 = "2.15.1";
}
