//! Slash-separated paths as the server joins and cleans them, without asking any file system.

/// `path` without `.`, inner `..`, doubled and trailing slashes; `.` when nothing is left.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// The directory that holds the file `path`.
pub(super) fn directory(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

/// `path` below `directory`, even where `path` starts with a slash.
pub(super) fn join(directory: &str, path: &str) -> String {
    if path.is_empty() {
        return clean(directory);
    }
    clean(&format!("{directory}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [
            ("", "."),
            ("./a.conf", "a.conf"),
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("../a/../../b", "../../b"),
            ("/../a", "/a"),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), cleaned, "{path:?}");
        }
    }

    #[test]
    fn includes_are_below_the_including_directory() {
        assert_eq!(directory("nats.conf"), ".");
        assert_eq!(directory("/nats.conf"), "/");
        assert_eq!(directory("etc/nats/nats.conf"), "etc/nats");
        assert_eq!(join("/etc/nats", "./users.conf"), "/etc/nats/users.conf");
        assert_eq!(join("/etc/nats", "/users.conf"), "/etc/nats/users.conf");
        assert_eq!(join(".", "../users.conf"), "../users.conf");
    }
}
