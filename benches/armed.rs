//! What it costs that a test could change what servers say: with nothing armed, and with something armed
//! that is about something else.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nats_mock::MockNats;
use nats_mock::expected::requests;
use nats_mock::protocol::sys::Endpoint;

/// What is armed, none of it about what is measured.
const ARMED: [&str; 3] = ["nothing", "something else", "ten things else"];

fn deployment(armed: usize) -> MockNats {
    let nats = MockNats::start_blocking().expect("a server");
    let count = [0, 1, 10][armed];
    for _ in 0..count {
        nats.on(Endpoint::Raftz).silence().stay();
    }
    nats
}

fn publish(criterion: &mut Criterion) {
    const MESSAGES: usize = 1_000;
    let batch = b"PUB orders 16\r\n0123456789abcdef\r\n".repeat(MESSAGES);
    let mut group = criterion.benchmark_group("publish and receive 16 B");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for (armed, name) in ARMED.iter().enumerate() {
        let nats = deployment(armed);
        let connect = |line: &str| {
            let mut connection = nats.connect_in_memory().expect("a connection");
            let hello =
                format!("CONNECT {{\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}}\r\n{line}");
            connection.send(hello.as_bytes()).expect("a log-in");
            connection
        };
        let mut subscriber = connect("SUB orders 1\r\n");
        let mut publisher = connect("");
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                publisher.send(&batch).expect("a server");
                black_box(subscriber.take_received().expect("messages"))
            });
        });
    }
    group.finish();
}

fn ask(criterion: &mut Criterion) {
    for endpoint in ["IDZ", "VARZ"] {
        let mut group = criterion.benchmark_group(format!("ask for {endpoint}"));
        for (armed, name) in ARMED.iter().enumerate() {
            let nats = deployment(armed);
            let mut tool = nats.client("admin").expect("a client");
            let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
            group.bench_function(*name, |bencher| {
                bencher.iter(|| {
                    let mut answers = tool.request(&subject, "").expect("a request");
                    black_box(answers.try_next().expect("an answer"))
                });
            });
        }
        let nats = deployment(0);
        nats.expect(requests().endpoint(Endpoint::Raftz)).times(0..);
        let mut tool = nats.client("admin").expect("a client");
        let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
        group.bench_function("something else expected", |bencher| {
            bencher.iter(|| {
                let mut answers = tool.request(&subject, "").expect("a request");
                black_box(answers.try_next().expect("an answer"))
            });
        });
        group.finish();
    }
}

criterion_group!(benches, publish, ask);
criterion_main!(benches);
