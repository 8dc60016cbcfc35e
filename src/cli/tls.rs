//! The flags about TLS.

use nats_mock::topology::ServerOptions;

/// Flags as they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsFlags {
    pub on: Option<bool>,
    pub verify: Option<bool>,
    pub certificate: Option<String>,
    pub key: Option<String>,
    pub authority: Option<String>,
}

/// Why the flags cannot be followed, in the words of nats-server where it has any.
#[derive(Debug, thiserror::Error)]
pub enum TlsFlagError {
    #[error("TLS Server {0} must be present and valid")]
    Missing(&'static str),
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Files(#[from] nats_mock::topology::TlsError),
    #[cfg(not(feature = "tls"))]
    #[error("flags about TLS are supported by nats-mock only with its cargo feature \"tls\"")]
    NeedsFeature,
}

impl TlsFlags {
    fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Puts what the flags say in the place of what the configuration file does.
    pub fn apply(&self, options: &mut ServerOptions) -> Result<(), TlsFlagError> {
        if self.on == Some(false) {
            options.tls = None;
            return Ok(());
        }
        if !self.is_given() {
            return Ok(());
        }
        let certificate = self.certificate.as_deref();
        let certificate = certificate.ok_or(TlsFlagError::Missing("certificate"))?;
        let key = self.key.as_deref();
        let key = key.ok_or(TlsFlagError::Missing("private key"))?;
        self.load(options, certificate, key)
    }

    #[cfg(feature = "tls")]
    fn load(
        &self,
        options: &mut ServerOptions,
        certificate: &str,
        key: &str,
    ) -> Result<(), TlsFlagError> {
        let verify = self.verify.unwrap_or(false);
        let authority = self.authority.as_deref();
        let tls = nats_mock::topology::TlsOptions::from_files(certificate, key, authority, verify)?;
        options.tls = Some(tls);
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    fn load(&self, _: &mut ServerOptions, _: &str, _: &str) -> Result<(), TlsFlagError> {
        Err(TlsFlagError::NeedsFeature)
    }
}
