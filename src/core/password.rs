//! Passwords and tokens as they are configured, in clear or hashed, and what clients bring.
//!
//! As with a real server, whoever is not known costs no hash, so that time tells who is known by a hashed
//! password. Among those who are known, time tells nothing but how long a password in clear is.

/// How long a hash is. What stands behind it is not looked at.
const HASH: usize = 60;

/// Whether a client has brought what is configured.
pub(super) fn is_same(configured: &str, given: &str) -> bool {
    if is_hash(configured) {
        configured
            .get(..HASH)
            .is_some_and(|hash| verifies(hash, given))
    } else {
        in_same_time(configured.as_bytes(), given.as_bytes())
    }
}

/// Whether it begins like a hash of bcrypt, whatever follows.
fn is_hash(configured: &str) -> bool {
    matches!(
        configured.as_bytes(),
        [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens, ones, b'$', ..]
            if tens.is_ascii_digit() && ones.is_ascii_digit()
    )
}

fn verifies(hash: &str, given: &str) -> bool {
    #[cfg(test)]
    tests::count();
    bcrypt::verify(given, hash).unwrap_or(false)
}

/// Compares all of it, wherever the first difference is.
fn in_same_time(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::is_same;
    use crate::MockNats;

    const HASHED: &str = "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG";

    thread_local! {
        static HASHES: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        HASHES.set(HASHES.get() + 1);
    }

    /// How many hashes it takes to find out whether these fields let somebody in.
    fn hashes(nats: &MockNats, fields: &str) -> (u32, bool) {
        let mut conn = nats.connect_in_memory().unwrap();
        HASHES.set(0);
        let _ = conn.send(format!("CONNECT {{{fields},\"verbose\":true}}\r\n").as_bytes());
        let said = conn.take_received().unwrap_or_default();
        (HASHES.get(), said.ends_with(b"+OK\r\n"))
    }

    fn start(conf: &str) -> MockNats {
        let builder = crate::Builder::from_conf_str(&conf.replace("HASH", HASHED)).unwrap();
        builder.start_blocking().unwrap()
    }

    #[test]
    fn a_hash_is_made_of_what_somebody_known_brings_and_of_nothing_else() {
        let nats = start(
            r#"accounts { A { users: [
                { user: plain, password: s3cret }
                { user: hashed, password: "HASH" }
                { user: other, password: "HASH" }
                { user: leaf, password: "HASH", allowed_connection_types: [ LEAFNODE ] }
            ] } }"#,
        );
        for (fields, expected) in [
            (r#""user":"hashed","pass":"s3cret""#, (1, true)),
            (r#""user":"hashed","pass":"secret""#, (1, false)),
            (r#""user":"hashed""#, (1, false)),
            // What a real server does not spend on these is not spent here.
            (r#""user":"nobody","pass":"s3cret""#, (0, false)),
            (r#""user":"leaf","pass":"s3cret""#, (0, false)),
            (r#""user":"plain","pass":"s3cret""#, (0, true)),
            (r#""user":"plain","pass":"secret""#, (0, false)),
            (r#""auth_token":"s3cret""#, (0, false)),
        ] {
            assert_eq!(hashes(&nats, fields), expected, "{fields}");
        }
    }

    #[test]
    fn one_user_and_a_token_cost_one_hash() {
        let nats = start(r#"authorization { user: joe, password: "HASH" }"#);
        assert_eq!(hashes(&nats, r#""user":"joe","pass":"s3cret""#), (1, true));
        assert_eq!(hashes(&nats, r#""user":"jim","pass":"s3cret""#), (0, false));
        let nats = start(r#"authorization { token: "HASH" }"#);
        assert_eq!(hashes(&nats, r#""auth_token":"s3cret""#), (1, true));
        assert_eq!(hashes(&nats, r#""auth_token":"secret""#), (1, false));
    }

    #[test]
    fn passwords_in_clear_are_compared_to_the_end() {
        for (configured, given, expected) in [
            ("s3cret", "s3cret", true),
            ("s3cret", "s3creT", false),
            ("s3cret", "s3cre", false),
            ("s3cret", "s3crets", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(is_same(configured, given), expected, "{configured} {given}");
        }
    }
}
