//! Files that tools have put a JWT into between lines of dashes, with a seed below as in credentials, or without.
//! Such a file is read, or refused in words that show no seed.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nats_mock::{Builder, MockOperator};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let made = tempfile::tempdir();
    made.expect("there is room for a folder")
});
static OPERATOR: LazyLock<MockOperator> = LazyLock::new(|| MockOperator::new("acme"));

/// Reads a configuration whose operator is in a file. `Err` has what was said about it.
fn read(contents: &[u8]) -> Result<(), String> {
    let file = FOLDER.path().join("operator.jwt");
    fs::write(&file, contents).expect("there is room for a file");
    let system = OPERATOR.system_account();
    let conf = format!(
        "operator: \"{}\"\nresolver: MEMORY\nresolver_preload {{ {}: {} }}\n",
        file.display(),
        system.public_key(),
        system.jwt(),
    );
    match Builder::from_conf_str(&conf) {
        Ok(builder) => {
            drop(format!("{builder:?}"));
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

fuzz_target!(|data: &[u8]| {
    // A line that begins like a seed and is as long as one.
    let is_seed = |line: &&str| line.starts_with('S') && line.len() == 58;
    let text = String::from_utf8_lossy(data);
    if let Err(said) = read(data) {
        for seed in text.lines().filter(is_seed) {
            assert!(!said.contains(seed), "{said}");
        }
    }
    // What is written around a good token changes nothing.
    let good = OPERATOR.jwt();
    let tidy = |text: &str| text.replace(['\r', '\n'], " ").trim_matches('-').to_owned();
    let (above, below) = text.split_once('\n').unwrap_or((&text, ""));
    let decorated = format!(
        "---{}---\n{good}\n---{}---\n{text}",
        tidy(above),
        tidy(below)
    );
    assert_eq!(read(decorated.as_bytes()), Ok(()), "{decorated}");
});
