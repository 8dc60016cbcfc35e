//! Who somebody is by a signature instead of a password: nkeys, and JWTs signed with them.
//!
//! All of it takes the feature `jwt`. Without it a configuration that needs it is refused, so that what is
//! here instead is never asked anything that matters.

mod callout;
mod claims;
mod creds;
#[cfg(feature = "jwt")]
mod encode;
mod grant;
mod issues;
#[cfg_attr(not(feature = "jwt"), path = "no_nkey.rs")]
mod nkey;
mod shares;
mod subjects;
mod template;
#[cfg(all(test, feature = "jwt"))]
mod tests;
mod times;
mod token;
#[cfg_attr(not(feature = "jwt"), path = "no_zone.rs")]
mod zone;

use data_encoding::Encoding;

pub(crate) use callout::{
    AnswerClaims, ClientInfo, ConnectInfo, QuestionClaims, ServerInfo, TlsInfo, read_answer,
};
pub(crate) use claims::{
    AccountClaims, Authorization, Claims, Generic, OperatorClaims, Signer, UserClaims, UserLimits,
    unlimited,
};
pub(crate) use creds::read_creds;
pub(crate) use grant::{allows_host, connection_types, is_valid, issue, permissions};
pub(crate) use issues::{Issues, Strictness, is_activated, issues};
pub(crate) use nkey::{
    Keys, is_any_public_key, is_public_key, is_user_seed, sign_with_seed, signs, user_key, verifies,
};
pub(crate) use shares::{ActivationClaims, ClaimedExport, ClaimedImport, Kind};
pub(crate) use template::{Holder, Unfilled, filled};
pub(crate) use times::stays_in_range;
pub(crate) use token::{Token, TokenError, account, activation, generic, operator, user};
pub(crate) use zone::Zone;

/// The feature that a configuration with nkeys or JWTs needs.
pub(crate) const FEATURE: &str = "jwt";

/// Whether that feature is compiled in.
pub(crate) const IS_SUPPORTED: bool = cfg!(feature = "jwt");

/// What a public key says that it is for, by its first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Account,
    Operator,
    User,
    Server,
    /// It seals instead of signing.
    Curve,
}

/// As Go decodes: line ends are skipped, and bits that are left over are not looked at.
fn lenient(encoding: &Encoding) -> Option<Encoding> {
    let mut specification = encoding.specification();
    specification.ignore.push_str("\r\n");
    specification.check_trailing_bits = false;
    specification.encoding().ok()
}
