//! Seeded randomness, and the identities that are drawn from it.

use data_encoding::BASE32_NOPAD;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A stream of random numbers that depends on the root seed and on its own name only, so that
/// drawing more from one stream never shifts another.
pub(crate) fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    // FNV-1a: any fixed, well-spread function of the name will do.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ChaCha8Rng::seed_from_u64(seed ^ hash)
}

/// The kinds of public key that servers show.
#[derive(Clone, Copy)]
pub(crate) enum KeyKind {
    Server,
    Curve,
}

/// A public key in nkey form: a kind letter, 32 bytes and a checksum, in base 32.
pub(crate) fn public_key(kind: KeyKind, random: [u8; 32]) -> String {
    let mut raw = [0_u8; 35];
    raw[0] = match kind {
        KeyKind::Server => 13 << 3,
        KeyKind::Curve => 23 << 3,
    };
    raw[1..33].copy_from_slice(&random);
    let checksum = crc16_xmodem(&raw[..33]).to_le_bytes();
    raw[33..].copy_from_slice(&checksum);
    BASE32_NOPAD.encode(&raw)
}

fn crc16_xmodem(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Eight base-62 characters that stand for a server's name.
pub(crate) fn short_hash(name: &str) -> String {
    Sha256::digest(name)
        .iter()
        .take(8)
        .map(|&byte| BASE62[(byte % 62) as usize] as char)
        .collect()
}

/// `len` random base-62 characters.
pub(crate) fn base62(len: usize, rng: &mut ChaCha8Rng) -> String {
    (0..len)
        .map(|_| BASE62[(rng.next_u32() % 62) as usize] as char)
        .collect()
}

/// A number below `bound`; 0 when `bound` is 0.
pub(crate) fn below(bound: u64, rng: &mut ChaCha8Rng) -> u64 {
    rng.next_u64().checked_rem(bound).unwrap_or(0)
}

/// Unique ids as nats-server makes them: a random prefix of 12 characters that all ids of one
/// generator share, then a sequence of 10 that grows by a random step.
#[derive(Debug)]
pub(crate) struct Nuid {
    prefix: String,
    sequence: u64,
    step: u64,
}

const SEQUENCE_LEN: usize = 10;
const SEQUENCE_LIMIT: u64 = 62_u64.pow(SEQUENCE_LEN as u32);

impl Nuid {
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        Self {
            prefix: base62(12, rng),
            sequence: below(SEQUENCE_LIMIT, rng),
            step: 33 + below(300, rng),
        }
    }

    pub fn next(&mut self, rng: &mut ChaCha8Rng) -> String {
        self.sequence += self.step;
        if self.sequence >= SEQUENCE_LIMIT {
            *self = Self::new(rng);
        }
        let mut digits = [0_u8; SEQUENCE_LEN];
        let mut rest = self.sequence;
        for digit in digits.iter_mut().rev() {
            *digit = BASE62[(rest % 62) as usize];
            rest /= 62;
        }
        let mut id = self.prefix.clone();
        id.extend(digits.iter().map(|&d| d as char));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_ids_have_the_form_of_real_ones() {
        let id = public_key(KeyKind::Server, [7; 32]);
        assert_eq!(id.len(), 56);
        assert!(id.starts_with('N'), "{id}");
        let curve = public_key(KeyKind::Curve, [7; 32]);
        assert!(curve.starts_with('X'), "{curve}");
    }

    #[test]
    fn the_checksum_is_that_of_a_real_server_id() {
        let real = "NB3N2PJXNQFWOEDULULZ5B5UO3WGY6U5TRNKQHYQEZTF6QPQB2JSQWTU";
        let raw = BASE32_NOPAD.decode(real.as_bytes()).unwrap();
        assert_eq!(crc16_xmodem(&raw[..33]).to_le_bytes(), raw[33..]);
    }

    #[test]
    fn the_hash_is_that_of_a_real_server() {
        assert_eq!(short_hash("n1"), "fjFyEjc1");
    }

    #[test]
    fn streams_are_independent_and_repeatable() {
        let a = base62(8, &mut stream(1, "a"));
        assert_eq!(a, base62(8, &mut stream(1, "a")));
        assert_ne!(a, base62(8, &mut stream(1, "b")));
        assert_ne!(a, base62(8, &mut stream(2, "a")));
    }

    #[test]
    fn ids_share_their_prefix_and_never_repeat() {
        let rng = &mut stream(3, "events");
        let mut nuid = Nuid::new(rng);
        let ids: Vec<_> = (0..1000).map(|_| nuid.next(rng)).collect();
        assert!(
            ids.iter()
                .all(|id| id.len() == 22 && id[..12] == ids[0][..12])
        );
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
