//! The `websocket` block, with the feature for it and without.

use nats_mock_protocol::conf::{self, MemorySource};

#[cfg(not(feature = "websocket"))]
use super::ProblemKind;
use super::ServerOptions;

fn read(text: &str) -> Result<ServerOptions, super::super::OptionsError> {
    let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
    ServerOptions::from_conf(&document).map(|(options, _)| options)
}

#[cfg(not(feature = "websocket"))]
#[test]
fn without_the_feature_it_is_refused_with_its_name() {
    for key in ["websocket", "ws"] {
        let error = read(&format!("{key} {{ port: -1, no_tls: true }}")).unwrap_err();
        let needs = |kind: &ProblemKind| matches!(kind, ProblemKind::NeedsFeature { key: it, feature: "websocket" } if it == key);
        assert!(
            error.problems.iter().any(|it| needs(&it.kind)),
            "{key}: {error}"
        );
    }
}

#[cfg(feature = "websocket")]
#[test]
fn every_key_of_it_is_read() {
    use crate::topology::WebsocketOptions;
    use std::time::Duration;

    let text = "ws { host: h, port: 1, advertise: \"a:2\", no_tls: true, same_origin: yes, origin: \"http://o\"
                handshake_timeout: 3, compress: on, authorization { user: u, pass: p, token: t, timeout: 1.5 }
                no_auth_user: n, jwt_cookie: j, user_cookie: uc, pass_cookie: pc, token_cookie: tc
                headers { \"X-A\": b }, ping_interval: \"4s\" }";
    let text_of = |text: &str| Some(text.to_owned());
    let expected = WebsocketOptions {
        host: text_of("h"),
        port: Some(1),
        advertise: text_of("a:2"),
        no_tls: true,
        tls: None,
        same_origin: true,
        allowed_origins: vec!["http://o".to_owned()],
        handshake_timeout: Some(Duration::from_secs(3)),
        compression: true,
        user: text_of("u"),
        password: text_of("p"),
        token: text_of("t"),
        auth_timeout: Some(1.5),
        no_auth_user: text_of("n"),
        jwt_cookie: text_of("j"),
        user_cookie: text_of("uc"),
        pass_cookie: text_of("pc"),
        token_cookie: text_of("tc"),
        headers: [("X-A".to_owned(), "b".to_owned())].into(),
        ping_interval: Some(Duration::from_secs(4)),
    };
    assert_eq!(read(text).unwrap().websocket, Some(expected));
    let shown = format!("{:?}", read(text).unwrap().websocket);
    assert!(
        !shown.contains("\"p\"") && !shown.contains("\"t\""),
        "{shown}"
    );
}
