//! Several configuration files: one process serves every server of a deployment.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use crate::process::{Server, run, stderr};
use crate::support::eventually;
use crate::support::raw::Tcp;
use crate::{directory, logged_in, next_line, path};

/// The file of a server of the cluster, with what else it holds.
fn file(directory: &TempDir, name: &str, port: u16, more: &str) -> String {
    let path = path(directory, &format!("{name}.conf"));
    let text = format!(
        "server_name: {name}, listen: \"127.0.0.1:-1\"
         accounts {{
           A {{ users: [ {{ user: a, password: a }} ] }}
           SYS {{ users: [ {{ user: s, password: s }} ] }}
         }}
         system_account: SYS
         cluster {{
           name: east, listen: \"127.0.0.1:{port}\"
           routes: [ \"nats://127.0.0.1:6301\", \"nats://127.0.0.1:6302\" ]
         }}
         {more}\n"
    );
    std::fs::write(&path, text).expect("can be written");
    path
}

/// The program with two servers of one cluster, both ready.
fn two(more: &str, arguments: &[&str]) -> (TempDir, [String; 2], Server) {
    let directory = directory();
    let files = [("n1", 6301), ("n2", 6302)].map(|(name, port)| file(&directory, name, port, more));
    let mut all = vec!["-c", &files[0], "-c", &files[1]];
    all.extend(arguments);
    let mut server = Server::ready(&all);
    server.line("n2 ");
    server.line("Listening for route connections on 127.0.0.1:6302");
    (directory, files, server)
}

/// Where a server listens for clients.
fn address(server: &Server, name: &str) -> SocketAddr {
    let listening = server
        .seen
        .iter()
        .filter(|line| line.starts_with(&format!("{name} [")))
        .find_map(|line| line.split_once("Listening for client connections on "));
    listening
        .expect("it listens")
        .1
        .parse()
        .expect("an address")
}

/// What a server logged, as a nats-server of its own would have.
fn lines_of(server: &Server, name: &str) -> Vec<String> {
    let front = format!("{name} [{}] ", server.child.id());
    let lines = server
        .seen
        .iter()
        .filter_map(|line| line.strip_prefix(&front));
    lines
        .map(|line| {
            line.split_at("2024/05/06 07:08:09.123456 ".len())
                .1
                .to_owned()
        })
        .collect()
}

#[test]
fn the_files_of_a_cluster_start_all_of_it() {
    let (_directory, files, mut server) = two("", &[]);
    let second = lines_of(&server, "n2");
    let id = second[5].rsplit(' ').next().unwrap();
    let using = &second[7];
    let expected = [
        "[INF] Starting nats-server",
        "[INF]   Version:  2.15.1",
        "[INF]   Git:      [b2fd3ef]",
        "[INF]   Cluster:  east",
        "[INF]   Name:     n2",
        &format!("[INF]   ID:       {id}"),
        "[WRN] Plaintext passwords detected, use nkeys or bcrypt",
        using,
        &format!(
            "[INF] Listening for client connections on {}",
            address(&server, "n2")
        ),
        "[INF] Server is ready",
        "[INF] Cluster name is east",
        "[INF] Listening for route connections on 127.0.0.1:6302",
    ];
    assert_eq!(second, expected);
    let start = format!("[INF] Using configuration file: {} (sha256:", files[1]);
    assert!(using.starts_with(&start), "{using}");

    let mut subscriber = logged_in(address(&server, "n2"), "a", "a");
    subscriber.send("SUB orders 1\r\nPING\r\n");
    assert_eq!(next_line(&mut subscriber), "PONG");
    let mut publisher = logged_in(address(&server, "n1"), "a", "a");
    publisher.send("PUB orders 3\r\nnew\r\n");
    assert_eq!(next_line(&mut subscriber), "MSG orders 1 3");

    let mut ops = logged_in(address(&server, "n1"), "s", "s");
    ops.send("SUB r 1\r\nPUB $SYS.REQ.SERVER.PING.IDZ r 0\r\n\r\n");
    let mut names = [next_answer(&mut ops), next_answer(&mut ops)];
    names.sort();
    assert_eq!(names, ["n1", "n2"]);

    server.signal("INT");
    assert_eq!(server.ended().code(), Some(0));
    for text in [
        "Trapped \"interrupt\" signal",
        "Initiating Shutdown...",
        "Server Exiting..",
    ] {
        server.line(&format!("n1 [{}]", server.child.id()));
        server.line(text);
    }
}

/// The name of the server that answered.
fn next_answer(tcp: &mut Tcp) -> String {
    assert!(next_line(tcp).starts_with("MSG r 1 "));
    let answer: serde_json::Value = serde_json::from_str(&next_line(tcp)).expect("JSON");
    answer["name"].as_str().expect("a name").to_owned()
}

#[test]
fn a_server_of_a_cluster_can_be_alone() {
    let directory = directory();
    let conf = file(&directory, "n1", 6301, "");
    let mut server = Server::start(&["-c", &conf]);
    server.line("[WRN] cluster: no server of this simulation listens on nats://127.0.0.1:6302");
    server.line("Server is ready");
    server.line("Listening for route connections on 127.0.0.1:6301");
    let mut ops = logged_in(server.address(), "s", "s");
    ops.send("SUB r 1\r\nPUB $SYS.REQ.SERVER.PING.IDZ r 0\r\n\r\n");
    assert_eq!(next_answer(&mut ops), "n1");
    ops.send("PING\r\n");
    assert_eq!(next_line(&mut ops), "PONG");
}

#[test]
fn what_no_file_listens_for_is_warned_of() {
    let directory = directory();
    let joins = |name: &str, port| file(&directory, name, port, "");
    let files = [joins("n2", 6302), joins("n3", 6303)];
    let mut server = Server::start(&["-c", &files[0], "-c", &files[1]]);
    for name in ["n2", "n3"] {
        let line = server.line("[WRN] cluster: no server of this simulation listens on ");
        assert!(line.ends_with("nats://127.0.0.1:6301"), "{line}");
        let last = server.seen.last().unwrap();
        assert!(last.starts_with(&format!("{name} [")), "{last}");
    }
    server.line("Server is ready");
}

#[test]
fn hup_reads_every_file_again() {
    let (directory, _files, mut server) = two("", &[]);
    let mut clients = ["n1", "n2"].map(|name| logged_in(address(&server, name), "a", "a"));
    for (name, port) in [("n1", 6301), ("n2", 6302)] {
        let path = file(&directory, name, port, "");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("password: a", "password: b")).unwrap();
    }
    server.signal("HUP");
    for name in ["n1", "n2"] {
        server.line("Reloaded server configuration (sha256:");
        let last = server.seen.last().unwrap();
        assert!(last.starts_with(&format!("{name} [")), "{last}");
    }
    for client in &mut clients {
        client.read_to_end();
    }
    for name in ["n1", "n2"] {
        logged_in(address(&server, name), "a", "b");
    }
}

#[test]
fn signals_end_all_servers_as_they_end_one() {
    for (version, signal, code) in [
        ("2.15.1", "TERM", 0),
        ("2.10.26", "TERM", 1),
        ("2.10.26", "INT", 0),
    ] {
        let (_directory, _files, mut server) = two("", &["--simulate-version", version]);
        let mut clients = ["n1", "n2"].map(|name| logged_in(address(&server, name), "a", "a"));
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(code), "{version} {signal}");
        for client in &mut clients {
            assert!(!client.read_to_end().contains("-ERR"));
        }
    }
}

#[test]
fn usr2_is_lame_duck_mode_for_all() {
    let quick = "lame_duck_grace_period: 100ms, lame_duck_duration: 30s";
    let (_directory, _files, mut server) = two(quick, &[]);
    let addresses = ["n1", "n2"].map(|name| address(&server, name));
    let mut clients = addresses.map(|address| logged_in(address, "a", "a"));
    server.signal("USR2");
    for _ in &clients {
        server.line("Entering lame duck mode, stop accepting new clients");
    }
    for address in addresses {
        eventually("the port to close", || TcpStream::connect(address).is_err());
    }
    for client in &mut clients {
        assert!(client.read_to_end().contains("\"ldm\":true"));
    }
    assert_eq!(server.ended().code(), Some(0));
    server.line("Server Exiting..");
    server.line("Server Exiting..");
}

#[test]
fn a_request_to_reload_has_the_one_file_read() {
    let (_directory, files, server) = two("", &[]);
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, text.replace("password: a", "password: b")).unwrap();
    }
    let id = lines_of(&server, "n2")[5]
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let mut ops = logged_in(address(&server, "n1"), "s", "s");
    ops.send(format!(
        "SUB r 1\r\nPUB $SYS.REQ.SERVER.{id}.RELOAD r 0\r\n\r\n"
    ));
    assert!(next_line(&mut ops).starts_with("MSG r 1 "));
    logged_in(address(&server, "n2"), "a", "b");
    logged_in(address(&server, "n1"), "a", "a");
}

#[test]
fn pid_and_ports_files_tell_of_all() {
    let ports = directory();
    let more = format!("ports_file_dir: \"{}\"", ports.path().display());
    let pid_file = path(&ports, "pid");
    let (_directory, _files, mut server) = two(&more, &["-P", &pid_file]);
    let pid = server.child.id();
    let file = Path::new(ports.path()).join(format!("nats-mock_{pid}.ports"));
    eventually("the files", || file.exists());
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), pid.to_string());
    let [first, second] = ["n1", "n2"].map(|name| address(&server, name));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        format!(
            "{{\"nats\":[\"nats://{first}\",\"nats://{second}\"],\
             \"cluster\":[\"nats://127.0.0.1:6301\",\"nats://127.0.0.1:6302\"]}}"
        )
    );
    server.signal("TERM");
    server.ended();
    assert!(!file.exists());
}

#[test]
fn a_log_of_ones_own_names_nobody() {
    let directory = directory();
    let logs = ["n1", "n2"].map(|name| path(&directory, &format!("{name}.log")));
    let more = |log: &str| format!("logfile: \"{log}\", logtime: false");
    let files = [
        file(&directory, "n1", 6301, &more(&logs[0])),
        file(&directory, "n2", 6302, &more(&logs[1])),
    ];
    let mut server = Server::start(&["-c", &files[0], "-c", &files[1]]);
    let pid = server.child.id();
    let read = |log: &String| std::fs::read_to_string(log).unwrap_or_default();
    for (log, port) in std::iter::zip(&logs, [6301, 6302]) {
        let last = format!("[{pid}] [INF] Listening for route connections on 127.0.0.1:{port}\n");
        eventually("the start", || read(log).ends_with(&last));
        assert!(read(log).starts_with(&format!("[{pid}] [INF] Starting nats-server\n")));
    }
    server.signal("INT");
    server.ended();
    assert_eq!(
        server.lines.recv().ok(),
        None,
        "something stands on standard error"
    );
}

#[test]
fn what_is_for_one_server_is_refused() {
    let directory = directory();
    let files = [("n1", 6301), ("n2", 6302)].map(|(name, port)| file(&directory, name, port, ""));
    for (flag, value) in [
        ("-n", "x"),
        ("-p", "4222"),
        ("--cluster", "nats://127.0.0.1:1"),
    ] {
        let output = run(&["-c", &files[0], "-c", &files[1], flag, value]);
        assert_eq!(output.status.code(), Some(1), "{flag}");
        let name = flag.trim_start_matches('-');
        assert_eq!(
            stderr(&output),
            format!(
                "nats-server: flag -{name} is for one server, and there are 2 configuration files\n"
            )
        );
    }
}

#[test]
fn the_file_at_fault_is_named() {
    let directory = directory();
    let good = file(&directory, "n1", 6301, "");
    let checked = run(&["-t", "-c", &good, "-c", &good]);
    assert!(checked.status.success());
    assert_eq!(stderr(&checked).matches(" is valid (sha256:").count(), 2);

    for wrong in ["accounts {", "no_such_key: 1", "no_auth_user: nobody"] {
        let bad = file(&directory, "bad", 6302, wrong);
        for arguments in [
            &["-t", "-c", &good, "-c", &bad][..],
            &["-c", &good, "-c", &bad],
        ] {
            let output = run(arguments);
            if arguments.len() == 5 && wrong.starts_with("no_auth_user") {
                // As with nats-server, that shows only at a start.
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{wrong}");
            let text = stderr(&output);
            let last = text.lines().find(|line| !line.contains("is valid"));
            assert!(
                last.unwrap().starts_with(&format!("nats-server: {bad}:")),
                "{text}"
            );
        }
    }
}
