//! What a server brings along to a handshake: its certificates, and what it demands of clients.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoClientAuth, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    ServerConfig, SignatureScheme,
};

use super::load::Identity;
use super::suites::{self, Suite};

/// What the certificates and keys of a `tls` block have become. Nothing of it is printed.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Configs>);

struct Configs {
    /// For clients that like AES best.
    aes_first: Arc<ServerConfig>,
    /// For the others.
    aes_last: Arc<ServerConfig>,
    /// Who has to have signed the certificates of clients.
    authorities: Vec<CertificateDer<'static>>,
}

/// What a server demands.
#[derive(Default)]
pub(crate) struct Demands {
    /// Who has to have signed the certificates of clients, which they have to show then.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// Cipher suites before TLS 1.3; all that there are unless told.
    pub suites: Option<Vec<Suite>>,
    /// Curves; all that there are unless told.
    pub curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// Nothing older than TLS 1.3.
    pub only_newest: bool,
}

impl Acceptor {
    /// A server with certificates.
    ///
    /// # Errors
    ///
    /// When nothing can be agreed on with these demands.
    pub fn new(identities: Vec<Identity>, demands: Demands) -> Result<Self, Error> {
        let keys: Vec<Arc<CertifiedKey>> = identities.into_iter().map(|it| it.key).collect();
        let certificates: Arc<Certificates> = Arc::new(Certificates(keys));
        let config = |aes_first| -> Result<Arc<ServerConfig>, Error> {
            let provider = Arc::new(suites::provider(
                aes_first,
                demands.suites.as_deref(),
                demands.curves.as_deref(),
            ));
            let verifier = match &demands.authorities {
                None => Arc::new(NoClientAuth),
                Some(authorities) => verifier(authorities, &provider)?,
            };
            let has_old = provider.cipher_suites.iter().any(|it| it.tls13().is_none());
            let versions: &[_] = if demands.only_newest || !has_old {
                &[&rustls::version::TLS13]
            } else {
                rustls::ALL_VERSIONS
            };
            let mut config = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(versions)?
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(Arc::<Certificates>::clone(&certificates));
            config.ignore_client_order = true;
            Ok(Arc::new(config))
        };
        Ok(Self(Arc::new(Configs {
            aes_first: config(true)?,
            aes_last: config(false)?,
            authorities: demands.authorities.clone().unwrap_or_default(),
        })))
    }

    /// Who has to have signed the certificates of clients, if anybody.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.0.authorities
    }

    /// How to go on with a client that has said what it can do.
    pub fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let Configs {
            aes_first,
            aes_last,
            ..
        } = &*self.0;
        Arc::clone(if suites::prefers_aes(hello.cipher_suites()) {
            aes_first
        } else {
            aes_last
        })
    }
}

impl PartialEq for Acceptor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Acceptor {}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

/// A server's certificates, the first of which is for clients for whom no other is right.
struct Certificates(Vec<Arc<CertifiedKey>>);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.0.len())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let is_right = |key: &&Arc<CertifiedKey>| {
            let can_sign = key.key.choose_scheme(hello.signature_schemes()).is_some();
            can_sign && name.as_ref().is_none_or(|name| is_for(key, name))
        };
        self.0
            .iter()
            .find(is_right)
            .or_else(|| self.0.first())
            .cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = key.cert.first().map(ParsedCertificate::try_from);
    leaf.is_some_and(|leaf| leaf.is_ok_and(|leaf| verify_server_name(&leaf, name).is_ok()))
}

fn verifier(
    authorities: &[CertificateDer<'static>],
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    if authorities.is_empty() {
        let provider = Arc::clone(provider);
        return Ok(Arc::new(NoAuthority(provider)));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map_err(|error| Error::Other(OtherError(Arc::new(error))))
}

/// Demands certificates and finds none of them good.
#[derive(Debug)]
struct NoAuthority(Arc<rustls::crypto::CryptoProvider>);

impl ClientCertVerifier for NoAuthority {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
