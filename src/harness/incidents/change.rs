//! Changes of what servers say that have no meaning of their own.

use serde_json::{Number, Value};

/// Makes a JSON object longer by so many bytes, by a member that nobody knows; anything else by blanks.
pub(super) fn pad(body: &mut Vec<u8>, bytes: usize) {
    const MEMBER: &str = r#","padding":"""#;
    if body.ends_with(b"\"}") || body.ends_with(b"}}") || body.ends_with(b"]}") {
        body.pop();
        let member = MEMBER.len();
        body.extend_from_slice(&MEMBER.as_bytes()[..member - 1]);
        body.resize(body.len() + bytes.saturating_sub(member), b'x');
        body.extend_from_slice(b"\"}");
    } else {
        body.resize(body.len() + bytes, b' ');
    }
}

/// The same JSON, with whole numbers from 10 on written with an exponent.
pub(super) fn scientific(body: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(body.len() * 2);
    let (mut rest, mut in_string) = (body, false);
    while let Some((&byte, after)) = rest.split_first() {
        let is_number = !in_string && byte.is_ascii_digit();
        if !is_number {
            written.push(byte);
            rest = after;
            if in_string && byte == b'\\' {
                // What is escaped ends no string.
                written.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            } else if byte == b'"' {
                in_string = !in_string;
            }
            continue;
        }
        let is_part = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
        let len = rest.iter().position(|byte| !is_part(byte));
        let (number, after) = rest.split_at(len.unwrap_or(rest.len()));
        rest = after;
        if number.len() > 1 && number.iter().all(u8::is_ascii_digit) {
            let digits = number[1..].iter().rposition(|&digit| digit != b'0');
            written.push(number[0]);
            if let Some(last) = digits {
                written.push(b'.');
                written.extend_from_slice(&number[1..=last + 1]);
            }
            written.extend_from_slice(format!("e+{:02}", number.len() - 1).as_bytes());
        } else {
            written.extend_from_slice(number);
        }
    }
    written
}

/// Halves all whole numbers but those of the server's envelope.
pub(super) fn halve(json: &mut Value) {
    match json {
        Value::Number(number) => {
            if let Some(whole) = number.as_i64() {
                *number = Number::from(whole / 2);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(halve),
        Value::Object(members) => {
            let counters = members.iter_mut().filter(|(name, _)| *name != "server");
            counters.for_each(|(_, value)| halve(value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_an_exponent() {
        let body = br#"{"a":1475043,"b":[0,7,10,1200],"c":"12\"34","d":1.25,"e":-50,"12":1e3}"#;
        let text = String::from_utf8(scientific(body)).unwrap();
        let wanted = r#"{"a":1.475043e+06,"b":[0,7,1e+01,1.2e+03],"c":"12\"34","d":1.25,"e":-5e+01,"12":1e3}"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn padding_keeps_json_what_it_is() {
        for body in [r#"{"a":{}}"#, r#"{"a":[1]}"#, r#"{"a":"b"}"#] {
            let mut padded = body.as_bytes().to_vec();
            pad(&mut padded, 1000);
            assert_eq!(padded.len(), body.len() + 1000, "{body}");
            let json: Value = serde_json::from_slice(&padded).unwrap();
            assert!(json.get("a").is_some());
        }
        let mut other = b"nothing".to_vec();
        pad(&mut other, 3);
        assert_eq!(other, b"nothing   ");
    }

    #[test]
    fn halving_leaves_the_envelope_alone() {
        let mut json = serde_json::json!({"server": {"seq": 10}, "data": {"n": [9, 2.5]}});
        halve(&mut json);
        let wanted = serde_json::json!({"server": {"seq": 10}, "data": {"n": [4, 2.5]}});
        assert_eq!(json, wanted);
    }
}
