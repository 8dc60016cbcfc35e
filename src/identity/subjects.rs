//! Subjects as claims look at them, which is not always as servers do.

/// The number of a token such as `$1`.
pub(super) fn reference(token: &str) -> Option<i64> {
    token.strip_prefix('$')?.parse().ok()
}

/// A subject with wildcards instead of the references to some.
pub(super) fn unreferenced(subject: &str) -> String {
    let tokens = subject.split('.');
    let tokens: Vec<&str> = tokens
        .map(|token| reference(token).map_or(token, |_| "*"))
        .collect();
    tokens.join(".")
}

pub(super) fn has_wildcards(subject: &str) -> bool {
    subject.ends_with('>') && (subject == ">" || subject.ends_with(".>"))
        || subject.split('.').any(|token| token == "*")
}

/// Whether all that one subject stands for is within what the other stands for.
pub(super) fn is_within(narrow: &str, wide: &str) -> bool {
    let narrow: Vec<&str> = narrow.split('.').collect();
    let wide: Vec<&str> = wide.split('.').collect();
    let last = wide.len() - 1;
    if narrow.len() < wide.len() || (narrow.len() > wide.len() && wide[last] != ">") {
        return false;
    }
    for (place, (token, own)) in wide.iter().zip(&narrow).enumerate() {
        if place == last && *token == ">" {
            return true;
        }
        if token != own && *token != "*" {
            return false;
        }
    }
    true
}
