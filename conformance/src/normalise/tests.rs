use super::*;
use crate::transcript::Numbering;
use crate::wire::take_frame;
use proptest::prelude::*;

const ID: &str = "NB3N2PJXNQFWOEDULULZ5B5UO3WGY6U5TRNKQHYQEZTF6QPQB2JSQWTU";
const XKEY: &str = "XANSEK72YVMVTFWYF6KCWUA4HY5PPX3TRYPJJZOS3DZLHSAXUI5QCIHC";

fn frame(text: &str) -> Frame {
    take_frame(&mut text.as_bytes().to_vec()).expect("a whole frame")
}

fn message(subject: &str, payload: &str) -> Frame {
    frame(&format!(
        "MSG {subject} 1 {}\r\n{payload}\r\n",
        payload.len()
    ))
}

fn shown(frame: &Frame, freedom: Freedom<'_>) -> Vec<String> {
    let masked = Normaliser::default().frame(frame, freedom);
    let mut numbering = Numbering::default();
    [Some(masked.line), masked.headers, masked.payload]
        .into_iter()
        .flatten()
        .map(|part| numbering.show(&part))
        .filter(|part| !part.is_empty())
        .collect()
}

fn payload(text: &str) -> String {
    shown(&message("a", text), Freedom::default()).remove(1)
}

#[test]
fn info_keeps_all_but_identity_and_port() {
    let info = format!(
        "INFO {{\"server_id\":\"{ID}\",\"server_name\":\"{ID}\",\"version\":\"2.15.1\",\"git_commit\":\"b2fd3ef\",\"go\":\"go1.27.2\",\"host\":\"127.0.0.1\",\"port\":23800,\"client_id\":8,\"nonce\":\"AbCdEfGhIjKlMnO\",\"xkey\":\"{XKEY}\"}} \r\n"
    );
    assert_eq!(
        shown(&frame(&info), Freedom::default()),
        [
            "INFO {\"server_id\":\"<server-id:1>\",\"server_name\":\"<server-id:1>\",\"version\":\"2.15.1\",\"git_commit\":\"b2fd3ef\",\"go\":\"go1.27.2\",\"host\":\"127.0.0.1\",\"port\":<port>,\"client_id\":8,\"nonce\":\"<nonce>\",\"xkey\":\"<xkey:1>\"} \\r\\n"
        ]
    );
}

#[test]
fn counters_and_settings_stay_exact() {
    let text = r#"{"seq":23,"cid":7,"client_id":6,"num_subscriptions":66,"in_msgs":5,"out_bytes":12028,"http_port":0,"pending_bytes":0,"max_payload":1048576,"ping_interval":120000000000,"cache_hit_rate":0.28,"config_digest":"sha256:0f16","max_memory":14700544}"#;
    assert_eq!(payload(text), text);
}

#[test]
fn machine_figures_keep_their_type() {
    assert_eq!(
        payload(r#"{"mem":14700544,"cores":2,"gomaxprocs":2,"cpu":1.5,"rtt":312000,"port":50038}"#),
        r#"{"mem":<mem>,"cores":<cores>,"gomaxprocs":<gomaxprocs>,"cpu":<cpu>,"rtt":<ns>,"port":<port>}"#
    );
    assert_eq!(
        payload(r#"{"rtt":"466µs","uptime":"1m0s","idle":"0s"}"#),
        r#"{"rtt":"<duration>","uptime":"<elapsed>","idle":"<elapsed>"}"#
    );
    assert_eq!(
        payload(r#"{"memstats":{"Alloc":12,"EnableGC":true,"BySize":[{"Size":8,"Frees":1.5}]}}"#),
        r#"{"memstats":{"Alloc":<mem>,"EnableGC":true,"BySize":[{"Size":<mem>,"Frees":<mem>}]}}"#
    );
    for exact in [
        r#"{"rtt":0}"#,
        r#"{"rtt":"0s"}"#,
        r#"{"port":0}"#,
        r#"{"mem":"x"}"#,
    ] {
        assert_eq!(payload(exact), exact);
    }
}

#[test]
fn times_show_whether_they_are_utc_and_malformed_ones_stay() {
    assert_eq!(
        payload(r#"{"now":"2026-11-23T17:30:18.387Z","stop":"2026-11-23T12:30:18-05:00"}"#),
        r#"{"now":"<time>","stop":"<time-with-offset>"}"#
    );
    for exact in [
        r#"{"now":"0001-01-01T00:00:00Z"}"#,
        r#"{"now":"2026-11-23T17:30:18.380Z"}"#,
        r#"{"now":"2026-11-23T17:30:18.Z"}"#,
        r#"{"now":"2026-11-23 17:30:18"}"#,
        r#"{"name":"2026-11-23T17:30:18Z"}"#,
    ] {
        assert_eq!(payload(exact), exact);
    }
}

#[test]
fn event_ids_show_process_and_equality() {
    let mut numbering = Numbering::default();
    let ids = [
        "4VNFMyy6Fwv6ELgwVhSXm0",
        "4VNFMyy6Fwv6ELgwVhSXo0",
        "4VNFMyy6Fwv6ELgwVhSXm0",
        "5VNFMyy6Fwv6ELgwVhSXm0",
    ]
    .map(|id| {
        let masked = Normaliser::default().frame(
            &message("a", &format!("{{\"id\":\"{id}\"}}")),
            Freedom::default(),
        );
        numbering.show(&masked.payload.expect("a payload"))
    });
    assert_eq!(
        ids,
        ["1.1", "1.2", "1.1", "2.1"].map(|n| format!("{{\"id\":\"<event-id:{n}>\"}}"))
    );
    let nested = r#"{"client":{"id":"4VNFMyy6Fwv6ELgwVhSXm0"}}"#;
    assert_eq!(payload(nested), nested);
}

#[test]
fn sizes_are_hidden_only_when_the_payload_varies_in_length() {
    let fixed = format!("{{\"id\":\"{ID}\"}}");
    assert_eq!(
        shown(&message("a", &fixed), Freedom::default()),
        ["MSG a 1 65\\r\\n", "{\"id\":\"<server-id:1>\"}"]
    );
    assert_eq!(
        shown(&message("a", "{\"cpu\":1}"), Freedom::default()),
        ["MSG a 1 <n>\\r\\n", "{\"cpu\":<cpu>}"]
    );
    let headers = frame("HMSG a 1 12 21\r\nNATS/1.0\r\n\r\n{\"cpu\":1}\r\n");
    assert_eq!(
        shown(&headers, Freedom::default())[0],
        "HMSG a 1 12 <n>\\r\\n"
    );
}

#[test]
fn what_imports_say_of_the_requester_is_normalised() {
    let headers =
        "NATS/1.0\r\nA: {\"rtt\":1}\r\nNats-Request-Info: {\"acc\":\"A\",\"rtt\":1234}\r\n\r\n";
    let total = headers.len() + 1;
    let line = format!("HMSG a 1 {} {total}\r\n", headers.len());
    assert_eq!(
        shown(&frame(&format!("{line}{headers}x\r\n")), Freedom::default()),
        [
            "HMSG a 1 <n> <n>\\r\\n",
            "NATS/1.0\\r\\nA: {\"rtt\":1}\\r\\nNats-Request-Info: {\"acc\":\"A\",\"rtt\":<ns>}\\r\\n\\r\\n",
            "x"
        ]
    );
}

#[test]
fn compressed_payloads_are_shown_as_they_were() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"port\":1}").expect("encoded");
    let payload = encoder.finish().expect("encoded");
    let headers = b"NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n";
    let total = headers.len() + payload.len();
    let line = format!("HMSG a 1 {} {total}\r\n", headers.len());
    let mut bytes = [line.as_bytes(), headers, &payload[..], b"\r\n"].concat();
    let frame = take_frame(&mut bytes).expect("a whole frame");
    assert_eq!(
        shown(&frame, Freedom::default()),
        [
            "HMSG a 1 36 <n>\\r\\n",
            "NATS/1.0\\r\\nContent-Encoding: gzip\\r\\n\\r\\n",
            r#"{"port":<port>}"#
        ]
    );
}

#[test]
fn identities_in_subjects_are_cut_out() {
    let subject = format!("$SYS.SERVER.{ID}.STATSZ");
    assert_eq!(
        shown(&message(&subject, "x"), Freedom::default())[0],
        "MSG $SYS.SERVER.<server-id:1>.STATSZ 1 1\\r\\n"
    );
    assert_eq!(
        payload("_R_.abC123.ZZZ000 $SYS._INBOX.fjFyEjc1.aaaaBBBB _R_.abC123.ZZZ000"),
        "_R_.<token:1>.<token:2> $SYS._INBOX.fjFyEjc1.<token:3> _R_.<token:1>.<token:2>"
    );
    assert_eq!(
        payload(r#"{"list":["_R_.abC123.\u003e"]}"#),
        r#"{"list":["_R_.<token:1>.\\u003e"]}"#
    );
    for exact in [
        "_R_.abc",
        "_R_.abcdef.ghijklm",
        "_INBOX.abcdef.abcdef",
        &ID[1..],
    ] {
        assert_eq!(payload(exact), exact);
    }
}

#[test]
fn encoding_differences_stay_visible() {
    let text = r#"{ "a" : "\u003c<é" , "now":"2026-11-23T17:30:18Z","b":null,"c":1.0 }"#;
    assert_eq!(
        payload(text),
        r#"{ "a" : "\\u003c<é" , "now":"<time>","b":null,"c":1.0 }"#
    );
}

#[test]
fn declared_freedom_is_kept_to() {
    let sets = [JsonPath::new("list.*.names")];
    let free = [JsonPath::new("stats.hits")];
    let freedom = Freedom {
        sets: &sets,
        free: &free,
        shuffled: &[],
    };
    let text = r#"{"list":[{"names":["b","a"],"other":["b","a"]}],"stats":{"hits":12,"misses":3}}"#;
    assert_eq!(
        shown(&message("a", text), freedom)[1],
        r#"{"list":[{"names":["a","b"],"other":["b","a"]}],"stats":{"hits":<free-number>,"misses":3}}"#
    );
}

#[test]
fn shuffled_values_are_cut_out_and_can_be_listed() {
    let shuffled = [JsonPath::new("server.seq")];
    let freedom = Freedom {
        shuffled: &shuffled,
        ..Freedom::default()
    };
    let frame = message("a", r#"{"server":{"seq":12},"seq":3}"#);
    let masked = Normaliser::default().frame(&frame, freedom);
    assert_eq!(masked.shuffled().collect::<Vec<_>>(), [b"12"]);
    assert_eq!(
        shown(&frame, freedom)[1],
        r#"{"server":{"seq":<shuffled>},"seq":3}"#
    );
}

#[test]
fn program_output_loses_pid_time_and_directory() {
    let normaliser = Normaliser::new(vec![(b"/scratch/x".to_vec(), HoleKind::Directory)]);
    let masked = normaliser.output(
        b"[12] 2026/11/23 21:10:57.972948 [INF] Using /scratch/x/server.conf\nnats-server: [12] no \\n\n",
    );
    let shown: Vec<String> = masked
        .iter()
        .map(|line| Numbering::default().show(line))
        .collect();
    assert_eq!(
        shown,
        [
            "[<pid>] <log-time> [INF] Using <dir>/server.conf\\n",
            "nats-server: [12] no \\\\n\\n"
        ]
    );
}

proptest! {
    #[test]
    fn payloads_without_known_keys_stay_as_they_are(text in "[ -~]{0,60}") {
        let number = serde_json::json!({ "k": text }).to_string();
        let masked = Normaliser::default().frame(&message("a", &number), Freedom::default());
        prop_assert_eq!(masked.payload.expect("a payload").0, vec![Piece::Bytes(number.into_bytes())]);
    }
}

/// As `payload`, in a deployment whose server `n1` has this id and cluster port.
fn payload_of_several(text: &str) -> String {
    let mut normaliser = Normaliser::of_several(Vec::new(), [(17_201, "n1.cluster".to_owned())]);
    normaliser.name_server(ID, "n1");
    let masked = normaliser.frame(&message("a", text), Freedom::default());
    Numbering::default().show(&masked.payload.expect("a payload"))
}

#[test]
fn servers_of_a_deployment_are_shown_by_name() {
    assert_eq!(
        payload_of_several(&format!(
            r#"{{"server":{{"id":"{ID}","seq":7}},"cluster_port":17201,"url":"127.0.0.1:17201","n":17201}}"#
        )),
        r#"{"server":{"id":"<server-id:n1>","seq":<seq>},"cluster_port":<port:n1.cluster>,"url":"127.0.0.1:<port:n1.cluster>","n":17201}"#
    );
}

#[test]
fn what_depends_on_who_dialled_when_is_hidden_in_deployments_only() {
    let text = r#"{"data":{"in_msgs":4,"routes":[{"rid":9,"did_solicit":true,"port":17201,"in_msgs":2,"account":"SYS"},{"rid":8,"did_solicit":false,"port":4,"in_msgs":2}]}}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"data":{"in_msgs":<traffic>,"routes":[{"rid":<cid>,"did_solicit":<free>,"port":<port>,"in_msgs":<traffic>,"account":"SYS"},{"rid":<cid>,"did_solicit":<free>,"port":<port>,"in_msgs":2}]}}"#
    );
    let text = r#"{"client":{"id":7},"id":7,"seq":7,"connect_urls":["b","a"]}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"client":{"id":<cid>},"id":7,"seq":<seq>,"connect_urls":["a","b"]}"#
    );
    assert_eq!(payload(text), text);
}

#[test]
fn gateways_carry_heartbeats_one_way_and_are_in_no_order() {
    let text = r#"{"data":{"outbound_gateways":{"b":{"connection":{"port":17201,"pending_bytes":9,"in_msgs":0,"out_msgs":4,"in_bytes":0,"out_bytes":8,"subscriptions":53},"accounts":[{"name":"Y"},{"name":"X"}]}},"inbound_gateways":{"b":[{"connection":{"in_msgs":4,"out_msgs":0}}]}}}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"data":{"outbound_gateways":{"b":{"connection":{"port":<port:n1.cluster>,"pending_bytes":<traffic>,"in_msgs":0,"out_msgs":<traffic>,"in_bytes":0,"out_bytes":<traffic>,"subscriptions":53},"accounts":[{"name":"X"},{"name":"Y"}]}},"inbound_gateways":{"b":[{"connection":{"in_msgs":<traffic>,"out_msgs":0}}]}}}"#
    );
    assert_eq!(
        payload(&text.replace("17201", "0")),
        text.replace("17201", "0")
    );
    let text = r#"{"statsz":{"gateways":[{"name":"c"},{"name":"b"}]}}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"statsz":{"gateways":[{"name":"b"},{"name":"c"}]}}"#
    );
    let text = r#"{"gateway":{"gateways":[{"name":"c","urls":["b","a"]},{"name":"b"}]}}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"gateway":{"gateways":[{"name":"c","urls":["a","b"]},{"name":"b"}]}}"#
    );
}

#[test]
fn leafs_are_in_any_order_and_their_ids_loop_subjects_and_compression_are_drawn() {
    let text = r#"{"data":{"leafs":[{"id":7,"name":"l2","compression":"off"},{"id":6,"name":"l1","subscriptions_list":["$LDS.Vc0bxu53vohPGcLnrt2T7K"],"compression":"s2_fast"}]}}"#;
    assert_eq!(
        payload_of_several(text),
        r#"{"data":{"leafs":[{"id":<cid>,"name":"l1","subscriptions_list":["$LDS.<loop-token>"],"compression":"<s2-mode>"},{"id":<cid>,"name":"l2","compression":"off"}]}}"#
    );
}

#[test]
fn refused_reloads_hide_addresses_and_ports_that_stand_alone() {
    let normaliser = Normaliser::of_several(Vec::new(), [(17_201, "n1.leaf".to_owned())]);
    let shown = |text: &str| Numbering::default().show(&normaliser.text(text.as_bytes()));
    let values = "old={a 17201 [0xc00025c000 0x4ae783a6ba0] 0xfed}, new=17201";
    assert_eq!(
        shown(&format!(
            "config reload not supported for LeafNode: {values}"
        )),
        "config reload not supported for LeafNode: old={a <port:n1.leaf> [<address> <address>] 0xfed}, new=<port:n1.leaf>"
    );
    assert_eq!(shown(values), values);
}
