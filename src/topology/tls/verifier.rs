//! Whether a server that was connected to is the right one, found out in the order of real servers, and said in their
//! words: the time first, then the name, then who has signed the certificate.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use nats_mock_protocol::time::Timestamp;

use super::certificate::{Hint, Names, hint, may_serve, may_sign, names, validity};
use crate::topology::quote;

/// Whose signatures are good.
#[derive(Debug, Default)]
pub(crate) enum Roots {
    /// Those of the authorities that the machine knows.
    #[default]
    Platform,
    Given(Vec<CertificateDer<'static>>),
    /// Anybody's, and whatever name and time a certificate has.
    Any,
}

/// What the machine knows, or its environment says with `SSL_CERT_FILE` and `SSL_CERT_DIR`.
static PLATFORM: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// Names beyond these are only counted.
const MOST_NAMES: usize = 100;

/// Why a certificate is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("x509: malformed certificate")]
    Malformed,
    #[error(
        "x509: certificate has expired or is not yet valid: current time {now} is {side} {limit}"
    )]
    Time {
        now: String,
        side: &'static str,
        limit: String,
    },
    #[error("x509: {0}")]
    Name(String),
    #[error("x509: certificate signed by unknown authority{}", hinted(.0.as_ref()))]
    Authority(Option<Hint>),
    #[error("x509: certificate specifies an incompatible key usage")]
    Usage,
    #[error("x509: {0}")]
    Other(String),
}

#[derive(Debug)]
pub(super) struct Verifier {
    roots: Roots,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub fn new(roots: Roots, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, algorithms }
    }

    fn roots(&self) -> &[CertificateDer<'static>] {
        match &self.roots {
            Roots::Platform => &PLATFORM,
            Roots::Given(roots) => roots,
            Roots::Any => &[],
        }
    }

    /// Those whose signatures are good now. What is built on them is not held against what they say of themselves.
    fn anchors(&self, now: UnixTime) -> RootCertStore {
        let roots = self.roots().iter();
        let good = roots.filter(|root| may_sign(root) && in_time(root, now).is_ok());
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(good.cloned());
        anchors
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Untrusted> {
        if matches!(self.roots, Roots::Any) {
            return Ok(());
        }
        in_time(leaf, now)?;
        let parsed = ParsedCertificate::try_from(leaf);
        let is_called_so = |parsed| verify_server_name(parsed, name).is_ok();
        if !parsed.as_ref().is_ok_and(is_called_so) {
            let names = names(leaf).ok_or(Untrusted::Malformed)?;
            // One so old that it is not taken apart here has no other names.
            if parsed.is_ok() || !names.has_alternatives {
                return Err(Untrusted::Name(other_name(&names, &name.to_str())));
            }
        }
        let parsed = parsed.map_err(|_| Untrusted::Malformed)?;
        // Who is trusted need not have been signed by anybody.
        if self.roots().iter().any(|root| root == leaf) {
            return may_serve(leaf).then_some(()).ok_or(Untrusted::Usage);
        }
        let (anchors, algorithms) = (self.anchors(now), self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&parsed, &anchors, others, now, algorithms)
            .map_err(|error| self.untrusted(&error, leaf, others, now))
    }

    fn untrusted(
        &self,
        error: &Error,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Untrusted {
        match untrusted(error) {
            Untrusted::Authority(_) => {
                let candidates = self.roots().iter().chain(others).map(|der| &**der);
                let outdated = |der: &[u8]| in_time(der, now).err().map(|why| why.to_string());
                Untrusted::Authority(hint(leaf, candidates, outdated))
            }
            other => other,
        }
    }
}

fn hinted(hint: Option<&Hint>) -> String {
    let Some(Hint { why, candidate }) = hint else {
        return String::new();
    };
    let (why, candidate) = (quote(why), quote(candidate));
    format!(
        " (possibly because of {why} while trying to verify candidate authority certificate {candidate})"
    )
}

fn untrusted(error: &Error) -> Untrusted {
    let Error::InvalidCertificate(error) = error else {
        return Untrusted::Other(error.to_string());
    };
    match error {
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        // It is an authority, and none that is trusted.
        | CertificateError::Other(_) => Untrusted::Authority(None),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Untrusted::Usage
        }
        CertificateError::ExpiredContext { time, not_after } => Untrusted::Time {
            now: said(seconds(*time)),
            side: "after",
            limit: said(seconds(*not_after)),
        },
        CertificateError::NotValidYetContext { time, not_before } => Untrusted::Time {
            now: said(seconds(*time)),
            side: "before",
            limit: said(seconds(*not_before)),
        },
        error => Untrusted::Other(error.to_string()),
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn said(seconds: i64) -> String {
    const NANOS: i64 = 1_000_000_000;
    Timestamp::from_unix_nanos(seconds.saturating_mul(NANOS)).to_string()
}

fn in_time(leaf: &[u8], now: UnixTime) -> Result<(), Untrusted> {
    let (not_before, not_after) = validity(leaf).ok_or(Untrusted::Malformed)?;
    let now = seconds(now);
    let (side, limit) = if now < not_before {
        ("before", not_before)
    } else if now > not_after {
        ("after", not_after)
    } else {
        return Ok(());
    };
    Err(Untrusted::Time {
        now: said(now),
        side,
        limit: said(limit),
    })
}

/// What is wrong with the names of a certificate.
fn other_name(names: &Names, wanted: &str) -> String {
    let is_old = !names.has_alternatives
        && names
            .common
            .as_deref()
            .is_some_and(|common| common.eq_ignore_ascii_case(wanted));
    if is_old {
        return "certificate relies on legacy Common Name field, use SANs instead".to_owned();
    }
    let (valid, kind) = if wanted.parse::<IpAddr>().is_ok() {
        if names.addresses.is_empty() {
            return format!(
                "cannot validate certificate for {wanted} because it doesn't contain any IP SANs"
            );
        }
        let addresses = names.addresses.iter().map(IpAddr::to_string);
        (addresses.collect(), "IP SANs")
    } else {
        (names.dns.clone(), "names")
    };
    let count = valid.len();
    if count >= MOST_NAMES {
        return format!("certificate is valid for {count} {kind}, but none matched {wanted}");
    }
    match valid.join(", ") {
        valid if valid.is_empty() => {
            format!("certificate is not valid for any names, but wanted to match {wanted}")
        }
        valid => format!("certificate is valid for {valid}, not {wanted}"),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.verify(leaf, others, name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(untrusted) => {
                let why = OtherError(Arc::new(untrusted));
                Err(Error::InvalidCertificate(CertificateError::Other(why)))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose,
    };
    use rustls::crypto::ring;

    use super::*;

    /// What comes of a certificate that is trusted itself.
    fn verified(params: CertificateParams, name: &str) -> Result<(), String> {
        let key = KeyPair::generate().unwrap();
        let leaf = params.self_signed(&key).unwrap().der().clone();
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let verifier = Verifier::new(Roots::Given(vec![leaf.clone()]), algorithms);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let verified = verifier.verify(&leaf, &[], &name, at);
        verified.map_err(|error| error.to_string())
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        CertificateParams::new(names).unwrap()
    }

    fn years(from: i32, to: i32) -> CertificateParams {
        let mut params = params(&["localhost"]);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params
    }

    #[test]
    fn who_is_trusted_may_be_an_authority_itself() {
        let mut authority = params(&["localhost"]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        assert_eq!(verified(authority, "localhost"), Ok(()));
        assert_eq!(verified(params(&["localhost"]), "localhost"), Ok(()));
    }

    /// What comes of a server's certificate that a trusted one has signed.
    fn verified_by(authority: CertificateParams, server: CertificateParams) -> Result<(), String> {
        let (key, server_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = authority.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(authority, key);
        let leaf = server.signed_by(&server_key, &issuer).unwrap();
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let verifier = Verifier::new(Roots::Given(vec![root]), algorithms);
        let name = ServerName::try_from("localhost").unwrap();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let verified = verifier.verify(leaf.der(), &[], &name, at);
        verified.map_err(|error| error.to_string())
    }

    fn authority(from: i32, to: i32) -> CertificateParams {
        let mut params = years(from, to);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "acme");
        params
    }

    #[test]
    fn who_is_trusted_has_to_be_an_authority_now() {
        let server = || params(&["localhost"]);
        assert_eq!(verified_by(authority(2000, 2100), server()), Ok(()));
        let unknown = |why| {
            Err(format!(
                "x509: certificate signed by unknown authority (possibly because of \"{why}\" while trying to verify \
                 candidate authority certificate \"acme\")"
            ))
        };
        assert_eq!(
            verified_by(authority(2000, 2001), server()),
            unknown(
                "x509: certificate has expired or is not yet valid: current time 2023-11-14T22:13:20Z is after \
                 2001-01-01T00:00:00Z"
            )
        );
        let other =
            "x509: invalid signature: parent certificate cannot sign this kind of certificate";
        let mut mere_server = authority(2000, 2100);
        mere_server.is_ca = IsCa::ExplicitNoCa;
        assert_eq!(verified_by(mere_server, server()), unknown(other));
        let mut other_key = authority(2000, 2100);
        other_key.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        assert_eq!(verified_by(other_key, server()), unknown(other));
    }

    #[test]
    fn a_certificate_for_clients_is_none_of_a_server() {
        let for_clients = || {
            let mut params = params(&["localhost"]);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params
        };
        let usage = Err("x509: certificate specifies an incompatible key usage".to_owned());
        assert_eq!(verified(for_clients(), "localhost"), usage);
        assert_eq!(verified_by(authority(2000, 2100), for_clients()), usage);
    }

    #[test]
    fn the_time_is_looked_at_before_the_name() {
        let start = "x509: certificate has expired or is not yet valid: current time";
        assert_eq!(
            verified(years(2000, 2001), "other.example").unwrap_err(),
            format!("{start} 2023-11-14T22:13:20Z is after 2001-01-01T00:00:00Z")
        );
        assert_eq!(
            verified(years(2100, 2101), "localhost").unwrap_err(),
            format!("{start} 2023-11-14T22:13:20Z is before 2100-01-01T00:00:00Z")
        );
        assert_eq!(verified(years(2000, 2100), "localhost"), Ok(()));
    }

    #[test]
    fn names_are_told_as_real_servers_tell_them() {
        let names = ["a.example", "*.b.example", "127.0.0.2", "::1"];
        let error = |name| verified(params(&names), name).unwrap_err();
        assert_eq!(
            error("c.example"),
            "x509: certificate is valid for a.example, *.b.example, not c.example"
        );
        assert_eq!(
            error("127.0.0.1"),
            "x509: certificate is valid for 127.0.0.2, ::1, not 127.0.0.1"
        );
        assert_eq!(verified(params(&names), "x.b.example"), Ok(()));
        assert_eq!(verified(params(&names), "127.0.0.2"), Ok(()));
        assert_eq!(
            verified(params(&["127.0.0.1"]), "a.example").unwrap_err(),
            "x509: certificate is not valid for any names, but wanted to match a.example"
        );
        let many: Vec<String> = (0..100).map(|at| format!("h{at}.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(
            verified(params(&many), "a.example").unwrap_err(),
            "x509: certificate is valid for 100 names, but none matched a.example"
        );
    }
}
