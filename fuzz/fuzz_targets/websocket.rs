//! What comes at a port for WebSocket: any split of a stream gives the same requests, and the same data,
//! steps and fault, and what waits for more input stays within limits. The first byte of an input chooses
//! between requests and frames, how frames are read, and where else to cut.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::http::{MAX_REQUEST, Request, RequestError, RequestReader};
use nats_mock_protocol::websocket::{FrameDecoder, FrameError, Masking, Step};

const MAX_DEFLATED: usize = 200;
/// A header of a frame, and the payload of one that is no data.
const MAX_WAITING: usize = 14 + 125;

fn requests<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Request>, Option<RequestError>) {
    let mut reader = RequestReader::default();
    let mut read = Vec::new();
    for piece in pieces {
        reader.input().extend_from_slice(piece);
        loop {
            match reader.next() {
                Ok(Some(request)) => {
                    look_at(&request);
                    read.push(request);
                }
                Ok(None) => break,
                Err(error) => return (read, Some(error)),
            }
        }
        assert!(reader.input().len() <= MAX_REQUEST);
    }
    (read, None)
}

fn look_at(request: &Request) {
    for name in ["host", "cookie", "sec-websocket-key"] {
        let _ = (request.header(name), request.has_token(name, "a"));
    }
    let _ = (request.cookie("a"), request.offers("permessage-deflate"));
}

type Heard = (Vec<u8>, Vec<Step>, Option<FrameError>);

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>, mut decoder: FrameDecoder) -> Heard {
    let (mut input, mut data) = (BytesMut::new(), BytesMut::new());
    let mut steps = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input, &mut data) {
                Ok(Step::Drained) => break,
                Ok(step) => {
                    if let Step::Deflated(message) = &step {
                        assert!(message.len() <= MAX_DEFLATED);
                    }
                    steps.push(step);
                }
                Err(error) => return (data.to_vec(), steps, Some(error)),
            }
        }
        assert!(input.len() < MAX_WAITING);
    }
    (data.to_vec(), steps, None)
}

fn decoder(choice: u8) -> FrameDecoder {
    let masking = match choice & 2 {
        0 => Masking::Required,
        _ => Masking::None,
    };
    let decoder = FrameDecoder::new(masking, MAX_DEFLATED);
    match choice & 12 {
        4 => decoder.take_deflated(),
        8 => decoder.be_lenient(),
        _ => decoder,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, stream)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(choice >> 4) + 2;
    if choice & 1 == 0 {
        let whole = frames([stream].into_iter(), decoder(choice));
        assert_eq!(frames(stream.chunks(1), decoder(choice)), whole);
        assert_eq!(frames(stream.chunks(size), decoder(choice)), whole);
    } else {
        // Whether what has not come whole is wrong already may show later.
        let (whole, error) = requests([stream].into_iter());
        for (read, fault) in [requests(stream.chunks(1)), requests(stream.chunks(size))] {
            assert_eq!(read, whole);
            assert!(fault.is_none() || fault == error);
        }
    }
});
