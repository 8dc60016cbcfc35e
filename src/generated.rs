//! Pages of the documentation that are made from the code, so that they cannot drift from it.

use std::fs;
use std::path::Path;

/// Set to anything, it makes the tests write the pages instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

/// Compares a page below `docs/` with the text it should have, or writes it.
pub fn page(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/{name} is not what the code says; {UPDATE}=1 cargo test -p nats-mock --lib writes it. \
         It should read:\n{text}"
    );
}

/// A table in Markdown.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let mut text = line(&head) + &line(&vec!["---".to_owned(); head.len()]);
    for row in rows {
        text.push_str(&line(&row));
    }
    text
}

#[test]
fn the_readme_names_the_current_versions() {
    let readme = include_str!("../README.md");
    let (major, minor) = (
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
    );
    assert!(readme.contains(&format!("nats-mock = {{ version = \"{major}.{minor}\"")));
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(readme.contains(&format!("oldest supported Rust is {oldest}.")));
}
