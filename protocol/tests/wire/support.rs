//! Driving the decoders from tests.

use bytes::BytesMut;
use nats_mock_protocol::wire::{
    ClientBatch, ClientDecoder, ClientOp, Limits, Message, Progress, Publish, ServerBatch,
    ServerDecoder, ServerOp, WireError,
};

pub const LIMITS: Limits = Limits {
    max_control_line: 64,
    max_payload: 32,
    headers: true,
};

/// Everything a decoder said about a stream: its operations as text, and its fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub ops: Vec<String>,
    pub fault: Option<WireError>,
}

/// Decodes what a client sent, given in pieces.
pub fn from_client<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
    connect_first: bool,
) -> Heard {
    let mut decoder = ClientDecoder::new(limits);
    decoder.expect_connect(connect_first);
    let mut batch = ClientBatch::new();
    let mut input = BytesMut::new();
    let mut heard = Heard {
        ops: Vec::new(),
        fault: None,
    };
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let progress = decoder.decode(&mut input, &mut batch);
            heard.ops.extend(batch.iter().map(client_op));
            if let Some(fault) = batch.fault() {
                assert_eq!(heard.fault, None, "a second fault");
                heard.fault = Some(fault.clone());
            } else if heard.fault.is_some() {
                assert!(batch.is_empty(), "an operation after the fault");
            }
            if progress == Progress::Drained {
                break;
            }
        }
        check_bounds(&input, decoder.needed(), limits);
    }
    heard
}

/// Decodes what a server sent, given in pieces.
pub fn from_server<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Heard {
    let mut decoder = ServerDecoder::new(limits);
    let mut batch = ServerBatch::new();
    let mut input = BytesMut::new();
    let mut heard = Heard {
        ops: Vec::new(),
        fault: None,
    };
    for piece in pieces {
        input.extend_from_slice(piece);
        assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
        heard.ops.extend(batch.iter().map(server_op));
        if let Some(fault) = batch.fault() {
            assert_eq!(heard.fault, None, "a second fault");
            heard.fault = Some(fault.clone());
        }
        check_bounds(&input, decoder.needed(), limits);
    }
    heard
}

/// However hostile the peer, what waits is at most a line and a payload.
fn check_bounds(waiting: &[u8], needed: usize, limits: Limits) {
    let most = limits.max_control_line + 2 + limits.max_payload + 2;
    assert!(waiting.len() <= most, "{} bytes wait", waiting.len());
    assert!(needed <= limits.max_payload + 2, "{needed} bytes needed");
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn optional(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "-".to_owned(), text)
}

pub fn client_op(op: ClientOp<'_>) -> String {
    match op {
        ClientOp::Connect(json) => format!("connect {}", text(json)),
        ClientOp::Info(json) => format!("info {}", text(json)),
        ClientOp::Pub(Publish {
            subject,
            reply,
            header_len,
            header_text,
            size_text,
            payload,
        }) => {
            let verb = if header_len.is_some() { "hpub" } else { "pub" };
            let sizes = match header_text {
                Some(header) => format!("{} {}", text(header), text(size_text)),
                None => text(size_text),
            };
            let size = str::from_utf8(size_text).map(str::parse);
            assert_eq!(size, Ok(Ok(payload.len())));
            format!(
                "{verb} {} {} {sizes} {}",
                text(subject),
                optional(reply),
                text(payload)
            )
        }
        ClientOp::Sub {
            subject,
            queue,
            sid,
        } => format!("sub {} {} {}", text(subject), optional(queue), text(sid)),
        ClientOp::Unsub { sid, max } => format!("unsub {} {max:?}", text(sid)),
        ClientOp::Ping => "ping".to_owned(),
        ClientOp::Pong => "pong".to_owned(),
        ClientOp::Ok => "ok".to_owned(),
        ClientOp::Err(said) => format!("err {}", text(said)),
    }
}

pub fn server_op(op: ServerOp<'_>) -> String {
    match op {
        ServerOp::Info(json) => format!("info {}", text(json)),
        ServerOp::Msg(Message {
            subject,
            sid,
            reply,
            headers,
            payload,
        }) => format!(
            "msg {} {} {} {} {}",
            text(subject),
            text(sid),
            optional(reply),
            optional(headers),
            text(payload)
        ),
        ServerOp::Ping => "ping".to_owned(),
        ServerOp::Pong => "pong".to_owned(),
        ServerOp::Ok => "ok".to_owned(),
        ServerOp::Err(said) => format!("err {}", text(said)),
    }
}
