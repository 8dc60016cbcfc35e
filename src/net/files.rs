//! The files of resolvers, which follow what the core keeps.

use std::path::Path;
use std::{fs, io};

use crate::core::FileChange;

/// Has a file be what the core says. It is small and written at once, so that whoever got the answer finds it.
///
/// A server does not tell either what it could not write of what nobody has sent it.
pub(super) fn carry_out(change: FileChange) {
    let _ = write(change);
}

/// The same where somebody is to be told why it cannot be.
pub(super) fn write(change: FileChange) -> Result<(), String> {
    match change {
        FileChange::Write(path, text) => {
            let parent = path.parent().unwrap_or(Path::new(""));
            fs::create_dir_all(parent).map_err(|error| said("mkdir", parent, &error))?;
            fs::write(&path, &*text).map_err(|error| said("open", &path, &error))
        }
        FileChange::Remove(path) => {
            fs::remove_file(&path).map_err(|error| said("remove", &path, &error))
        }
        FileChange::Rename(from, to) => {
            fs::rename(&from, to).map_err(|error| said("rename", &from, &error))
        }
    }
}

/// What a real server says that could not do something with a file.
fn said(doing: &str, path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        io::ErrorKind::AlreadyExists => "file exists".to_owned(),
        io::ErrorKind::StorageFull => "no space left on device".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "read-only file system".to_owned(),
        _ => error.to_string(),
    };
    format!("{doing} {}: {reason}", path.display())
}
