//! Public keys and signatures, as servers take them.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64URL_NOPAD, Encoding};
use nkeys::KeyPair;

use super::{Role, lenient};

/// The prefix bytes of public keys.
const ACCOUNT: u8 = 0;
const OPERATOR: u8 = 14 << 3;
const USER: u8 = 20 << 3;

/// A signature with its padding and line ends has no more characters than this.
const MAX_SIGNATURE: usize = 1024;

/// Whether `text` is a whole public key for `role`.
pub(crate) fn is_public_key(role: Role, text: &str) -> bool {
    let prefix = match role {
        Role::Account => ACCOUNT,
        Role::Operator => OPERATOR,
        Role::User => USER,
    };
    nkeys::from_public_key(text).is_ok_and(|(found, _)| found == prefix)
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
