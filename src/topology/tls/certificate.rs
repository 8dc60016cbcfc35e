//! What a certificate says, as far as a server looks at it.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x509_parser::der_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

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
