//! What a certificate says, as far as a server looks at it.

use std::net::IpAddr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x509_parser::der_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{X509Certificate, X509Version};

use super::PeerCertificate;
use super::subject::{Attribute, Subject};

/// The facts of a certificate in DER; nothing if it is none.
pub(crate) fn facts(der: &[u8]) -> Option<PeerCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut facts = PeerCertificate {
        subject: subject(&certificate),
        key_digest: digest(certificate.public_key().raw),
        digest: digest(der),
        der: der.into(),
        ..PeerCertificate::default()
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::RFC822Name(email) => facts.emails.push((*email).to_owned()),
            GeneralName::DNSName(name) => facts.dns_names.push((*name).to_owned()),
            GeneralName::URI(uri) => facts.uris.push((*uri).to_owned()),
            _ => {}
        }
    }
    Some(facts)
}

/// Until when a certificate in DER is valid, in seconds since the Unix epoch.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

/// From when until when a certificate in DER is valid, in seconds since the Unix epoch.
pub(super) fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some((
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    ))
}

/// Whether a certificate in DER is that of somebody who may sign others.
pub(super) fn may_sign(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| signs_others(&certificate))
}

fn signs_others(certificate: &X509Certificate<'_>) -> bool {
    let constraints = certificate.basic_constraints().ok().flatten();
    let is_authority = match constraints {
        Some(constraints) => constraints.value.ca,
        // Those before had no way to say so.
        None => certificate.version() != X509Version::V3,
    };
    let usage = certificate.key_usage().ok().flatten();
    is_authority && usage.is_none_or(|usage| usage.value.flags == 0 || usage.value.key_cert_sign())
}

/// Whether a certificate in DER may be that of a server, going by what it says it is for.
pub(super) fn may_serve(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let usage = certificate.extended_key_usage().ok().flatten();
        usage.is_none_or(|usage| usage.value.any || usage.value.server_auth)
    })
}

/// Who has signed a certificate in DER, in DER.
pub(super) fn issuer(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.issuer().as_raw().to_vec())
}

/// What a server may be called.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub dns: Vec<String>,
    pub addresses: Vec<IpAddr>,
    /// Whether there are any names but that of the subject.
    pub has_alternatives: bool,
    /// What the subject calls itself.
    pub common: Option<String>,
}

/// The names in a certificate in DER; nothing if it is none.
pub(super) fn names(der: &[u8]) -> Option<Names> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut common = certificate.subject().iter_common_name();
    let mut found = Names {
        common: common.next().and_then(|name| text(name.attr_value())),
        ..Names::default()
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    found.has_alternatives = names.is_some();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(name) => found.dns.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => found.addresses.extend(address(bytes)),
            _ => {}
        }
    }
    Some(found)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Who might have signed a certificate, going by the name, and why that is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    pub why: String,
    /// What the candidate calls itself.
    pub candidate: String,
}

/// The first of these certificates that has the name of who has signed another, which it has not.
///
/// One for which `outdated` says why it is out of time is taken for who has.
pub(super) fn hint<'a>(
    der: &[u8],
    mut known: impl Iterator<Item = &'a [u8]>,
    outdated: impl Fn(&[u8]) -> Option<String>,
) -> Option<Hint> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let issuer = certificate.issuer().as_raw();
    known.find_map(|der| {
        let (_, candidate) = X509Certificate::from_der(der).ok()?;
        (candidate.subject().as_raw() == issuer).then(|| Hint {
            why: match signs_others(&candidate) {
                true => outdated(der).unwrap_or_else(|| not_signed(&certificate, &candidate)),
                false => "x509: invalid signature: parent certificate cannot sign this kind of certificate".to_owned(),
            },
            candidate: called(&candidate),
        })
    })
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    Ecdsa,
    Ed25519,
}

/// Why a candidate has not signed a certificate.
fn not_signed(certificate: &X509Certificate<'_>, candidate: &X509Certificate<'_>) -> String {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    let signed = match algorithm.as_str() {
        "1.2.840.10045.4.3.2" | "1.2.840.10045.4.3.3" | "1.2.840.10045.4.3.4" => KeyKind::Ecdsa,
        "1.3.101.112" => KeyKind::Ed25519,
        _ => KeyKind::Rsa,
    };
    let key = candidate.public_key().algorithm.algorithm.to_id_string();
    let (key, key_type) = match key.as_str() {
        "1.2.840.10045.2.1" => (KeyKind::Ecdsa, "*ecdsa.PublicKey"),
        "1.3.101.112" => (KeyKind::Ed25519, "ed25519.PublicKey"),
        _ => (KeyKind::Rsa, "*rsa.PublicKey"),
    };
    let (name, failure) = match signed {
        KeyKind::Rsa => ("RSA", "crypto/rsa: verification error"),
        KeyKind::Ecdsa => ("ECDSA", "x509: ECDSA verification failure"),
        KeyKind::Ed25519 => ("Ed25519", "x509: Ed25519 verification failure"),
    };
    if signed == key {
        return failure.to_owned();
    }
    format!(
        "x509: signature algorithm specifies an {name} public key, but have public key of type {key_type}"
    )
}

/// What a certificate calls who it is for.
fn called(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject();
    let mut names = subject
        .iter_common_name()
        .chain(subject.iter_organization())
        .filter_map(|name| text(name.attr_value()))
        .filter(|name| !name.is_empty());
    names
        .next()
        .unwrap_or_else(|| format!("serial:{}", certificate.serial))
}

/// Which of these certificates has signed another, going by their names; none if it has signed itself.
pub(super) fn issuer_of<'a>(der: &[u8], known: &[&'a [u8]]) -> Option<&'a [u8]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let (subject, issuer) = (
        certificate.subject().as_raw(),
        certificate.issuer().as_raw(),
    );
    if subject == issuer {
        return None;
    }
    known.iter().copied().find(|known| {
        let known = X509Certificate::from_der(known);
        known.is_ok_and(|(_, known)| known.subject().as_raw() == issuer)
    })
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn subject(certificate: &X509Certificate<'_>) -> Subject {
    let names = certificate.subject().iter_rdn();
    let name = |attributes: &x509_parser::x509::RelativeDistinguishedName<'_>| {
        attributes
            .iter()
            .map(|attribute| Attribute {
                oid: attribute.attr_type().to_id_string(),
                value: text(attribute.attr_value()),
            })
            .collect()
    };
    Subject(names.map(name).collect())
}

/// The value of an attribute if it is one of the texts that there are.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::T61String => std::str::from_utf8(value.data).ok().map(str::to_owned),
        Tag::BmpString => {
            let units = value.data.chunks_exact(2);
            let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
        _ => None,
    }
}
