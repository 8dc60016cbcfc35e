//! What is encoded is decoded again.

use crate::support::{client_op, from_client, from_server, server_op};
use bytes::BytesMut;
use nats_mock_protocol::wire::{
    ClientBatch, ClientDecoder, ClientOp, Limits, Message, Progress, Publish, ServerOp, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Sent {
    Publish(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>),
    Subscribe(Vec<u8>, Option<Vec<u8>>, Vec<u8>),
    Unsubscribe(Vec<u8>, Option<u64>),
    Ping,
    Pong,
    Ok,
}

/// An argument: anything without blanks and line ends.
fn word() -> impl Strategy<Value = Vec<u8>> {
    vec(
        any::<u8>().prop_filter("no separator", |b| !b" \t\r\n".contains(b)),
        1..20,
    )
}

fn sent() -> impl Strategy<Value = Sent> {
    let option = proptest::option::of::<BoxedStrategy<Vec<u8>>>;
    let payload = || vec(any::<u8>(), 0..40).boxed();
    prop_oneof![
        (word(), option(word().boxed()), option(payload()), payload())
            .prop_map(|(s, r, h, p)| Sent::Publish(s, r, h, p)),
        (word(), option(word().boxed()), word()).prop_map(|(s, q, i)| Sent::Subscribe(s, q, i)),
        (word(), proptest::option::of(0..1_000_000_000_u64))
            .prop_map(|(i, max)| Sent::Unsubscribe(i, max)),
        Just(Sent::Ping),
        Just(Sent::Pong),
        Just(Sent::Ok),
    ]
}

fn to_server(op: &Sent, out: &mut Vec<u8>) -> String {
    match op {
        Sent::Publish(subject, reply, headers, payload) => {
            let reply = reply.as_deref();
            let headers = headers.as_deref();
            match headers {
                None => encode::publish(out, subject, reply, payload),
                Some(h) => encode::publish_with_headers(out, subject, reply, h, payload),
            }
            let header_text = headers.map(|h| h.len().to_string());
            let whole = [headers.unwrap_or_default(), payload].concat();
            client_op(ClientOp::Pub(Publish {
                subject,
                reply,
                header_len: headers.map(<[u8]>::len),
                header_text: header_text.as_ref().map(String::as_bytes),
                size_text: whole.len().to_string().as_bytes(),
                payload: &whole,
            }))
        }
        Sent::Subscribe(subject, queue, sid) => {
            let queue = queue.as_deref();
            encode::subscribe(out, subject, queue, sid);
            client_op(ClientOp::Sub {
                subject,
                queue,
                sid,
            })
        }
        Sent::Unsubscribe(sid, max) => {
            encode::unsubscribe(out, sid, *max);
            client_op(ClientOp::Unsub { sid, max: *max })
        }
        Sent::Ping => {
            encode::ping(out);
            client_op(ClientOp::Ping)
        }
        Sent::Pong => {
            encode::pong(out);
            client_op(ClientOp::Pong)
        }
        Sent::Ok => {
            encode::ok(out);
            client_op(ClientOp::Ok)
        }
    }
}

fn to_client(op: &Sent, out: &mut Vec<u8>) -> String {
    match op {
        Sent::Publish(subject, reply, headers, payload) => {
            let reply = reply.as_deref();
            let headers = headers.as_deref();
            match headers {
                None => encode::message(out, subject, b"7", reply, payload),
                Some(h) => encode::message_with_headers(out, subject, b"7", reply, h, payload),
            }
            server_op(ServerOp::Msg(Message {
                subject,
                sid: b"7",
                reply,
                headers,
                payload,
            }))
        }
        Sent::Subscribe(text, ..) | Sent::Unsubscribe(text, _) => {
            encode::err(out, text);
            server_op(ServerOp::Err(text))
        }
        Sent::Ping => {
            encode::ping(out);
            server_op(ServerOp::Ping)
        }
        Sent::Pong => {
            encode::pong(out);
            server_op(ServerOp::Pong)
        }
        Sent::Ok => {
            encode::ok(out);
            server_op(ServerOp::Ok)
        }
    }
}

proptest! {
    #[test]
    fn of_clients(ops in vec(sent(), 0..12)) {
        let mut out = Vec::new();
        let want: Vec<_> = ops.iter().map(|op| to_server(op, &mut out)).collect();
        let heard = from_client([&out[..]], Limits::default(), false);
        prop_assert_eq!((heard.ops, heard.fault), (want, None));
    }

    #[test]
    fn of_servers(ops in vec(sent(), 0..12)) {
        let mut out = Vec::new();
        let want: Vec<_> = ops.iter().map(|op| to_client(op, &mut out)).collect();
        let heard = from_server([&out[..]], Limits::default());
        prop_assert_eq!((heard.ops, heard.fault), (want, None));
    }

    #[test]
    fn of_numbers(n: u64) {
        let mut out = b"x".to_vec();
        encode::number(&mut out, n);
        prop_assert_eq!(out, format!("x{n}").into_bytes());
    }
}

#[test]
fn payloads_are_slices_of_what_was_read() {
    let mut input = BytesMut::from("PUB a 5\r\nhello\r\nSUB a 1\r\n");
    let start = input.as_ptr();
    let mut batch = ClientBatch::new();
    let mut decoder = ClientDecoder::new(Limits::default());
    assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
    let Some(ClientOp::Pub(publish)) = batch.iter().next() else {
        panic!("a publish");
    };
    assert_eq!(publish.payload.as_ptr(), start.wrapping_add(9));
    let kept = batch.bytes().slice_ref(publish.payload);
    batch.clear();
    assert_eq!(&kept[..], b"hello");
}

#[test]
fn connect_ends_its_batch_so_that_the_limits_can_change() {
    let mut decoder = ClientDecoder::new(Limits {
        headers: false,
        ..Limits::default()
    });
    let mut batch = ClientBatch::new();
    let mut input = BytesMut::from("CONNECT {\"headers\":true}\r\nHPUB a 2 2\r\nhi\r\n");
    assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Paused);
    assert_eq!(batch.len(), 1);
    decoder.set_limits(Limits::default());
    assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
    assert_eq!((batch.len(), batch.fault()), (1, None));
}

#[test]
fn the_bytes_needed_are_known_with_the_line() {
    let mut decoder = ClientDecoder::new(Limits::default());
    let mut batch = ClientBatch::new();
    let mut input = BytesMut::from("PUB a 100\r\nhello");
    assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
    assert_eq!((decoder.needed(), batch.is_empty()), (97, true));
    input.extend_from_slice(&[b'x'; 97]);
    input.extend_from_slice(b"PING\r\n");
    assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
    assert_eq!(decoder.needed(), 0);
    assert!(matches!(
        batch.fault().map(ToString::to_string).as_deref(),
        Some("payload of 100 bytes is followed by byte 0x78 instead of CRLF")
    ));
}
