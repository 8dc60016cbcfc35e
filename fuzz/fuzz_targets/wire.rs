//! Both decoders: any split of a stream gives the same operations and the same fault, and what
//! waits for more input stays within the limits. The first byte of an input chooses the side, the
//! mode and where else to cut.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::wire::{
    ClientBatch, ClientDecoder, ClientOp, ConnectOptions, Limits, Progress, ServerBatch,
    ServerDecoder, ServerInfo, ServerOp, WireError,
};

type Heard = (Vec<String>, Option<WireError>);

fn from_client<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: Limits,
    connect_first: bool,
) -> Heard {
    let mut decoder = ClientDecoder::new(limits);
    decoder.expect_connect(connect_first);
    let (mut batch, mut input) = (ClientBatch::new(), BytesMut::new());
    let mut heard = (Vec::new(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let progress = decoder.decode(&mut input, &mut batch);
            for op in batch.iter() {
                options(&op);
                heard.0.push(format!("{op:?}"));
            }
            if let Some(fault) = batch.fault() {
                assert!(heard.1.replace(fault.clone()).is_none());
            }
            if progress == Progress::Drained {
                break;
            }
        }
        bounded(&input, decoder.needed(), limits);
    }
    heard
}

/// JSON that was accepted reads the same after it was written.
fn options(op: &ClientOp<'_>) {
    if let ClientOp::Connect(json) = op
        && let Ok(options) = ConnectOptions::parse(json)
    {
        let again = ConnectOptions::parse(options.to_json().as_bytes());
        assert_eq!(again, Ok(options));
    }
}

fn from_server<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Heard {
    let mut decoder = ServerDecoder::new(limits);
    let (mut batch, mut input) = (ServerBatch::new(), BytesMut::new());
    let mut heard = (Vec::new(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
        for op in batch.iter() {
            if let ServerOp::Info(json) = op
                && let Ok(info) = ServerInfo::parse(json)
            {
                assert_eq!(ServerInfo::parse(info.to_json().as_bytes()), Ok(info));
            }
            heard.0.push(format!("{op:?}"));
        }
        if let Some(fault) = batch.fault() {
            assert!(heard.1.replace(fault.clone()).is_none());
        }
        bounded(&input, decoder.needed(), limits);
    }
    heard
}

fn bounded(waiting: &[u8], needed: usize, limits: Limits) {
    assert!(waiting.len() <= limits.max_control_line + limits.max_payload + 4);
    assert!(needed <= limits.max_payload + 2);
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        max_control_line: 96,
        max_payload: 64,
        headers: choice & 1 == 0,
    };
    let size = usize::from(choice >> 3) + 2;
    if choice & 2 == 0 {
        let connect_first = choice & 4 != 0;
        let whole = from_client([stream].into_iter(), limits, connect_first);
        assert_eq!(from_client(stream.chunks(1), limits, connect_first), whole);
        assert_eq!(
            from_client(stream.chunks(size), limits, connect_first),
            whole
        );
    } else {
        let whole = from_server([stream].into_iter(), limits);
        assert_eq!(from_server(stream.chunks(1), limits), whole);
        assert_eq!(from_server(stream.chunks(size), limits), whole);
    }
});
