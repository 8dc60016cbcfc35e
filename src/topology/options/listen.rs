//! The value of `listen`: a port, or a host and a port.

use nats_mock_protocol::conf::{Kind, Value};

use super::words::quote;

/// Host and port of `value`, or the server's words for what is wrong with it.
pub(super) fn parse(value: &Value) -> Result<(String, i64), String> {
    match &value.kind {
        Kind::Integer(port) => Ok((String::new(), *port)),
        Kind::String(text) => {
            let (host, port) = split(text)
                .ok_or_else(|| format!("could not parse address string {}", quote(text)))?;
            let number = port
                .parse()
                .map_err(|_| format!("could not parse port {}", quote(port)))?;
            Ok((host.to_owned(), number))
        }
        other => Err(format!(
            "expected port or host:port, got {}",
            other.type_name()
        )),
    }
}

/// Splits `host:port`; a host with colons has to be in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let (address, port) = text.rsplit_once(':')?;
    let host = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if address.contains(':') => return None,
        None => address,
    };
    let stray = |part: &str| part.contains(['[', ']']);
    if stray(host) || stray(port) {
        return None;
    }
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, parts) in [
            ("a:1", Some(("a", "1"))),
            (":1", Some(("", "1"))),
            ("[::1]:2", Some(("::1", "2"))),
            ("[]:2", Some(("", "2"))),
            ("a:", Some(("a", ""))),
            ("a", None),
            ("", None),
            ("::1:2", None),
            ("[::1]", None),
            ("[::1]2", None),
            ("[a]b:2", None),
            ("a]:2", None),
            ("[[a]:2", None),
        ] {
            assert_eq!(split(text), parts, "{text:?}");
        }
    }
}
