//! Laws of WebSocket frames.

use bytes::BytesMut;
use nats_mock_protocol::websocket::frame::{Part, encode, encode_part};
use nats_mock_protocol::websocket::{
    CloseCode, FrameDecoder, FrameError, Masking, OpCode, Step, close,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const KEY: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// All that a decoder gives for input that comes in these pieces.
fn decoded(
    decoder: &mut FrameDecoder,
    pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> (Vec<u8>, Vec<Step>, Option<FrameError>) {
    let (mut input, mut data, mut steps) = (BytesMut::new(), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece.as_ref());
        loop {
            match decoder.decode(&mut input, &mut data) {
                Ok(Step::Drained) => break,
                Ok(step) => steps.push(step),
                Err(error) => return (data.to_vec(), steps, Some(error)),
            }
        }
    }
    (data.to_vec(), steps, None)
}

fn refused(bytes: &[u8]) -> FrameError {
    let mut decoder = FrameDecoder::new(Masking::Required, 100).take_deflated();
    decoded(&mut decoder, [bytes]).2.expect("is refused")
}

#[test]
fn what_breaks_the_protocol_is_named() {
    assert_eq!(refused(&[0xa2, 0x80]), FrameError::ReservedBits);
    assert_eq!(refused(&[0x92]), FrameError::ReservedBits);
    assert_eq!(refused(&[0x82, 0x01]), FrameError::NotMasked);
    assert_eq!(refused(&[0x89, 0xfe]), FrameError::LongControl);
    assert_eq!(refused(&[0x09, 0x80]), FrameError::PartOfControl);
    assert_eq!(refused(&[0xc9, 0x80]), FrameError::CompressedControl);
    assert_eq!(refused(&[0x80, 0x80]), FrameError::Continuation);
    assert_eq!(refused(&[0x83, 0x80]), FrameError::OpCode(3));
    let begun = [0x02, 0x80, 0, 0, 0, 0];
    assert_eq!(
        refused(&[&begun[..], &[0x82, 0x80]].concat()),
        FrameError::Interrupted
    );
    assert_eq!(
        refused(&[&begun[..], &[0xc0, 0x80]].concat()),
        FrameError::Continuation
    );
    let huge = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(refused(&huge), FrameError::Length);
    assert_eq!(
        refused(&[0x88, 0x81, 0, 0, 0, 0, 3]),
        FrameError::ShortClose
    );
    assert_eq!(
        refused(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xed]),
        FrameError::CloseCode(1005)
    );
    let mut plain = FrameDecoder::new(Masking::Required, 100);
    let (_, _, error) = decoded(&mut plain, [[0xc2]]);
    assert_eq!(error, Some(FrameError::NotNegotiated));
}

#[test]
fn the_longest_deflated_message_is_bounded_before_it_is_collected() {
    let mut frame = vec![0xc2, 0xff];
    frame.extend_from_slice(&(1u64 << 40).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&[7; 101]);
    assert_eq!(refused(&frame), FrameError::TooBig);
}

#[test]
fn a_close_frame_says_why() {
    let mut bytes = BytesMut::new();
    close::encode(&mut bytes, CloseCode::NORMAL, Some(KEY), "done");
    let mut decoder = FrameDecoder::new(Masking::Required, 0);
    let (_, steps, error) = decoded(&mut decoder, [bytes]);
    assert_eq!(error, None);
    assert_eq!(
        steps,
        [Step::Close(Some((CloseCode::NORMAL, "done".to_owned())))]
    );
}

#[test]
fn a_close_frame_cuts_what_it_has_no_room_for() {
    let mut bytes = BytesMut::new();
    close::encode(&mut bytes, CloseCode::INTERNAL, None, &"x".repeat(124));
    assert_eq!(bytes.len(), 2 + 125);
    assert!(bytes.ends_with(b"xxx..."));
}

#[derive(Debug, Clone)]
enum Sent {
    Message(Vec<Vec<u8>>),
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let payload = || vec(any::<u8>(), 0..300);
    prop_oneof![
        3 => vec(payload(), 1..4).prop_map(Sent::Message),
        1 => vec(any::<u8>(), 0..125).prop_map(Sent::Ping),
    ]
}

fn write(out: &mut BytesMut, sent: &Sent, key: Option<[u8; 4]>) {
    match sent {
        Sent::Ping(payload) => encode(out, OpCode::Ping, key, payload),
        Sent::Message(parts) => {
            for (at, payload) in parts.iter().enumerate() {
                let code = if at == 0 {
                    OpCode::Binary
                } else {
                    OpCode::Continuation
                };
                let part = Part {
                    code,
                    is_final: at + 1 == parts.len(),
                    is_compressed: false,
                };
                encode_part(out, part, key, payload);
            }
        }
    }
}

proptest! {
    #[test]
    fn what_was_framed_comes_out_however_it_is_cut(
        all in vec(sent(), 0..8),
        key in option::of(any::<[u8; 4]>()),
        cuts in vec(1..50usize, 1..40),
    ) {
        let mut bytes = BytesMut::new();
        all.iter().for_each(|sent| write(&mut bytes, sent, key));
        let masking = if key.is_some() { Masking::Required } else { Masking::None };
        let mut pieces = Vec::new();
        let mut cuts = cuts.iter().cycle();
        while !bytes.is_empty() {
            let length = cuts.next().map_or(1, |&cut| cut).min(bytes.len());
            pieces.push(bytes.split_to(length));
        }
        let (data, steps, error) = decoded(&mut FrameDecoder::new(masking, 0), pieces);
        prop_assert_eq!(error, None);
        let mut expected = Vec::new();
        let mut pings = Vec::new();
        for sent in all {
            match sent {
                Sent::Message(parts) => expected.extend(parts.concat()),
                Sent::Ping(payload) => pings.push(Step::Ping(payload)),
            }
        }
        prop_assert_eq!(data, expected);
        prop_assert_eq!(steps, pings);
    }

    #[test]
    fn any_bytes_are_survived_and_give_no_more_than_came(
        pieces in vec(vec(any::<u8>(), 0..40), 0..10),
        deflated in any::<bool>(),
        masking in prop_oneof![Just(Masking::Required), Just(Masking::None)],
    ) {
        let mut decoder = FrameDecoder::new(masking, 64);
        if deflated {
            decoder = decoder.take_deflated();
        }
        let came: usize = pieces.iter().map(Vec::len).sum();
        let (data, steps, _) = decoded(&mut decoder, pieces);
        let collected: usize = steps.iter().map(|step| match step {
            Step::Deflated(message) => message.len(),
            Step::Ping(payload) => payload.len(),
            _ => 0,
        }).sum();
        prop_assert!(data.len() + collected <= came);
    }
}
