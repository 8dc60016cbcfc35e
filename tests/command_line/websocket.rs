//! The program that takes clients over WebSocket.

use super::{Path, Server, TcpListener, conf, directory, eventually, run, stdout};

#[test]
fn the_log_and_the_ports_file_say_where() {
    let directory = directory();
    let conf = conf(
        &directory,
        "websocket { listen: \"127.0.0.1:-1\", no_tls: true }",
    );
    let folder = directory.path().to_str().unwrap();
    let arguments = [
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "-c",
        &conf,
        "--ports_file_dir",
        folder,
    ];
    let mut server = Server::ready(&arguments);
    let at = |text: &str| server.seen.iter().position(|line| line.contains(text));
    let listening =
        at("[INF] Listening for websocket clients on ws://127.0.0.1:").expect("is said");
    let warned = at("[WRN] Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
    assert_eq!(warned, Some(listening + 1));
    assert_eq!(at("Listening for client connections"), Some(listening + 2));
    let (_, url) = server.seen[listening].split_once(" on ").unwrap();
    let url = url.to_owned();
    let file = format!("nats-mock_{}.ports", server.child.id());
    let file = Path::new(folder).join(file);
    eventually("the ports file", || file.exists());
    let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(ports["websocket"][0], url);
    server.signal("TERM");
    server.ended();
}

#[test]
fn a_port_that_somebody_else_has_is_named() {
    let directory = directory();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("websocket {{ listen: \"{address}\", no_tls: true }}");
    let output = run(&[
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "-c",
        &conf(&directory, &text),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = format!(
        "[FTL] Unable to listen for websocket connections: listen tcp {address}: bind: address already in use"
    );
    let log = stdout(&output) + &super::stderr(&output);
    assert!(log.contains(&said), "{log}");
}
