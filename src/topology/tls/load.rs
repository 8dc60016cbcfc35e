//! Certificates and keys from files, and what can be wrong with them, in the words of nats-server.

use std::fs;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::der_parser::asn1_rs::FromDer;
use x509_parser::prelude::X509Certificate;

use super::certificate::not_after;

/// A certificate chain with its key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub key: Arc<CertifiedKey>,
    /// Until when it is valid, in seconds since the Unix epoch.
    pub not_after: Option<i64>,
}

/// Why files are no certificate with its key, or no authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("open {path}: {why}")]
    File { path: String, why: &'static str },
    #[error("tls: failed to find any PEM data in {0} input")]
    NoPem(&'static str),
    #[error(
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs \
         may have been switched"
    )]
    KeyForCertificate,
    #[error(
        "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of other types"
    )]
    NoCertificate,
    #[error("tls: found a certificate rather than a key in the PEM for the private key")]
    CertificateForKey,
    #[error(
        "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks \
         of other types"
    )]
    NoKey,
    #[error("x509: malformed certificate")]
    Certificate,
    #[error("tls: failed to parse private key")]
    Key,
    #[error("tls: private key type does not match public key type")]
    OtherKeyType,
    #[error("tls: private key does not match public key")]
    OtherKey,
    #[error("failed to parse root ca certificate")]
    Authorities,
}

/// The certificate in one file with the key in another.
pub(crate) fn identity(certificate: &str, key: &str) -> Result<Identity, LoadError> {
    identity_of(&read(certificate)?, &read(key)?)
}

/// As [`identity`], from the files' contents.
pub(crate) fn identity_of(certificate: &[u8], key: &[u8]) -> Result<Identity, LoadError> {
    let kinds = kinds(certificate);
    if !kinds.contains(&SectionKind::Certificate) {
        return Err(match kinds.first() {
            None => LoadError::NoPem("certificate"),
            Some(kind) if is_key(*kind) => LoadError::KeyForCertificate,
            Some(_) => LoadError::NoCertificate,
        });
    }
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| LoadError::Certificate)?;
    let kinds = self::kinds(key);
    let Some(_) = kinds.iter().find(|kind| is_key(**kind)) else {
        return Err(match kinds.first() {
            None => LoadError::NoPem("key"),
            Some(SectionKind::Certificate) => LoadError::CertificateForKey,
            Some(_) => LoadError::NoKey,
        });
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| LoadError::Key)?;
    let leaf = chain.first().ok_or(LoadError::Certificate)?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| LoadError::Certificate)?;
    let key = ring::sign::any_supported_type(&key).map_err(|_| LoadError::Key)?;
    // What is behind the first certificate is the authorities' own, and is sent as it is.
    if let Some(public) = key.public_key() {
        let wanted = parsed.public_key();
        let (_, found) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&public)
            .map_err(|_| LoadError::Key)?;
        if found.algorithm.algorithm != wanted.algorithm.algorithm {
            return Err(LoadError::OtherKeyType);
        }
        if found.subject_public_key != wanted.subject_public_key {
            return Err(LoadError::OtherKey);
        }
    }
    Ok(Identity {
        not_after: not_after(leaf),
        key: Arc::new(CertifiedKey::new(chain, key)),
    })
}

/// The certificates of authorities in a file. What cannot be read among them is left out.
pub(crate) fn authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    authorities_of(&read(path)?)
}

/// As [`authorities`], from the file's contents.
pub(crate) fn authorities_of(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text)
        .filter_map(Result::ok)
        .filter(|der| X509Certificate::from_der(der).is_ok())
        .collect();
    if certificates.is_empty() {
        return Err(LoadError::Authorities);
    }
    Ok(certificates)
}

fn read(path: &str) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|error| LoadError::File {
        path: path.to_owned(),
        why: match error.kind() {
            io::ErrorKind::NotFound => "no such file or directory",
            io::ErrorKind::PermissionDenied => "permission denied",
            io::ErrorKind::IsADirectory => "is a directory",
            _ => "input/output error",
        },
    })
}

/// The kinds of what a PEM file holds, in its order.
fn kinds(text: &[u8]) -> Vec<SectionKind> {
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text);
    sections
        .map_while(Result::ok)
        .map(|(kind, _)| kind)
        .collect()
}

fn is_key(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey
    )
}
