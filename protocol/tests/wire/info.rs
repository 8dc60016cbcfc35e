//! INFO.

use nats_mock_protocol::wire::{InfoError, ServerInfo, encode};
use proptest::prelude::*;

/// As sent by a 2.15.1 in a cluster with JetStream after CONNECT, and by a 2.10.26 in lame duck mode.
const REAL: [&str; 2] = [
    concat!(
        r#"{"server_id":"NDJUZFRGDTJE6UQHY6TSFU5DWJ32EVI542RTGTYJI6XP5NJTQHWWBK5D","#,
        r#""server_name":"n1","version":"2.15.1","proto":1,"git_commit":"b2fd3ef","go":"go1.27.2","#,
        r#""host":"127.0.0.1","port":14960,"headers":true,"auth_required":true,"#,
        r#""max_payload":1048576,"jetstream":true,"client_id":13,"client_ip":"127.0.0.1","#,
        r#""cluster":"c\u003c1\u003e","domain":"d","#,
        r#""connect_info":true,"remote_account":"SYS","acc_is_sys":true,"api_lvl":5,"#,
        r#""xkey":"XBETEGQLPWSE5XQPLSAR34MHSJMBC47XC72CAT2F7LQD4EOXOD4GDOQJ"}"#
    ),
    concat!(
        r#"{"server_id":"NCZDGWL5R6I2X3MWOLAWRAUVDN6U2EKG45FOFHEB6GJJZG6EKHRKBEVU","#,
        r#""server_name":"n1","version":"2.10.26","proto":1,"git_commit":"2898698","#,
        r#""go":"go1.24.0","host":"127.0.0.1","port":14960,"headers":true,"auth_required":true,"#,
        r#""max_payload":1048576,"jetstream":true,"client_id":12,"client_ip":"127.0.0.1","#,
        r#""cluster":"c\u003c1\u003e","domain":"d","ldm":true,"#,
        r#""xkey":"XAHR34MWFNMLEEMITOOQEW3LFLYERHDQE23ELLSAGN6V6NNFNCIUMWXR"}"#
    ),
];

#[test]
fn real_ones_come_out_as_they_went_in() {
    for json in REAL {
        let info = ServerInfo::parse(json.as_bytes());
        assert_eq!(info.map(|info| info.to_json()).as_deref(), Ok(json));
    }
}

#[test]
fn there_is_a_blank_before_the_line_end() {
    let mut out = Vec::new();
    encode::info(&mut out, &ServerInfo::default());
    assert_eq!(
        out,
        concat!(
            r#"INFO {"server_id":"","server_name":"","version":"","proto":0,"go":"","host":"","#,
            r#""port":0,"headers":false,"max_payload":0} "#,
            "\r\n"
        )
        .as_bytes()
    );
}

#[test]
fn odd_ones_are_read_as_the_real_server_does() {
    let port = |json: &str| ServerInfo::parse(json.as_bytes()).map(|info| info.port);
    assert_eq!(port("null"), Ok(0));
    assert_eq!(port(r#"{"PORT":1,"port":2,"port":null,"x":[{}]}"#), Ok(2));
    assert!(matches!(port(r#"{"port":1.5}"#), Err(InfoError::Type(_))));
    assert!(matches!(
        port(r#"{"max_payload":2147483648}"#),
        Err(InfoError::Type(_))
    ));
    assert!(matches!(
        port(r#"{"connect_urls":"a"}"#),
        Err(InfoError::Type(_))
    ));
    assert_eq!(port("{\"port\":1"), Err(InfoError::Syntax { at: 9 }));
    assert_eq!(port("[]"), Err(InfoError::NotAnObject { found: "array" }));
}

proptest! {
    #[test]
    fn it_round_trips(
        texts: [String; 8],
        flags: [bool; 6],
        client_id: u64,
        max_payload: i32,
        urls in proptest::collection::vec(any::<String>(), 0..3),
    ) {
        let [server_id, server_name, version, go, host, nonce, cluster, xkey] = texts;
        let [headers, auth_required, tls_required, ldm, connect_info, acc_is_sys] = flags;
        let info = ServerInfo {
            server_id,
            server_name,
            version,
            go,
            host,
            nonce,
            cluster,
            xkey,
            headers,
            auth_required,
            tls_required,
            ldm,
            connect_info,
            acc_is_sys,
            client_id,
            max_payload,
            connect_urls: urls,
            ..ServerInfo::default()
        };
        prop_assert_eq!(ServerInfo::parse(info.to_json().as_bytes()), Ok(info));
    }
}
