//! Certificates made for one test.

use std::fmt;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;

use crate::topology::tls::{
    Acceptor, DEFAULT_TIMEOUT, Demands, Identity, authorities_of, identity_of,
};
use crate::topology::{TlsError, TlsOptions};

/// An authority that is made for a test, with a certificate for the servers: nothing needs to lie on disk.
///
/// The servers' certificate is for `localhost`, `127.0.0.1` and `::1`. Keys are drawn from the system's
/// randomness, whatever the seed; they are never printed.
///
/// ```
/// use nats_mock::{MockNats, SelfSigned};
///
/// let authority = SelfSigned::new()?;
/// let nats = MockNats::builder().tls(&authority).start_blocking()?;
/// assert!(nats.url().starts_with("tls://127.0.0.1:"));
/// assert!(authority.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// // A client without a socket needs no TLS.
/// assert!(nats.client("a")?.info().tls_available);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SelfSigned {
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
    server: TlsOptions,
    verifying_server: TlsOptions,
}

/// A certificate for a client with its key, both in PEM. Only the certificate is printed.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// The key.
    pub key_pem: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSigned")
            .field("ca_pem", &self.ca_pem)
            .finish_non_exhaustive()
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> TlsError {
    TlsError(Box::new(error))
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2200, 1, 1);
    params
}

impl SelfSigned {
    /// Makes an authority, and a certificate for the servers.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn new() -> Result<Self, TlsError> {
        let mut authority = params("nats-mock test CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let ca_pem = authority.self_signed(&key).map_err(failed)?.pem();
        let issuer = Issuer::new(authority, key);
        let localhost = Ia5String::try_from("localhost").map_err(failed)?;
        let names = vec![
            SanType::DnsName(localhost),
            SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        let (certificate, key) = signed(&issuer, "localhost", names, purpose)?;
        let identity = identity_of(certificate.as_bytes(), key.as_bytes()).map_err(failed)?;
        let authorities = authorities_of(ca_pem.as_bytes()).map_err(failed)?;
        Ok(Self {
            server: options(&identity, None)?,
            verifying_server: options(&identity, Some(authorities))?,
            ca_pem,
            issuer,
        })
    }

    /// The authority's certificate in PEM: what clients are to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Makes a certificate for a client that is called `name`. With
    /// [`map`](TlsOptions::map) it logs in as the user `CN=name`.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn client(&self, name: &str) -> Result<ClientCertificate, TlsError> {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        let (certificate_pem, key_pem) = signed(&self.issuer, name, Vec::new(), purpose)?;
        Ok(ClientCertificate {
            certificate_pem,
            key_pem,
        })
    }

    /// TLS for servers that ask nothing of their clients.
    pub fn server(&self) -> TlsOptions {
        self.server.clone()
    }

    /// TLS for servers whose clients have to show a certificate of this authority.
    ///
    /// ```
    /// use nats_mock::{MockNats, SelfSigned};
    ///
    /// let authority = SelfSigned::new()?;
    /// let mut tls = authority.verifying_server();
    /// tls.map = true;
    /// let nats = MockNats::builder().tls(tls).account("A", [("CN=app", "")]).start_blocking()?;
    /// let app = authority.client("app")?;
    /// assert!(!format!("{app:?}").contains("PRIVATE KEY"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verifying_server(&self) -> TlsOptions {
        self.verifying_server.clone()
    }
}

impl From<&SelfSigned> for TlsOptions {
    fn from(authority: &SelfSigned) -> Self {
        authority.server()
    }
}

fn options(
    identity: &Identity,
    authorities: Option<Vec<CertificateDer<'static>>>,
) -> Result<TlsOptions, TlsError> {
    let verify = authorities.is_some();
    let demands = Demands {
        authorities,
        ..Demands::default()
    };
    let acceptor = Acceptor::new(vec![identity.clone()], demands).map_err(failed)?;
    Ok(TlsOptions {
        verify,
        map: false,
        timeout: DEFAULT_TIMEOUT,
        states_timeout: false,
        checks_known_urls: false,
        handshake_first: false,
        fallback: None,
        pinned: None,
        rate_limit: 0,
        not_after: identity.not_after,
        acceptor,
    })
}

/// A certificate and its key, in PEM.
fn signed(
    issuer: &Issuer<'static, KeyPair>,
    name: &str,
    names: Vec<SanType>,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<(String, String), TlsError> {
    let mut params = params(name);
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, issuer).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
