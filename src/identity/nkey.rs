//! Public keys and signatures, as servers take them.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64URL_NOPAD, Encoding};
use nkeys::{KeyPair, KeyPairType, XKey};
use serde::Serialize;

use super::claims::Claims;
use super::encode::unsigned;
use super::{Role, lenient};

/// The prefix bytes of public keys.
const ACCOUNT: u8 = 0;
const OPERATOR: u8 = 14 << 3;
const USER: u8 = 20 << 3;
const SERVER: u8 = 13 << 3;
const CURVE: u8 = 23 << 3;

/// A signature with its padding and line ends has no more characters than this.
const MAX_SIGNATURE: usize = 1024;

/// Whether `text` is a whole public key for `role`.
pub(crate) fn is_public_key(role: Role, text: &str) -> bool {
    let prefix = match role {
        Role::Account => ACCOUNT,
        Role::Operator => OPERATOR,
        Role::User => USER,
        Role::Server => SERVER,
        Role::Curve => CURVE,
    };
    nkeys::from_public_key(text).is_ok_and(|(found, _)| found == prefix)
}

/// Whether `text` is a public key of whatever kind.
pub(crate) fn is_any_public_key(text: &str) -> bool {
    nkeys::from_public_key(text).is_ok()
}

/// Whether `signature`, in base 64, is that of `text` by the holder of the public key `key`.
pub(crate) fn signs(key: &str, text: &[u8], signature: &str) -> bool {
    let Some(signature) = decoded(signature) else {
        return false;
    };
    verifies(key, text, &signature)
}

/// The same for a signature's bytes.
pub(crate) fn verifies(key: &str, text: &[u8], signature: &[u8]) -> bool {
    KeyPair::from_public_key(key).is_ok_and(|key| key.verify(text, signature).is_ok())
}

/// Whether `text` is the seed of a user.
pub(crate) fn is_user_seed(text: &str) -> bool {
    KeyPair::from_seed(text).is_ok_and(|key| key.key_pair_type() == KeyPairType::User)
}

/// The public key of the holder of a seed, and its signature of a text in base 64.
pub(crate) fn sign_with_seed(seed: &str, text: &[u8]) -> Option<(String, String)> {
    let key = KeyPair::from_seed(seed).ok()?;
    let signature = key.sign(text).ok()?;
    Some((key.public_key(), BASE64URL_NOPAD.encode(&signature)))
}

/// The keys of a server: the one it is known by, and the one it seals with.
pub(crate) struct Keys {
    key: KeyPair,
    curve: XKey,
}

impl Keys {
    /// Keys made of random bytes.
    pub fn new(key: [u8; 32], curve: [u8; 32]) -> Option<Self> {
        Some(Self {
            key: KeyPair::new_from_raw(KeyPairType::Server, key).ok()?,
            curve: XKey::new_from_raw(curve),
        })
    }

    pub fn public_key(&self) -> String {
        self.key.public_key()
    }

    pub fn public_curve_key(&self) -> String {
        self.curve.public_key()
    }

    /// A JWT of these claims.
    pub fn token<N: Serialize>(&self, mut claims: Claims<N>) -> Option<String> {
        claims.iss = self.key.public_key();
        let text = unsigned(&mut claims);
        let signature = self.key.sign(text.as_bytes()).ok()?;
        Some(format!("{text}.{}", BASE64URL_NOPAD.encode(&signature)))
    }

    /// Seals a text for the holder of the public key `receiver`; the random bytes must not be used twice.
    pub fn seal(&self, text: &[u8], receiver: &str, random: [u8; 24]) -> Option<Vec<u8>> {
        let receiver = XKey::from_public_key(receiver).ok()?;
        let nonce = random.into();
        self.curve.seal_with_nonce(text, &receiver, nonce).ok()
    }

    /// What `sender` has sealed for this server, or what servers say of it.
    pub fn open(&self, sealed: &[u8], sender: &str) -> Result<Vec<u8>, &'static str> {
        const SHORTEST: usize = b"xkv1".len() + 24;
        if sealed.len() <= SHORTEST || !sealed.starts_with(b"xkv1") {
            return Err("nkeys: encrypted input is not valid");
        }
        let opened =
            XKey::from_public_key(sender).and_then(|sender| self.curve.open(sealed, &sender));
        opened.map_err(|_| "nkeys: could not decrypt input")
    }
}

/// A public key of a user, made of random bytes.
pub(crate) fn user_key(random: [u8; 32]) -> String {
    let key = KeyPair::new_from_raw(KeyPairType::User, random);
    key.map(|key| key.public_key()).unwrap_or_default()
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").field(&self.public_key()).finish()
    }
}

/// The bytes of a signature in either alphabet.
fn decoded(signature: &str) -> Option<Vec<u8>> {
    static URL: LazyLock<Option<Encoding>> = LazyLock::new(|| lenient(&BASE64URL_NOPAD));
    static STANDARD: LazyLock<Option<Encoding>> = LazyLock::new(|| lenient(&BASE64));
    if signature.len() > MAX_SIGNATURE {
        return None;
    }
    let encodings = [&URL, &STANDARD].into_iter().filter_map(|one| one.as_ref());
    encodings
        .filter_map(|encoding| encoding.decode(signature.as_bytes()).ok())
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(text: &[u8]) -> (String, Vec<u8>) {
        let key = KeyPair::new_user();
        (key.public_key(), key.sign(text).unwrap())
    }

    #[test]
    fn both_alphabets_are_taken_and_nothing_else() {
        let (key, signature) = signed(b"nonce");
        let url = BASE64URL_NOPAD.encode(&signature);
        assert!(signs(&key, b"nonce", &url));
        assert!(signs(&key, b"nonce", &BASE64.encode(&signature)));
        assert!(signs(
            &key,
            b"nonce",
            &format!("{}\r\n{}", &url[..7], &url[7..])
        ));
        assert!(!signs(&key, b"other", &url));
        assert!(!signs(&key, b"nonce", &url[..40]));
        assert!(!signs(&key, b"nonce", "=?"));
        assert!(!signs(&key, b"nonce", ""));
        assert!(!signs("U", b"nonce", &url));
        assert!(!signs(&key, b"nonce", &"A".repeat(1 << 20)));
    }

    #[test]
    fn bits_that_are_left_over_do_not_matter() {
        let (key, signature) = signed(b"nonce");
        let mut url = BASE64URL_NOPAD.encode(&signature);
        // Of the last character two bits count.
        let last = url.pop().unwrap();
        let other = match last {
            'A' => 'B',
            'Q' => 'R',
            'g' => 'h',
            _ => 'x',
        };
        url.push(other);
        assert!(signs(&key, b"nonce", &url));
    }

    #[test]
    fn keys_are_told_apart_by_what_they_are_for() {
        let (user, account) = (KeyPair::new_user(), KeyPair::new_account());
        assert!(is_public_key(Role::User, &user.public_key()));
        assert!(is_public_key(Role::Account, &account.public_key()));
        assert!(!is_public_key(Role::User, &account.public_key()));
        assert!(!is_public_key(Role::User, &user.seed().unwrap()));
        assert!(!is_public_key(Role::User, ""));
        assert!(!is_public_key(Role::User, &"é".repeat(28)));
    }
}
