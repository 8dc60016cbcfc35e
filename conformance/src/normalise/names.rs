//! The names of what differs in every play of a deployment of several servers.

use std::collections::BTreeMap;

/// The servers' ids and ports with their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    servers: BTreeMap<String, String>,
    ports: BTreeMap<u16, String>,
}

impl Names {
    pub(super) fn new(ports: impl IntoIterator<Item = (u16, String)>) -> Self {
        Self {
            servers: BTreeMap::new(),
            ports: ports.into_iter().collect(),
        }
    }

    /// Adds the id of a server. A second one of the same server, which was started again, is named
    /// `n1.2`.
    pub(super) fn add_server(&mut self, id: &str, name: &str) {
        if self.servers.contains_key(id) {
            return;
        }
        let is_same = |other: &&String| {
            other
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let name = match self.servers.values().filter(is_same).count() {
            0 => name.to_owned(),
            before => format!("{name}.{}", before + 1),
        };
        self.servers.insert(id.to_owned(), name);
    }

    pub(super) fn server(&self, id: &[u8]) -> Option<String> {
        self.servers.get(std::str::from_utf8(id).ok()?).cloned()
    }

    /// The name of the port whose digits `text` is.
    pub(super) fn port(&self, text: &[u8]) -> Option<String> {
        let port = std::str::from_utf8(text).ok()?.parse().ok()?;
        self.ports.get(&port).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_started_again_is_told_apart() {
        let mut names = Names::new([(4222, "n1.client".to_owned())]);
        for (id, name) in [("NA", "n1"), ("NB", "n11"), ("NA", "n1"), ("NC", "n1")] {
            names.add_server(id, name);
        }
        assert_eq!(names.server(b"NA").as_deref(), Some("n1"));
        assert_eq!(names.server(b"NB").as_deref(), Some("n11"));
        assert_eq!(names.server(b"NC").as_deref(), Some("n1.2"));
        assert_eq!(names.port(b"4222").as_deref(), Some("n1.client"));
        assert_eq!(names.port(b"42"), None);
    }
}
