//! The `nats-mock` program: flags, files, signals and log lines of nats-server.
#![cfg(unix)]

mod graph;
mod process;
mod several;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
#[cfg(feature = "websocket")]
mod websocket;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use process::{Server, run, stderr, stdout};
use support::raw::{Tcp, connect};
use support::{PATIENCE, eventually};
use tempfile::TempDir;

fn logged_in(address: SocketAddr, user: &str, password: &str) -> Tcp {
    let mut tcp = Tcp::open(address);
    tcp.send(connect(user, password, ""));
    tcp.send("PING\r\n");
    assert_eq!(tcp.read_line(), "PONG");
    tcp
}

/// Lines other than INFO.
fn next_line(tcp: &mut Tcp) -> String {
    loop {
        let line = tcp.read_line();
        if !line.starts_with("INFO") {
            return line;
        }
    }
}

fn conf(directory: &TempDir, text: &str) -> String {
    let path = directory.path().join("server.conf");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn path(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn without_a_configuration_it_serves_the_default_deployment() {
    let mut server = Server::ready(&["-p", "-1"]);
    let address = server.address();

    // No credentials lead to the application account.
    let mut anonymous = Tcp::open(address);
    anonymous.send("CONNECT {\"verbose\":false}\r\nSUB greet 1\r\nPING\r\n");
    assert_eq!(anonymous.read_line(), "PONG");
    let mut app = logged_in(address, "a", "a");
    app.send("PUB greet 2\r\nhi\r\n");
    assert_eq!(next_line(&mut anonymous), "MSG greet 1 2");
    let mut ops = logged_in(address, "admin", "changeit");
    ops.send("SUB r 1\r\nPUB $SYS.REQ.SERVER.PING.IDZ r 0\r\n\r\n");
    assert!(next_line(&mut ops).starts_with("MSG r 1 "));
    let mut wrong = Tcp::open(address);
    wrong.send(connect("a", "wrong", ""));
    assert_eq!(wrong.read_line(), "-ERR 'Authorization Violation'");

    server.signal("INT");
    assert_eq!(server.ended().code(), Some(0));
    let mut text = String::new();
    server
        .child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let port = address.port();
    assert!(
        text.contains(&format!("nats://127.0.0.1:{port}\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("nats://admin:changeit@127.0.0.1:{port}\n")),
        "{text}"
    );
    assert!(text.contains("Try:  nats --server "), "{text}");
}

#[test]
fn the_log_of_a_start_reads_like_nats_server() {
    let mut server = Server::ready(&["-a", "127.0.0.1", "-p", "-1", "-n", "n1", "-DV"]);
    let pid = server.child.id();
    let texts: Vec<_> = server
        .seen
        .iter()
        .map(|line| {
            let (prefix, text) = line.split_once("] ").expect("a prefix");
            assert_eq!(prefix, format!("[{pid}"));
            // 2024/05/06 07:08:09.123456 [INF] text
            let (time, text) = text.split_at("2024/05/06 07:08:09.123456 ".len());
            let shape: String = time
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            assert_eq!(shape, "0000/00/00 00:00:00.000000 ");
            text
        })
        .collect();
    let address = server.address();
    let id = texts[4].rsplit(' ').next().unwrap();
    assert_eq!((id.len(), &id[..1]), (56, "N"));
    let expected = [
        "[INF] Starting nats-server",
        "[INF]   Version:  2.15.1",
        "[INF]   Git:      [b2fd3ef]",
        "[INF]   Name:     n1",
        &format!("[INF]   ID:       {id}"),
        "[WRN] Flags without effect in a simulation: -DV",
        &format!("[INF] Listening for client connections on {address}"),
        "[INF] Server is ready",
    ];
    assert_eq!(texts, expected);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    server.line("Trapped \"terminated\" signal");
    server.line("Initiating Shutdown...");
    server.line("Server Exiting..");
}

#[test]
fn the_log_goes_to_a_file_and_without_times_if_asked() {
    let directory = directory();
    let log = path(&directory, "server.log");
    let mut server = Server::start(&["-p", "-1", "-l", &log, "-T=false"]);
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("the server", || read().contains("Server is ready"));
    server.signal("INT");
    server.ended();
    let pid = server.child.id();
    assert!(
        read().starts_with(&format!("[{pid}] [INF] Starting nats-server\n")),
        "{}",
        read()
    );
    assert_eq!(
        server.lines.recv().ok(),
        None,
        "something stands on standard error"
    );
}

#[test]
fn signals_end_it_as_each_release_ends() {
    for (version, signal, code) in [
        ("2.15.1", "TERM", 0),
        ("2.10.26", "TERM", 1),
        ("2.10.26", "INT", 0),
    ] {
        let mut server = Server::ready(&["-p", "-1", "--simulate-version", version]);
        let mut client = logged_in(server.address(), "a", "a");
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(code), "{version} {signal}");
        let rest = client.read_to_end();
        assert!(!rest.contains("-ERR"), "{rest}");
    }
}

#[test]
fn usr2_lets_clients_leave_before_it_ends() {
    let directory = directory();
    let file = conf(
        &directory,
        "port: -1, lame_duck_grace_period: 100ms, lame_duck_duration: 30s
         accounts { A { users: [{ user: joe, password: pw }] } }",
    );
    let mut server = Server::ready(&["-c", &file]);
    let address = server.address();
    let mut client = logged_in(address, "joe", "pw");
    client.read_line();
    server.signal("USR2");
    server.line("Trapped \"user defined signal 2\" signal");
    server.line("Entering lame duck mode, stop accepting new clients");
    assert!(client.read_line().contains("\"ldm\":true"));
    // The port was closed before the client was told.
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(client.read_to_end(), "");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn hup_reads_the_configuration_again() {
    let directory = directory();
    let file = conf(
        &directory,
        "port: -1, authorization { user: joe, password: old }",
    );
    let mut server = Server::ready(&["-c", &file]);
    let address = server.address();
    let mut client = logged_in(address, "joe", "old");
    conf(
        &directory,
        "port: -1, authorization { user: joe, password: new }",
    );
    server.signal("HUP");
    server.line("Reloaded server configuration");
    // As with nats-server, the connection ends without a word.
    assert!(!client.read_to_end().contains("-ERR"));
    logged_in(address, "joe", "new");

    conf(&directory, "port: -1, authorization {");
    server.signal("HUP");
    server.line("Failed to reload server configuration: ");
    logged_in(address, "joe", "new");
}

#[test]
fn hup_without_a_file_is_an_error_in_the_log() {
    let mut server = Server::ready(&["-p", "-1"]);
    server.signal("HUP");
    let line = server.line("Failed to reload server configuration");
    assert!(line.contains("[ERR]"), "{line}");
    logged_in(server.address(), "a", "a");
}

#[test]
fn another_process_can_send_the_signals() {
    let directory = directory();
    let pid_file = path(&directory, "server.pid");
    for (signal, expected) in [("reload", "hangup"), ("term", "terminated")] {
        let mut server = Server::ready(&["-p", "-1", "-P", &pid_file]);
        eventually("the file", || {
            std::fs::read_to_string(&pid_file).unwrap_or_default() == server.child.id().to_string()
        });
        let output = run(&["--signal", &format!("{signal}={pid_file}")]);
        assert!(output.status.success(), "{}", stderr(&output));
        server.line(&format!("Trapped {expected:?} signal"));
    }
    let mut server = Server::ready(&["-p", "-1"]);
    assert!(
        run(&["-sl", &format!("stop={}", server.child.id())])
            .status
            .success()
    );
    // Stopping is killing, as with nats-server.
    assert_eq!(server.ended().signal(), Some(9));
    // The process is gone, and its number is not given again this soon.
    let gone = run(&["-sl", &format!("stop={}", server.child.id())]);
    assert_eq!(gone.status.code(), Some(1));
    let unknown = run(&["-sl", "dance=1"]);
    assert!(
        stderr(&unknown).contains("unknown signal \"dance\""),
        "{}",
        stderr(&unknown)
    );
}

#[test]
fn pid_and_ports_files_tell_others() {
    let directory = directory();
    let ports_directory = directory.path().to_str().unwrap();
    let pid_file = path(&directory, "server.pid");
    let arguments = [
        "-p",
        "-1",
        "-P",
        &pid_file,
        "--ports_file_dir",
        ports_directory,
    ];
    let mut server = Server::ready(&arguments);
    let pid = server.child.id();
    let ports_file = Path::new(ports_directory).join(format!("nats-mock_{pid}.ports"));
    eventually("the files", || ports_file.exists());
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), pid.to_string());
    let ports: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&ports_file).unwrap()).unwrap();
    let url = ports["nats"][0].as_str().unwrap();
    let port = server.address().port();
    assert!(
        url.starts_with("nats://") && url.ends_with(&format!(":{port}")),
        "{url}"
    );
    server.signal("TERM");
    server.ended();
    assert!(!ports_file.exists());
}

#[test]
fn flags_set_what_files_set_and_win() {
    let directory = directory();
    let file = conf(
        &directory,
        "listen: \"127.0.0.1:1\", server_name: from_file",
    );
    let server = Server::ready(&["-c", &file, "-p", "-1", "--name=from_flag"]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    assert!(line.contains("\"server_name\":\"from_flag\""), "{line}");
    assert!(
        server
            .seen
            .iter()
            .any(|line| line.contains("Using configuration file: "))
    );
}

#[test]
fn credentials_can_be_flags() {
    let server = Server::ready(&["-p", "-1", "--user", "joe", "--pass", "pw"]);
    logged_in(server.address(), "joe", "pw");
    let mut wrong = Tcp::open(server.address());
    wrong.send(connect("a", "a", ""));
    assert_eq!(wrong.read_line(), "-ERR 'Authorization Violation'");

    let server = Server::ready(&["-p", "-1", "--auth", "s3cret"]);
    let mut token = Tcp::open(server.address());
    token.send("CONNECT {\"verbose\":false,\"auth_token\":\"s3cret\"}\r\nPING\r\n");
    assert_eq!(token.read_line(), "PONG");
}

#[test]
fn the_version_is_said_in_the_words_of_nats_server() {
    for flag in ["-v", "--version", "-version", "version"] {
        let output = run(&[flag]);
        assert_eq!(stdout(&output), "nats-server: v2.15.1\n", "{flag}");
        assert!(output.status.success());
    }
    let output = run(&["--simulate-version", "2.11", "--version"]);
    assert_eq!(stdout(&output), "nats-server: v2.11.11\n");
}

#[test]
fn a_configuration_can_be_checked() {
    let directory = directory();
    let good = conf(
        &directory,
        "port: 4444\naccounts { A { users: [{ user: a, password: b }] } }",
    );
    let output = run(&["-t", "-c", &good]);
    assert!(output.status.success());
    let text = stderr(&output);
    let start = format!("nats-server: configuration file {good} is valid (sha256:");
    assert!(text.starts_with(&start), "{text}");
    let older = run(&["-t", "-c", &good, "--simulate-version", "2.10"]);
    assert_eq!(
        stderr(&older),
        format!("nats-server: configuration file {good} is valid\n")
    );

    let bad = conf(&directory, "port: 4444\nno_such_key: 1\n");
    let output = run(&["-t", "-c", &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        format!("nats-server: {bad}:2:1: unknown field \"no_such_key\"\n\n")
    );

    for (arguments, text) in [
        (&["-t"][..], "must specify [-c, --config] option"),
        (&["-t", "-c", "/no/such/file"][..], "no such file"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(text), "{}", stderr(&output));
    }
}

#[test]
fn a_bad_configuration_is_no_start() {
    let directory = directory();
    let bad = conf(&directory, "port: 4444\naccounts {\n");
    let output = run(&["-c", &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("Parse error"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = run(&["-a", "127.0.0.1", "-p", &address.port().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    let expected = format!(
        "[FTL] Error listening on port: {address}, \"listen tcp {address}: bind: address already in use\""
    );
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn what_is_not_simulated_is_refused_and_not_passed_over() {
    for flag in ["-js", "-m"] {
        let output = run(&["-p", "-1", flag, "1"]);
        assert_eq!(output.status.code(), Some(1), "{flag}");
        let name = flag.trim_start_matches('-');
        let expected = format!("nats-server: flag -{name} is not supported yet by nats-mock\n");
        assert_eq!(stderr(&output), expected);
    }
    let directory = directory();
    let file = conf(&directory, "port: -1\njetstream: enabled\n");
    let output = run(&["-c", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("jetstream"), "{}", stderr(&output));
}

#[test]
fn unknown_flags_show_the_usage() {
    let output = run(&["--no-such-flag"]);
    assert!(stderr(&output).starts_with("flag provided but not defined: -no-such-flag\n"));
    assert!(stdout(&output).starts_with("Usage: nats-mock "));
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert_eq!(stdout(&help), stdout(&output));
    let command = run(&["serve"]);
    assert_eq!(command.status.code(), Some(1));
    assert_eq!(
        stderr(&command),
        "nats-server: unrecognized command: \"serve\"\n"
    );
}

#[test]
fn a_script_can_stand_in_for_nats_server() {
    // A launcher may find the program under another name, by a link.
    let directory = directory();
    let link: PathBuf = directory.path().join("nats-server");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_nats-mock"), &link).unwrap();
    let mut child = Command::new(&link)
        .args([
            "-p",
            "-1",
            "--ports_file_dir",
            directory.path().to_str().unwrap(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ports = directory
        .path()
        .join(format!("nats-server_{}.ports", child.id()));
    eventually("the ports file", || ports.exists());
    child.kill().unwrap();
    child.wait().unwrap();
}
