//! The configuration digest: SHA-256 over the values as JSON.
//!
//! The JSON has to be the server's to the byte: keys sorted, no blanks, `<`, `>` and `&` escaped, floats
//! in the shortest form with an exponent outside 1e-6..1e21, one newline at the end.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::value::{Kind, Map};

/// What becomes of variables that are used somewhere.
#[derive(Clone, Copy)]
pub(super) enum Variables {
    /// They count like every other value.
    Count,
    /// They are left out of the maps they stand in, unless an array lies between them and the top.
    LeaveOut,
}

pub(super) fn of(root: &Map, variables: Variables) -> String {
    let mut json = String::new();
    write_map(&mut json, root, variables);
    json.push('\n');
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(json.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn write_map(json: &mut String, map: &Map, variables: Variables) {
    let leaves_out = matches!(variables, Variables::LeaveOut);
    let mut entries: Vec<_> = map
        .iter()
        .filter(|(_, value)| !(leaves_out && value.is_used_variable()))
        .collect();
    entries.sort_unstable_by_key(|&(key, _)| key);
    json.push('{');
    for (n, (key, value)) in entries.into_iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        write_string(json, key);
        json.push(':');
        write_kind(json, &value.kind, variables);
    }
    json.push('}');
}

fn write_kind(json: &mut String, kind: &Kind, variables: Variables) {
    let _ = match kind {
        Kind::Map(map) => {
            write_map(json, map, variables);
            Ok(())
        }
        Kind::Array(array) => {
            json.push('[');
            for (n, value) in array.iter().enumerate() {
                if n > 0 {
                    json.push(',');
                }
                write_kind(json, &value.kind, Variables::Count);
            }
            json.push(']');
            Ok(())
        }
        Kind::String(text) => {
            write_string(json, text);
            Ok(())
        }
        Kind::Integer(n) => write!(json, "{n}"),
        Kind::Float(n) => write_float(json, *n),
        Kind::Bool(b) => write!(json, "{b}"),
        Kind::DateTime(time) => {
            let (date, time) = (time.date(), time.time());
            write!(
                json,
                "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z\"",
                date.year(),
                date.month(),
                date.day(),
                time.hour(),
                time.minute(),
                time.second(),
            )
        }
    };
}

fn write_float(json: &mut String, n: f64) -> std::fmt::Result {
    let size = n.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{n:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                write!(json, "{digits}e+{exponent}")
            }
            _ => write!(json, "{text}"),
        };
    }
    write!(json, "{n}")
}

fn write_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            // Only bytes that were not UTF-8 are escaped by the server; they have all become this
            // character here, which hardly any configuration contains by itself.
            '\u{fffd}' => json.push_str("\\ufffd"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}
