//! The names that Go has for cipher suites and curves, and what of them there is here.

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{CipherSuite, SupportedCipherSuite};

/// A cipher suite by Go's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub name: &'static str,
    pub id: u16,
    /// It is considered weak, and taken only on request.
    pub is_insecure: bool,
}

const fn suite(name: &'static str, id: u16) -> Suite {
    Suite {
        name,
        id,
        is_insecure: false,
    }
}

const fn insecure(name: &'static str, id: u16) -> Suite {
    Suite {
        name,
        id,
        is_insecure: true,
    }
}

/// Every suite that Go knows.
const SUITES: [Suite; 26] = [
    suite("TLS_AES_128_GCM_SHA256", 0x1301),
    suite("TLS_AES_256_GCM_SHA384", 0x1302),
    suite("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
    suite("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009),
    suite("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a),
    suite("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013),
    suite("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014),
    suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b),
    suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c),
    suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f),
    suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030),
    suite("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8),
    suite("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9),
    insecure("TLS_RSA_WITH_RC4_128_SHA", 0x0005),
    insecure("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a),
    insecure("TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f),
    insecure("TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035),
    insecure("TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003c),
    insecure("TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c),
    insecure("TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d),
    insecure("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", 0xc007),
    insecure("TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xc011),
    insecure("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 0xc012),
    insecure("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc023),
    insecure("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc027),
    insecure("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", 0xc024),
];

/// The curves by Go's names, as far as nats-server takes them.
const CURVES: [(&str, Option<&dyn SupportedKxGroup>); 7] = [
    ("X25519", Some(ring::kx_group::X25519)),
    ("CurveP256", Some(ring::kx_group::SECP256R1)),
    ("CurveP384", Some(ring::kx_group::SECP384R1)),
    ("CurveP521", None),
    ("X25519MLKEM768", None),
    ("SecP256r1MLKEM768", None),
    ("SecP384r1MLKEM1024", None),
];

/// The suites of which the client likes AES best, in the order in which Go prefers them.
const WITH_AES: [SupportedCipherSuite; 9] = [
    ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The same for a client that likes ChaCha20 better.
const WITHOUT_AES: [SupportedCipherSuite; 9] = [
    ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

pub(crate) fn suite_named(name: &str) -> Option<Suite> {
    SUITES.into_iter().find(|suite| suite.name == name)
}

/// The name that Go has for a suite.
pub(crate) fn name_of(suite: CipherSuite) -> String {
    let id = u16::from(suite);
    let known = SUITES.into_iter().find(|suite| suite.id == id);
    known.map_or_else(|| format!("0x{id:04X}"), |suite| suite.name.to_owned())
}

impl Suite {
    /// Whether it can be agreed on here.
    pub fn is_available(self) -> bool {
        WITH_AES
            .iter()
            .any(|suite| u16::from(suite.suite()) == self.id)
    }
}

/// A curve by its name. What is known and not available has no group.
pub(crate) fn curve_named(name: &str) -> Option<Option<&'static dyn SupportedKxGroup>> {
    CURVES
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, group)| group)
}

/// Whether a client that offers these suites is to get AES before ChaCha20.
pub(crate) fn prefers_aes(offered: &[CipherSuite]) -> bool {
    let offered = offered.iter().map(|&suite| u16::from(suite));
    let mut known = offered.filter_map(|id| match id {
        0x1301 | 0x1302 | 0xc02b | 0xc02c | 0xc02f | 0xc030 => Some(true),
        0x1303 | 0xcca8 | 0xcca9 => Some(false),
        _ => None,
    });
    known.next().unwrap_or(false)
}

/// What a server agrees on: of the suites before TLS 1.3 those that it is told, if any, and all since.
pub(crate) fn provider(
    aes_first: bool,
    suites: Option<&[Suite]>,
    curves: Option<&[&'static dyn SupportedKxGroup]>,
) -> CryptoProvider {
    let all = if aes_first { WITH_AES } else { WITHOUT_AES };
    let is_wanted = |suite: &SupportedCipherSuite| {
        let id = u16::from(suite.suite());
        suite.tls13().is_some() || suites.is_none_or(|told| told.iter().any(|it| it.id == id))
    };
    let mut provider = ring::default_provider();
    provider.cipher_suites = all.into_iter().filter(is_wanted).collect();
    if let Some(curves) = curves {
        provider.kx_groups = curves.to_vec();
    }
    provider
}
