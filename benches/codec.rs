//! Decoding and encoding the client protocol.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nats_mock::protocol::wire::{
    ClientBatch, ClientDecoder, Limits, ServerBatch, ServerDecoder, encode,
};

/// Operations in one buffer, as one read from a busy socket brings them.
const OPS: usize = 1_000;

const SIZES: [usize; 3] = [16, 1024, 64 * 1024];

fn published(size: usize) -> BytesMut {
    let payload = vec![b'x'; size];
    let mut out = Vec::new();
    for _ in 0..OPS {
        encode::publish(&mut out, b"orders.created.eu", None, &payload);
    }
    BytesMut::from(&out[..])
}

fn delivered(size: usize) -> BytesMut {
    let payload = vec![b'x'; size];
    let mut out = Vec::new();
    for _ in 0..OPS {
        encode::message(&mut out, b"orders.created.eu", b"17", None, &payload);
    }
    BytesMut::from(&out[..])
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(OPS as u64));
    for size in SIZES {
        let input = published(size);
        let mut decoder = ClientDecoder::new(Limits::default());
        let mut batch = ClientBatch::new();
        group.bench_function(format!("PUB {size} B"), |bencher| {
            bencher.iter_batched_ref(
                || input.clone(),
                |input| {
                    let _ = decoder.decode(input, &mut batch);
                    assert_eq!(batch.iter().map(black_box).count(), OPS);
                    batch.clear();
                },
                BatchSize::LargeInput,
            );
        });
        let input = delivered(size);
        let mut decoder = ServerDecoder::new(Limits::default());
        let mut batch = ServerBatch::new();
        group.bench_function(format!("MSG {size} B"), |bencher| {
            bencher.iter_batched_ref(
                || input.clone(),
                |input| {
                    let _ = decoder.decode(input, &mut batch);
                    assert_eq!(batch.iter().map(black_box).count(), OPS);
                    batch.clear();
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(OPS as u64));
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut out = Vec::with_capacity(OPS * (size + 64));
        group.bench_function(format!("MSG {size} B"), |bencher| {
            bencher.iter(|| {
                out.clear();
                for _ in 0..OPS {
                    encode::message(
                        &mut out,
                        black_box(b"orders.created.eu"),
                        b"17",
                        None,
                        &payload,
                    );
                }
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encoding);
criterion_main!(benches);
