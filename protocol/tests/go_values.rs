//! Floats, strings, durations and instants against what Go writes for them.
//!
//! The tables hold one value per line: a float's bits and text, nanoseconds and duration, Unix seconds with nanoseconds
//! and zone offset and time, and code points with the JSON string.

use nats_mock_protocol::json::to_string;
use nats_mock_protocol::time::{GoDuration, Timestamp, Uptime};

fn fields<const N: usize>(line: &str) -> [&str; N] {
    let fields: Vec<&str> = line.splitn(N, ' ').collect();
    fields.try_into().expect("a whole line")
}

#[test]
fn floats() {
    for line in include_str!("data/go-floats.txt").lines() {
        let [bits, text] = fields(line);
        let value = f64::from_bits(u64::from_str_radix(bits, 16).expect("bits"));
        assert_eq!(to_string(&value), text, "{line}");
        let read: f64 = serde_json::from_str(text).expect("a number");
        assert_eq!(read.to_bits(), value.to_bits(), "{line}");
    }
}

#[test]
fn strings() {
    for line in include_str!("data/go-strings.jsonl").lines() {
        let (code_points, text): (Vec<u32>, String) = serde_json::from_str(line).expect("a line");
        let value: String = code_points
            .into_iter()
            .map(|c| char::from_u32(c).expect("a character"))
            .collect();
        assert_eq!(to_string(&value), text, "{line}");
        assert_eq!(
            serde_json::from_str::<String>(&text).expect("a string"),
            value
        );
    }
}

#[test]
fn durations() {
    for line in include_str!("data/go-durations.txt").lines() {
        let [nanos, text] = fields(line);
        let value = GoDuration(nanos.parse().expect("nanoseconds"));
        assert_eq!(value.to_string(), text);
        assert_eq!(text.parse(), Ok(value));
    }
}

#[test]
fn times() {
    for line in include_str!("data/go-times.txt").lines() {
        let [seconds, nanos, offset, text] = fields(line);
        let seconds: i64 = seconds.parse().expect("seconds");
        let nanos: i64 = nanos.parse().expect("nanoseconds");
        let value = Timestamp::from_unix_nanos(seconds * 1_000_000_000 + nanos)
            .with_offset(offset.parse().expect("an offset"));
        assert_eq!(value.to_string(), text, "{line}");
        assert_eq!(text.parse(), Ok(value), "{line}");
        assert_eq!(to_string(&value), format!("\"{text}\""));
    }
}

#[test]
fn uptimes() {
    for (seconds, text) in [
        (-90, "-90s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m0s"),
        (3_599, "59m59s"),
        (3_600, "1h0m0s"),
        (7_384, "2h3m4s"),
        (86_399, "23h59m59s"),
        (86_400, "1d0h0m0s"),
        (93_784, "1d2h3m4s"),
        (365 * 86_400 - 1, "364d23h59m59s"),
        (365 * 86_400, "1y0d0h0m0s"),
        (367 * 86_400 + 11_045, "1y2d3h4m5s"),
    ] {
        assert_eq!(Uptime(seconds).to_string(), text);
        assert_eq!(text.parse(), Ok(Uptime(seconds)));
    }
}
