//! Clients over WebSocket: what scenarios cannot show of them.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nats_mock::protocol::wire::ServerInfo;
use nats_mock::topology::Limits;
use nats_mock::{MockNats, Server};
use nats_mock_conformance::framing::{Agreed, Framing};
use proptest::prelude::*;
use support::PATIENCE;
use support::raw::connect;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Client {
    stream: TcpStream,
    framing: Framing,
    received: Vec<u8>,
}

impl Client {
    /// Connects without asking for anything.
    fn dial(server: Server<'_>) -> Self {
        let url = server.websocket_url().expect("takes such clients");
        let address = url.strip_prefix("ws://").expect("has no TLS");
        let stream = TcpStream::connect(address).expect("connects");
        let set = stream.set_read_timeout(Some(PATIENCE));
        set.expect("sets a timeout");
        Self {
            stream,
            framing: Framing::default(),
            received: Vec::new(),
        }
    }

    /// Is let in with more headers.
    fn enter(server: Server<'_>, headers: &str, agreed: Agreed) -> Self {
        let mut client = Self::dial(server);
        client.write(format!("{REQUEST}{headers}\r\n").as_bytes());
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.stream.read_exact(&mut byte).expect("is answered");
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        client.framing = Framing::new(agreed);
        client
    }

    /// Is let in, and logs in. Gives INFO, too.
    fn login(server: Server<'_>) -> (Self, ServerInfo) {
        let mut client = Self::enter(server, "", Agreed::default());
        let info = client.line();
        let info = info.strip_prefix("INFO ").expect("INFO comes first");
        let info = ServerInfo::parse(info.trim_end().as_bytes()).expect("INFO is JSON");
        client.send(connect("a", "a", "") + "PING\r\n");
        assert_eq!(client.line(), "PONG");
        assert!(client.line().contains("connect_info"));
        (client, info)
    }

    fn write(&mut self, bytes: &[u8]) {
        // A closed connection refuses what is sent, sooner or later.
        let _ = self.stream.write_all(bytes);
    }

    fn send(&mut self, text: impl AsRef<[u8]>) {
        let message = self.framing.message(text.as_ref());
        self.write(&message);
    }

    /// Reads more; tells whether there was any.
    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(len) => {
                self.framing.receive(&chunk[..len], &mut self.received);
                len > 0
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                false
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length && self.read_more() {}
        let rest = self.received.split_off(length);
        std::mem::replace(&mut self.received, rest)
    }

    /// The next line, without its end; empty at the end of the connection.
    fn line(&mut self) -> String {
        loop {
            let end = self.received.windows(2).position(|two| two == b"\r\n");
            if let Some(end) = end {
                let line = self.take(end + 2);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            if !self.read_more() {
                return String::new();
            }
        }
    }

    fn is_closed(&mut self) -> bool {
        while self.read_more() {}
        true
    }
}

fn still_works(server: Server<'_>) {
    let (mut client, _) = Client::login(server);
    client.send("SUB alive 1\r\nPUB alive 3\r\nyes\r\n");
    assert_eq!(client.line(), "MSG alive 1 3");
}

#[test]
fn they_are_told_where_others_connect() {
    let builder = MockNats::builder().websocket().cluster("east", 3);
    let nats = builder.start_blocking().unwrap();
    let (mut client, info) = Client::login(nats.first_server());
    let mut all: Vec<String> = nats
        .servers()
        .filter_map(|server| server.websocket_url())
        .map(|url| url.trim_start_matches("ws://").to_owned())
        .collect();
    assert_eq!(info.connect_urls[0], all[0]);
    let mut told = info.connect_urls.clone();
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all);
    assert!(info.ws_connect_urls.is_empty());

    let other = nats.servers().nth(1).unwrap();
    other.stop();
    let news = client.line();
    let news = news.strip_prefix("INFO ").expect("is told");
    let news = ServerInfo::parse(news.trim_end().as_bytes()).unwrap();
    assert_eq!(news.connect_urls.len(), 2);
}

#[test]
fn messages_reach_clients_of_either_kind() {
    let builder = MockNats::builder().websocket().cluster("east", 2);
    let nats = builder.start_blocking().unwrap();
    let (mut browser, _) = Client::login(nats.first_server());
    let last = nats.servers().last().unwrap();
    let mut app = last.client("a").unwrap();
    let mut messages = app.subscribe("to.app").unwrap();
    browser.send("SUB to.browser 1\r\nPUB to.app 2\r\nhi\r\nPING\r\n");
    assert_eq!(browser.line(), "PONG");
    assert_eq!(messages.try_next().unwrap().payload, "hi");
    app.publish("to.browser", "ho").unwrap();
    assert_eq!(browser.line(), "MSG to.browser 1 2");
}

#[test]
fn whoever_has_not_asked_yet_is_closed_with_the_server() {
    let nats = MockNats::builder().websocket().start_blocking().unwrap();
    let mut silent = Client::dial(nats.first_server());
    let mut slow = Client::dial(nats.first_server());
    slow.write(REQUEST.as_bytes());
    let (mut client, _) = Client::login(nats.first_server());
    nats.first_server().stop();
    assert_eq!(client.line(), "[close 1001 Server Shutdown]");
    assert!(client.is_closed() && silent.is_closed() && slow.is_closed());
}

#[test]
fn they_come_back_to_a_server_that_starts_again() {
    let nats = MockNats::builder().websocket().start_blocking().unwrap();
    let server = nats.first_server();
    let url = server.websocket_url();
    let (mut client, _) = Client::login(server);
    server.restart().unwrap();
    assert!(client.is_closed());
    assert_eq!(server.websocket_url(), url);
    still_works(server);
    let port = server.close_port().unwrap();
    let address = url.unwrap().replace("ws://", "");
    assert!(TcpStream::connect(&address).is_err());
    drop(port);
    still_works(server);
}

#[test]
fn a_server_that_stands_still_lets_nobody_in() {
    let nats = MockNats::builder().websocket().start_blocking().unwrap();
    let (mut client, _) = Client::login(nats.first_server());
    nats.first_server().freeze();
    client.send("PING\r\n");
    let mut late = Client::dial(nats.first_server());
    late.write(format!("{REQUEST}\r\n").as_bytes());
    let briefly = Some(Duration::from_millis(50));
    late.stream.set_read_timeout(briefly).unwrap();
    let early = late.stream.read(&mut [0; 12]).unwrap_err();
    assert!(matches!(
        early.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    nats.first_server().thaw();
    late.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 12];
    late.stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    assert_eq!(client.line(), "PONG");
}

#[test]
fn a_lot_comes_whole_deflated_or_not() {
    const SIZE: usize = 1_000_000;
    const COUNT: usize = 24;
    let deflated = Agreed {
        deflated: true,
        ..Agreed::default()
    };
    let ways = [
        ("", Agreed::default()),
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", deflated),
        ("User-Agent: Mozilla/5.0\r\n", Agreed::default()),
    ];
    let conf = "websocket { listen: \"127.0.0.1:-1\", no_tls: true, compression: true }";
    let builder = nats_mock::Builder::from_conf_str(conf).unwrap();
    let nats = builder.start_blocking().unwrap();
    for (headers, agreed) in ways {
        let mut client = Client::enter(nats.first_server(), headers, agreed);
        assert!(client.line().starts_with("INFO "));
        client.send("CONNECT {\"verbose\":false}\r\nSUB big 1\r\nPING\r\n");
        while client.line() != "PONG" {}
        let mut app = nats.first_server().connect_in_memory().unwrap();
        let payload = vec![b'x'; SIZE];
        let message = [format!("PUB big {SIZE}\r\n").as_bytes(), &payload, b"\r\n"].concat();
        for _ in 0..COUNT {
            app.send(&message).unwrap();
        }
        for _ in 0..COUNT {
            assert_eq!(client.line(), format!("MSG big 1 {SIZE}"));
            assert!(client.take(SIZE + 2) == [&payload[..], b"\r\n"].concat());
        }
        client.send("PING\r\n");
        assert_eq!(client.line(), "PONG");
    }
}

#[test]
fn deflated_messages_do_not_swell_without_bound() {
    let conf = "max_payload: 1000\n\
                websocket { listen: \"127.0.0.1:-1\", no_tls: true, compression: true }";
    let builder = nats_mock::Builder::from_conf_str(conf).unwrap();
    let nats = builder.start_blocking().unwrap();
    assert_eq!(nats.first_server().spec().limits.max_payload, 1000);
    let agreed = Agreed {
        deflated: true,
        ..Agreed::default()
    };
    let headers = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut client = Client::enter(nats.first_server(), headers, agreed);
    client.send(vec![b'\n'; 50_000_000]);
    assert!(client.is_closed());
}

/// Pieces of frames, right and wrong.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let framed = |bytes: Vec<u8>, first: u8| Framing::default().frame(first, &bytes);
    let texts = proptest::sample::select(vec![
        &b"PING\r\n"[..],
        b"SUB > 1\r\n",
        b"PUB a 5\r\nhello\r\n",
        b"CONNECT {}\r\n",
        b"",
        b"\x03\xe8",
        b"\x03",
    ]);
    prop_oneof![
        (texts, any::<u8>()).prop_map(move |(text, first)| framed(text.to_vec(), first)),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Nothing that is sent after a request keeps the server from serving others.
    #[test]
    fn any_frames_are_survived(
        pieces in proptest::collection::vec(piece(), 0..8),
        deflates in any::<bool>(),
    ) {
        let conf = "websocket { listen: \"127.0.0.1:-1\", no_tls: true, compression: true }";
        let nats = nats_mock::Builder::from_conf_str(conf).unwrap().start_blocking().unwrap();
        let headers = if deflates { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
        let mut client = Client::enter(nats.first_server(), headers, Agreed::default());
        for piece in &pieces {
            client.write(piece);
        }
        client.stream.shutdown(std::net::Shutdown::Write).ok();
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        still_works(nats.first_server());
    }

    /// Nor does any request.
    #[test]
    fn any_requests_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let nats = MockNats::builder().websocket().start_blocking().unwrap();
        let mut client = Client::dial(nats.first_server());
        client.write(b"GET ");
        client.write(&bytes);
        client.stream.shutdown(std::net::Shutdown::Write).ok();
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        still_works(nats.first_server());
    }
}

#[test]
fn limits_are_those_of_others() {
    let limits = Limits {
        max_payload: 10,
        ..Limits::default()
    };
    let builder = MockNats::builder().websocket().limits(limits);
    let nats = builder.start_blocking().unwrap();
    let (mut client, _) = Client::login(nats.first_server());
    client.send("PUB a 11\r\n");
    assert_eq!(client.line(), "-ERR 'Maximum Payload Violation'");
    assert_eq!(
        client.line(),
        "[close 1009 Maximum Message Payload Exceeded]"
    );
    assert!(client.is_closed());
}
