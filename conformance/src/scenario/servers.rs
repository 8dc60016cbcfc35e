//! Deployments of several servers: their head entries, the ports their configurations name, and the
//! links between them.

use crate::account_server::{PLACEHOLDER, PLACEHOLDER_NAMED, PLACEHOLDER_TLS};
use crate::identities::is_identity;
use crate::version::Version;

/// One of several servers of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The name the script gives to it.
    pub name: String,
    /// The text of its configuration file, with ports by name: see [`fill_ports`].
    pub conf: String,
    /// The release it is, when that is not the one the scenario is played for.
    pub version: Option<Version>,
    /// Whether the script starts it later, so that it is not there at first.
    pub later: bool,
}

/// What a server listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortKind {
    /// Clients.
    Client,
    /// Routes.
    Cluster,
    /// Gateways.
    Gateway,
    /// Leaf nodes.
    Leaf,
    /// Clients over WebSocket.
    Websocket,
}

impl PortKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Client,
        Self::Cluster,
        Self::Gateway,
        Self::Leaf,
        Self::Websocket,
    ];

    /// The word for it in a configuration and in transcripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Cluster => "cluster",
            Self::Gateway => "gateway",
            Self::Leaf => "leaf",
            Self::Websocket => "websocket",
        }
    }
}

/// A port as a configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortName<'a> {
    /// The server it belongs to.
    pub server: &'a str,
    /// What is listened for there.
    pub kind: PortKind,
    /// Whether the port is meant at which others reach the server, even in its own configuration.
    pub advertised: bool,
}

/// What happens to the link between two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkChange {
    /// Connections are closed and new ones are closed at once.
    Cut,
    /// Nothing gets through any more, and nobody is told.
    CutSilently,
    /// Nothing gets through from the first to the second, and nobody is told.
    CutOneWay,
    /// All is well again; what was on its way arrives.
    Heal,
}

/// What configurations call the directory in which the scenario's certificates and other files lie: the servers of a
/// deployment are started in folders of their own, or share a process.
pub const SCRATCH: &str = "scratch";

/// The configuration text of the server `own`: `{{self}}` becomes its name, and `{{n1.cluster}}`,
/// `{{self.client}}` or `{{self.cluster.advertise}}` the port that `port` says.
///
/// # Errors
///
/// Names the first placeholder that means nothing.
pub fn fill_ports(
    text: &str,
    own: &str,
    mut port: impl FnMut(PortName<'_>) -> Option<u16>,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .ok_or("a placeholder `{{` without its `}}`")?;
        filled.push_str(before);
        let shared = [SCRATCH, PLACEHOLDER, PLACEHOLDER_TLS, PLACEHOLDER_NAMED];
        if is_identity(name) || shared.contains(&name) {
            // These are the same for every server, and filled in when the scenario is played.
            filled.push_str(&format!("{{{{{name}}}}}"));
        } else if name == "self" {
            filled.push_str(own);
        } else {
            let number = port_name(name, own).and_then(&mut port);
            let number = number.ok_or_else(|| format!("`{{{{{name}}}}}` means nothing"))?;
            filled.push_str(&number.to_string());
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Reads `n1.cluster` or `self.cluster.advertise`.
fn port_name<'a>(text: &'a str, own: &'a str) -> Option<PortName<'a>> {
    let mut parts = text.split('.');
    let server = parts.next().map(|name| match name {
        "self" => own,
        name => name,
    })?;
    let word = parts.next()?;
    let kind = PortKind::ALL.into_iter().find(|kind| kind.name() == word)?;
    let advertised = match parts.next() {
        None => false,
        Some("advertise") => true,
        Some(_) => return None,
    };
    parts.next().is_none().then_some(PortName {
        server,
        kind,
        advertised,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        fill_ports(text, "n2", |name| {
            let number = name.server.strip_prefix('n')?.parse::<u16>().ok()?;
            let kind = PortKind::ALL.iter().position(|kind| *kind == name.kind)?;
            Some(number * 100 + u16::try_from(kind).ok()? * 10 + u16::from(name.advertised))
        })
    }

    #[test]
    fn names_of_ports_are_filled_in() {
        assert_eq!(
            filled("a {{self}} b {{n1.cluster}}, {{self.leaf}} {{n3.gateway.advertise}} {c}"),
            Ok("a n2 b 110, 230 321 {c}".to_owned())
        );
    }

    #[test]
    fn what_means_nothing_is_named() {
        for text in [
            "{{x.client}}",
            "{{n1}}",
            "{{n1.x}}",
            "{{n1.leaf.x}}",
            "{{n1.leaf.advertise.x}}",
        ] {
            assert_eq!(filled(text), Err(format!("`{text}` means nothing")));
        }
        assert!(filled("{{n1").is_err());
    }
}
