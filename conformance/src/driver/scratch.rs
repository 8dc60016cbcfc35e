//! The scratch directory of one scenario run with a server's program.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DriverError, tls};
use crate::scenario::{Deployment, SCRATCH};

/// A directory with the scenario's files; removed when dropped.
pub(super) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// Writes the files of `deployment`.
    pub(super) fn new(deployment: &Deployment) -> Result<Self, DriverError> {
        let dir = tempfile::Builder::new()
            .prefix("conformance-")
            .tempdir()
            .map_err(DriverError::io("making a scratch directory"))?;
        let scratch = Self { dir };
        for (name, text) in &deployment.files {
            let file = scratch.path().join(name);
            file.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(file, text))
                .map_err(DriverError::io("writing a file of the scenario"))?;
        }
        for name in &deployment.certificates {
            scratch.write_certificate(name)?;
        }
        Ok(scratch)
    }

    fn write_certificate(&self, name: &str) -> Result<(), DriverError> {
        for file in [format!("{name}.pem"), format!("{name}-key.pem")] {
            fs::copy(tls::certificates().join(&file), self.path().join(&file))
                .map_err(DriverError::io("copying a certificate"))?;
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A configuration with the directory that it names `{{scratch}}`.
    pub(super) fn fill(&self, text: &str) -> String {
        let folder = self.path().to_string_lossy();
        text.replace(&format!("{{{{{SCRATCH}}}}}"), &folder)
    }

    /// The configuration file.
    pub(super) fn conf(&self) -> PathBuf {
        self.path().join("server.conf")
    }

    /// Replaces the configuration file.
    pub(super) fn write_conf(&self, text: &str) -> Result<(), DriverError> {
        fs::write(self.conf(), self.fill(text))
            .map_err(DriverError::io("writing the configuration"))
    }

    /// The file the server's log goes to.
    pub(super) fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// The client port in the ports file, once the server has written one.
    pub(super) fn client_port(&self) -> Option<u16> {
        self.port("nats")
    }

    /// The port of this name in the ports file, once the server has written one.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        let entries = fs::read_dir(self.path()).ok()?;
        let file = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|ext| ext == "ports"))?;
        let ports: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        let url = ports.get(name)?.get(0)?.as_str()?;
        url.rsplit(':').next()?.parse().ok()
    }
}
