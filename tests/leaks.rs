//! A thousand servers leave nothing behind. This is a test program of its own, because it looks at
//! the whole process.

mod support;

use nats_mock::MockNats;
use support::eventually;
use support::private_memory;
use support::raw::{Tcp, connect};

/// A server with some use made of it, over TCP and in memory.
fn use_a_server(seed: u64) {
    let nats = MockNats::builder().seed(seed).start_blocking().unwrap();
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x.*").unwrap();
    client.publish("x.y", "hello").unwrap();
    assert_eq!(messages.try_next().unwrap().payload, "hello");
    if seed.is_multiple_of(10) {
        let mut tcp = Tcp::open(nats.address());
        tcp.send(connect("a", "a", ""));
        tcp.send("SUB y 1\r\nPUB y 2\r\nhi\r\nPING\r\n");
        assert_eq!(tcp.read_line(), "MSG y 1 2");
        nats.url_for("a");
    }
}

/// Entries of a directory of this process, where the system has such a thing.
fn count(directory: &str) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

#[test]
fn a_thousand_servers_leave_nothing_behind() {
    for seed in 0..200 {
        use_a_server(seed);
    }
    let (threads, files) = (count("/proc/self/task"), count("/proc/self/fd"));
    let memory = private_memory();
    for seed in 0..1_000 {
        use_a_server(seed);
    }
    // The system takes a moment to remove a thread that has ended.
    eventually("the threads to end", || count("/proc/self/task") <= threads);
    assert_eq!(count("/proc/self/fd"), files);
    let grown = private_memory().saturating_sub(memory);
    // 2 KiB a server would show.
    assert!(
        grown < 2 * 1024 * 1024,
        "{grown} bytes more than after the first 200"
    );
}
