//! From a published message to those who asked for it, over connections in memory: parsing,
//! matching, and appending to the receivers' output.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nats_mock::protocol::subject;
use nats_mock::{MemoryConnection, MockNats};

/// Messages in one buffer.
const MESSAGES: usize = 1_000;

fn connection(nats: &MockNats) -> MemoryConnection {
    let mut connection = nats.connect_in_memory().expect("connects");
    let hello = b"CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"a\"}\r\n";
    connection.send(hello).expect("is sent");
    connection
}

fn subjects(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pattern");
    for (name, pattern) in [
        ("literal", "orders.created.eu"),
        ("star", "orders.*.eu"),
        ("rest", "orders.>"),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                subject::matches(
                    black_box(pattern.as_bytes()),
                    black_box(b"orders.created.eu"),
                )
            });
        });
    }
    group.finish();
}

/// Publishing among many subscriptions: to subjects used again and again, and to ever new ones.
fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for subscriptions in [1, 1_000, 100_000] {
        let nats = MockNats::start_blocking().expect("starts");
        let mut receiver = connection(&nats);
        let subs: String = (0..subscriptions)
            .map(|sid| format!("SUB s.{sid}.* {sid}\r\n"))
            .collect();
        receiver.send(subs.as_bytes()).expect("is sent");
        let mut publisher = connection(&nats);
        let known: String = (0..MESSAGES)
            .map(|at| format!("PUB s.{}.x 2\r\nhi\r\n", at % subscriptions.min(100)))
            .collect();
        group.bench_function(
            format!("known subjects, {subscriptions} subscriptions"),
            |bencher| {
                bencher.iter(|| {
                    publisher.send(known.as_bytes()).expect("is sent");
                    receiver.take_received().expect("is open").len()
                });
            },
        );
        let mut round = 0_u64;
        group.bench_function(
            format!("new subjects, {subscriptions} subscriptions"),
            |bencher| {
                bencher.iter_batched(
                    || {
                        round += 1;
                        let line = |at| format!("PUB s.{}.{round} 2\r\nhi\r\n", at % subscriptions);
                        (0..MESSAGES).map(line).collect::<String>()
                    },
                    |text| {
                        publisher.send(text.as_bytes()).expect("is sent");
                        receiver.take_received().expect("is open").len()
                    },
                    criterion::BatchSize::SmallInput,
                );
            },
        );
    }
    group.finish();
}

/// One message to many subscriptions.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan out");
    for subscribers in [1, 10, 100] {
        let nats = MockNats::start_blocking().expect("starts");
        let mut receivers: Vec<_> = (0..subscribers)
            .map(|_| {
                let mut receiver = connection(&nats);
                receiver.send(b"SUB fan 1\r\n").expect("is sent");
                receiver
            })
            .collect();
        let mut publisher = connection(&nats);
        let text = "PUB fan 2\r\nhi\r\n".repeat(MESSAGES);
        group.throughput(Throughput::Elements((MESSAGES * subscribers) as u64));
        group.bench_function(format!("1 to {subscribers}"), |bencher| {
            bencher.iter(|| {
                publisher.send(text.as_bytes()).expect("is sent");
                let len = |receiver: &mut MemoryConnection| {
                    receiver.take_received().map(|bytes| bytes.len())
                };
                receivers.iter_mut().filter_map(len).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, subjects, publish, fan_out);
criterion_main!(benches);
