//! Without the feature `jwt` nobody is asked for JWTs by HTTP.

use crate::topology::{AccountServer, FetchError};

pub(crate) fn get(server: &AccountServer, key: &str) -> Result<String, FetchError> {
    server
        .answer(key)
        .unwrap_or(Err(FetchError::NeedsFeature("jwt")))
}
