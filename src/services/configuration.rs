//! Where a server reads its configuration again.

use std::fmt;
use std::sync::Arc;

use crate::topology::ServerSpec;

type Read = dyn Fn() -> Result<ServerSpec, String> + Send + Sync;

/// What RELOAD asks for a configuration: the one thing that services need from outside. Most
/// deployments are built by a test and have nothing to read.
#[derive(Clone, Default)]
pub(crate) struct Configuration(Option<Arc<Read>>);

impl Configuration {
    pub fn new(read: impl Fn() -> Result<ServerSpec, String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(read)))
    }

    pub fn read(&self) -> Result<ServerSpec, String> {
        match &self.0 {
            Some(read) => read(),
            None => Err(
                "can only reload config when a file is provided using -c or --config".to_owned(),
            ),
        }
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configuration")
            .field(&self.0.is_some())
            .finish()
    }
}
