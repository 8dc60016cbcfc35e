//! The flags about the cluster, on top of what the configuration says.

use nats_mock::Version;
use nats_mock::topology::{ClusterOptions, LinkAuth, RemoteUrl, ServerOptions, UrlError};

/// Flags as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFlags {
    /// The URL to listen on for routes; empty: not to listen.
    pub listen: Option<String>,
    /// URLs of other servers, separated by commas; empty: none.
    pub routes: Option<String>,
    pub name: Option<String>,
    pub advertise: Option<String>,
    pub no_advertise: Option<bool>,
    pub connect_retries: Option<i64>,
}

/// Flags about the cluster that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterFlagError {
    #[error(transparent)]
    Listen(#[from] UrlError),
    #[error("{}missing port in address", in_front(.0))]
    NoPort(String),
    #[error("address {0}: too many colons in address")]
    Colons(String),
    /// There is a colon, and no port behind it.
    #[error("EOF")]
    EmptyPort,
    #[error("expected cluster password to be set")]
    NoPassword,
    /// Here a real server falls over once it has started.
    #[error("error parsing route url [{0:?}]")]
    Route(String),
    #[error("solicited routes require cluster capabilities, e.g. --cluster")]
    RoutesWithoutCluster,
}

fn in_front(address: &str) -> String {
    if address.is_empty() {
        String::new()
    } else {
        format!("address {address}: ")
    }
}

impl ClusterFlags {
    /// Puts the flags on top of `options`.
    pub fn apply(
        &self,
        options: &mut ServerOptions,
        version: Version,
    ) -> Result<(), ClusterFlagError> {
        if *self == Self::default() {
            return Ok(());
        }
        let mut cluster = options.cluster.take().unwrap_or_default();
        if let Some(name) = &self.name {
            cluster.name = non_empty(name);
        }
        if let Some(advertise) = &self.advertise {
            cluster.advertise = non_empty(advertise);
        }
        cluster.no_advertise = self.no_advertise.unwrap_or(cluster.no_advertise);
        if let Some(retries) = self.connect_retries {
            cluster.connect_retries = (retries != 0).then_some(retries);
        }
        match self.listen.as_deref() {
            None => {}
            Some("") => cluster.port = None,
            Some(url) => listen_on(&mut cluster, url, version)?,
        }
        if let Some(routes) = &self.routes {
            cluster.routes = read_routes(routes, version)?;
            let can_have_routes = self.listen.as_deref().is_some_and(|url| !url.is_empty())
                || cluster.host.is_some()
                || cluster.port.is_some();
            if !routes.is_empty() && !can_have_routes {
                return Err(ClusterFlagError::RoutesWithoutCluster);
            }
        }
        options.cluster = Some(cluster);
        Ok(())
    }
}

fn read_routes(text: &str, version: Version) -> Result<Vec<RemoteUrl>, ClusterFlagError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|url| {
            RemoteUrl::parse_for(url, version)
                .map_err(|_| ClusterFlagError::Route(url.trim().to_owned()))
        })
        .collect()
}

/// Listens on what a URL says: host, port, and the user and password of other servers.
fn listen_on(
    cluster: &mut ClusterOptions,
    text: &str,
    version: Version,
) -> Result<(), ClusterFlagError> {
    // No URL has this port, which stands for any free one.
    let (text, any_port) = match text.strip_suffix(":-1") {
        Some(front) => (format!("{front}:0"), true),
        None => (text.to_owned(), false),
    };
    let url = RemoteUrl::parse_for(&text, version)?;
    let (host, port) = split(authority(&text))?;
    let port = match port {
        _ if any_port => -1,
        "" => return Err(ClusterFlagError::EmptyPort),
        digits => digits.parse().unwrap_or(i64::MAX),
    };
    cluster.host = non_empty(host);
    cluster.port = (port != 0).then_some(port);
    let auth = match (url.user, url.password) {
        (Some(_), None) => return Err(ClusterFlagError::NoPassword),
        (user, password) => LinkAuth {
            user: user.filter(|user| !user.is_empty()),
            password: password.filter(|password| !password.is_empty()),
            timeout: cluster.authorization.as_ref().and_then(|auth| auth.timeout),
        },
    };
    cluster.authorization = Some(auth);
    Ok(())
}

/// Host and port of a URL, as they stand there.
fn authority(url: &str) -> &str {
    let behind = url.split_once("//").map_or("", |(_, behind)| behind);
    let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
    let authority = &behind[..end];
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

fn split(address: &str) -> Result<(&str, &str), ClusterFlagError> {
    let no_port = || ClusterFlagError::NoPort(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(no_port)?;
    match host.strip_prefix('[') {
        Some(inside) => Ok((inside.strip_suffix(']').ok_or_else(no_port)?, port)),
        None if host.contains(':') => Err(ClusterFlagError::Colons(address.to_owned())),
        None => Ok((host, port)),
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(flags: ClusterFlags, options: &mut ServerOptions) -> Result<(), String> {
        flags
            .apply(options, Version::default())
            .map_err(|error| error.to_string())
    }

    fn listen(url: &str) -> ClusterFlags {
        ClusterFlags {
            listen: Some(url.to_owned()),
            ..ClusterFlags::default()
        }
    }

    fn configured() -> ServerOptions {
        let cluster = ClusterOptions {
            name: Some("A".to_owned()),
            host: Some("h".to_owned()),
            port: Some(1),
            no_advertise: true,
            routes: vec!["nats://h:1".parse().unwrap()],
            authorization: Some(LinkAuth {
                user: Some("u".to_owned()),
                password: Some("p".to_owned()),
                timeout: Some(3.0),
            }),
            ..ClusterOptions::default()
        };
        ServerOptions {
            cluster: Some(cluster),
            ..ServerOptions::default()
        }
    }

    #[test]
    fn flags_stand_above_the_configuration() {
        let mut options = configured();
        let flags = ClusterFlags {
            listen: Some("nats://127.0.0.1:-1".to_owned()),
            routes: Some("nats://u:p@i:2, nats://j:3".to_owned()),
            name: Some("B".to_owned()),
            advertise: Some("a:1".to_owned()),
            no_advertise: Some(false),
            connect_retries: Some(5),
        };
        apply(flags, &mut options).unwrap();
        let cluster = options.cluster.unwrap();
        assert_eq!(
            (cluster.host.as_deref(), cluster.port),
            (Some("127.0.0.1"), Some(-1))
        );
        assert_eq!(
            (cluster.name.as_deref(), cluster.advertise.as_deref()),
            (Some("B"), Some("a:1"))
        );
        assert_eq!(
            (cluster.no_advertise, cluster.connect_retries),
            (false, Some(5))
        );
        let hosts: Vec<_> = cluster.routes.iter().map(|url| url.host.as_str()).collect();
        assert_eq!(hosts, ["i", "j"]);
        // A URL without a user takes that of the configuration away, too.
        let auth = cluster.authorization.unwrap();
        assert_eq!((auth.user, auth.timeout), (None, Some(3.0)));
    }

    #[test]
    fn empty_flags_take_away() {
        let mut options = configured();
        let flags = ClusterFlags {
            routes: Some(String::new()),
            ..listen("")
        };
        apply(flags, &mut options).unwrap();
        let cluster = options.cluster.unwrap();
        assert_eq!((cluster.port, cluster.routes.len()), (None, 0));
        assert_eq!(cluster.name.as_deref(), Some("A"));
    }

    #[test]
    fn without_flags_there_is_no_cluster() {
        let mut options = ServerOptions::default();
        apply(ClusterFlags::default(), &mut options).unwrap();
        assert_eq!(options, ServerOptions::default());
    }

    #[test]
    fn the_url_to_listen_on_is_read() {
        for (url, host, port) in [
            ("nats://u:p@[::1]:99999", Some("::1"), Some(99999)),
            ("nats://:5", None, Some(5)),
            ("nats://h:0/path", Some("h"), None),
        ] {
            let mut options = ServerOptions::default();
            apply(listen(url), &mut options).unwrap();
            let cluster = options.cluster.unwrap();
            assert_eq!(
                (cluster.host.as_deref(), cluster.port),
                (host, port),
                "{url}"
            );
        }
    }

    #[test]
    fn wrong_flags_are_refused_in_the_words_of_the_server() {
        for (url, words) in [
            ("foo", "missing port in address"),
            ("nats://h", "address h: missing port in address"),
            ("nats://[::1]", "address [::1]: missing port in address"),
            ("nats://a:b:1", "address a:b:1: too many colons in address"),
            ("nats://h:", "EOF"),
            ("nats://u@h:1", "expected cluster password to be set"),
            (
                "127.0.0.1:-1",
                "parse \"127.0.0.1:0\": first path segment in URL cannot contain colon",
            ),
            (
                "nats://h:port",
                "parse \"nats://h:port\": invalid port \":port\" after host",
            ),
        ] {
            let refused = apply(listen(url), &mut ServerOptions::default());
            assert_eq!(refused.unwrap_err(), words, "{url}");
        }
        let routes = |routes: &str, options: &mut ServerOptions| {
            let flags = ClusterFlags {
                routes: Some(routes.to_owned()),
                ..ClusterFlags::default()
            };
            apply(flags, options)
        };
        assert_eq!(
            routes("nats://h:1", &mut ServerOptions::default()).unwrap_err(),
            "solicited routes require cluster capabilities, e.g. --cluster"
        );
        assert_eq!(
            routes("nats://a b", &mut configured()).unwrap_err(),
            "error parsing route url [\"nats://a b\"]"
        );
        assert_eq!(routes("", &mut ServerOptions::default()), Ok(()));
    }
}
