//! JWTs that a server makes itself.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nats_mock_protocol::json;
use serde::Serialize;
use sha2::{Digest, Sha512_256};

use super::claims::{Claims, is_zero};

/// A JWT without its signature, which has to be made of this text.
pub(super) fn unsigned<N: Serialize>(claims: &mut Claims<N>) -> String {
    claims.jti = id(claims);
    let header = br#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let body = json::to_string(claims);
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    format!("{}.{}", encode(header), encode(body.as_bytes()))
}

/// The id of a token: the digest of all that it says besides what its kind has more.
fn id<N>(claims: &Claims<N>) -> String {
    #[derive(Serialize)]
    struct Common<'a> {
        #[serde(skip_serializing_if = "str::is_empty")]
        aud: &'a str,
        #[serde(skip_serializing_if = "is_zero")]
        exp: i64,
        #[serde(skip_serializing_if = "is_zero")]
        iat: i64,
        #[serde(skip_serializing_if = "str::is_empty")]
        iss: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        name: &'a str,
        #[serde(skip_serializing_if = "is_zero")]
        nbf: i64,
        #[serde(skip_serializing_if = "str::is_empty")]
        sub: &'a str,
    }
    let common = Common {
        aud: &claims.aud,
        exp: claims.exp,
        iat: claims.iat,
        iss: &claims.iss,
        name: &claims.name,
        nbf: claims.nbf,
        sub: &claims.sub,
    };
    let text = json::to_string(&common);
    let digest = Sha512_256::digest(text);
    BASE32_NOPAD.encode(&digest)
}
