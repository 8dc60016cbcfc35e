//! What a client begins with where TLS may come first, has to come, or need not: the server looks at the first bytes,
//! makes a handshake or takes them for the client protocol, and ends the connection when the client has.
//!
//! The first byte of an input chooses the server, the second how much of the rest is sent at first.
#![no_main]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use nats_mock::{Builder, MockNats};

/// Where the certificates are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/tls");

/// What `tls` says besides certificates, and what is said besides `tls`.
const SERVERS: [(&str, &str); 7] = [
    ("", ""),
    ("verify: true", ""),
    ("handshake_first: true", ""),
    ("handshake_first: auto", ""),
    ("", "allow_non_tls: true"),
    ("verify: true", "allow_non_tls: true"),
    ("handshake_first: auto", "allow_non_tls: true"),
];

static RUNNING: LazyLock<Vec<MockNats>> = LazyLock::new(|| {
    let all = SERVERS.iter().map(|(tls, more)| {
        let conf = format!(
            "tls {{ cert_file: \"{FOLDER}/server.pem\", key_file: \"{FOLDER}/server-key.pem\"\n\
             ca_file: \"{FOLDER}/ca.pem\"\n{tls} }}\n{more}\n"
        );
        let builder = Builder::from_conf_str(&conf).expect("a good configuration");
        // Its clock stands still, so that nothing but the client ends a connection. It listens on every address,
        // as there are not ports enough for thousands of connections to one.
        let builder = builder.manual_clock(SystemTime::UNIX_EPOCH).history(0);
        let builder = builder.address((Ipv4Addr::UNSPECIFIED, 0).into());
        builder.start_blocking().expect("the server starts")
    });
    all.collect()
});

fn dial(server: usize) -> TcpStream {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let host = NEXT.fetch_add(1, Ordering::Relaxed).clamp(1, 254);
    let address = (
        Ipv4Addr::new(127, 0, 0, host),
        RUNNING[server].address().port(),
    );
    let stream = TcpStream::connect(address).expect("the server takes connections");
    stream.set_nodelay(true).expect("a socket");
    // A server that waits for ever for a client that has gone is what this looks for.
    let limit = Some(Duration::from_secs(10));
    stream.set_read_timeout(limit).expect("a socket");
    stream
}

fuzz_target!(|data: &[u8]| {
    let [server, cut, rest @ ..] = data else {
        return;
    };
    let mut stream = dial(usize::from(*server) % SERVERS.len());
    let (first, second) = rest.split_at(rest.len().min(usize::from(*cut)));
    // The server may have closed the connection by then.
    let _ = stream
        .write_all(first)
        .and_then(|()| stream.write_all(second));
    let _ = stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("the server waits for a client that has gone, after {said:?}")
        }
        // A server that has not read all resets the connection.
        _ => {}
    }
});
