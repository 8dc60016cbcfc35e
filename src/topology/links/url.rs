//! Where another server listens, as a configuration names it.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::{
    Version,
    topology::{accounts::redact, options::words::quote},
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

/// A text that has not the form of a URL. `Display` is in the words of nats-server's own language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parse {}: {reason}", quote(.url))]
pub struct UrlError {
    /// The text, which may hold a password.
    pub url: String,
    /// What is wrong with it.
    pub reason: UrlProblem,
}

/// What is wrong with a text that is no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// There is a control character.
    #[error("net/url: invalid control character in URL")]
    ControlCharacter,
    /// It begins with a colon.
    #[error("missing protocol scheme")]
    NoScheme,
    /// Without a scheme, it would be a path, which a colon cannot stand in at the beginning.
    #[error("first path segment in URL cannot contain colon")]
    ColonInPath,
    /// User or password have a character that must be escaped.
    #[error("net/url: invalid userinfo")]
    User,
    /// The bracket of an IPv6 address is not closed.
    #[error("missing ']' in host")]
    OpenBracket,
    /// Brackets hold something else than an IPv6 address.
    #[error("invalid IP-literal")]
    Brackets,
    /// Brackets hold something that is no address at all.
    #[error("invalid host: ParseAddr({}): unable to parse IP", quote(.0))]
    Address(String),
    /// An IPv6 address names no zone behind its percent sign.
    #[error("invalid host: ParseAddr({}): zone must be a non-empty string", quote(.0))]
    Zone(String),
    /// What stands behind the host is no port.
    #[error("invalid port {} after host", quote(.0))]
    Port(String),
    /// A character that a host cannot have.
    #[error("invalid character {} in host name", quote(&.0.to_string()))]
    HostCharacter(char),
    /// An escape that is none, or of a character that must not be escaped there.
    #[error("invalid URL escape {}", quote(.0))]
    Escape(String),
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
        let text = text.trim();
        let (before_fragment, fragment) = text.split_once('#').unwrap_or((text, ""));
        let error = |url: &str, reason| UrlError {
            url: url.to_owned(),
            reason,
        };
        let mut url =
            parse(before_fragment, version).map_err(|reason| error(before_fragment, reason))?;
        unescape(fragment, Part::Rest).map_err(|reason| error(text, reason))?;
        url.rest.push_str(&text[before_fragment.len()..]);
        Ok(url)
    }
}

fn parse(text: &str, version: Version) -> Result<RemoteUrl, UrlProblem> {
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(UrlProblem::ControlCharacter);
    }
    let (scheme, behind) = split_scheme(text)?;
    let mut url = RemoteUrl {
        scheme: scheme.to_ascii_lowercase(),
        rest: behind.to_owned(),
        ..RemoteUrl::default()
    };
    let path = behind.split('?').next().unwrap_or_default();
    let is_rooted = path.starts_with('/');
    if !is_rooted && !scheme.is_empty() {
        return Ok(url);
    }
    let first = path.split('/').next().unwrap_or_default();
    if first.contains(':') {
        return Err(UrlProblem::ColonInPath);
    }
    let authority = path
        .strip_prefix("//")
        .filter(|behind| !scheme.is_empty() || !behind.starts_with('/'))
        .map(|behind| behind.split('/').next().unwrap_or_default());
    let Some(authority) = authority else {
        unescape(path, Part::Rest)?;
        return Ok(url);
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    host_and_port(host, &mut url, version.profile())?;
    if let Some(user) = user {
        user_info(user, &mut url)?;
    }
    let end = "//".len() + authority.len();
    unescape(&path[end..], Part::Rest)?;
    if !authority.is_empty() {
        behind[end..].clone_into(&mut url.rest);
    }
    Ok(url)
}

/// Scheme and the rest behind its colon; no scheme is an empty one.
fn split_scheme(text: &str) -> Result<(&str, &str), UrlProblem> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
        .unwrap_or(text.len());
    if !text[end..].starts_with(':') {
        return Ok(("", text));
    }
    let scheme = &text[..end];
    match scheme.chars().next() {
        None => Err(UrlProblem::NoScheme),
        Some(first) if first.is_ascii_alphabetic() => Ok((scheme, &text[end + 1..])),
        Some(_) => Ok(("", text)),
    }
}

fn user_info(text: &str, url: &mut RemoteUrl) -> Result<(), UrlProblem> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !text.chars().all(valid) {
        return Err(UrlProblem::User);
    }
    match text.split_once(':') {
        None => url.user = Some(unescape(text, Part::Rest)?),
        Some((user, password)) => {
            url.user = Some(unescape(user, Part::Rest)?);
            url.password = Some(unescape(password, Part::Rest)?);
        }
    }
    Ok(())
}

fn host_and_port(text: &str, url: &mut RemoteUrl, profile: &Profile) -> Result<(), UrlProblem> {
    let (host, port) = match text.rfind('[') {
        Some(0) => {
            let close = text.rfind(']').ok_or(UrlProblem::OpenBracket)?;
            (&text[..close], &text[close + 1..])
        }
        Some(_) => return Err(UrlProblem::Brackets),
        None => {
            // Of several colons only the last one leads to a port, except with these two schemes.
            let is_strict = matches!(url.scheme.as_str(), "http" | "https")
                && profile.has(Feature::StrictColonsInHttpUrls);
            let colon = if is_strict {
                text.find(':')
            } else {
                text.rfind(':')
            };
            text.split_at(colon.unwrap_or(text.len()))
        }
    };
    let digits = match port.strip_prefix(':') {
        None if port.is_empty() => "",
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
        _ => return Err(UrlProblem::Port(port.to_owned())),
    };
    url.host = match host.strip_prefix('[') {
        None => unescape(host, Part::Host)?,
        Some(inside) => bracketed(inside, profile)?,
    };
    url.port = digits.parse().ok();
    if url.port.is_none() && !digits.is_empty() {
        url.host.push_str(port);
    }
    Ok(())
}

/// The host inside of brackets.
fn bracketed(inside: &str, profile: &Profile) -> Result<String, UrlProblem> {
    let (address, zone) = match inside.find("%25") {
        Some(zone) => inside.split_at(zone),
        None => (inside, ""),
    };
    let address = unescape(address, Part::Host)?;
    let zone = unescape(zone, Part::Zone)?;
    let host = format!("{address}{zone}");
    if !profile.has(Feature::OnlyIpv6InBrackets) {
        return Ok(host);
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return Err(UrlProblem::Brackets);
    }
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(UrlProblem::Address(host));
    }
    if zone == "%" {
        return Err(UrlProblem::Zone(host));
    }
    Ok(host)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The host, without the zone of an IPv6 address.
    Host,
    Zone,
    /// All the others, where anything may be escaped.
    Rest,
}

fn unescape(text: &str, part: Part) -> Result<String, UrlProblem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        if *first != b'%' {
            if part != Part::Rest && b" \\^`{|}".contains(first) {
                return Err(UrlProblem::HostCharacter(char::from(*first)));
            }
            bytes.push(*first);
            rest = behind;
            continue;
        }
        let escape = &rest[..rest.len().min(3)];
        let byte = unescaped(escape, part)
            .ok_or_else(|| UrlProblem::Escape(String::from_utf8_lossy(escape).into_owned()))?;
        bytes.push(byte);
        rest = &rest[escape.len()..];
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The byte that three stand for, if it may be escaped.
fn unescaped(escape: &[u8], part: Part) -> Option<u8> {
    let &[_, high, low] = escape else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    let is_allowed = match part {
        Part::Rest => true,
        Part::Host => byte == b'%' || !byte.is_ascii(),
        Part::Zone => {
            b"% -_.~!$&'()*+,;=:[]<>\"".contains(&byte)
                || byte.is_ascii_alphanumeric()
                || !byte.is_ascii()
        }
    };
    is_allowed.then_some(byte)
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
