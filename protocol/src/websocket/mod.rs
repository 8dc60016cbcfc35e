//! WebSocket (RFC 6455) as nats-server speaks it: the frames that carry the client protocol.
//!
//! ```
//! use bytes::BytesMut;
//! use nats_mock_protocol::websocket::{FrameDecoder, Masking, OpCode, Step, frame};
//!
//! let mut decoder = FrameDecoder::new(Masking::Required, 1024);
//! let mut input = BytesMut::new();
//! frame::encode(&mut input, OpCode::Binary, Some([1, 2, 3, 4]), b"PING\r\n");
//! let mut data = BytesMut::new();
//! assert_eq!(decoder.decode(&mut input, &mut data)?, Step::Drained);
//! assert_eq!(&data[..], b"PING\r\n");
//! # Ok::<(), nats_mock_protocol::websocket::FrameError>(())
//! ```

pub mod close;
mod decode;
pub mod frame;

pub use close::CloseCode;
pub use decode::{FrameDecoder, FrameError, Masking, Step};
pub use frame::OpCode;
