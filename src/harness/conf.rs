//! Configuration files of nats-server, read as it reads them.

use std::io::ErrorKind;
use std::path::Path;

use nats_mock_protocol::conf::{self, Document, ReadError, Source};

use crate::Version;
use crate::topology::{OptionsError, ServerOptions, Warning};

/// A configuration that nats-server would not take, or that asks for something that is not
/// simulated. The text is what nats-server prints behind `nats-server: `.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read, or is not in the configuration format.
    #[error(transparent)]
    Parse(#[from] conf::ConfError),
    /// A key or a value is wrong, or not supported.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// No file was named.
    #[error("there is no configuration file")]
    NoFile,
    /// The options do not go together.
    #[error(transparent)]
    Start(#[from] crate::topology::StartError),
}

/// Files and environment variables of this process.
#[derive(Clone, Copy, Debug, Default)]
struct System;

impl Source for System {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        std::fs::read(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ReadError::NotFound,
            ErrorKind::PermissionDenied => ReadError::PermissionDenied,
            ErrorKind::IsADirectory => ReadError::IsDirectory,
            _ => ReadError::Other(error.to_string()),
        })
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Parses a configuration file of nats-server with its includes. Variables come from the file and
/// from the environment.
///
/// # Errors
///
/// When a file cannot be read or is malformed.
pub fn parse_conf(path: impl AsRef<Path>) -> Result<Document, ConfigError> {
    let path = path.as_ref().to_string_lossy();
    Ok(conf::parse_file(&path, &System)?)
}

pub(super) fn parse_conf_str(text: &str) -> Result<Document, ConfigError> {
    Ok(conf::parse(text, "", &System)?)
}

/// The options in a document, checked as a starting server checks them.
pub(super) fn options(
    document: &Document,
    version: Version,
) -> Result<(ServerOptions, Vec<Warning>), ConfigError> {
    let (options, warnings) = ServerOptions::from_conf_for(document, version)?;
    options.validate_for(version)?;
    Ok((options, warnings))
}
