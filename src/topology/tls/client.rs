//! What a server brings along to a handshake that it begins: whom it trusts, and what it shows of itself.

use std::fmt;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, SignatureScheme};

use super::certificate::issuer;
use super::load::Identity;
use super::suites::{self, Suite};
use super::verifier::{Roots, Verifier};

/// How to make handshakes with others. Nothing of certificates and keys is printed.
#[derive(Clone)]
pub(crate) struct Connector(Arc<ClientConfig>);

/// What is to be known before handshakes can be made.
#[derive(Default)]
pub(crate) struct Connecting {
    pub roots: Roots,
    /// The certificates to choose from when one is asked for.
    pub identities: Vec<Identity>,
    /// Cipher suites before TLS 1.3; all that there are unless told.
    pub suites: Option<Vec<Suite>>,
    /// Curves; all that there are unless told.
    pub curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// Nothing older than TLS 1.3.
    pub only_newest: bool,
}

impl Connector {
    /// # Errors
    ///
    /// When nothing can be agreed on like this.
    pub fn new(told: Connecting) -> Result<Self, Error> {
        let provider = suites::provider(true, told.suites.as_deref(), told.curves.as_deref());
        let provider = Arc::new(provider);
        let has_old = provider.cipher_suites.iter().any(|it| it.tls13().is_none());
        let versions: &[_] = match told.only_newest || !has_old {
            true => &[&rustls::version::TLS13],
            false => rustls::ALL_VERSIONS,
        };
        let verifier = Verifier::new(told.roots, provider.signature_verification_algorithms);
        let keys = told.identities.into_iter().map(|it| it.key).collect();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(Certificates(keys)));
        // Real servers look at the certificate each time.
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// How to begin with somebody.
    #[cfg(feature = "jwt")]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Connector {}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// The certificates that there are to show, of which one is shown only to who takes its authority.
struct Certificates(Vec<Arc<CertifiedKey>>);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.0.len())
    }
}

impl ResolvesClientCert for Certificates {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let is_taken = |der: &CertificateDer<'_>| {
            issuer(der).is_some_and(|issuer| authorities.contains(&&*issuer))
        };
        let is_right = |key: &&Arc<CertifiedKey>| {
            key.key.choose_scheme(schemes).is_some()
                && (authorities.is_empty() || key.cert.iter().any(is_taken))
        };
        self.0.iter().find(is_right).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
