//! The scenario files and goldens on disk, and playing many of them at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::driver::Target;
use crate::runner::{Played, play};
use crate::scenario::{ConfLibrary, Scenario, ScenarioError, parse};
use crate::version::Version;

/// The suite could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A scenario could not be understood.
    #[error("{path}: {source}")]
    Scenario {
        /// The scenario file.
        path: PathBuf,
        /// Where and why.
        source: ScenarioError,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SuiteError {
    move |source| SuiteError::Io {
        path: path.to_owned(),
        source,
    }
}

/// The folder that holds scenarios, configurations and goldens.
#[derive(Debug, Clone)]
pub struct Fixtures {
    root: PathBuf,
}

/// A scenario with its name: its path below the scenarios' folder, without extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name, such as `wire/ping`.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
}

impl Fixtures {
    /// The fixtures below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The fixtures of this repository.
    pub fn of_this_repository() -> Self {
        Self::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures"))
    }

    /// The shared configurations, `conf/*.conf`.
    pub fn conf_library(&self) -> Result<ConfLibrary, SuiteError> {
        let dir = self.root.join("conf");
        let mut library = ConfLibrary::new();
        for path in sorted_entries(&dir)? {
            if path.extension().is_some_and(|ext| ext == "conf") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = fs::read_to_string(&path).map_err(io_error(&path))?;
                library.insert(name.into_owned(), text);
            }
        }
        Ok(library)
    }

    /// All scenarios, `scenarios/**/*.scn`, in the order of their names.
    pub fn scenarios(&self) -> Result<Vec<Named>, SuiteError> {
        let library = self.conf_library()?;
        let root = self.root.join("scenarios");
        let mut found = Vec::new();
        for path in files_below(&root)? {
            if path.extension().is_none_or(|ext| ext != "scn") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(io_error(&path))?;
            let scenario = parse(&text, &library).map_err(|source| SuiteError::Scenario {
                path: path.clone(),
                source,
            })?;
            found.push(Named {
                name: name_below(&root, &path),
                scenario,
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Where the golden of scenario `name` for `version` is or belongs.
    pub fn golden_path(&self, version: Version, name: &str) -> PathBuf {
        self.golden_root(version).join(format!("{name}.txt"))
    }

    fn golden_root(&self, version: Version) -> PathBuf {
        self.root.join("golden").join(version.to_string())
    }

    /// The golden of scenario `name` for `version`, if it was recorded.
    pub fn golden(&self, version: Version, name: &str) -> Result<Option<String>, SuiteError> {
        let path = self.golden_path(version, name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error(&path)(e)),
        }
    }

    /// Writes the golden of scenario `name` for `version`.
    pub fn write_golden(&self, version: Version, name: &str, text: &str) -> Result<(), SuiteError> {
        let path = self.golden_path(version, name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(io_error(dir))?;
        }
        fs::write(&path, text).map_err(io_error(&path))
    }

    /// Removes the golden of scenario `name` for `version`.
    pub fn remove_golden(&self, version: Version, name: &str) -> Result<(), SuiteError> {
        let path = self.golden_path(version, name);
        fs::remove_file(&path).map_err(io_error(&path))
    }

    /// The names of all goldens recorded for `version`, in order.
    pub fn golden_names(&self, version: Version) -> Result<Vec<String>, SuiteError> {
        let root = self.golden_root(version);
        if !root.exists() {
            return Ok(Vec::new());
        }
        let files = files_below(&root)?;
        let mut names: Vec<String> = files.iter().map(|path| name_below(&root, path)).collect();
        names.sort();
        Ok(names)
    }
}

fn name_below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.with_extension("").to_string_lossy().into_owned()
}

fn sorted_entries(dir: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        paths.push(entry.map_err(io_error(dir))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    let mut files = Vec::new();
    for path in sorted_entries(dir)? {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Plays every scenario `rounds` times against `target`, `workers` plays at a time, and hands over the
/// plays of each scenario as soon as they are complete, in the order of the scenarios.
pub fn play_all(
    scenarios: &[Named],
    target: &dyn Target,
    version: Version,
    rounds: usize,
    workers: usize,
    mut report: impl FnMut(&Named, Vec<Played>),
) {
    let rounds = rounds.max(1);
    let count = scenarios.len() * rounds;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..workers.clamp(1, count.max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(number) = claim(next, count) {
                    let at = number / rounds;
                    let played = play(&scenarios[at].scenario, target, version);
                    if sender.send((at, played)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Vec<Played>> = scenarios.iter().map(|_| Vec::new()).collect();
        let mut reported = 0;
        for (at, played) in receiver {
            waiting[at].push(played);
            while let Some(plays) = waiting.get_mut(reported).filter(|p| p.len() == rounds) {
                report(&scenarios[reported], std::mem::take(plays));
                reported += 1;
            }
        }
    });
}

fn claim(next: &AtomicUsize, count: usize) -> Option<usize> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    (at < count).then_some(at)
}
