//! TLS of a server: what its configuration says, and what is loaded of it.

#![cfg_attr(
    not(feature = "tls"),
    allow(
        dead_code,
        reason = "without TLS nothing is loaded, and nobody shows a certificate"
    )
)]

#[cfg(feature = "tls")]
mod acceptor;
#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod load;
mod subject;
#[cfg(feature = "tls")]
pub(crate) mod suites;
#[cfg(feature = "tls")]
mod verifier;

use std::collections::BTreeSet;
use std::time::Duration;

#[cfg(feature = "tls")]
pub(crate) use acceptor::{Acceptor, Demands};
#[cfg(feature = "tls")]
pub(crate) use certificate::facts;
#[cfg(feature = "tls")]
pub(crate) use client::{Connecting, Connector};
#[cfg(feature = "tls")]
pub(crate) use load::{Identity, LoadError, authorities, authorities_of, identity, identity_of};
pub(crate) use subject::{Name, Subject};
#[cfg(feature = "tls")]
pub(crate) use verifier::Roots;
#[cfg(all(feature = "jwt", feature = "tls"))]
pub(crate) use verifier::Untrusted;

/// How long a handshake may take unless something else is said.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a server that prefers a handshake before INFO waits for one, unless something else is said.
pub(crate) const DEFAULT_FALLBACK: Duration = Duration::from_millis(50);

/// A `tls` block, with the certificates that it names loaded.
///
/// Of certificates and keys nothing is printed. Two are equal if what they say is, and if they hold the
/// very same certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    pub(crate) verify: bool,
    /// Whether clients are the users that their certificates name.
    pub map: bool,
    /// How long a handshake may take (2 s).
    pub timeout: Duration,
    /// Whether that was written down rather than left to the server.
    pub(crate) states_timeout: bool,
    /// Whether other servers have to be known by what their certificates name.
    pub(crate) checks_known_urls: bool,
    /// Whether the handshake comes before INFO.
    pub handshake_first: bool,
    /// How long to wait for a handshake before INFO is sent after all.
    pub fallback: Option<Duration>,
    /// The digests of the public keys that are good, in hexadecimal digits; unset: all.
    pub pinned: Option<BTreeSet<String>>,
    /// How many handshakes may begin in a second; 0: any number.
    pub rate_limit: u64,
    /// Until when the first certificate is valid, in seconds since the Unix epoch, if there is one.
    pub(crate) not_after: Option<i64>,
    #[cfg(feature = "tls")]
    pub(crate) acceptor: Acceptor,
}

/// Whom a server trusts to which it connects by TLS, and what it shows of itself: the `resolver_tls` of
/// configurations.
///
/// Of certificates and keys nothing is printed. Two are equal only if one is a copy of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientTls {
    #[cfg(feature = "tls")]
    pub(crate) connector: Connector,
}

/// What is known of a certificate that a client has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerCertificate {
    pub subject: Subject,
    pub emails: Vec<String>,
    pub dns_names: Vec<String>,
    pub uris: Vec<String>,
    /// The digest of its public key, in hexadecimal digits.
    pub key_digest: String,
    /// The digest of all of it.
    pub digest: String,
    /// All of it, in DER.
    pub der: Box<[u8]>,
}

impl TlsOptions {
    /// Whether clients have to show a certificate that an authority has signed.
    pub fn verifies(&self) -> bool {
        self.verify
    }

    /// How long a handshake may take, unless that was left to the server.
    pub(crate) fn stated_timeout(&self) -> Option<Duration> {
        self.states_timeout.then_some(self.timeout)
    }
}

/// A certificate in PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    const WIDTH: usize = 64;
    let text = data_encoding::BASE64.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(WIDTH) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(not(feature = "tls"))]
impl TlsOptions {
    pub(crate) fn verified_chain(&self, _: &[PeerCertificate]) -> Vec<Box<[u8]>> {
        Vec::new()
    }
}

#[cfg(feature = "tls")]
impl TlsOptions {
    /// A client's certificate and those that vouch for it up to an authority, in DER; nothing if nobody
    /// looks at it.
    pub(crate) fn verified_chain(&self, shown: &[PeerCertificate]) -> Vec<Box<[u8]>> {
        let authorities = self.acceptor.authorities();
        if !self.verify || authorities.is_empty() {
            return Vec::new();
        }
        let known = shown.iter().skip(1).map(|certificate| &*certificate.der);
        let known: Vec<&[u8]> = known.chain(authorities.iter().map(|der| &**der)).collect();
        let mut chain: Vec<Box<[u8]>> = Vec::new();
        chain.extend(shown.first().map(|certificate| certificate.der.clone()));
        // A chain is no longer than there are certificates.
        for _ in 0..known.len() {
            let next = chain
                .last()
                .and_then(|last| certificate::issuer_of(last, &known));
            let Some(next) = next else { break };
            chain.push(next.into());
        }
        chain
    }

    /// The certificate and the key of files in PEM, and, if clients have to show certificates, the
    /// authorities that are to have signed them.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or what they hold does not go together.
    ///
    /// ```
    /// use nats_mock::topology::TlsOptions;
    ///
    /// let error = TlsOptions::from_files("missing.pem", "key.pem", None, false).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "error parsing X509 certificate/key pair: open missing.pem: no such file or directory",
    /// );
    /// ```
    pub fn from_files(
        certificate: &str,
        key: &str,
        authorities: Option<&str>,
        verify: bool,
    ) -> Result<Self, TlsError> {
        super::options::tls::of_files(certificate, key, authorities, verify)
            .map_err(|error| TlsError(Box::new(error)))
    }
}

/// Certificates or keys that are no good, in the words of nats-server. Nothing of a key is part of them.
#[cfg(feature = "tls")]
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TlsError(pub(crate) Box<dyn std::error::Error + Send + Sync>);

#[cfg(feature = "tls")]
impl ClientTls {
    /// Trusts the authorities whose certificates these are, in PEM.
    ///
    /// # Errors
    ///
    /// When there is no certificate.
    ///
    /// ```
    /// use nats_mock::SelfSigned;
    /// use nats_mock::topology::{AccountServer, ClientTls};
    ///
    /// let authority = SelfSigned::new()?;
    /// let tls = ClientTls::trusting(authority.ca_pem())?;
    /// let _ = AccountServer::at("https://localhost:9090/jwt/v1/accounts").with_tls(tls);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trusting(authorities: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        let authorities = authorities_of(authorities.as_ref()).map_err(failed)?;
        Self::of(Roots::Given(authorities), Vec::new())
    }

    /// The same with a certificate and its key in PEM, for who asks for one that these authorities have signed.
    ///
    /// # Errors
    ///
    /// When there is no certificate of an authority, or the others do not go together.
    ///
    /// ```
    /// use nats_mock::SelfSigned;
    /// use nats_mock::topology::ClientTls;
    ///
    /// let authority = SelfSigned::new()?;
    /// let own = authority.client("n1")?;
    /// ClientTls::trusting_and_showing(authority.ca_pem(), &own.certificate_pem, &own.key_pem)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trusting_and_showing(
        authorities: impl AsRef<[u8]>,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsError> {
        let authorities = authorities_of(authorities.as_ref()).map_err(failed)?;
        let own = identity_of(certificate.as_ref(), key.as_ref()).map_err(failed)?;
        Self::of(Roots::Given(authorities), vec![own])
    }

    /// Trusts the authorities that the machine knows, as real servers do unless they are told others.
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` of the environment say where they are.
    ///
    /// # Errors
    ///
    /// None that is known of.
    ///
    /// ```
    /// let _ = nats_mock::topology::ClientTls::of_the_machine()?;
    /// # Ok::<(), nats_mock::topology::TlsError>(())
    /// ```
    pub fn of_the_machine() -> Result<Self, TlsError> {
        Self::of(Roots::Platform, Vec::new())
    }

    fn of(roots: Roots, identities: Vec<Identity>) -> Result<Self, TlsError> {
        let told = Connecting {
            roots,
            identities,
            ..Connecting::default()
        };
        let connector = Connector::new(told).map_err(failed)?;
        Ok(Self { connector })
    }
}

#[cfg(feature = "tls")]
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> TlsError {
    TlsError(Box::new(error))
}
