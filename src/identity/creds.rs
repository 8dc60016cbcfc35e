//! Credentials as tools put them into files: a JWT and a seed, each between two lines of dashes.

/// The JWT and the seed in the text of a file of credentials.
pub(crate) fn read_creds(text: &str) -> Option<(&str, &str)> {
    let is_dashed = |line: &str| line.len() > 6 && line.starts_with("---") && line.ends_with("---");
    let mut items = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if !is_dashed(line) {
            continue;
        }
        let Some(item) = lines.next() else { break };
        if !item.is_empty() && !is_dashed(item) && lines.next().is_some_and(is_dashed) {
            items.push(item);
        }
    }
    match items[..] {
        [jwt, seed, ..] => Some((jwt, seed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read_creds;

    #[test]
    fn both_items_are_found() {
        let text = "-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n\nkeep it\n\n\
                    -----BEGIN USER NKEY SEED-----\nSU\n------END USER NKEY SEED------\n";
        assert_eq!(read_creds(text), Some(("eyJ", "SU")));
        assert_eq!(read_creds(&text.replace('\n', "\r\n")), Some(("eyJ", "SU")));
        assert_eq!(read_creds(&text[..text.len() / 2]), None);
        assert_eq!(read_creds(""), None);
        assert_eq!(read_creds("------\n------\n------"), None);
    }
}
