//! What the subcommands have in common.

use nats_mock::{Builder, Version};

/// The name of a flag, and the value that follows it behind `=`.
pub fn flag(argument: &str) -> Result<(&str, Option<String>), String> {
    let flag = argument.strip_prefix('-');
    let flag = flag.ok_or_else(|| format!("unrecognized argument: {argument:?}"))?;
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    Ok(match flag.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (flag, None),
    })
}

/// The deployment that configuration files describe.
pub fn conf_files(files: &[String], version: Version) -> Result<Builder, String> {
    let read = |path: &String| {
        Builder::from_conf_for(path, version).map_err(|error| {
            let text = error.to_string();
            // An error with a place names the file; whether options go together has no place.
            if text.contains(path.as_str()) {
                text
            } else {
                format!("{path}: {text}")
            }
        })
    };
    let (first, rest) = files
        .split_first()
        .ok_or("no configuration file is given")?;
    rest.iter()
        .try_fold(read(first)?, |all, path| Ok(all.and(read(path)?)))
}
