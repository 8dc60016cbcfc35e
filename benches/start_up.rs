//! From nothing to a server that has said its first byte.

use std::io::Read;
use std::net::TcpStream;

use criterion::{Criterion, criterion_group, criterion_main};
use nats_mock::MockNats;

fn start_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("start");
    group.bench_function("to the first byte of INFO over TCP", |bencher| {
        bencher.iter_with_large_drop(|| {
            let nats = MockNats::start_blocking().expect("starts");
            let mut stream = TcpStream::connect(nats.address()).expect("connects");
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("is greeted");
            assert_eq!(byte, *b"I");
            (stream, nats)
        });
    });
    group.bench_function("to a logged-in client in memory", |bencher| {
        bencher.iter_with_large_drop(|| {
            let nats = MockNats::start_blocking().expect("starts");
            let client = nats.client("a").expect("connects");
            (client, nats)
        });
    });
    group.bench_function("and drop", |bencher| {
        bencher.iter(|| drop(MockNats::start_blocking().expect("starts")));
    });
    group.finish();
}

criterion_group!(benches, start_up);
criterion_main!(benches);
