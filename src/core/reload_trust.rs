//! Whom a running server trusts: it changes neither its system account nor its operators and their keys.

use super::reload::ReloadError;
use super::reload_shown::{changed, refuse};
use crate::identity;
use crate::topology::{OperatorOptions, ServerSpec, SystemAccount};

/// Says why a server does not trust others than before.
pub(super) fn refuse_other_trust(old: &ServerSpec, new: &ServerSpec) -> Result<(), ReloadError> {
    let system = |spec: &ServerSpec| match &spec.system_account {
        SystemAccount::Named(name) => name.clone(),
        SystemAccount::Default | SystemAccount::Disabled => String::new(),
    };
    refuse("SystemAccount", system(old), system(new))?;
    let has_none = |spec: &ServerSpec| (spec.system_account == SystemAccount::Disabled).to_string();
    refuse("NoSystemAccount", has_none(old), has_none(new))?;
    let options = |spec: &ServerSpec| {
        let options = spec.operator.as_ref();
        options
            .map(OperatorOptions::without_files)
            .unwrap_or_default()
    };
    let (was, is) = (options(old), options(new));
    let refused = |option: &'static str, shown: fn(&OperatorOptions) -> String| {
        Err(changed(option, shown(&was), shown(&is)))
    };
    if was.operators != is.operators {
        return refused("TrustedOperators", operators);
    }
    if trusted(&was) != trusted(&is) {
        return refused("TrustedKeys", trusted);
    }
    if was.resolver.is_some() != is.resolver.is_some() {
        return Err(ReloadError::resolver(was.resolver.is_some()));
    }
    Ok(())
}

/// The keys of operators. A server prints all that their tokens claim.
fn operators(options: &OperatorOptions) -> String {
    let tokens = options.operators.iter();
    let tokens = tokens.filter_map(|text| identity::operator(text).ok());
    listed(tokens.map(|token| token.claims.sub).collect())
}

fn trusted(options: &OperatorOptions) -> String {
    listed(options.trusted_keys.clone())
}

/// A list in order, as a server compares and prints it.
fn listed(mut all: Vec<String>) -> String {
    all.sort_unstable();
    format!("[{}]", all.join(" "))
}
