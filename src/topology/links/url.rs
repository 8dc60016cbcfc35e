//! Where another server listens, as a configuration names it.

use std::{fmt, net::Ipv6Addr};

use crate::{
    Version,
    topology::accounts::redact,
    version::{Feature, Profile},
};

/// The URL of another server, taken apart as nats-server does it.
///
/// Anything that has the form of a URL is taken, whether or not it leads anywhere: `host:1` is one with
/// the scheme `host` and no host, which a server would try for ever to connect to.
///
/// ```
/// use nats_mock::topology::RemoteUrl;
///
/// let url: RemoteUrl = "nats-route://ruser:T0pS3cr3t@10.0.0.2:6222".parse()?;
/// assert_eq!((url.host.as_str(), url.port), ("10.0.0.2", Some(6222)));
/// assert_eq!(url.to_string(), "nats-route://ruser:xxxxx@10.0.0.2:6222");
/// assert!(!format!("{url:?}").contains("T0pS3cr3t"));
/// # Ok::<(), nats_mock::topology::UrlError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RemoteUrl {
    /// The scheme, in lower case: `nats`, `nats-route`, `tls` and so on make no difference between
    /// servers. Empty where there is none.
    pub scheme: String,
    /// The user to log in as.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The host, without the brackets of an IPv6 address. May be empty. A port above 65,535 is left
    /// here, with its colon: such a URL leads nowhere.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
    /// All behind host and port, which means nothing between servers.
    pub rest: String,
}

/// A text that has not the form of a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no URL: {reason}")]
pub struct UrlError {
    /// The text, which may hold a password.
    pub url: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl std::str::FromStr for RemoteUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse_for(text, Version::default())
    }
}

impl RemoteUrl {
    /// Takes a URL apart as a given release does.
    ///
    /// # Errors
    /// A text that has not the form of a URL.
    pub fn parse_for(text: &str, version: Version) -> Result<Self, UrlError> {
        parse(text.trim(), version).map_err(|reason| UrlError {
            url: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str, version: Version) -> Result<RemoteUrl, &'static str> {
    let (before_fragment, fragment) = text.split_once('#').unwrap_or((text, ""));
    if before_fragment.contains(|c: char| c.is_ascii_control()) {
        return Err("it has a control character");
    }
    let (scheme, behind) = split_scheme(text)?;
    let mut url = RemoteUrl {
        scheme: scheme.to_ascii_lowercase(),
        ..RemoteUrl::default()
    };
    let tail = behind.find(['?', '#']).unwrap_or(behind.len());
    unescape(fragment, Part::Path)?;
    let Some(authority) = behind[..tail].strip_prefix("//") else {
        let path = &behind[..tail];
        if !path.starts_with('/') && scheme.is_empty() {
            let first = path.split('/').next().unwrap_or_default();
            if first.contains(':') {
                return Err("it has no scheme and a colon in its first segment");
            }
        }
        if path.starts_with('/') || scheme.is_empty() {
            unescape(path, Part::Path)?;
        }
        behind.clone_into(&mut url.rest);
        return Ok(url);
    };
    if scheme.is_empty() && authority.starts_with('/') {
        unescape(&behind[..tail], Part::Path)?;
        behind.clone_into(&mut url.rest);
        return Ok(url);
    }
    let end = authority.find('/').unwrap_or(authority.len());
    unescape(&authority[end..], Part::Path)?;
    behind[2 + end..].clone_into(&mut url.rest);
    let authority = &authority[..end];
    if authority.is_empty() {
        behind.clone_into(&mut url.rest);
        return Ok(url);
    }
    let host = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) => {
            user_info(user, &mut url)?;
            host
        }
    };
    host_and_port(host, &mut url, version.profile())?;
    Ok(url)
}

/// Scheme and the rest behind its colon; no scheme is an empty one.
fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let before_fragment = text.split('#').next().unwrap_or_default();
    let end = before_fragment
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
        .unwrap_or(before_fragment.len());
    if !before_fragment[end..].starts_with(':') {
        return Ok(("", text));
    }
    let scheme = &text[..end];
    match scheme.chars().next() {
        None => Err("its scheme is missing"),
        Some(first) if first.is_ascii_alphabetic() => Ok((scheme, &text[end + 1..])),
        Some(_) => Ok(("", text)),
    }
}

fn user_info(text: &str, url: &mut RemoteUrl) -> Result<(), &'static str> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !text.chars().all(valid) {
        return Err("its user or password has a character that must be escaped");
    }
    match text.split_once(':') {
        None => url.user = Some(unescape(text, Part::Path)?),
        Some((user, password)) => {
            url.user = Some(unescape(user, Part::Path)?);
            url.password = Some(unescape(password, Part::Path)?);
        }
    }
    Ok(())
}

fn host_and_port(text: &str, url: &mut RemoteUrl, profile: &Profile) -> Result<(), &'static str> {
    let (host, port) = match text.rfind('[') {
        Some(0) => {
            let close = text
                .rfind(']')
                .ok_or("a bracket in its host is not closed")?;
            let inside = &text[1..close];
            let (address, zone) = match inside.find("%25") {
                Some(zone) => inside.split_at(zone),
                None => (inside, ""),
            };
            let address = unescape(address, Part::Host)?;
            let is_strict = profile.has(Feature::OnlyIpv6InBrackets);
            if is_strict && address.parse::<Ipv6Addr>().is_err() {
                return Err("its host in brackets is no IPv6 address");
            }
            let zone = unescape(zone, Part::Zone)?;
            if is_strict && zone == "%" {
                return Err("the zone of its host is empty");
            }
            (address + &zone, &text[close + 1..])
        }
        Some(_) => return Err("a bracket stands inside of its host"),
        None => {
            // Of several colons only the last one leads to a port, except with these two schemes.
            let is_strict = matches!(url.scheme.as_str(), "http" | "https")
                && profile.has(Feature::StrictColonsInHttpUrls);
            let colon = if is_strict {
                text.find(':')
            } else {
                text.rfind(':')
            };
            let (host, port) = text.split_at(colon.unwrap_or(text.len()));
            (unescape(host, Part::Host)?, port)
        }
    };
    url.host = host;
    url.port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let number = digits.parse().ok();
            if number.is_none() {
                url.host.push_str(port);
            }
            number
        }
        _ => return Err("its port is no number"),
    };
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Host,
    Zone,
}

fn unescape(text: &str, part: Part) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            let strange = part != Part::Path && b" \\^`{|}".contains(first);
            if strange {
                return Err("its host has a character that it cannot have");
            }
            bytes.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else {
            return Err("it has an incomplete escape");
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err("it has a wrong escape");
        };
        let byte = u8::try_from(high * 16 + low).unwrap_or_default();
        let allowed = match part {
            Part::Path => true,
            Part::Host => byte == b'%' || !byte.is_ascii(),
            Part::Zone => byte == b'%' || byte == b' ' || !may_not_be_escaped(byte),
        };
        if !allowed {
            return Err("its host has an escape that it cannot have");
        }
        bytes.push(byte);
        rest = behind;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn may_not_be_escaped(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && !b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte) && byte.is_ascii()
}

impl fmt::Display for RemoteUrl {
    /// The URL, with `xxxxx` for a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if !self.host.is_empty() || self.user.is_some() || self.port.is_some() {
            f.write_str("//")?;
        }
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if self.password.is_some() {
                f.write_str(":xxxxx")?;
            }
            f.write_str("@")?;
        }
        let address = self.host.split('%').next().unwrap_or_default();
        if address.parse::<Ipv6Addr>().is_ok() {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.rest)
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteUrl")
            .field("scheme", &self.scheme)
            .field("user", &self.user)
            .field("password", &self.password.as_deref().map(redact))
            .field("host", &self.host)
            .field("port", &self.port)
            .field("rest", &self.rest)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Host, port, user and password.
    type Parts<'t> = (&'t str, Option<u16>, Option<&'t str>, Option<&'t str>);

    #[test]
    fn urls_are_taken_apart() {
        for (text, parts) in [
            ("nats://h:1", ("h", Some(1), None, None)),
            (" nats://h ", ("h", None, None, None)),
            ("nats://h:", ("h", None, None, None)),
            ("nats://h:99999", ("h:99999", None, None, None)),
            ("nats://u@h:1/p?q#f", ("h", Some(1), Some("u"), None)),
            ("nats://u:p@h", ("h", None, Some("u"), Some("p"))),
            ("nats://u%40x:a:b@h", ("h", None, Some("u@x"), Some("a:b"))),
            ("nats://@h", ("h", None, Some(""), None)),
            ("nats://[::1]:2", ("::1", Some(2), None, None)),
            ("nats://[fe80::1%25e0]", ("fe80::1%e0", None, None, None)),
            ("nats://a:b:1", ("a:b", Some(1), None, None)),
            ("nats://%c3%a9%25", ("\u{e9}%", None, None, None)),
            ("//h:1", ("h", Some(1), None, None)),
            ("h:1", ("", None, None, None)),
            ("h", ("", None, None, None)),
            ("", ("", None, None, None)),
            ("#\u{7f}", ("", None, None, None)),
        ] {
            let url: RemoteUrl = text.parse().unwrap();
            let [user, password] = [&url.user, &url.password].map(Option::as_deref);
            let read: Parts<'_> = (url.host.as_str(), url.port, user, password);
            assert_eq!(read, parts, "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "127.0.0.1:1",
            ":1",
            "nats://h:port",
            "nats://h:-1",
            "http://a:b:1",
            "nats://a b",
            "nats://h%41",
            "nats://u%zz@h",
            "nats://u%4",
            "nats://u v@h",
            "nats://[::1",
            "nats://a[::1]",
            "nats://[1.2.3.4]",
            "nats://[::1%25]",
            "nats://[::1]x",
            "nats://h/%4",
            "h#%4",
            "nats://h\tx",
        ] {
            assert!(text.parse::<RemoteUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn releases_differ_in_odd_hosts() {
        for (text, since) in [
            ("nats://[1.2.3.4]:1", Version::V2_11),
            ("nats://[any]:1", Version::V2_11),
            ("http://a:b:1", Version::V2_14),
        ] {
            for version in Version::ALL {
                let refused = RemoteUrl::parse_for(text, version).is_err();
                assert_eq!(refused, version >= since, "{text} {version}");
            }
        }
    }

    #[test]
    fn urls_are_written_without_password() {
        for (text, written) in [
            ("NATS://u:p@h:1/x", "nats://u:xxxxx@h:1/x"),
            ("nats://[::1]:2?q", "nats://[::1]:2?q"),
            ("nats://h:99999", "nats://h:99999"),
            ("nats:///p", "nats:///p"),
            ("nats://:1", "nats://:1"),
            ("h:1", "h:1"),
            ("//h", "//h"),
            ("h", "h"),
        ] {
            assert_eq!(text.parse::<RemoteUrl>().unwrap().to_string(), written);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_not(text in r"(nats://)?([a-z]{1,4}(:[a-z]{1,4})?@)?[\PC:/@%\[\]?#0-9]{0,12}") {
            for version in Version::ALL {
                if let Ok(url) = RemoteUrl::parse_for(&text, version) {
                    let _ = url.to_string();
                }
            }
        }
    }
}
