//! `tls` blocks. What is wrong with them is recorded from real servers: see the scenarios.

use super::check;

const BLOCKS: [&str; 7] = [
    "tls { cert_file: x, key_file: y }",
    "cluster { tls { cert_file: x, key_file: y } }",
    "gateway { tls { cert_file: x, key_file: y } }",
    "gateway { gateways: [ { tls { cert_file: x, key_file: y } } ] }",
    "leafnodes { tls { cert_file: x, key_file: y } }",
    "leafnodes { remotes: [ { tls { cert_file: x, key_file: y } } ] }",
    "tls { timeout: 1, cert_file: x, key_file: y }",
];

#[cfg(feature = "tls")]
#[test]
fn files_have_to_be_there() {
    for block in BLOCKS {
        let text = check(block);
        assert!(
            text.ends_with("open x: no such file or directory\n"),
            "{block}: {text}"
        );
    }
}

#[cfg(feature = "tls")]
#[test]
fn what_cannot_be_honoured_is_refused() {
    for (key, block) in [
        ("cert_store", "tls { cert_store: x }"),
        ("ocsp_peer", "tls { ocsp_peer: true }"),
        ("CurveP521", "tls { curve_preferences: [CurveP521] }"),
        (
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "tls { cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA] }",
        ),
        ("timeout", "tls { timeout: -1 }"),
    ] {
        let text = check(block);
        let wanted = format!("\"{key}\" is not supported by nats-mock yet\n");
        assert!(text.ends_with(&wanted), "{block}: {text}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_the_feature_the_block_is_refused_by_its_name() {
    for block in BLOCKS {
        let text = check(block);
        let wanted = "\"tls\" is supported by nats-mock only with its cargo feature \"tls\"\n";
        assert!(text.ends_with(wanted), "{block}: {text}");
    }
}
