//! How destinations refer to the wildcards of their source.

/// Whether a token is written as a function.
pub(super) fn is_in_braces(token: &str) -> bool {
    token.len() > 4 && token.starts_with("{{") && token.ends_with("}}")
}

/// The arguments in a token of the function `name`, split at commas. The words of a name begin with
/// either case.
pub(super) fn arguments<'t>(token: &'t str, words: &[&str]) -> Option<Vec<&'t str>> {
    let starts = token.match_indices("{{");
    starts.into_iter().find_map(|(place, _)| {
        let mut rest = token[place + 2..].trim_start_matches(is_blank);
        for word in words {
            let first = rest.get(..1)?;
            if !first.eq_ignore_ascii_case(&word[..1]) {
                return None;
            }
            rest = rest[1..].strip_prefix(&word[1..])?;
        }
        let inside = rest.trim_start_matches(is_blank).strip_prefix('(')?;
        let ends = inside.rmatch_indices(')');
        let end = ends.into_iter().find(|(end, _)| {
            let behind = inside[end + 1..].trim_start_matches(is_blank);
            behind.starts_with("}}")
        });
        let inside = &inside[..end?.0];
        // The pattern of the server does not reach over lines.
        (!inside.contains('\n')).then(|| split_at_commas(inside))
    })
}

/// Commas take the blanks behind them along.
fn split_at_commas(text: &str) -> Vec<&str> {
    let mut parts = text.split(',');
    let first = parts.next().into_iter();
    first
        .chain(parts.map(|part| part.trim_start_matches(is_blank)))
        .collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r')
}

pub(super) fn numbered(subject: &str) -> String {
    let mut number = 0;
    let tokens = subject.split('.').map(|token| {
        if token == "*" {
            number += 1;
            format!("${number}")
        } else {
            token.to_owned()
        }
    });
    tokens.collect::<Vec<_>>().join(".")
}

/// The subject with wildcards in place of the references to them, and these references.
pub(super) fn unnumbered(destination: &str) -> (String, Vec<&str>) {
    let mut places = Vec::new();
    let tokens = destination.split('.').map(|token| {
        let is_number = token
            .strip_prefix('$')
            .is_some_and(|number| number.starts_with(|c: char| ('1'..='9').contains(&c)));
        let is_function = arguments(token, &["wildcard"])
            .is_some_and(|arguments| matches!(*arguments, [one] if !one.is_empty()));
        if is_number || is_function {
            places.push(token);
            "*"
        } else {
            token
        }
    });
    let subject = tokens.collect::<Vec<_>>().join(".");
    (subject, places)
}
