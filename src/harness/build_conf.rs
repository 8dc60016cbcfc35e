//! Building from configuration files of nats-server.

use std::path::Path;

use nats_mock_protocol::conf::Document;

use super::conf::{options, parse_conf, parse_conf_str};
use super::{Builder, ConfigError, StartError};
use crate::Version;
use crate::topology::Unreached;

impl Builder {
    /// The server that a configuration file of nats-server describes. Where it does not say, the
    /// server listens on an ephemeral port of `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// When nats-server would not start with the file, or it asks for something that is not
    /// simulated.
    pub fn from_conf(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::from_conf_for(path, Version::default())
    }

    /// As [`from_conf`](Self::from_conf), for a release to simulate, which also reads the file: older
    /// ones know fewer keys. A request to RELOAD has the file read again.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub fn from_conf_for(path: impl AsRef<Path>, version: Version) -> Result<Self, ConfigError> {
        let path = path.as_ref().to_owned();
        let builder = Self::from_document(&parse_conf(&path)?, version)?;
        Ok(builder.reload_from(move || {
            let again =
                parse_conf(&path).and_then(|document| Self::from_document(&document, version));
            again
                .map(|builder| builder.server)
                .map_err(|error| error.to_string())
        }))
    }

    /// As [`from_conf`](Self::from_conf), for a configuration at hand.
    ///
    /// ```
    /// let nats = nats_mock::Builder::from_conf_str(
    ///     "server_name: n1
    ///      accounts { SHOP { users: [{ user: till, password: s3cret }] } }",
    /// )?
    /// .start_blocking()?;
    /// assert_eq!(nats.client("till")?.info().server_name, "n1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub fn from_conf_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_document(&parse_conf_str(text)?, Version::default())
    }

    /// Adds another server, one that a configuration file describes. Routes, gateways and leaf node
    /// remotes among the files join the servers, as they would join nats-servers; see
    /// [`unreached`](Self::unreached) for those that lead nowhere.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub fn add_conf(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let version = self.server.version;
        self.add_conf_for(path, version)
    }

    /// As [`add_conf`](Self::add_conf), for a server of another release.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub fn add_conf_for(
        self,
        path: impl AsRef<Path>,
        version: Version,
    ) -> Result<Self, ConfigError> {
        Ok(self.and(Self::from_conf_for(path, version)?))
    }

    /// Adds another server, the one that `other` is about. Clock, seed and history are those of this
    /// builder.
    ///
    /// ```
    /// use nats_mock::{Builder, MockNats};
    ///
    /// let conf = |name: &str, port: u16| {
    ///     format!(
    ///         "server_name: {name}
    ///          cluster {{ name: c, listen: 127.0.0.1:{port}, routes: [ nats://127.0.0.1:6222 ] }}"
    ///     )
    /// };
    /// let nats = Builder::from_conf_str(&conf("n1", 6222))?
    ///     .and(Builder::from_conf_str(&conf("n2", 6223))?)
    ///     .start_blocking()?;
    /// assert_eq!(nats.servers().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn and(mut self, other: Self) -> Self {
        self.warnings.extend(other.warnings.iter().cloned());
        self.listed.push(other.into_first());
        self
    }

    /// The servers that configuration files describe, joined as they would be.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf); also when there is no file.
    pub fn from_confs<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        Self::from_confs_for(paths, Version::default())
    }

    /// As [`from_confs`](Self::from_confs), for a release to simulate.
    ///
    /// # Errors
    ///
    /// As for [`from_confs`](Self::from_confs).
    pub fn from_confs_for<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        version: Version,
    ) -> Result<Self, ConfigError> {
        let mut paths = paths.into_iter();
        let first = paths.next().ok_or(ConfigError::NoFile)?;
        paths.try_fold(Self::from_conf_for(first, version)?, |builder, path| {
            builder.add_conf_for(path, version)
        })
    }

    /// What the servers are configured to connect to and no server of the deployment is.
    ///
    /// # Errors
    ///
    /// When a change is meant for a server that is not there.
    pub fn unreached(&self) -> Result<Vec<Unreached>, StartError> {
        let (topology, _) = self.clone().into_topology()?;
        Ok(topology.plan().unreached)
    }

    fn from_document(document: &Document, version: Version) -> Result<Self, ConfigError> {
        let (mut options, warnings) = options(document, version)?;
        options.host.get_or_insert_with(|| "127.0.0.1".to_owned());
        // Port -1 is any free one.
        options.port.get_or_insert(-1);
        let mut builder = Self::from_options(options).version(version);
        builder.warnings = warnings;
        Ok(builder)
    }
}
